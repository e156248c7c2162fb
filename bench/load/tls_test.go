//go:build linux

package load

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/ringcast/ringcast/bench/proc"
)

// serveTLS answers every request with text, and closes then if it is to hang up.
func serveTLS(t *testing.T, text string, hangUp bool) (addr string) {
	t.Helper()
	cert, key, err := proc.Certificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp4", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l, func(c net.Conn) {
		readRequest(c)
		for rest := text; len(rest) > 0; { // in pieces, as TLS records come
			n := min(len(rest), 100)
			io.WriteString(c, rest[:n])
			rest = rest[n:]
		}
		if hangUp {
			c.Close()
		}
	})
}

func TestClientsOverTLSGetEverything(t *testing.T) {
	fleet, ctx := fleetOf(t, Config{Server: serveTLS(t, header+chunk(greeting)+frames(0, 20), false), TLS: true, Workers: 2})
	if err := fleet.Connect(ctx, 5, Plan{}); err != nil {
		t.Fatal(err)
	}
	if err := fleet.AwaitRecords(ctx, []uint64{20}); err != nil {
		t.Fatal(err)
	}
	if sum, _, failure := fleet.Tally(); sum.Events != 100 || sum.Faults() != 0 || failure != nil {
		t.Errorf("%+v, failure %v", sum, failure)
	}
}

func TestLossOverTLSIsSeen(t *testing.T) {
	fleet, ctx := fleetOf(t, Config{Server: serveTLS(t, header+chunk(greeting)+frames(0, 2)+frames(3, 5), true), TLS: true})
	if err := fleet.Connect(ctx, 1, Plan{}); err != nil && !strings.Contains(err.Error(), "connection lost") {
		t.Fatal(err)
	}
	if err := fleet.AwaitRecords(ctx, []uint64{9}); err == nil || !strings.Contains(err.Error(), "connection lost") {
		t.Errorf("error %v", err)
	}
	if sum, _, _ := fleet.Tally(); sum.Lost != 1 || sum.Closed != 1 {
		t.Errorf("%+v", sum)
	}
}

func TestWhatTLSClientsCannotDo(t *testing.T) {
	f := func(c Config) {
		t.Helper()
		c.Server, c.TLS = "127.0.0.1:1", true
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), "over TLS") {
			t.Errorf("%+v: error %v", c, err)
		}
	}
	f(Config{Rate: 5})
	f(Config{Stall: true})
	f(Config{Late: 1})
	f(Config{Keep: true})
}
