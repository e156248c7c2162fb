// Package raw asks Kafka single questions: metadata, offsets, one fetch, "is this offset past the end?". It keeps no
// position and starts nothing in the background: whoever asks decides what the answer means.
//
// A [Client] is for one purpose (metadata, offsets and end checks, fetching), because a connection answers one request
// at a time and a fetch that waits for data holds it. It speaks through sarama's public Broker type and manages the
// connections itself: sarama's own client asks a random broker for metadata, also one that is known to be frozen.
//
// A batch that inflates beyond sarama.MaxDecompressedBatchSize is not decoded. That limit is a global variable of
// sarama: the process sets it once, before the first client, to the same value as [Config].MaxBatch.
package raw
