// Package replay reads the history of partitions for many clients at a time, so that a thousand of them who want the
// same hour cost Kafka that hour once. It knows neither rings nor clients: a [Reader] hands out ranges of offsets,
// merged by record time, with what cannot be delivered as gaps.
//
// # Chunks
//
// What is read is kept in chunks, records already checked and annotated, in a [Cache] that all readers share and that
// is bounded in bytes. A chunk covers 2048 offsets, beginning at a multiple of that: it depends on the log only, so
// readers who come from anywhere meet in the same ones. Where records are large chunks are smaller, by halves. Each is
// read once at a time for all who want it; they see every fetch of it as it comes, and leave without disturbing the
// others. What the last fetch brought of the next chunk is the beginning of that one, so no batch is read twice for
// lying across a boundary. A chunk that reaches the end of the log says up to where it is known (through), and is
// read on from there.
//
// # Permits
//
// A permit is one connection to Kafka, held by a read until its chunk is in the cache, never by a reader. Reads that
// wait for one are served like the floors of a house by an elevator: upwards from the one served last, then from the
// bottom again.
//
// # What keeps a herd together
//
// A reader that runs ahead would fill the cache with what the others come to much later, and push out what they need
// next: a range larger than the cache would be read once per reader. So a read for which there is no room waits while
// readers further back are on the way to the chunks that are there. They use those without Kafka, and with each chunk
// that the last of them has left there is room for the next one in front: the herd is never longer than the cache.
//
// Nobody is waited for who is four times slower than the fastest that waits, so a reader of 5 KB/s slows down no one;
// and nobody is waited for for ever: from 0.25 to 2 seconds on, by the pace of who waits, few readers may be put out
// for it, then four times as many each time. A read for readers that are behind does not wait: it takes the place of
// what lies furthest ahead of them. Who is slow, or lost the chunk that it was in, and finds no room for it, has only a
// small piece read for itself, unless many others are at the same place.
package replay
