package sse

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/ringcast/ringcast/sse/position"
)

// modelWorld is everything that a seed makes: clusters, instances, clients. It
// runs in a synctest bubble. Whatever an instance does that others could come
// between is a call that waits until the world lets it go on, so that one
// goroutine moves at a time and a seed always tells the same story.
type modelWorld struct {
	rng       *rand.Rand
	clusters  []*modelKafka
	instances []*modelInstance
	clients   []*modelClient
	now       int64 // record time

	// How this world is.
	form         position.Form
	ringEvents   int
	warmUp       int64
	sendBuffer   int
	park         bool
	transactions bool
	backwards    bool // record times may go back
	retention    bool
	twoClusters  bool
	reconfigured bool // instances may start with other topics
	switching    bool // instances may go from one cluster to the other
	recreation   bool
	recreated    bool // a topic was
	steps        int

	mu         sync.Mutex
	calls      []*modelCall           // guarded by mu
	goroutines map[string]*modelVisit // who works for whom, guarded by mu

	tell  bool
	trace []string
}

// modelCall is something that waits for the world.
type modelCall struct {
	name    string
	visit   *modelVisit
	proceed chan uint64
}

// pass waits until the world lets the caller go on, and returns something
// random. ok is false when its client has gone: nobody is interested any more,
// and how such a goroutine ends is not part of the story.
func (w *modelWorld) pass(name string) (x uint64, ok bool) {
	w.mu.Lock()
	v := w.goroutines[goroutine()]
	if v == nil || v.gone {
		w.mu.Unlock()
		return 0, false
	}
	c := &modelCall{v.name + " " + name, v, make(chan uint64)}
	w.calls = append(w.calls, c)
	w.mu.Unlock()
	x = <-c.proceed
	return x, !v.gone
}

// enter says that the calling goroutine works for a visit.
func (w *modelWorld) enter(v *modelVisit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.goroutines[goroutine()] = v
}

// goroutine names the calling one.
func goroutine() string {
	var b [32]byte
	name, _, _ := strings.Cut(string(b[:runtime.Stack(b[:], false)]), " [")
	return name
}

// meet orders what the world has done before what the caller does next. One
// goroutine moves at a time, but of those that a timer has woken the race
// detector does not know.
func (w *modelWorld) meet() {
	w.mu.Lock()
	defer w.mu.Unlock()
}

// waiting returns the calls that wait, in an order that is always the same.
func (w *modelWorld) waiting() []*modelCall {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortFunc(w.calls, func(a, b *modelCall) int { return cmp.Compare(a.name, b.name) })
	return slices.Clone(w.calls)
}

// forget marks a visit as gone and lets its calls go.
func (w *modelWorld) forget(v *modelVisit) {
	w.mu.Lock()
	v.gone = true
	w.mu.Unlock()
	for _, c := range w.waiting() {
		if c.visit == v {
			w.let(c, 0)
		}
	}
}

// let lets a call go on, with something random, until nothing moves any more.
func (w *modelWorld) let(c *modelCall, x uint64) {
	w.mu.Lock()
	w.calls = slices.DeleteFunc(w.calls, func(x *modelCall) bool { return x == c })
	w.mu.Unlock()
	w.tracef("- %s", c.name)
	c.proceed <- x
	w.rest()
}

// rest returns when nothing moves any more.
func (w *modelWorld) rest() {
	synctest.Wait()
	w.meet()
	for _, c := range w.clients {
		if v := c.visit; v != nil {
			v.answer()
		}
	}
}

func (w *modelWorld) tracef(format string, args ...any) {
	if w.tell {
		w.trace = append(w.trace, fmt.Sprintf(format, args...))
	}
}

func (w *modelWorld) chance(percent int) bool { return w.rng.IntN(100) < percent }

