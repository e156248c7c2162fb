package ledger

import (
	"bytes"
	"strings"
	"time"
)

// openStream makes the parser of the visit's mode and connects it to the client's account.
func (v *visit) openStream() (feed func([]byte), inside func() bool, rest func() []byte) {
	if v.client.config.Mode == NDJSON {
		if !v.client.config.Foreign {
			v.client.receipt.Rejoin()
		}
		p := &documents{
			onDocument:  func(b []byte) { v.event(nil, b) },
			onHeartbeat: func() { v.client.count(func(n *Counts) { n.Heartbeats++ }) },
			complain:    v.complain,
		}
		return p.feed, p.inside, p.rest
	}
	p := &blocks{onGreeting: v.greeting, onEvent: v.block, onComment: v.comment, onRetry: v.retry, complain: v.complain}
	return p.feed, p.inside, p.rest
}

// greeting adopts the id of the first block: WHATWG sets the last event id although no event fires.
func (v *visit) greeting(b block) {
	if !b.hasID {
		return
	}
	v.adopt(b.id)
	if !v.client.config.Foreign {
		v.client.receipt.Greeting(b.id)
	}
}

// block takes a complete block: an event, a gap, an error, or an id alone.
func (v *visit) block(b block) {
	name := string(b.name)
	if v.client.config.Foreign {
		if b.hasID {
			v.adopt(b.id)
		}
		if b.hasData {
			v.event(b.id, b.data)
		}
		return
	}
	switch {
	case !b.hasData:
		v.complain("block without data", b.id)
	case name == "gap" && !b.hasID:
		g, err := parseGapEvent(b.data)
		if err != nil {
			v.complain("gap event: "+err.Error(), b.data)
			return
		}
		v.gap(g, "gap "+g.String())
		return
	case name == "error" && !b.hasID:
		v.notice(Notice{Text: "error " + string(b.data)})
		return
	case name != "message" || !b.hasID:
		v.complain("event is not `event: message` with id and data", bytes.Join([][]byte{b.name, b.id, b.data}, []byte(" | ")))
	}
	if b.hasID {
		v.adopt(b.id)
	}
	if b.hasData {
		v.event(b.id, b.data)
	}
}

// adopt makes id the last event id.
func (v *visit) adopt(id []byte) {
	c := v.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lastID != string(id) {
		c.lastID = string(id)
	}
}

// event counts and books one event, then shows it.
func (v *visit) event(id, data []byte) {
	c := v.client
	v.end.Events++
	c.count(func(n *Counts) { n.Events++ })
	if !c.config.Foreign {
		c.receipt.Event(id, data)
	}
	if c.config.OnEvent != nil {
		c.config.OnEvent(Event{ID: id, Data: data, Received: v.readAt})
	}
}

// comment takes a comment line: a heartbeat or a notice.
func (v *visit) comment(text []byte) {
	if len(text) == 0 {
		v.client.count(func(n *Counts) { n.Heartbeats++ })
		return
	}
	said, ok := strings.CutPrefix(string(text), " ")
	switch {
	case ok && strings.HasPrefix(said, "gap "):
		g, err := parseGap([]byte(said))
		if err != nil {
			v.complain("gap notice: "+err.Error(), text)
			return
		}
		v.gap(g, said)
	case ok && announcesEnd(said) && !strings.HasPrefix(said, "error "):
		v.notice(Notice{Text: said})
	default:
		v.complain("unknown comment", text)
	}
}

func (v *visit) gap(g GapNotice, said string) {
	v.client.count(func(n *Counts) { n.Gaps++ })
	if !v.client.config.Foreign {
		v.client.receipt.Gap(g)
	}
	v.notice(Notice{Text: said, Gap: &g})
}

// notice remembers and shows what the server said.
func (v *visit) notice(n Notice) {
	c := v.client
	if n.Gap == nil {
		v.end.Said = n.Text
	}
	c.mu.Lock()
	if len(c.notices) < keptNotices {
		c.notices = append(c.notices, n)
	}
	c.mu.Unlock()
	if c.config.OnNotice != nil {
		c.config.OnNotice(n)
	}
}

// retry keeps the reconnection time.
func (v *visit) retry(d time.Duration) {
	c := v.client
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retry = d
}
