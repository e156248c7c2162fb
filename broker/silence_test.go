package broker

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// pipes dials to servers that are in the test.
type pipes struct{ servers []net.Conn }

func (p *pipes) Dial(string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.servers = append(p.servers, server)
	return client, nil
}

const readTimeout = 4 * time.Second

// waits reads with a deadline and returns how long that took.
func waits(c net.Conn) (time.Duration, error) {
	began := time.Now()
	_ = c.SetReadDeadline(began.Add(readTimeout))
	_, err := c.Read(make([]byte, 1))
	return time.Since(began), err
}

// newPipes has a dialer, and connections to one broker.
func newPipes(t *testing.T, n int) (*pipes, leashDialer, []net.Conn) {
	t.Helper()
	p := &pipes{}
	d := leashDialer{leash: newLeash(), peers: &peers{}, through: p}
	var conns []net.Conn
	for range n {
		conns = append(conns, dial(t, d, "b:1"))
	}
	t.Cleanup(d.leash.cut)
	return p, d, conns
}

func dial(t *testing.T, d leashDialer, addr string) net.Conn {
	t.Helper()
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSilentBroker: when nothing has come from a broker for a whole timeout, the
// others that wait for it do not wait as long, until something comes.
func TestSilentBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d, conns := newPipes(t, 2)
		late := make(chan time.Duration, 1)
		go func() {
			time.Sleep(3 * time.Second)
			took, _ := waits(conns[1])
			late <- took
		}()
		took, err := waits(conns[0])
		if took != readTimeout || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the first wait took %v: %v", took, err)
		}
		if took := <-late; took != time.Second+silentPatience {
			t.Errorf("a wait that was under way took %v", took)
		}
		// Nothing more goes over these connections, in either direction.
		if n, err := conns[0].Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection that is late takes %d bytes: %v", n, err)
		}
		if took, err := waits(conns[0]); took != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection that is late is waited for %v: %v", took, err)
		}

		began := time.Now()
		if _, err := dial(t, d, "b:1").Read(make([]byte, 1)); time.Since(began) != silentPatience {
			t.Errorf("a handshake is waited for %v: %v", time.Since(began), err)
		}
		silence := readTimeout + 2*silentPatience
		if took, _ := waits(dial(t, d, "b:1")); took != silence/silentShare {
			t.Errorf("after %v a new connection is waited for %v", silence, took)
		}
		if took, _ := waits(dial(t, d, "b:2")); took != readTimeout {
			t.Errorf("another broker is waited for %v", took)
		}
		time.Sleep(30 * time.Second)
		if took, _ := waits(dial(t, d, "b:1")); took != readTimeout {
			t.Errorf("a broker that has been silent for long is waited for %v", took)
		}

		c := dial(t, d, "b:1")
		go func() { _, _ = p.servers[len(p.servers)-1].Write([]byte("x")) }()
		if _, err := waits(c); err != nil {
			t.Error(err)
		}
		if took, _ := waits(c); took != readTimeout {
			t.Errorf("a broker that has spoken is waited for %v", took)
		}
	})
}

// TestBusyBroker: a connection on which nothing comes says nothing about a
// broker that is heard on another one.
func TestBusyBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d, conns := newPipes(t, 2)
		go func() {
			time.Sleep(time.Second)
			_, _ = p.servers[1].Write([]byte("x"))
		}()
		go waits(conns[1])
		if took, _ := waits(conns[0]); took != readTimeout {
			t.Errorf("the wait took %v", took)
		}
		if took, _ := waits(dial(t, d, "b:1")); took != readTimeout {
			t.Errorf("a new connection is waited for %v", took)
		}
	})
}

// TestPeersForgotten: what was learned of brokers that are gone does not stay.
func TestPeersForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, d, conns := newPipes(t, 1)
		_, _ = waits(conns[0])
		conns[0].Close()
		_ = dial(t, d, "b:2").Close()
		if len(d.peers.byAddr) != 2 {
			t.Error("a silent broker is forgotten")
		}
		time.Sleep(2 * silentMemory)
		dial(t, d, "b:3")
		if len(d.peers.byAddr) != 1 {
			t.Errorf("%d brokers are remembered, want one", len(d.peers.byAddr))
		}
	})
}
