package position

import (
	"slices"

	"github.com/ringcast/ringcast/ringbuf"
)

// Encoder writes the ids of successive positions of one subscription, as
// AppendID and AppendMixed do in the order that Order gives. It remembers what
// does not change from id to id and, of a JSON id, how every entry reads. It is
// for one goroutine at a time.
type Encoder struct {
	formOf func(ringbuf.Key) Form
	keys   []ringbuf.Key // that the rest is for
	order  []int
	forms  forms
	pos    []ringbuf.Pos // of the last id

	// Of the JSON form, unless every id is compact.
	always  bool
	entries []entryText // by index of the partition
	length  int         // of the whole

	runs []runText // of the compact form; nil before it is needed
}

// entryText is an entry of a JSON id as it was written last.
type entryText struct {
	text []byte
	head int // text[:head] is topic and partition, which stay
}

// runText is the head of a run of a compact id, which stays.
type runText struct {
	head  []byte
	form  Form
	parts []int
}

// NewEncoder returns an encoder of ids in the given form.
func NewEncoder(form Form) *Encoder {
	return NewMixedEncoder(func(ringbuf.Key) Form { return form })
}

// NewMixedEncoder returns an encoder of ids of a composite subscription. formOf
// tells the form of an entry; it is asked when there are other keys.
func NewMixedEncoder(formOf func(ringbuf.Key) Form) *Encoder { return &Encoder{formOf: formOf} }

// Append appends the id of v with part at after; part is -1 where v is the
// position already. v.Keys must not be modified once it was seen here. Nothing
// is allocated but room in dst, unless there are other keys than last time.
func (e *Encoder) Append(dst []byte, v ringbuf.Vector, part int, after ringbuf.Pos) []byte {
	if !sameKeys(e.keys, v.Keys) {
		e.reset(v)
	}
	for p, pos := range v.Pos {
		if p == part {
			pos = after
		}
		if e.pos[p] != pos {
			e.move(p, pos)
		}
	}
	if e.always || e.length > maxJSON {
		return e.appendCompact(dst)
	}
	dst = append(dst, '[')
	for i, p := range e.order {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, e.entries[p].text...)
	}
	return append(dst, ']')
}

// appendCompact appends the compact id of the position e.pos.
func (e *Encoder) appendCompact(dst []byte) []byte {
	if e.runs == nil {
		e.makeRuns()
	}
	begin := len(dst)
	newest := newestTimestamp(e.pos)
	dst = appendCompactHead(dst, len(e.keys), newest)
	for i := range e.runs {
		r := &e.runs[i]
		dst = append(dst, r.head...)
		for _, p := range r.parts {
			dst = appendPlace(dst, e.pos[p], r.form, newest)
		}
	}
	return seal(dst, begin)
}

// sameKeys reports whether a and b are one slice. Keys are replaced and never
// modified, and a is held, so its memory cannot be that of other keys.
func sameKeys(a, b []ringbuf.Key) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// reset takes the keys of v, and writes all entries of a JSON id.
func (e *Encoder) reset(v ringbuf.Vector) {
	e.keys, e.order = v.Keys, Order(v.Keys)
	e.forms.byKey = make([]Form, len(v.Keys))
	for p, k := range v.Keys {
		e.forms.byKey[p] = e.formOf(k)
	}
	e.pos = slices.Clone(v.Pos)
	e.runs, e.entries = nil, nil
	if e.always = e.forms.compact(); e.always {
		return
	}
	e.length = len("[]") + max(0, len(v.Keys)-1)*len(",")
	e.entries = make([]entryText, len(v.Keys))
	for p := range e.entries {
		entry := &e.entries[p]
		entry.text = appendKey(nil, &v.Keys[p])
		entry.head = len(entry.text)
		const longest = len(`"offset":,"timestamp":,"epoch":""}`) + 2*len("9223372036854775807")
		entry.text = slices.Grow(entry.text, longest+len(v.Keys[p].Epoch))
		e.length += entry.head
		e.move(p, v.Pos[p])
	}
}

// move notes that partition p stands elsewhere, and writes its entry anew.
func (e *Encoder) move(p int, pos ringbuf.Pos) {
	e.pos[p] = pos
	if e.always {
		return
	}
	entry := &e.entries[p]
	e.length -= len(entry.text)
	entry.text = appendPos(entry.text[:entry.head], pos, e.forms.of(p))
	entry.text = appendEpoch(entry.text, e.keys[p].Epoch)
	e.length += len(entry.text)
}

// makeRuns writes what stays of a compact id.
func (e *Encoder) makeRuns() {
	e.runs = []runText{} // made, also where there are none
	var last *ringbuf.Key
	for from := 0; from < len(e.order); {
		to := runEnd(e.keys, e.forms, e.order, from)
		first := &e.keys[e.order[from]]
		form := e.forms.of(e.order[from])
		e.runs = append(e.runs, runText{appendRun(nil, last, first, to-from, form), form, e.order[from:to]})
		last, from = first, to
	}
}
