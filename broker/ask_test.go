package broker

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestPastEnd(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	k.produce("a", 0, numbered(0, 10)...)
	k.trim("a", 0, 4)
	r := start(t, k, []string{"a"}, nil)
	r.warm()
	f := func(offset int64, past bool) {
		t.Helper()
		end, got, err := r.s.PastEnd(t.Context(), "a", 0, offset)
		if err != nil || got != past || past && end != 10 {
			t.Errorf("offset %d: past %v, end %d, error %v", offset, got, end, err)
		}
	}
	f(2, false) // below the start of the log
	f(7, false)
	f(10, false)
	f(11, true)
	f(1000, true)
	if _, _, err := r.s.PastEnd(t.Context(), "none", 0, 0); err == nil {
		t.Error("an unknown topic has an end")
	}
}

// TestPastEndIsShared: of many who ask the same, each gets an answer to a
// question that began after it came, and few questions are asked.
func TestPastEndIsShared(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"a"}, nil)
	r.live()
	fetches := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1,
		When: func(req kmsg.Request) bool { return req.(*kmsg.FetchRequest).Topics[0].Partitions[0].FetchOffset == 77 }})
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			if _, past, err := r.s.PastEnd(t.Context(), "a", 0, 77); err != nil || !past {
				t.Errorf("past %v, error %v", past, err)
			}
		})
	}
	wg.Wait()
	if n := fetches.Hits(); n == 0 || n > 100 {
		t.Errorf("500 callers led to %d questions", n)
	}
}

func TestQuestionJoinsOnlyOneThatHasNotStarted(t *testing.T) {
	q := newPastEnds(nil)
	q.ctx = t.Context()
	about := question{offset: 1}
	q.flights[about] = &flights{} // one is under way, none waits
	first, err := q.join(about)
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := q.join(about); second != first {
		t.Error("a question that waits was not joined")
	}
	q.flights[about].waiting = nil // it has started
	if third, _ := q.join(about); third == first {
		t.Error("a question that has started was joined")
	}
}

func TestQuestionsEnd(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "a"))
	r := start(t, k, []string{"a"}, nil)
	r.warm()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := r.s.PastEnd(ctx, "a", 0, 5); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("PastEnd of a caller who has left: %v", err)
	}
	r.stop()
	if _, _, err := r.s.PastEnd(t.Context(), "a", 0, 5); err == nil {
		t.Error("PastEnd answers after the end")
	}
	if _, _, err := r.s.LookUp(t.Context(), "a"); err == nil {
		t.Error("LookUp answers after the end")
	}
}