func newModelWorld(seed uint64, tell bool) *modelWorld {
	w := &modelWorld{rng: rand.New(rand.NewPCG(seed, 11)), tell: tell, goroutines: map[string]*modelVisit{}, now: time.Now().UnixMilli() - 100_000}
	w.form = modelForms[w.rng.IntN(len(modelForms))]
	w.ringEvents, w.warmUp, w.sendBuffer = 2+w.rng.IntN(8), w.rng.Int64N(9), 1+w.rng.IntN(3000)
	w.park, w.transactions, w.backwards, w.retention = w.chance(30), w.chance(50), w.chance(25), w.chance(50)
	w.twoClusters, w.reconfigured, w.recreation = w.chance(15), w.chance(20), w.chance(30)
	if w.form == position.Timestamp && w.backwards {
		// With the newest record gone nothing tells which of the older ones were given.
		w.retention = false
	}
	w.steps = 150 + w.rng.IntN(250)
	w.switching = w.twoClusters && w.chance(60)
	for i, tag := range []string{"cccccc", "dddddd"}[:1+b2i(w.twoClusters)] {
		k := &modelKafka{tag: tag, topics: map[string]*modelTopic{}}
		for _, name := range []string{"t", "u"} {
			t := &modelTopic{name: name}
			k.topics[name] = t
			if name == "t" || w.chance(60) {
				w.create(t, 1+w.rng.IntN(3)-b2i(name == "u")*w.rng.IntN(2))
			}
			for _, l := range t.logs {
				for range w.rng.IntN(7) {
					w.produce(l)
				}
			}
		}
		w.clusters = append(w.clusters, k)
		for n := range 2 + w.rng.IntN(2) - i {
			w.instances = append(w.instances, newModelInstance(w, fmt.Sprintf("%c%d", "AB"[i], n), k, w.topics()))
		}
	}
	for n := range 2 {
		w.clients = append(w.clients, &modelClient{world: w, name: fmt.Sprintf("c%d", n), lines: w.chance(15)})
	}
	w.tracef("form %d, ring of %d, warm-up %d, send buffer %d, park %v, transactions %v, backwards %v, retention %v, two clusters %v, switching %v, reconfigured %v, recreation %v, %d instances",
		w.form, w.ringEvents, w.warmUp, w.sendBuffer, w.park, w.transactions, w.backwards, w.retention, w.twoClusters, w.switching, w.reconfigured, w.recreation, len(w.instances))
	return w
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// topics is what an instance is configured with.
func (w *modelWorld) topics() []string {
	if w.reconfigured && w.chance(40) {
		return []string{"t"}
	}
	return []string{"t", "u"}
}

// create makes a topic, anew if it was there.
func (w *modelWorld) create(t *modelTopic, parts int) {
	t.gen, t.exists, t.logs = t.gen+1, true, nil
	for range max(1, parts) {
		t.logs = append(t.logs, &modelLog{})
	}
}

// logOf returns the log of a key while it is there.
func (w *modelWorld) logOf(k modelKey) *modelLog {
	for _, c := range w.clusters {
		if c.tag == k.cluster {
			return c.log(k.topic, k.gen, k.part)
		}
	}
	return nil
}

// produce appends one record.
func (w *modelWorld) produce(l *modelLog) {
	kinds := "rrrrrrrbmL"
	if w.transactions {
		kinds = "rrrrrrrrrrbbmmLo"
	}
	w.now += int64(w.rng.IntN(3) / 2)
	r := modelRecord{kinds[w.rng.IntN(len(kinds))], w.now}
	if w.backwards && w.chance(20) {
		r.time -= w.rng.Int64N(6)
	}
	l.records = append(l.records, r)
}

// commit ends the open transactions of a log.
func (w *modelWorld) commit(l *modelLog) {
	kind := byte(goodRecord)
	if w.chance(40) {
		kind = markerRecord // aborted
	}
	open := false
	for i := range l.records {
		if l.records[i].kind == openRecord {
			l.records[i].kind, open = kind, true
		}
	}
	if open {
		l.records = append(l.records, modelRecord{markerRecord, w.now})
	}
}

// someTopic returns a random topic that exists.
func (w *modelWorld) someTopic() (*modelKafka, *modelTopic) {
	k := w.clusters[w.rng.IntN(len(w.clusters))]
	if t := k.topics["u"]; t.exists && w.chance(40) {
		return k, t
	}
	return k, k.topics["t"]
}

func (w *modelWorld) someLog() (string, *modelLog) {
	k, t := w.someTopic()
	if !t.exists {
		return "", nil
	}
	p := w.rng.IntN(len(t.logs))
	if w.chance(50) {
		p = 0 // the others are quiet
	}
	return fmt.Sprintf("%s %s.%d/%d", k.tag[:1], t.name, t.gen, p), t.logs[p]
}

// step lets one random thing happen.
func (w *modelWorld) step() {
	in := w.instances[w.rng.IntN(len(w.instances))]
	switch x := w.rng.IntN(1000); {
	case x < 200:
		if name, l := w.someLog(); l != nil {
			w.produce(l)
			w.tracef("produced %c %s@%d %d", l.records[l.end()-1].kind, name, l.end()-1, l.records[l.end()-1].time)
		}
	case x < 230:
		if name, l := w.someLog(); l != nil {
			w.commit(l)
			w.tracef("committed %s", name)
		}
	case x < 450:
		s := in.topics[w.rng.IntN(len(in.topics))]
		if s.count > 0 {
			p := w.rng.IntN(s.count)
			in.publish(s, p, 1+w.rng.IntN(3))
			w.tracef("%s consumes %s/%d: %v", in.name, s.name, p, in.ring.Position().Pos)
		}
	case x < 480:
		in.checkEnds()
		w.tracef("%s checks ends: %v", in.name, in.ring.Position().Pos)
	case x < 505:
		in.discover()
		w.tracef("%s discovers: %v", in.name, in.ring.Position())
	case x < 515:
		if k, t := w.someTopic(); t.exists && len(t.logs) < 4 {
			t.logs = append(t.logs, &modelLog{})
			w.tracef("%s %s has %d partitions", k.tag, t.name, len(t.logs))
		}
	case x < 520:
		k := w.clusters[w.rng.IntN(len(w.clusters))]
		if t := k.topics["u"]; !t.exists {
			w.create(t, 1+w.rng.IntN(2))
			w.recreated = w.recreated || t.gen > 1
			w.tracef("%s %s.%d exists", k.tag, t.name, t.gen)
		}
	case x < 530:
		if k, t := w.someTopic(); w.recreation && t.exists {
			if t.name == "u" && w.chance(30) {
				t.exists = false
				w.tracef("%s %s is deleted", k.tag, t.name)
				break
			}
			w.create(t, len(t.logs)-1+w.rng.IntN(3))
			w.recreated = true
			w.tracef("%s %s.%d is created anew with %d partitions", k.tag, t.name, t.gen, len(t.logs))
		}
	case x < 550:
		if name, l := w.someLog(); l != nil && w.retention {
			l.start += w.rng.Int64N(max(0, w.spared(l)-l.start) + 1)
			w.tracef("%s begins at %d", name, l.start)
		}
	case x < 565:
		w.restart(in)
	case x < 575:
		in.away = !in.away && w.chance(50)
		w.tracef("%s away %v", in.name, in.away)
	case x < 590:
		w.clock()
	case x < 600:
		w.switchCluster(in)
	case x < 620:
		w.cut(w.clients[w.rng.IntN(len(w.clients))])
	default:
		w.progress()
	}
	w.rest()
	for _, c := range w.clients {
		if w.ended(c); c.visit == nil && w.chance(40) {
			w.connect(c)
		}
	}
}

// spared is the offset up to which retention may go. Where ids are times alone,
// a record that an instance never had may have been the one delivered last.
func (w *modelWorld) spared(l *modelLog) int64 {
	most := l.stable()
	for _, in := range w.instances {
		for _, s := range in.topics {
			for p, part := range s.parts {
				if w.form == position.Timestamp && in.kafka.log(s.name, s.gen, int32(p)) == l {
					most = min(most, in.ring.Position().Pos[part].Next)
				}
			}
		}
	}
	return most
}

// clock lets time pass, unless somebody is in the middle of something.
func (w *modelWorld) clock() {
	if len(w.waiting()) == 0 {
		time.Sleep([]time.Duration{firstAsk, time.Second, lastAsk + time.Second}[w.rng.IntN(3)])
		w.rest()
	}
}

// progress moves connections.
func (w *modelWorld) progress() {
	for range 1 + w.rng.IntN(3) {
		if c := w.clients[w.rng.IntN(len(w.clients))]; c.visit != nil && c.visit.shard != nil {
			c.visit.shard.step()
			w.rest()
		}
		if calls := w.waiting(); len(calls) > 0 {
			w.let(calls[w.rng.IntN(len(calls))], w.rng.Uint64())
		}
	}
}

// restart replaces an instance by one that has just begun.
func (w *modelWorld) restart(in *modelInstance) {
	for _, c := range w.clients {
		if c.visit != nil && c.visit.in == in {
			if !c.visit.answered {
				return
			}
			w.cut(c)
		}
	}
	w.close(in)
	fresh := newModelInstance(w, in.name, in.kafka, w.topics())
	w.instances[slices.Index(w.instances, in)] = fresh
	w.tracef("%s starts again: %v", in.name, fresh.ring.Position())
}

// close ends an instance that no client is connected to.
func (w *modelWorld) close(in *modelInstance) {
	over := make(chan struct{})
	go func() {
		in.srv.Close()
		close(over)
	}()
	<-over
	w.rest()
}

// logs calls f with every log there is.
func (w *modelWorld) logs(f func(*modelLog)) {
	for _, k := range w.clusters {
		for _, name := range []string{"t", "u"} {
			if t := k.topics[name]; t.exists {
				for _, l := range t.logs {
					f(l)
				}
			}
		}
	}
}

// settle lets everything come to an end without new records. What is left then
// is an error.
func (w *modelWorld) settle() {
	w.tracef("settling")
	w.logs(w.commit)
	for range 40 {
		for _, in := range w.instances {
			in.away = false
			in.discover()
			w.rest()
			for _, s := range in.topics {
				for p := range s.count {
					in.publish(s, p, 2)
					w.rest()
				}
			}
			in.checkEnds()
			w.rest()
		}
		for _, c := range w.clients {
			if w.ended(c); c.visit == nil {
				w.connect(c)
			}
		}
		for range 200 {
			for _, c := range w.clients {
				if c.visit != nil && c.visit.shard != nil {
					c.visit.shard.step()
				}
			}
			w.rest()
			calls := w.waiting()
			if len(calls) == 0 {
				break
			}
			w.let(calls[w.rng.IntN(len(calls))], w.rng.Uint64())
		}
		time.Sleep(10 * time.Second)
		w.rest()
	}
}

// verdict says what is wrong with the world after it has settled.
func (w *modelWorld) verdict() error {
	for _, c := range w.clients {
		v := c.visit
		if v == nil || !v.answered || v.refused != nil || v.conn.over.Load() {
			return fmt.Errorf("STUCK: %s cannot stay connected", c.name)
		}
		if err := v.missing(); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		if v.shard != nil && !v.shard.level() {
			return fmt.Errorf("STUCK: %s waits in its shard", v.name)
		}
	}
	for _, in := range w.instances {
		if n, m := in.srv.private.Load(), in.srv.replaying.Load(); n != 0 || m != 0 {
			return fmt.Errorf("STUCK: %d followers of %s are private, %d of them read from Kafka; ring at %v", n, in.name, m, in.ring.Position())
		}
	}
	return nil
}

// end closes what is left.
func (w *modelWorld) end() {
	w.tell = false
	for _, c := range w.clients {
		if v := c.visit; v != nil && !v.answered {
			w.forget(v)
		}
		w.cut(c)
	}
	for _, in := range w.instances {
		w.close(in)
	}
}

// failed returns what the clients have found.
func (w *modelWorld) failed() error {
	for _, c := range w.clients {
		if c.failed != "" {
			return fmt.Errorf("%s", c.failed)
		}
	}
	return nil
}
