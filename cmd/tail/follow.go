package tail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// defaultMaxEvent is far above what ringcast sends (max_event is 4 MiB unless
// configured).
const defaultMaxEvent = 64 << 20

// Config says what to follow and how. Only URLs, Stdout and Stderr are needed.
type Config struct {
	// URLs of the same stream on one or several instances. Each connection takes the next one.
	URLs []string
	// LastEventID to begin behind; "": where the server says.
	LastEventID string
	// Since is the time to begin at as the server reads it, until there is an id.
	Since string
	// Events to stop after; 0: never.
	Events int64
	// MaxEvent bounds an event in bytes; 0: 64 MiB.
	MaxEvent int
	// Header is added to every request.
	Header http.Header
	// TokenFile holds a bearer token, read anew for every connection; "": none.
	TokenFile string
	UserAgent string
	// TLS for https; nil: the system's trust.
	TLS *tls.Config
	// Format of events on Stdout.
	Format Format
	// Stats prints rate and lag to Stderr once a second.
	Stats  bool
	Stdout io.Writer
	// Stderr takes notices and what goes wrong, in whole lines.
	Stderr io.Writer
}

// Result is how far a run came.
type Result struct {
	Events, Bytes int64 // of data that were printed
	Connections   int64 // that brought a stream
	LastEventID   string
}

// follower is a run. Its fields but the first group belong to the goroutine of Run.
type follower struct {
	// Set at construction.
	config Config
	client *http.Client
	out    *printer
	stats  *stats // nil: none

	id          string
	placed      bool // an id came from the server: since has done its part
	retry       time.Duration
	connections int64
	alive       bool // the connection has brought something: it was no failure
	err         error
}

// Run follows the stream until ctx ends, enough events have come, nobody reads
// Stdout any more (io.EOF is no error here), or something happens that
// connecting again cannot mend, which is the error.
func Run(ctx context.Context, config Config) (Result, error) {
	if config.MaxEvent == 0 {
		config.MaxEvent = defaultMaxEvent
	}
	f := &follower{config: config, client: newClient(config.TLS), id: config.LastEventID, retry: firstRetry}
	defer f.client.CloseIdleConnections()
	f.out = newPrinter(config.Stdout, config.Format)
	if config.Stats {
		f.stats = startStats(config.Stderr)
		defer f.stats.stop()
	}
	err := f.follow(ctx)
	return Result{Events: f.out.events, Bytes: f.out.bytes, Connections: f.connections, LastEventID: f.id}, err
}

// errEnough ends a run that has all it was to get.
var errEnough = errors.New("enough")

// follow connects again and again.
func (f *follower) follow(ctx context.Context) error {
	failures := 0
	for turn := 0; ; turn++ {
		target := f.config.URLs[turn%len(f.config.URLs)]
		f.alive = false
		err := f.visit(ctx, target)
		if ctx.Err() != nil || errors.Is(err, errEnough) {
			return nil
		}
		var stop fatal
		var refused *refusal
		if errors.As(err, &stop) || errors.As(err, &refused) && refused.final() {
			return fmt.Errorf("%s: %w", printable(target), err)
		}
		failures++
		if f.alive {
			failures = 0
		}
		var after time.Duration
		if refused != nil {
			after = refused.after
		}
		wait := pause(f.retry, failures, after)
		f.say("%s: %v; again in %s", printable(target), err, wait.Round(time.Millisecond))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// errEnded is the end of a stream in good order.
var errEnded = errors.New("the server has ended the stream")

// visit is one connection. It never returns nil.
func (f *follower) visit(ctx context.Context, target string) error {
	res, err := f.connect(ctx, target)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	f.connections++
	p := &parser{limit: f.config.MaxEvent, onEvent: f.event, onID: f.adopt, onRetry: f.reconnectAfter, onComment: f.comment}
	buf := make([]byte, 64<<10)
	for {
		n, readErr := res.Body.Read(buf)
		err := p.feed(buf[:n])
		if flushed := f.out.flush(); flushed != nil {
			return stdoutGone(flushed)
		}
		switch {
		case err != nil:
			return fatal{err}
		case f.err != nil:
			return f.err
		case errors.Is(readErr, io.EOF):
			return errEnded
		case readErr != nil:
			return fmt.Errorf("the connection broke: %w", readErr)
		}
	}
}

// event takes an event; false: it was the last one.
func (f *follower) event(kind string, data []byte) bool {
	f.alive = true
	switch kind {
	case "gap": // what ?notices=event makes of the comment
		f.say("gap %s", printable(string(data)))
		return true
	case "error":
		f.say("the server says: %s", printable(string(data)))
		f.alive = false
		return true
	}
	f.out.event(data)
	if f.stats != nil {
		f.stats.event(len(data), f.id)
	}
	if f.out.events == f.config.Events {
		f.err = errEnough
	}
	return f.err == nil
}

// adopt takes the id of a block that is whole.
func (f *follower) adopt(id string) {
	if strings.ContainsFunc(id, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		f.err = fatal{fmt.Errorf("the server sent an id that no header can carry: %q", id[:min(len(id), 100)])}
		return
	}
	f.id, f.placed = id, true
}

func (f *follower) reconnectAfter(d time.Duration) { f.retry = min(d, mostRetry) }

// comment shows what ringcast says beside events; a heartbeat is empty.
func (f *follower) comment(text []byte) {
	switch s := string(text); s {
	case "", "ok":
		f.alive = true
	default:
		f.say("%s", printable(s))
	}
}

func (f *follower) say(format string, args ...any) {
	fmt.Fprintf(f.config.Stderr, "ringcast tail: "+format+"\n", args...)
}
