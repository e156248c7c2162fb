//go:build linux

package run

import (
	"context"
	"errors"

	"github.com/ringcast/ringcast/bench/produce"
)

// session is a server with all its clients connected and a producer that has sent nothing yet.
type session struct {
	server   *server
	clients  *clients
	producer *produce.Producer
}

// withSession sets up a session on a topic of its own for the time of do.
func (b *Bench) withSession(ctx context.Context, k kind, partitions, size, total int, do func(session) error) error {
	return b.withTopic(partitions, func(topic string) (err error) {
		var s session
		if s.server, err = b.serve(ctx, k, topic); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.server.stop()) }()
		if s.clients, err = b.clients(s.server, partitions, size); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.clients.stop()) }()
		if err := s.clients.connect(total); err != nil {
			return err
		}
		if s.producer, err = produce.New(b.brokers, topic, partitions, size); err != nil {
			return err
		}
		defer s.producer.Close()
		return do(s)
	})
}
