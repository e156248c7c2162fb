//go:build kafka && faults

package blackbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/faultproxy"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// behindProxy starts a node that tells everybody but the clients of package kafka
// to come through a proxy.
func behindProxy(t *testing.T) (*kafka.Cluster, *faultproxy.Proxy) {
	t.Helper()
	p, err := faultproxy.New(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	c := kafka.ForTest(t, kafka.Options{Properties: map[string]string{
		"broker.session.timeout.ms":      "30000", // nobody kills it, and a busy machine is no reason
		"listeners":                      "PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{extra},CONTROLLER://127.0.0.1:{controller}",
		"advertised.listeners":           "PLAINTEXT://127.0.0.1:{port},PROXIED://" + p.Addr(),
		"listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT",
	}})
	p.To(c.ExtraAddr(1))
	return c, p
}

// under is a row: f holds for so long.
func (l *siege) under(p *faultproxy.Proxy, name string, limit time.Duration, f faultproxy.Fault, lasts time.Duration) *fault {
	l.t.Helper()
	return l.fault(name, limit, func() {
		p.Set(f)
		<-time.After(lasts) // the length of the fault
		p.Set(faultproxy.Fault{})
	})
}

// TestFaultsNetwork: what happens between the broker and Kafka. The producer is
// on the other side of it.
func TestFaultsNetwork(t *testing.T) {
	c, p := behindProxy(t)
	newScene(t, c).badPath(p)
}

// TestLongFaultsNetwork: too little of it.
func TestLongFaultsNetwork(t *testing.T) {
	c, p := behindProxy(t)
	newScene(t, c).narrowPath(p)
}

func (s *scene) badPath(p *faultproxy.Proxy) {
	s.brokers = []string{p.Addr()}
	l := s.underLoad("path", 3, 300)
	const latency = 200 * time.Millisecond
	// The next fetch begins when an answer has come, and waits for records up to 250 ms.
	l.under(p, "Kafka 200 ms away, each way", 2*latency+250*time.Millisecond, faultproxy.Fault{Latency: latency}, 4*time.Second)
	before := p.Counts()
	f := l.under(p, "5 % of requests and answers reset their connection", 2*time.Second, faultproxy.Fault{Resets: 0.05}, 8*time.Second)
	if n := p.Counts().Resets - before.Resets; n < 5 {
		s.t.Errorf("%d connections were reset", n)
	} else {
		f.note = fmt.Sprintf("%d resets", n)
	}
	l.fault("every connection to Kafka reset at once", 2*time.Second, func() { p.Cut() })
	l.fault("every connection to Kafka dead, and nobody told", 6*time.Second, func() { p.Strand() })
	l.under(p, "black hole of 20 s between broker and Kafka", 25*time.Second, faultproxy.Fault{BlackHole: true}, 20*time.Second)
	l.end()
}

// narrowPath: a megabyte a second for two instances that are to get 1.2 each.
func (s *scene) narrowPath(p *faultproxy.Proxy) {
	s.brokers = []string{p.Addr()}
	const rate, bandwidth = 150, 1_000_000
	s.size = 8000
	l := s.underLoad("narrow", 3, rate)
	var most float64
	var during int64
	f := l.fault("1 MB/s between broker and Kafka, load above it", 0, func() {
		before := l.all[0].Counts().Events
		p.Set(faultproxy.Fault{Bandwidth: bandwidth})
		for end := time.Now().Add(15 * time.Second); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
			most = max(most, l.lag())
		}
		during = l.all[0].Counts().Events - before
		p.Set(faultproxy.Fault{})
	})
	f.says = "lag grows and recovers"
	f.note = fmt.Sprintf("lag of both instances up to %v records; %d of %d records came meanwhile", most, during, 15*rate)
	if most < rate || during == 0 {
		s.t.Errorf("%s: want a lag, and no standstill", f.note)
	}
	l.end() // with no lag
}

// lag is that of both instances, in records.
func (l *siege) lag() float64 {
	const name = `ringcast_kafka_lag_records{stream="s0"}`
	return l.one.metric(name) + l.two.metric(name)
}
