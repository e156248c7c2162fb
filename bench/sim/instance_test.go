package sim

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/ringcast/ringcast/broker"
	"github.com/ringcast/ringcast/broker/record"
	"github.com/ringcast/ringcast/cmd/serve"
	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse"
	"github.com/ringcast/ringcast/sse/frame"
)

// instance is one place where a server runs, again and again.
type instance struct {
	w     *world
	name  string
	cable *cable

	restarting atomic.Bool // whoever set it owns run; else the world does
	run        *run        // nil while it is down
}

// run is one life of a server, put together as package serve does it.
type run struct {
	broker *broker.Broker
	http   *sse.Server
	host   *host
	set    *metrics.Set
	stop   context.CancelFunc
	ended  chan struct{} // closed when the broker has ended
	served chan struct{} // closed when Serve has returned
}

func newInstance(w *world, i int) *instance {
	c := &cable{net: &w.network, conns: map[*cord]struct{}{}}
	return &instance{w: w, name: fmt.Sprintf("i%d", i), cable: c}
}

// url is that of the stream on this instance.
func (in *instance) url() string { return "http://" + in.name + "/v2/stream/s" }

// start boots the server.
func (in *instance) start() error {
	w := in.w
	ring := ringbuf.New(w.plan.ring, 1<<20)
	log, set := w.trace.logger(in.name), metrics.NewSet()
	b, err := broker.New(broker.Config{
		Brokers: w.kafka.ListenAddrs(), ClientID: "sim", GroupPrefix: "sim", Host: in.name, ReadCommitted: true,
		ReplayReads: 2, ReplayBytes: w.plan.cache, Configure: in.cable.configure, Log: log, Metrics: set,
	}, []broker.StreamConfig{{
		Name: "s", Topics: w.plan.topics, Format: record.JSON, Events: w.plan.ring, WarmUp: 15 * time.Minute,
		Encoder: frame.NewEncoder(w.plan.form, frame.JSON), Ring: ring,
	}})
	if err != nil {
		return fmt.Errorf("cannot make a broker: %w", err)
	}
	r := &run{broker: b, host: w.web.listen(in.name + ":80"), set: set, ended: make(chan struct{}), served: make(chan struct{})}
	r.http, err = sse.New(sse.Config{
		Streams: []sse.Stream{{
			Name: "s", Topics: w.plan.topics, ID: w.plan.form, Format: frame.JSON, Ring: ring, Source: b.Stream("s"),
		}},
		Limits: sse.Limits{MaxConnections: 100, Heartbeat: 15 * time.Second, Retry: 3 * time.Second,
			SlowClientTimeout: time.Minute, MinRate: 1, PendingBytes: 1 << 20, CORSOrigins: []string{"*"}},
		BasePath: "/v2/stream", MaxRequestBytes: 16 << 10, SendBuffer: 64 << 10, HeaderTimeout: 10 * time.Second, NoShards: true,
		History: serve.History(b), Log: log, Metrics: set,
	})
	if err != nil {
		return fmt.Errorf("cannot make a server: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() {
		defer close(r.ended)
		_ = b.Run(ctx)
	}()
	go func() {
		defer close(r.served)
		if err := r.http.Serve(r.host); err != nil {
			w.fail("%s: serving ended: %v", in.name, err)
		}
	}()
	in.run = r
	return nil
}

// end stops the server: at once, with every connection reset, or draining for
// so long.
func (in *instance) end(drain time.Duration) {
	r := in.run
	in.run = nil
	if drain > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), drain+5*time.Second)
		if err := r.http.Drain(ctx, drain); err != nil {
			in.w.trace.add("%s: connections are left after draining for %v", in.name, drain)
		}
		cancel()
	} else {
		r.host.die()
	}
	r.http.Close()
	r.stop()
	<-r.ended
	<-r.served
}

// report writes what the server counts into the trace.
func (in *instance) report() {
	if in.run == nil {
		return
	}
	var b bytes.Buffer
	in.run.set.WritePrometheus(&b)
	for line := range strings.Lines(b.String()) {
		if line = strings.TrimSpace(line); !strings.HasSuffix(line, " 0") && !strings.Contains(line, "_bucket") {
			in.w.trace.add("%s %s", in.name, line)
		}
	}
}
