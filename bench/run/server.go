//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"time"

	"github.com/ringcast/ringcast/bench/proc"
	"github.com/ringcast/ringcast/bench/yardstick"
)

// kind names a server in the results.
type kind string

const (
	subject kind = "ringcast"
	auto    kind = "yardstick"
	single  kind = "one write per event"
)

// mirrored is what the subject is called when it is not ringcast (Bench.Mirror).
const mirrored = "yardstick again"

// label names a kind as results show it: nothing is called ringcast that is not.
func (b *Bench) label(k kind) string {
	if k == subject && b.Mirror {
		return mirrored
	}
	return string(k)
}

// server is a running server of either kind.
type server struct {
	kind  kind
	child *proc.Child
	addr  string // of the public listener
	admin string // of ringcast's admin listener; "" for a yardstick
	http  http.Client
	peer  // zero at ringcast and a yardstick
}

// streamName is the name of ringcast's only stream.
const streamName = "bench"

// path is where the stream is. A yardstick does not read it.
const path = "/v2/stream/" + streamName

// serve starts a server of topic and waits until it serves.
func (b *Bench) serve(ctx context.Context, k kind, topic string) (*server, error) {
	if isPeer(k) {
		return b.servePeer(ctx, k, topic)
	}
	if k == subject && !b.Mirror {
		listen, admin, err := twoPorts()
		if err != nil {
			return nil, err
		}
		return b.serveRingcast(ctx, listen, admin, "-brokers", b.brokers[0], "-stream", streamName+"="+topic, "-listen", listen, "-admin-listen", admin)
	}
	mode := yardstick.Auto
	if k == single {
		mode = yardstick.Single
	}
	child, err := b.self("yardstick", "-brokers", b.brokers[0], "-topic", topic, "-mode", string(mode))
	if err != nil {
		return nil, err
	}
	var started yardstick.Started
	if err := child.Read(&started); err != nil {
		return nil, errors.Join(err, child.Stop(time.Second))
	}
	return &server{kind: k, child: child, addr: started.Listen}, nil
}

// serveRingcast starts ringcast with the given arguments and waits until it is ready.
func (b *Bench) serveRingcast(ctx context.Context, listen, admin string, args ...string) (*server, error) {
	s, err := b.launchRingcast(listen, admin, args...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		status, _, err := s.get(ctx, "/readyz")
		if status == http.StatusOK {
			return s, nil
		}
		if gone := s.child.Running(); gone != nil {
			return nil, gone
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("cannot wait longer for ringcast to be ready: status %d, %w", status, err), s.stop())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (b *Bench) launchRingcast(listen, admin string, args ...string) (*server, error) {
	child, err := proc.Start(b.Dir, "ringcast", false, b.Ringcast, append([]string{"serve"}, args...)...)
	if err != nil {
		return nil, err
	}
	return &server{kind: subject, child: child, addr: listen, admin: admin, http: http.Client{Transport: &http.Transport{}}}, nil
}

func twoPorts() (listen, admin string, err error) {
	if listen, err = freePort(); err == nil {
		admin, err = freePort()
	}
	return listen, admin, err
}

// get asks the admin listener.
func (s *server) get(ctx context.Context, path string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+path, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// collect makes the server collect its garbage.
func (s *server) collect(ctx context.Context) error {
	if isPeer(s.kind) {
		return s.collectPeer()
	}
	if s.admin == "" {
		return s.child.Signal(syscall.SIGUSR1)
	}
	status, _, err := s.get(ctx, "/debug/pprof/heap?gc=1")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	if err != nil {
		return fmt.Errorf("cannot make ringcast collect its garbage: %w", err)
	}
	return nil
}

// stop ends the server. Draining is not what is measured: two seconds are given for it.
func (s *server) stop() error {
	s.http.CloseIdleConnections()
	if s.publisher != nil {
		return errors.Join(s.publisher.Stop(2*time.Second), s.child.Stop(2*time.Second))
	}
	return s.child.Stop(2 * time.Second)
}
