package sse

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// Whose address counts, of those that a request names.
func TestClientAddress(t *testing.T) {
	p := newProxies([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48"), netip.MustParsePrefix("::ffff:192.168.0.0/112")}, "X-Forwarded-For")
	f := func(peer, want string, lines ...string) {
		t.Helper()
		var h fasthttp.RequestHeader
		for _, l := range lines {
			h.Add("x-forwarded-for", l)
		}
		h.Add("x-real-ip", "203.0.113.99")
		if got := p.client(netip.MustParseAddr(peer), &h).String(); got != want {
			t.Errorf("from %s, %q: %s, want %s", peer, lines, got, want)
		}
	}
	f("198.51.100.1", "198.51.100.1", "203.0.113.1")
	f("10.0.0.1", "10.0.0.1")
	f("10.0.0.1", "203.0.113.1", "203.0.113.1")
	f("192.168.3.4", "203.0.113.1", "203.0.113.1")
	f("2001:db8:1::5", "203.0.113.1", "203.0.113.1")
	f("10.0.0.1", "203.0.113.1", "1.1.1.1, 203.0.113.1")
	f("10.0.0.1", "203.0.113.1", "1.1.1.1, 203.0.113.1 , 10.9.9.9,10.0.0.2")
	f("10.0.0.1", "203.0.113.1", "1.1.1.1", "203.0.113.1", "10.9.9.9, 10.0.0.2")
	f("10.0.0.1", "203.0.113.1", "1.1.1.1, 203.0.113.1", "10.0.0.2")
	f("10.0.0.1", "10.1.1.1", "10.1.1.1, 10.2.2.2")
	f("10.0.0.1", "203.0.113.1", "203.0.113.1,,", ", ,")
	f("10.0.0.1", "10.0.0.1", "203.0.113.1, unknown")
	f("10.0.0.1", "10.0.0.1", "203.0.113.1, 10.0.0.3, 1.2.3")
	f("10.0.0.1", "203.0.113.1", "unknown, 203.0.113.1")
	f("10.0.0.1", "10.0.0.1", "")
	f("10.0.0.1", "203.0.113.1", "203.0.113.1:5678")
	f("10.0.0.1", "2001:db8::1", "[2001:db8::1]:5678")
	f("10.0.0.1", "2001:db8::1", "[2001:db8::1]")
	f("10.0.0.1", "2001:db8::1", "2001:DB8:0::1")
	f("10.0.0.1", "203.0.113.1", "::ffff:203.0.113.1")
	f("10.0.0.1", "fe80::1", "fe80::1%eth0")
	f("10.0.0.1", "10.0.0.1", strings.Repeat("9", 5000))
	f("10.0.0.1", "10.0.0.1", "203.0.113.1;10.0.0.9")
}

// A site of IPv6 is one address, an IPv4 address is one in either form.
func TestNetwork(t *testing.T) {
	f := func(ip, want string) {
		t.Helper()
		c := fromAddr{addr: &net.TCPAddr{IP: net.ParseIP(ip), Zone: ""}}
		if got := network(peerAddr(c)).String(); got != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
	f("203.0.113.1", "203.0.113.1/32")
	f("::ffff:203.0.113.1", "203.0.113.1/32")
	f("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")
	f("::1", "::/64")
}

type fromAddr struct {
	net.Conn
	addr net.Addr
}

func (c fromAddr) RemoteAddr() net.Addr { return c.addr }

const request = "GET /v2/stream/s HTTP/1.1\r\nHost: x\r\n"

// status opens a stream and returns the status of the answer and the connection.
func status(t testing.TB, addr, headers string) (string, *net.TCPConn) {
	t.Helper()
	c := dial(t, addr, request+headers+"\r\n")
	b := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return string(b[len("HTTP/1.1 "):]), c
}

// No more streams than configured are open for one address, and who it is says
// a trusted proxy. Whoever goes makes room.
func TestConnectionsPerAddress(t *testing.T) {
	bothPaths(t, func(t *testing.T, change func(*Config)) {
		s, addr := serve(t, tenRecords(), func(c *Config) {
			change(c)
			c.ConnectionsPerIP, c.TrustedProxies, c.ClientIPHeader = 3, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, "X-Real-IP"
		})
		open := func(n int, header func(i int) string) (list []*net.TCPConn) {
			t.Helper()
			for i := range n {
				got, c := status(t, addr, header(i))
				if got != "200" {
					t.Fatalf("connection %d: %s", i, got)
				}
				list = append(list, c)
			}
			return list
		}
		four := open(3, func(i int) string {
			return []string{"X-Real-IP: 203.0.113.1\r\n", "x-real-ip: ::ffff:203.0.113.1\r\n"}[i%2]
		})
		six := open(3, func(i int) string { return fmt.Sprintf("X-Real-IP: 2001:db8:0:1::%d\r\n", i) })
		open(3, func(int) string { return "" }) // the proxy itself
		refused := func(headers string) {
			t.Helper()
			for _, method := range []string{"GET", "HEAD"} {
				head, body := one(t, addr, method+" /v2/stream/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+headers+"\r\n")
				if after, _ := header(head, "retry-after"); !strings.Contains(head, "http/1.1 429 ") || after < "10" || method == "GET" &&
					!strings.HasPrefix(body, `{"status":429,"type":"too_many_requests","title":"Too Many Concurrent Connections From Your Client IP","detail":"`) {
					t.Errorf("%q: %q %q", headers, head, body)
				}
			}
		}
		refused("X-Real-IP: 203.0.113.1\r\n")
		refused("X-Real-IP: 2001:db8:0:1:ffff::\r\n")
		refused("")
		refused("X-Real-IP: nonsense\r\n")
		refused("X-Forwarded-For: 203.0.113.7\r\n") // not the header that is read
		open(1, func(int) string { return "X-Real-IP: 2001:db8:0:2::1\r\n" })
		if n := metric(t, s, `ringcast_connections_refused_total{reason="per_ip"}`); n != 10 {
			t.Errorf("%v counted", n)
		}
		four[0].Close()
		_ = six[0].SetLinger(0)
		six[0].Close()
		until(t, "they are gone", func() bool { return s.Connections() == 8 })
		open(1, func(int) string { return "X-Real-IP: 203.0.113.1\r\n" })
		open(1, func(int) string { return "X-Real-IP: 2001:db8:0:1::\r\n" })
		refused("X-Real-IP: 203.0.113.1\r\n")
	})
}

// Limits that EventSource survives, for every kind of client.
func TestLimitAsStream(t *testing.T) {
	_, addr := serve(t, tenRecords(), func(c *Config) { c.ConnectionsPerIP, c.LimitAsResponse = 1, true })
	if got, _ := status(t, addr, ""); got != "200" {
		t.Fatal(got)
	}
	f := func(request, kind, pattern string) {
		t.Helper()
		head, body := one(t, addr, request)
		var ms int
		n, _ := fmt.Sscanf(body, pattern, &ms)
		if got, _ := header(head, "content-type"); !strings.Contains(head, "http/1.1 200 ") || got != kind || n == 1 && (ms < 5000 || ms > 60000) || n == 0 && body != pattern {
			t.Errorf("%q %q", head, body)
		}
		for _, want := range append([]string{"connection: close\r\n", "cache-control: no-cache, no-transform\r\n"}, everywhere...) {
			if !strings.Contains(head, want) {
				t.Errorf("no %q in %q", want, head)
			}
		}
	}
	const sse, stream = "text/event-stream; charset=utf-8", "retry: %d\n: limit per_ip\n\n"
	f(request+"\r\n", sse, stream)
	f("GET /v2/stream/s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", sse, stream)
	f("HEAD /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n", sse, "")
	f(request+"Accept: application/json\r\n\r\n", "application/json; charset=utf-8", "\n")
	f(request+"Accept: application/x-ndjson\r\n\r\n", "application/x-ndjson; charset=utf-8", "\n")
}
