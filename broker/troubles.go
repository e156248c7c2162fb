package broker

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// troubleLife is how long a trouble counts after it was met last: what
	// causes one is tried again every few seconds.
	troubleLife = 10 * time.Second

	// repeatTrouble is how often the log repeats one that lasts.
	repeatTrouble = time.Minute

	// maxTroubles bounds what is kept. A text names a topic or a broker at most.
	maxTroubles = 64
)

// troubles are texts, and when each was noted last. The zero value is empty.
type troubles struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// note keeps a text, and reports whether that is due: it was not noted for so
// long.
func (t *troubles) note(text string, now time.Time, every time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, known := t.last[text]
	if known && now.Sub(at) < every {
		return false
	}
	if t.last == nil || !known && len(t.last) >= maxTroubles {
		t.last = map[string]time.Time{}
	}
	t.last[text] = now
	return true
}

// list is what was noted within troubleLife, sorted; the rest is forgotten.
func (t *troubles) list(now time.Time) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []string
	for text, at := range t.last {
		if now.Sub(at) > troubleLife {
			delete(t.last, text)
			continue
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

// allTrouble asks, when there is a trouble, whether the group is one too: it may
// not come to a session before the rest is mended, and all that is missing
// should be said at once.
func (s *Stream) allTrouble(ctx context.Context) {
	if len(s.troubles.list(time.Now())) > 0 {
		s.inTrouble(s.mayJoin(ctx))
	}
}

// inTrouble notes and tells a trouble, and reports whether err is one.
func (s *Stream) inTrouble(err error) bool {
	if err == nil {
		return false
	}
	t := s.b.trouble(err)
	if t == nil {
		return false
	}
	if t.kind == kindAuthentication {
		s.b.secure.Refused()
	}
	now := time.Now()
	if t.vague && len(s.troubles.list(now)) > 0 {
		return true // somebody else says it better
	}
	s.troubles.note(t.Text, now, 0)
	if s.b.told.note(t.Text, now, repeatTrouble) { // the streams share a connection's trouble
		s.log.Error().Stringer("kind", t.kind).Str("key", t.Key).Msg(t.Text)
	}
	return true
}
