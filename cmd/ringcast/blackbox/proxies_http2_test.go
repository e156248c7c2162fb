//go:build proxies

package blackbox

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// proxyHTTP2: with HTTP/2 in front, a browser's one connection carries more than
// six streams, and each gets every record.
func proxyHTTP2(t *testing.T, start func(*testing.T, [2]server, ...string) *proxy, change []string) {
	const streams = 20
	k, _, servers := behind(t)
	p := start(t, servers, change...)
	var connections atomic.Int64
	dialer := &net.Dialer{}
	client := &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // made for this test
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			connections.Add(1)
			return dialer.DialContext(ctx, network, addr)
		},
	}}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var receipts []*ledger.Receipt
	for range streams {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+p.tls+"/v2/stream/recentchange", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatalf("%v\n%s", err, p.log.tail(4000))
		}
		if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
			t.Fatalf("%s over %s", res.Status, res.Proto)
		}
		receipt := ledger.NewReceipt(k.book, beginning())
		receipts = append(receipts, receipt)
		greeted := make(chan struct{})
		running.Go(func() {
			defer res.Body.Close()
			lines := bufio.NewScanner(res.Body)
			for lines.Scan() {
				if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					receipt.Event(nil, []byte(data))
				} else if lines.Text() == ":ok" {
					close(greeted)
				}
			}
		})
		select {
		case <-greeted:
		case <-ctx.Done():
		}
	}
	for i := range int32(proxyPartitions) {
		k.produce("t", i, 100, 300)
	}
	end := k.book.End()
	for i, r := range receipts {
		eventually(t, patience, func() bool { return r.Reached(end) }, func() string { return fmt.Sprintf("stream %d has %d records", i, r.Received()) })
		if err := r.Check(end); err != nil {
			t.Errorf("stream %d: %v", i, err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d streams took %d connections", streams, n)
	}
}
