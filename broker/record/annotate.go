package record

import "strconv"

// field is what an annotation tells about a record.
type field uint8

const (
	fieldTopic field = iota
	fieldPartition
	fieldOffset
	fieldKey

	numFields = iota
)

// fieldNames are the member names. nameIs wants them to be letters only.
var fieldNames = [numFields]string{"topic", "partition", "offset", "key"}

// fieldOf returns the field that a member name of "meta" says.
func fieldOf(name []byte) (field, bool) {
	for f, n := range fieldNames {
		if nameIs(name, n) {
			return field(f), true
		}
	}
	return 0, false
}

func appendField(dst []byte, r *Record, f field) []byte {
	switch f {
	case fieldTopic:
		return appendString(dst, r.Topic)
	case fieldPartition:
		return strconv.AppendInt(dst, int64(r.Partition), 10)
	case fieldOffset:
		return strconv.AppendInt(dst, r.Offset, 10)
	case fieldKey:
		return appendKey(dst, r.Key)
	}
	panic("BUG: unknown field")
}

// annotateKafka adds the member "_kafka" as the last one, also where there is one already: a JSON reader takes the last.
func (s *splice) annotateKafka(r *Record) {
	s.beginMember(s.lastBracket())
	s.dst = append(s.dst, `"_kafka":{"topic":`...)
	s.dst = appendField(s.dst, r, fieldTopic)
	s.dst = append(s.dst, `,"partition":`...)
	s.dst = appendField(s.dst, r, fieldPartition)
	s.dst = append(s.dst, `,"offset":`...)
	s.dst = appendField(s.dst, r, fieldOffset)
	s.dst = append(s.dst, `,"timestamp":`...)
	s.dst = strconv.AppendInt(s.dst, r.Time, 10)
	s.dst = append(s.dst, `,"key":`...)
	s.dst = appendField(s.dst, r, fieldKey)
	s.dst = append(s.dst, '}')
}

// annotateMeta sets the fields in the member "meta", of several in the last: the one that a JSON reader takes. It
// reports false when that is neither absent, null nor an object.
func (s *splice) annotateMeta(r *Record) bool {
	var meta member
	walk := membersOf(s.src, skipSpace(s.src, 0))
	for m, ok := walk.next(); ok; m, ok = walk.next() {
		if nameIs(m.name, "meta") {
			meta = m
		}
	}

	switch {
	case meta.name == nil:
		s.beginMember(walk.i)
		s.dst = append(s.dst, `"meta":`...)
		s.addMeta(r)
	case s.src[meta.start] == 'n':
		s.keepTo(meta.start)
		s.addMeta(r)
		s.pos = meta.end
	case s.src[meta.start] == '{':
		s.setMeta(r, meta.start)
	default:
		return false
	}
	return true
}

// addMeta writes a new "meta" object.
func (s *splice) addMeta(r *Record) {
	s.dst = append(s.dst, '{')
	s.addFields(r, [numFields]bool{fieldKey: r.Key == nil})
	s.dst = append(s.dst, '}')
}

// setMeta sets the fields in the "meta" object that opens at start: those that exist are replaced where they are (of
// several all, so that any reader sees the same), the others are added at the end.
func (s *splice) setMeta(r *Record, start int) {
	done := [numFields]bool{fieldKey: r.Key == nil}
	walk := membersOf(s.src, start)
	for m, ok := walk.next(); ok; m, ok = walk.next() {
		f, known := fieldOf(m.name)
		if !known || (f == fieldKey && r.Key == nil) {
			continue
		}
		s.keepTo(m.start)
		s.dst = appendField(s.dst, r, f)
		s.pos = m.end
		done[f] = true
	}
	if done != [numFields]bool{true, true, true, true} {
		s.beginMember(walk.i)
		s.addFields(r, done)
	}
}

// addFields writes, between commas, the members that are not done.
func (s *splice) addFields(r *Record, done [numFields]bool) {
	comma := false
	for f, name := range fieldNames {
		if done[f] {
			continue
		}
		if comma {
			s.dst = append(s.dst, ',')
		}
		comma = true
		s.dst = append(s.dst, '"')
		s.dst = append(s.dst, name...)
		s.dst = append(s.dst, `":`...)
		s.dst = appendField(s.dst, r, field(f))
	}
}
