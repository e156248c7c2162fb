package sse

import (
	"net/netip"
	"testing"
	"time"
)

func newAddresses(most int, rate float64) *addresses {
	return &addresses{most: most, rate: rate, known: make(map[netip.Prefix]*address)}
}

// manyAddresses is one of very many networks.
func manyAddresses(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), 64)
}

// An address has ten seconds of its rate at once, and then the rate. To be
// refused costs nothing.
func TestConnectRate(t *testing.T) {
	f := func(rate float64, burst int) {
		t.Helper()
		tab, now, p := newAddresses(0, rate), time.Now(), manyAddresses(1)
		admitted := func() (n int) {
			for {
				a, reason, wait := tab.enter(p, now)
				if reason != "" {
					if reason != refusedRate || wait <= 0 || wait > time.Duration(min(1/rate, 86400)*float64(time.Second))+1 {
						t.Fatalf("%v after %s", wait, reason)
					}
					return n
				}
				tab.leave(a)
				n++
			}
		}
		if n := admitted(); n != burst {
			t.Errorf("%v a second: %d at once", rate, n)
		}
		now = now.Add(time.Duration(min(2.5/rate, 3600) * float64(time.Second)))
		if n := admitted(); n != min(2, burst, int(3600*rate)) {
			t.Errorf("%v a second: %d after the time of 2.5", rate, n)
		}
		now = now.Add(25 * time.Hour)
		if n := admitted(); n != burst {
			t.Errorf("%v a second: %d after a day", rate, n)
		}
	}
	f(1, 10)
	f(20, 200)
	f(0.25, 2)
	f(0.01, 1)
	f(1e-300, 1)
}

// However many addresses come, a bounded number is remembered, and those whose
// bucket is full are not. Those with connections never go.
func TestAddressesAreBounded(t *testing.T) {
	tab, now := newAddresses(2, 1), time.Now()
	stays, reason, _ := tab.enter(manyAddresses(1<<30), now)
	if reason != "" {
		t.Fatal(reason)
	}
	for i := range 2 * maxResting {
		a, reason, _ := tab.enter(manyAddresses(i), now)
		if reason != "" {
			t.Fatal(reason)
		}
		tab.leave(a)
	}
	if n := len(tab.known); n != maxResting+1 || tab.resting.Len() != maxResting {
		t.Errorf("%d known, %d rest", n, tab.resting.Len())
	}
	if again, _, _ := tab.enter(stays.prefix, now); again != stays || stays.open != 2 {
		t.Error("forgotten with a connection")
	}
	if _, reason, _ := tab.enter(stays.prefix, now); reason != refusedPerIP {
		t.Errorf("a third one: %q", reason)
	}
	tab.leave(stays)
	tab.leave(stays)
	if a, _, _ := tab.enter(manyAddresses(0), now.Add(time.Minute)); a == nil || len(tab.known) != 1 {
		t.Errorf("%d known after a minute", len(tab.known))
	}

	// Without a rate nothing is kept at all.
	tab = newAddresses(2, 0)
	for i := range 1000 {
		a, _, _ := tab.enter(manyAddresses(i), now)
		tab.leave(a)
	}
	if n := tab.size(); n != 0 {
		t.Errorf("%d known", n)
	}
}

// Connections that come too fast are refused, whatever they ask for below the
// base path, and other routes are not meant.
func TestConnectRateOfRequests(t *testing.T) {
	s, addr := serve(t, tenRecords(), func(c *Config) { c.ConnectRatePerIP = 0.3 })
	const rest = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	f := func(request, want string) {
		t.Helper()
		if got := answer(t, addr, request); got[:len("HTTP/1.1 200")] != "HTTP/1.1 "+want {
			t.Errorf("%s: %q", request, got)
		}
	}
	f("GET /v2/stream/none"+rest, "400")
	f("HEAD /v2/stream/s"+rest, "200")
	status(t, addr, "")
	for range 5 {
		f("GET /v2/stream/s"+rest, "429")
		f("GET /_info"+rest, "200")
		f("OPTIONS /v2/stream/s"+rest, "204")
	}
	if n := metric(t, s, `ringcast_connections_refused_total{reason="rate"}`); n != 5 {
		t.Errorf("%v counted", n)
	}
	if n := metric(t, s, "ringcast_addresses"); n != 1 {
		t.Errorf("%v addresses", n)
	}
}
