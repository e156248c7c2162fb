//go:build linux

package run

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// setup is how ringcast is configured where positions are what is measured. What is zero has its default.
type setup struct {
	events     int    // of the ring
	cache      int    // of replays, in bytes
	maxClients int    // of replays
	topic      string // of the only stream
}

func (o setup) toml(broker, listen, admin string) string {
	var t strings.Builder
	fmt.Fprintf(&t, "[server]\nlisten = %q\nadmin_listen = %q\n", listen, admin)
	fmt.Fprintf(&t, "[kafka]\nbrokers = [%q]\n", broker)
	if o.cache > 0 || o.maxClients > 0 {
		t.WriteString("[replay]\n")
	}
	if o.cache > 0 {
		fmt.Fprintf(&t, "cache = \"%dKiB\"\n", o.cache>>10)
	}
	if o.maxClients > 0 {
		fmt.Fprintf(&t, "max_clients = %d\n", o.maxClients)
	}
	fmt.Fprintf(&t, "[streams.%s]\ntopics = [%q]\n", streamName, o.topic)
	if o.events > 0 {
		fmt.Fprintf(&t, "events = %d\n", o.events)
	}
	return t.String()
}

// withServer runs do with a ringcast of its own: nothing is in its cache, its counters are 0.
func (b *Bench) withServer(ctx context.Context, o setup, do func(*server) error) (err error) {
	listen, admin, err := twoPorts()
	if err != nil {
		return err
	}
	config, err := b.writeConfig(o.toml(b.brokers[0], listen, admin))
	if err != nil {
		return err
	}
	s, err := b.serveRingcast(ctx, listen, admin, "-config", config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return do(s)
}

// withClients runs do with a load generator for s that has no clients yet. flags are more of its flags.
func (b *Bench) withClients(s *server, topic string, partitions, size int, do func(*clients) error, flags ...string) (err error) {
	c, err := b.clients(s, partitions, size, append([]string{"-topic", topic}, flags...)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	return do(c)
}

// keepIDs and readSlowly are flags of the load generator.
const keepIDs = "-keep"

func readSlowly(rate int) []string { return []string{"-rate", strconv.Itoa(rate)} }
