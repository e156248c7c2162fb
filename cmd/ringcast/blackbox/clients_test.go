package blackbox

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// smallWindow is a receive buffer, bytes, that is full soon. Below it the kernel
// lets a window that was closed for long open by a few bytes at a time only.
const smallWindow = 32 << 10

// url is the address of a stream.
func (in *instance) url(stream string) string { return "http://" + in.addr + "/v2/stream/" + stream }

// follower is a client that follows its stream in the background.
type follower struct {
	*ledger.Client
	t    *testing.T
	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex
	ends []ledger.End // guarded by mu
	when []time.Time  // of the ends, guarded by mu
}

// follow starts a client; it ends with the test.
func follow(t *testing.T, c ledger.Config) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{t: t, stop: cancel, done: make(chan struct{})}
	c.OnEnd = func(e ledger.End) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ends, f.when = append(f.ends, e), append(f.when, time.Now())
	}
	f.Client = ledger.NewClient(c)
	go func() {
		defer close(f.done)
		f.Follow(ctx)
	}()
	t.Cleanup(f.end)
	return f
}

// begin starts a client that stops reading at its first event, and waits until
// it has.
func begin(t *testing.T, c ledger.Config) (f *follower) {
	t.Helper()
	known, paused := make(chan struct{}), make(chan struct{})
	var first sync.Once
	c.OnEvent = func(ledger.Event) {
		first.Do(func() {
			<-known
			f.Pause()
			close(paused)
		})
	}
	f = follow(t, c)
	close(known)
	select {
	case <-paused:
	case <-time.After(patience):
		t.Fatal("no event came")
	}
	return f
}

// followAll starts n clients with one configuration and waits until all know
// where they start.
func followAll(t *testing.T, n int, c ledger.Config, partitions int) []*follower {
	t.Helper()
	var list []*follower
	for range n {
		list = append(list, follow(t, c))
	}
	for _, f := range list {
		f.started(partitions)
	}
	return list
}

// started waits for the greeting.
func (f *follower) started(partitions int) {
	f.t.Helper()
	eventually(f.t, patience, func() bool { return len(f.Receipt().Start()) >= partitions }, func() string { return "no greeting came" })
}

// end stops the client.
func (f *follower) end() {
	f.stop()
	<-f.done
}

// all are the ends of the connections so far.
func (f *follower) all() []ledger.End {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]ledger.End(nil), f.ends...)
}

// wrong reports whether the server has called a request of the client wrong. On
// a busy machine Kafka may be too slow for a question, which is a 503.
func (f *follower) wrong() bool {
	for _, e := range f.all() {
		if e.Status >= 400 && e.Status != 503 {
			return true
		}
	}
	return false
}

// firstEnd waits for the end of the first connection.
func (f *follower) firstEnd() (ledger.End, time.Time) {
	f.t.Helper()
	eventually(f.t, patience, func() bool { return len(f.all()) > 0 }, func() string { return "the connection does not end" })
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ends[0], f.when[0]
}

// complete waits until the clients have everything that is booked, and asks the
// ledger whether that is all they got.
func (k *fake) complete(list ...*follower) {
	k.t.Helper()
	k.exact(nil, list...)
}

// exact is complete, with differences that are allowed.
func (k *fake) exact(allowed []ledger.Kind, list ...*follower) {
	k.t.Helper()
	exact(k.t, k.book, allowed, list...)
}

// exact is fake.exact for any book.
func exact(t *testing.T, book *ledger.Book, allowed []ledger.Kind, list ...*follower) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	end := book.End()
	for i, f := range list {
		if err := f.WaitUntil(ctx, end); err != nil {
			t.Errorf("client %d: %v", i, err)
			continue
		}
		if err := f.Receipt().CheckAllowing(end, allowed...); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// exchange sends a request as it stands and reads until what came is enough.
func exchange(t *testing.T, addr, request string, enough func(string) bool) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	buf := make([]byte, 16<<10)
	for !enough(got.String()) {
		n, err := conn.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			t.Fatalf("after %q: %v", got.String(), err)
		}
	}
	return got.String()
}
