package faultproxy

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// dialTimeout bounds a connection to the target, which is on this machine.
const dialTimeout = 5 * time.Second

// Proxy passes connections to a target on. Its methods may be called from any
// goroutine.
type Proxy struct {
	// Set at construction.
	listener *net.TCPListener
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	running  sync.WaitGroup // the goroutines of accepting and of connections
	up, down link           // to the target, and back

	counts struct{ connections, resets, refused atomic.Int64 }

	// Guarded by mu.
	mu     sync.Mutex
	target string
	state  state
	pairs  map[*pair]struct{}
	luck   *rand.Rand
}

// Counts are sums since the start.
type Counts struct {
	Connections int64 // that were passed on to the target
	Resets      int64 // by Fault.Resets
	Refused     int64 // by Fault.Refuse, or because there is no target
}

// New listens on a free port of loopback. seed decides which pieces of data
// Fault.Resets hits. Until To has named a target connections are refused.
func New(seed uint64) (*Proxy, error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("cannot listen for a fault proxy: %w", err)
	}
	p := &Proxy{
		listener: l, state: state{changed: make(chan struct{})}, pairs: map[*pair]struct{}{},
		luck: rand.New(rand.NewPCG(seed, seed)),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.accept)
	return p, nil
}

// Addr is where it listens, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// To sends connections that come from now on to another target, host:port.
func (p *Proxy) To(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Cut resets every connection and returns how many there were.
func (p *Proxy) Cut() int {
	all := p.all()
	for _, c := range all {
		p.reset(c)
	}
	return len(all)
}

// Strand lets nothing arrive any more on the connections of now, as a router does
// that has forgotten them: nobody is told, and new ones are served. It returns
// how many there were.
func (p *Proxy) Strand() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		if !c.isStranded() {
			close(c.stranded)
			n++
		}
	}
	return n
}

func (p *Proxy) all() []*pair {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.pairs))
}

// Counts returns the sums so far.
func (p *Proxy) Counts() Counts {
	return Counts{p.counts.connections.Load(), p.counts.resets.Load(), p.counts.refused.Load()}
}

// Open returns how many connections there are.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pairs)
}

// Close resets every connection, and waits until all goroutines have ended.
func (p *Proxy) Close() {
	p.cancel()
	_ = p.listener.Close()
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.AcceptTCP()
		if err != nil {
			return // only Close ends it: a test that is out of descriptors fails elsewhere
		}
		p.running.Go(func() { p.serve(conn) })
	}
}

// serve carries one connection.
func (p *Proxy) serve(client *net.TCPConn) {
	defer client.Close()
	p.mu.Lock()
	target, refuse := p.target, p.state.Refuse
	p.mu.Unlock()
	var server net.Conn
	if target != "" && !refuse {
		// A target that is away refuses, as it would without the proxy.
		server, _ = (&net.Dialer{Timeout: dialTimeout}).DialContext(p.ctx, "tcp", target)
	}
	if server == nil {
		p.counts.refused.Add(1)
		_ = client.SetLinger(0)
		return
	}
	defer server.Close()
	c := &pair{p: p, client: client, server: server.(*net.TCPConn), over: make(chan struct{}), stranded: make(chan struct{})}
	if !p.add(c) {
		return
	}
	p.counts.connections.Add(1)
	c.carry()
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

// add holds a connection, unless the proxy is closed.
func (p *Proxy) add(c *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	p.pairs[c] = struct{}{}
	return true
}

// reset ends a connection on both sides.
func (p *Proxy) reset(c *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, open := p.pairs[c]; !open {
		return
	}
	delete(p.pairs, c)
	close(c.over)
	for _, conn := range []*net.TCPConn{c.client, c.server} {
		_ = conn.SetLinger(0)
		_ = conn.Close()
	}
}

// unlucky throws the dice.
func (p *Proxy) unlucky(probability float64) bool {
	if probability == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.luck.Float64() < probability
}
