package replay

import "math"

// merge takes items out of the chunks of all cursors, the oldest record first. It ends with a full batch, or when a
// cursor needs another chunk.
func (r *Reader) merge() {
	m := merger{r: r}
	for !m.full() {
		first, limit := m.first()
		if first == nil {
			return
		}
		m.take(first, limit)
		if first.next >= first.chunk.through || first.next >= first.To {
			return
		}
	}
}

type merger struct {
	r      *Reader
	values int
}

func (m *merger) full() bool { return len(m.r.items) >= maxItems || m.values >= maxValues }

// first returns the cursor whose turn it is, and up to which time.
func (m *merger) first() (first *cursor, limit int64) {
	limit = math.MaxInt64
	var least int64
	for _, cur := range m.r.cursors {
		if cur.chunk == nil {
			continue
		}
		t := cur.head()
		switch {
		case first == nil:
			first, least = cur, t
		case t < least:
			first, least, limit = cur, t, least
		default:
			limit = min(limit, t)
		}
	}
	return first, limit
}

// head is the time of the next record. What has no time does not wait for its turn.
func (cur *cursor) head() int64 {
	if s := cur.step(); s != nil && s.kind == Event {
		return s.time
	}
	return math.MinInt64
}

// step returns the next step inside the range, nil if the chunk has no more.
func (cur *cursor) step() *step {
	if cur.at >= len(cur.chunk.steps) {
		return nil
	}
	s := &cur.chunk.steps[cur.at]
	if s.offset >= cur.To {
		return nil
	}
	return s
}

// take takes steps of cur that are due by limit, one at least.
func (m *merger) take(cur *cursor, limit int64) {
	for first := true; !m.full(); first = false {
		s := cur.step()
		if s == nil {
			m.finish(cur)
			return
		}
		if !first && s.kind == Event && s.time > limit {
			return
		}
		it := Item{Kind: s.kind, Reason: s.reason, Range: cur.index, Offset: max(s.offset, cur.next), Next: min(s.next, cur.To), Time: s.time, Value: s.value}
		m.add(cur, it)
		cur.at++
	}
}

// finish passes what a chunk has behind its last step.
func (m *merger) finish(cur *cursor) {
	if end := min(cur.chunk.through, cur.To); end > cur.next {
		m.add(cur, Item{Kind: Advance, Range: cur.index, Offset: cur.next, Next: end, Time: -1})
	}
}

func (m *merger) add(cur *cursor, it Item) {
	m.r.items = append(m.r.items, it)
	m.values += len(it.Value)
	cur.next = it.Next
}
