package sse

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/sse/position"
)

// An id of times alone that is newer than what this instance has read: the
// records that the client was given elsewhere do not come again.
func TestTimesAhead(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := newEmptyPublisher(100, position.Timestamp)
		p.add("t", 0, 0)
		p.add("t", 1, 0)
		p.publishAt(0, 0, 1000, `{"p":0,"n":0}`)
		p.publishAt(1, 0, 1000, `{"p":1,"n":0}`)
		s, addr := serve(t, p, change)
		id := fmt.Sprintf(`[{"topic":"t","partition":0,"timestamp":3001,"epoch":%q},{"topic":"t","partition":1,"timestamp":1001,"epoch":%q}]`, epoch, epoch)
		_, r := get(t, addr, "/v2/stream/s", id)
		if g := block(t, r); !strings.Contains(g, `"partition":0,"timestamp":3001,`) || !strings.Contains(g, `"partition":1,"timestamp":1001,`) {
			t.Fatalf("greeting %q", g)
		}
		p.publishAt(0, 1, 2000, `{"p":0,"n":1}`)
		p.publishAt(0, 2, 3000, `{"p":0,"n":2}`) // the last that the client was given
		p.publishAt(1, 1, 3500, `{"p":1,"n":1}`)
		p.publishAt(0, 3, 4000, `{"p":0,"n":3}`)
		for _, want := range []string{`{"p":1,"n":1}`, `{"p":0,"n":3}`} {
			if e := block(t, r); !strings.Contains(e, "data: "+want+"\n") {
				t.Fatalf("want %s: %q", want, e)
			}
		}
		until(t, "nobody waits or is private", func() bool {
			return metric(t, s, `ringcast_clients{state="private"}`) == 0 && metric(t, s, `ringcast_clients{state="waiting"}`) == 0
		})
	})
}

// A time that never comes does not keep a client waiting: the leader says that
// the log ends where this instance stands.
func TestTimesThatNeverCome(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		p := newEmptyPublisher(100, position.Timestamp)
		p.add("t", 0, 0)
		p.publishAt(0, 0, 1000, `{"n":0}`)
		asked := make(chan int64, 100)
		p.past = func(_ int32, offset int64) (int64, bool, error) {
			select {
			case asked <- offset:
			default:
			}
			if offset != 2 {
				return 0, false, errors.New("another offset was asked for")
			}
			return 1, true, nil
		}
		s, addr := serve(t, p, change)
		_, r := get(t, addr, "/v2/stream/s", fmt.Sprintf(`[{"topic":"t","partition":0,"timestamp":3001,"epoch":%q}]`, epoch))
		block(t, r)
		until(t, "nobody waits or is private", func() bool {
			return len(asked) > 0 && metric(t, s, `ringcast_clients{state="private"}`) == 0 && metric(t, s, `ringcast_clients{state="waiting"}`) == 0
		})
		p.publishAt(0, 1, 2000, `{"n":1}`)
		if e := block(t, r); !strings.Contains(e, `{"n":1}`) {
			t.Fatal(e)
		}
	})
}
