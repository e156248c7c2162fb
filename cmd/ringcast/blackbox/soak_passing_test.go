//go:build kafka && faults

package blackbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/bench/ledger"
)

// passes follows a stream from a time of the last half minute on, again and
// again with a new client, each of which is asked when it leaves.
func (s *soak) passes(stream string, partitions int32, seed uint64) {
	rng := rand.New(rand.NewPCG(s.seed, seed))
	s.running.Go(func() {
		for n := 0; s.following.Err() == nil && !s.last.Load(); n++ {
			since := time.Now().Add(-drawTime(rng, 0, 30*time.Second))
			stay := drawTime(rng, 0, 15*time.Second)
			start, err := s.offsetsAt(stream, partitions, since)
			if err != nil { // no Kafka, or no record since
				pause(s.following, time.Second)
				continue
			}
			urls := s.urls(stream, n)
			for i := range urls {
				urls[i] += fmt.Sprintf("?since=%d", since.UnixMilli())
			}
			m := &member{Client: ledger.NewClient(ledger.Config{URLs: urls, Book: s.book, OnNotice: s.fate.judge, Mode: ledger.Mode(n % 2)}),
				name: fmt.Sprintf("client since %v", since), topics: []string{stream}, allowed: []ledger.Kind{ledger.IDBehind}} // the greeting speaks of the time, ids of records
			s.pass(m, stay)
			for tp, at := range m.Receipt().Start() {
				// An instance that has not read so far begins at its own end.
				if at > start[tp] {
					s.fails("%s begins %v at %d, and what is so new begins at %d", m.name, tp, at, start[tp])
				}
			}
		}
	})
}

// pass is one client's stay.
func (s *soak) pass(m *member, stay time.Duration) {
	following, stop := context.WithCancel(s.following)
	left := make(chan struct{})
	go func() {
		defer close(left)
		m.Follow(following)
	}()
	pause(following, stay)
	waiting, cancel := context.WithTimeout(s.following, 3*settleTime) // Kafka may be away
	defer cancel()
	err := m.WaitUntil(waiting, s.book.End(m.topics...))
	stop()
	<-left
	// What came since may not be booked yet.
	end := m.Receipt().Position()
	if err == nil {
		err = m.WaitUntil(waiting, end)
	}
	switch {
	case err == nil:
		s.judge(m, end)
	case s.following.Err() == nil:
		s.fails("%s: %v; %+v, last id %s", m.name, err, m.Counts(), m.LastEventID())
	}
}

// offsetsAt asks Kafka for the first record since a time, of each partition.
func (s *soak) offsetsAt(topic string, partitions int32, at time.Time) (ledger.Positions, error) {
	config := sarama.NewConfig()
	config.Net.DialTimeout, config.Net.ReadTimeout = 2*time.Second, 2*time.Second
	client, err := sarama.NewClient(s.c.Addrs(), config)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	start := ledger.Positions{}
	for p := range partitions {
		n, err := client.GetOffset(topic, p, at.UnixMilli())
		if err == nil && n < 0 {
			err = errors.New("no record since")
		}
		if err != nil {
			return nil, err
		}
		start[ledger.TopicPartition{Topic: topic, Partition: p}] = n
	}
	return start, nil
}

// tails runs the command that follows a stream, at all instances, from its end
// on, where a member is, too.
func (s *soak) tails(stream string, like *member) {
	s.t.Helper()
	m := &member{Client: ledger.NewClient(ledger.Config{Book: s.book, Start: s.book.End(stream)}), name: "ringcast tail", topics: []string{stream}}
	s.members = append(s.members, m)
	cmd := exec.Command(s.hosts[0].command, "tail", "-id", like.LastEventID(), strings.Join(s.urls(stream, 0), ","))
	lines, err := cmd.StdoutPipe()
	s.must(err)
	s.must(cmd.Start())
	s.running.Go(func() {
		for r := bufio.NewReader(lines); ; {
			line, err := r.ReadBytes('\n')
			if err != nil {
				break
			}
			m.Receipt().Event(nil, line[:len(line)-1])
		}
		_ = cmd.Wait() // a signal ends it
	})
	s.running.Go(func() {
		<-s.following.Done()
		_ = cmd.Process.Signal(syscall.SIGTERM)
	})
}

// storm is up to 300 clients that come to an instance at once, read a little and
// vanish with a reset.
func (s *soak) storm(st step) {
	var crowd []net.Conn
	stream := []string{"edits", "small", "side", "sums", "edits,sums", "side,small"}[st.number%6]
	for range 20 + st.number/6%280 {
		conn, err := net.DialTimeout("tcp", s.hosts[st.which].addr, time.Second)
		if err != nil { // nobody is there, or its queue is full
			break
		}
		crowd = append(crowd, conn)
		_, _ = fmt.Fprintf(conn, "GET /v2/stream/%s HTTP/1.1\r\nHost: x\r\n\r\n", stream)
	}
	for i, conn := range crowd {
		if i%3 > 0 {
			_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			_, _ = io.ReadFull(conn, make([]byte, 64<<(i%8)))
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

// resetClients ends the connections of a part of the crowd.
func (s *soak) resetClients(st step) {
	for i, m := range s.members {
		if st.number>>(i%8)&1 == 0 {
			m.Cut(st.number>>8&1 == 0)
		}
	}
}
