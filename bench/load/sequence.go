package load

// sequence follows the counter of one partition at one client.
type sequence struct {
	next  uint64
	holes []hole // counters below next that have not come; nil as long as all is well
}

type hole struct{ from, to uint64 } // to is exclusive

// maxHoles bounds what a client remembers of its losses; the run has failed long before.
const maxHoles = 64

// see takes the next counter that arrived. A skipped counter is lost until it turns up after all; then it
// was out of order.
func (s *sequence) see(n uint64, t *Tally) {
	if n == s.next {
		s.next++
		return
	}
	if n > s.next {
		t.Lost += n - s.next
		if len(s.holes) < maxHoles {
			s.holes = append(s.holes, hole{s.next, n})
		}
		s.next = n + 1
		return
	}
	for i, h := range s.holes {
		if n < h.from || n >= h.to {
			continue
		}
		t.Lost--
		t.Reordered++
		s.holes[i] = hole{h.from, n}
		if n+1 < h.to && len(s.holes) < 2*maxHoles {
			s.holes = append(s.holes, hole{n + 1, h.to})
		}
		return
	}
	t.Duplicated++
}
