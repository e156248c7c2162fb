//go:build linux

package run

import (
	"context"
	"errors"
	"time"

	"github.com/ringcast/ringcast/bench/produce"
)

// session is a server with all its clients connected and a producer that has sent nothing yet.
type session struct {
	server   *server
	clients  *clients
	producer *produce.Producer
	topic    string

	total     int    // clients
	crowd     int    // clients that are no part of the measurement
	empty     uint64 // resident memory of the server before the first of them, in bytes
	kafkaPort int
}

// withSession sets up a session on a topic of its own for the time of do.
func (b *Bench) withSession(ctx context.Context, k kind, partitions, size, total int, do func(session) error) error {
	return b.withSessionOf(ctx, k, setup{}, partitions, size, func(s session) error {
		s, err := s.connected(total)
		if err != nil {
			return err
		}
		return do(s)
	})
}

// connected is the session when it has total clients.
func (at session) connected(total int) (session, error) {
	at.total = total
	return at, at.clients.connect(total)
}

// withSessionOf is withSession with a server that is set up differently, with clients that have more flags, and with
// none of them connected.
func (b *Bench) withSessionOf(ctx context.Context, k kind, o setup, partitions, size int, do func(session) error, flags ...string) error {
	return b.withTopic(partitions, func(topic string) (err error) {
		s := session{topic: topic, kafkaPort: b.kafkaPort}
		o.topic = topic
		if s.server, err = b.serveAs(ctx, k, o); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.server.stop()) }()
		if s.empty, err = s.server.resident(ctx); err != nil {
			return err
		}
		if s.clients, err = b.clients(s.server, partitions, size, append([]string{"-topic", topic}, flags...)...); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.clients.stop()) }()
		if s.producer, err = produce.New(b.brokers, topic, partitions, size); err != nil {
			return err
		}
		defer s.producer.Close()
		return do(s)
	})
}

// served waits until the server has taken in n records of which no client is told. A yardstick sends what is in its
// log to nobody who comes later; it gets the time that ringcast needs.
func (at session) served(ctx context.Context, n int) error {
	if at.server.admin == "" {
		return pause(ctx, time.Second)
	}
	return at.server.awaitEvents(ctx, n)
}
