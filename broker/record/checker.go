package record

import (
	"encoding/base64"
	"unicode/utf8"
)

// maxScratch is the largest scratch buffer that a Checker keeps for the next record, in bytes, so that one huge record
// does not cost its size for ever.
const maxScratch = 1 << 20

// Record is a Kafka record, as far as it matters here.
type Record struct {
	Topic      string
	Partition  int32
	Offset     int64
	Time       int64  // milliseconds since 1970
	Key, Value []byte // nil means null, which is not the same as empty
}

// Checker checks and annotates the records of one stream. It must not be copied, and only one goroutine may use it at
// a time.
type Checker struct {
	Format   Format
	Annotate Annotate

	validator validator
	scratch   []byte // the last value that was not the record's own bytes
}

// Check returns the value to deliver and OK, or nil and the reason why the record is not an event.
//
// The value may be r.Value itself and is good until the next call; the caller must not change it.
func (c *Checker) Check(r Record) ([]byte, Reason) {
	if r.Value == nil {
		return nil, Tombstone
	}
	if cap(c.scratch) > maxScratch {
		c.scratch = nil
	}
	switch c.Format {
	case JSON:
		return c.checkJSON(&r)
	case Text:
		if !utf8.Valid(r.Value) {
			return nil, InvalidUTF8
		}
		return r.Value, OK
	case Base64:
		c.scratch = base64.StdEncoding.AppendEncode(c.scratch[:0], r.Value)
		return c.scratch, OK
	}
	panic("BUG: unknown format")
}

func (c *Checker) checkJSON(r *Record) ([]byte, Reason) {
	if len(r.Value) == 0 {
		return nil, Empty
	}
	look := surveyOf(r.Value)
	if !look.ascii && !utf8.Valid(r.Value) {
		return nil, InvalidUTF8
	}
	if !c.validator.valid(r.Value, look) {
		return nil, InvalidJSON
	}
	first := r.Value[skipSpace(r.Value, 0)]
	if first != '{' && first != '[' {
		return nil, Scalar
	}

	s := splice{dst: c.scratch[:0], src: r.Value, breaks: hasBreaks(r.Value, look)}
	annotate := c.Annotate
	if first == '[' {
		annotate = None
	}
	switch annotate {
	case None:
		if !s.breaks {
			return r.Value, OK
		}
	case Meta:
		if !s.annotateMeta(r) {
			return nil, MetaNotObject
		}
	case KafkaField:
		s.annotateKafka(r)
	}
	s.keepTo(len(r.Value))
	c.scratch = s.dst
	return c.scratch, OK
}
