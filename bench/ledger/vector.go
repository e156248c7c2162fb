package ledger

import (
	"bytes"
	"errors"
	"fmt"
)

// vectorEntry is one object of an id. The slices point into the id.
type vectorEntry struct {
	topic     []byte
	epoch     []byte
	partition int32
	offset    int64 // -1: the entry has none
	timestamp int64 // -1: the entry has none
}

// parseVector reads the JSON form of an id: an array without spaces, objects with topic, partition, offset or timestamp
// or both, and epoch. An id of another beginning than `[` is opaque (compact): no entries, no error.
func parseVector(id []byte, into []vectorEntry) ([]vectorEntry, error) {
	into = into[:0]
	if len(id) == 0 {
		return into, errors.New("empty")
	}
	if id[0] != '[' {
		return into, nil
	}
	rest := id[1:]
	for {
		e := vectorEntry{partition: -1, offset: -1, timestamp: -1}
		var err error
		if rest, err = e.parse(rest); err != nil {
			return into, err
		}
		for i := range into {
			if into[i].partition == e.partition && bytes.Equal(into[i].topic, e.topic) {
				return into, fmt.Errorf("%s-%d is named twice", e.topic, e.partition)
			}
		}
		into = append(into, e)
		if len(rest) == 1 && rest[0] == ']' {
			return into, nil
		}
		if len(rest) == 0 || rest[0] != ',' {
			return into, fmt.Errorf("no `,` and no end at %s", shorten(rest))
		}
		rest = rest[1:]
	}
}

// parse reads one object and returns what follows it.
func (e *vectorEntry) parse(b []byte) (rest []byte, err error) {
	rest, ok := bytes.CutPrefix(b, []byte("{"))
	if !ok {
		return b, fmt.Errorf("no object at %s", shorten(b))
	}
	for {
		key, after, ok := cutString(rest)
		if !ok || len(after) == 0 || after[0] != ':' {
			return rest, fmt.Errorf("no key at %s", shorten(rest))
		}
		if rest, err = e.set(key, after[1:]); err != nil {
			return rest, err
		}
		if len(rest) > 0 && rest[0] == '}' {
			return rest[1:], e.complete()
		}
		if len(rest) == 0 || rest[0] != ',' {
			return rest, fmt.Errorf("no `,` and no `}` at %s", shorten(rest))
		}
		rest = rest[1:]
	}
}

func (e *vectorEntry) set(key, b []byte) (rest []byte, err error) {
	text := func(to *[]byte) ([]byte, error) {
		v, rest, ok := cutString(b)
		if !ok || len(v) == 0 || *to != nil {
			return b, fmt.Errorf("bad or repeated %s at %s", key, shorten(b))
		}
		*to = v
		return rest, nil
	}
	number := func(to *int64) ([]byte, error) {
		v, rest, ok := cutNumber(b)
		if !ok || v < 0 || *to >= 0 {
			return b, fmt.Errorf("bad or repeated %s at %s", key, shorten(b))
		}
		*to = v
		return rest, nil
	}
	switch string(key) {
	case "topic":
		return text(&e.topic)
	case "epoch":
		return text(&e.epoch)
	case "partition":
		p := int64(e.partition)
		rest, err = number(&p)
		e.partition = int32(p)
		return rest, err
	case "offset":
		return number(&e.offset)
	case "timestamp":
		return number(&e.timestamp)
	default:
		return b, fmt.Errorf("unknown key %s", shorten(key))
	}
}

func (e *vectorEntry) complete() error {
	cluster, topic, ok := bytes.Cut(e.epoch, []byte("."))
	if len(e.topic) == 0 || e.partition < 0 || e.offset < 0 && e.timestamp < 0 {
		return errors.New("an entry lacks topic, partition or position")
	}
	if !ok || len(cluster) == 0 || len(topic) == 0 {
		return fmt.Errorf("entry of %s-%d has epoch %q, want CLUSTER.TOPIC", e.topic, e.partition, e.epoch)
	}
	return nil
}

// cutString reads a JSON string without escapes: names of topics and keys need none.
func cutString(b []byte) (s, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, b, false
	}
	s, rest, ok = bytes.Cut(b[1:], []byte(`"`))
	return s, rest, ok && bytes.IndexByte(s, '\\') < 0
}
