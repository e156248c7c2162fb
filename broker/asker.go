package broker

import (
	"sync"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
)

// asker is a raw client for one purpose that can be replaced at any time.
// Whoever is in the middle of a question then gets an error.
type asker struct {
	b *Broker

	mu     sync.Mutex
	client *raw.Client
	leash  *leash
	closed bool
}

func (b *Broker) newAsker() *asker {
	a := &asker{b: b}
	a.client, a.leash = a.connect()
	return a
}

func (a *asker) connect() (*raw.Client, *leash) {
	l := newLeash()
	return raw.New(raw.Config{
		Brokers: a.b.cfg.Brokers,
		Sarama: func() *sarama.Config {
			c, _ := a.b.clientConfig(l) // New has seen that it is valid
			return c
		},
		MaxBatch: a.b.cfg.MaxBatch,
	}), l
}

// get returns the client of the moment.
func (a *asker) get() *raw.Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.client
}

// renew cuts the connections and begins with new ones.
func (a *asker) renew() {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return
	}
	client, leash := a.client, a.leash
	a.client, a.leash = a.connect()
	a.mu.Unlock()
	leash.cut()
	client.Close()
}

// close cuts the connections; every later question fails.
func (a *asker) close() {
	a.mu.Lock()
	a.closed = true
	client, leash := a.client, a.leash
	a.mu.Unlock()
	leash.cut()
	client.Close()
}
