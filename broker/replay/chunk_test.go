package replay

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/broker/record"
)

// FuzzBuilder builds chunks from whatever may come, and checks what readers rely on.
func FuzzBuilder(f *testing.F) {
	f.Add(uint16(0), []byte{})
	f.Add(uint16(7), []byte("\x00\x01\x05{\"a\":1}\x00\x02\x00\xff\x08\x00\x03[]"))
	f.Add(uint16(513), bytes.Repeat([]byte{1, 2, 3, 4}, 50))
	f.Fuzz(func(t *testing.T, options uint16, in []byte) {
		const start, end = 1 << 20, 1<<20 + 256
		key := laneKey{Topic: "t"}
		key.Format, key.Annotate, key.MaxEvent = record.Format(options%3), record.Annotate(options>>2%3), 20
		b := newBuilder(key, start, end, nil)
		var shown []*chunk
		var sizes []int
		for len(in) > 2 && b.chunk.through < end {
			was := b.chunk.through
			var records []raw.Record
			next := start + int64(int16(binary.BigEndian.Uint16(in)))
			for in = in[2:]; len(in) > 3 && in[0] != 0xff; {
				n := min(int(in[2]%32), len(in)-3)
				r := raw.Record{Offset: start + int64(int8(in[0]))*2, Time: int64(in[1]), Value: in[3 : 3+n]}
				if n == 31 {
					r.Value = nil
				}
				records = append(records, r)
				in = in[3+n:]
			}
			if len(in) > 0 {
				in = in[1:]
			}
			rest := b.add(records, next)
			if len(rest) > 0 && (rest[0].Offset < end || b.chunk.through != rest[0].Offset) {
				t.Fatalf("through %d, the rest begins at %d", b.chunk.through, rest[0].Offset)
			}
			if options&512 != 0 {
				b.jump(next, Expired)
			}
			if b.chunk.through < was {
				t.Fatalf("went back from %d to %d", was, b.chunk.through)
			}
			if options&1024 != 0 {
				b = newBuilder(key, start, end, b.snapshot())
			}
			shown, sizes = append(shown, b.snapshot()), append(sizes, len(b.chunk.steps))
		}
		for i, c := range shown {
			if len(c.steps) != sizes[i] {
				t.Fatal("a chunk that was shown has changed")
			}
			valid(t, c, start, end)
		}
	})
}

func valid(t *testing.T, c *chunk, start, end int64) {
	t.Helper()
	at := start
	var size int64
	for i, s := range c.steps {
		if s.offset < at || s.offset >= end || s.next <= s.offset || s.next > c.through {
			t.Fatalf("step %d is %+v, after %d, through %d", i, s, at, c.through)
		}
		if s.kind == Event && (s.value == nil || s.next != s.offset+1) {
			t.Fatalf("step %d is %+v", i, s)
		}
		if j := c.seek(s.next - 1); j != i {
			t.Fatalf("%d is found in step %d, not %d", s.next-1, j, i)
		}
		size += int64(len(s.value))
		at = s.next
	}
	if c.bytes() < size {
		t.Fatalf("%d bytes are counted, %d are held", c.bytes(), size)
	}
}
