//go:build proxies

package blackbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// proxies are the examples of scripts/deploy, and what else of them must work.
var proxies = []struct {
	name  string
	start func(t *testing.T, servers [2]server, change ...string) *proxy
	// change of the example: pairs of what is there and what stands for it.
	change []string
	http2  bool
}{
	{name: "nginx", start: startNginx, http2: true},
	{name: "nginx, HTTP/1.0 to ringcast", start: startNginx, change: []string{"proxy_http_version 1.1;", "", `proxy_set_header Connection "";`, ""}},
	{name: "nginx, gzip", start: startNginx, change: []string{"server {\n    listen", "gzip on; gzip_proxied any;\nserver {\n    listen"}},
	{name: "haproxy", start: startHAProxy, http2: true},
	{name: "varnish", start: startVarnish},
}

// TestProxies: through each proxy nothing is held back, idle streams live, no
// record is lost and none comes twice, also when an instance is killed.
func TestProxies(t *testing.T) {
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			// Shorter times than the examples', in the same proportion.
			change := append([]string{"60s", "4s"}, p.change...)
			t.Run("ledger", func(t *testing.T) { proxyLedger(t, p.start, change) })
			t.Run("address", func(t *testing.T) { proxyAddress(t, p.start, change) })
			if p.http2 {
				t.Run("HTTP2", func(t *testing.T) { proxyHTTP2(t, p.start, change) })
			}
		})
	}
}

// behind starts two instances.
func behind(t *testing.T) (k *fake, instances [2]*instance, servers [2]server) {
	k = newFake(t, topics(proxyPartitions, "t"))
	config := k.configOf("heartbeat = \"1s\"\nretry = \"10ms\"", "events = 64", "t")
	config = strings.ReplaceAll(config, "[streams.s]", "[streams.recentchange]")
	for i := range instances {
		instances[i] = startConfig(t, config)
		instances[i].waitReady()
		servers[i] = server{instances[i].addr, instances[i].admin}
	}
	return k, instances, servers
}

// follow connects again and again until ctx ends; each connection is cut after at
// most so many bytes, 0 is never.
func (c *through) follow(ctx context.Context, cut int64) {
	for ctx.Err() == nil {
		visit := ledger.Visit{}
		if cut > 0 {
			visit = ledger.Visit{CutAfter: 1 + rand.Int64N(cut), Reset: rand.N(4) == 0}
		}
		if end := c.Visit(ctx, visit); end.Status != 200 {
			<-time.After(10 * time.Millisecond)
		}
	}
}

func proxyLedger(t *testing.T, start func(*testing.T, [2]server, ...string) *proxy, change []string) {
	k, instances, servers := behind(t)
	p := start(t, servers, change...)
	config := ledger.Config{URLs: []string{"http://" + p.addr + "/v2/stream/recentchange"}, Header: []string{"Accept-Encoding: gzip"}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()

	// One record, and nothing behind it that would push it through a buffer.
	idle := newThrough(k, config, beginning())
	running.Go(func() { idle.follow(ctx, 0) })
	eventually(t, patience, func() bool { return idle.LastEventID() != "" }, func() string { return fmt.Sprintf("no greeting: %+v\n%s", idle.Counts(), p.log.tail(4000)) })
	produced := time.Now()
	k.produce("t", 0, 1, 100)
	eventually(t, patience, func() bool { return idle.Reached(k.book.End()) }, func() string {
		return fmt.Sprintf("the event is held back: %+v, last id %s\n%s", idle.Counts(), idle.LastEventID(), p.log.tail(4000))
	})
	t.Logf("an event took %s", time.Since(produced).Round(time.Millisecond))

	// Heartbeats keep it open for longer than the proxy lets a silent one live.
	eventually(t, patience, func() bool { return idle.Counts().Heartbeats >= 7 }, func() string { return fmt.Sprintf("%+v", idle.Counts()) })
	if n := idle.Counts().Connections; n != 1 {
		t.Errorf("an idle stream took %d connections", n)
	}

	clients := []*through{idle}
	config.LastEventID = idle.LastEventID()
	from := beginning()
	from[ledger.TopicPartition{Topic: "t"}] = 1
	for i := range 12 {
		config.Mode = []ledger.Mode{ledger.SSE10, ledger.SSE, ledger.SSE}[i%3]
		c := newThrough(k, config, from)
		clients = append(clients, c)
		running.Go(func() { c.follow(ctx, 20_000) })
	}
	load := k.traffic(proxyPartitions)
	load.reach(500)
	if err := instances[0].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	load.reach(1000)
	load.stop()
	end := k.book.End()
	connections := int64(0)
	for i, c := range clients {
		eventually(t, patience, func() bool { return c.Reached(end) }, func() string {
			d := c.Differences()
			return fmt.Sprintf("client %d: %v, %+v, last id %s\n%s", i, d.Error(), c.Counts(), c.LastEventID(), p.log.tail(4000))
		})
		if err := c.Receipt.Check(end); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
		connections += c.Counts().Connections
	}
	if n := instances[1].sum("ringcast_resumes_total{"); n < 10 {
		t.Errorf("%v resumes at the instance that is left", n)
	}
	t.Logf("%d connections, %d records", connections, k.total())
}

// proxyAddress: the last address that the server is told is the client's, also
// where the client says something else.
func proxyAddress(t *testing.T, start func(*testing.T, [2]server, ...string) *proxy, change []string) {
	var mu sync.Mutex
	var told []string // guarded by mu
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/stream/recentchange" && r.Method == http.MethodGet {
			mu.Lock()
			told = append(told, strings.Join(r.Header.Values("X-Forwarded-For"), ", "))
			mu.Unlock()
		}
		w.Header().Set("Content-Type", "text/event-stream")
	}))
	defer up.Close()
	addr := up.Listener.Addr().String()
	p := start(t, [2]server{{addr, addr}, {addr, addr}}, change...)
	for _, said := range []string{"", "203.0.113.7"} {
		// The client is at 127.0.0.2, to be told from the proxy.
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
		client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.addr+"/v2/stream/recentchange", nil)
		if err != nil {
			t.Fatal(err)
		}
		if said != "" {
			req.Header.Set("X-Forwarded-For", said)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatalf("%v\n%s", err, p.log.tail(4000))
		}
		res.Body.Close()
		mu.Lock()
		if n := len(told); n == 0 || !strings.HasSuffix(", "+told[n-1], ", 127.0.0.2") {
			t.Errorf("a client that says %q: the server is told %q", said, told)
		}
		mu.Unlock()
	}
}
