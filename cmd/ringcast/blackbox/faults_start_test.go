//go:build kafka && faults

package blackbox

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/certs"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// TestFaultsStart: what keeps an instance from serving when it starts. It takes
// connections all the same, and serves them by itself after the repair.
func TestFaultsStart(t *testing.T) {
	ca := certs.NewAuthority(t, "ca")
	c := kafka.ForTest(t, kafka.Options{Secure: &kafka.Secure{
		CA: ca.PEM, Server: ca.Issue("kafka"), Users: map[string]string{"edge": edgePassword},
	}})
	dir := t.TempDir()
	paths := certs.Write(t, dir, map[string][]byte{"ca": ca.PEM})
	for _, start := range []struct {
		name string
		play func(*secured)
	}{
		{"Away", (*secured).startsAway},
		{"Topics", (*secured).startsWithoutTopics},
		{"Password", (*secured).startsWithWrongPassword},
		{"PasswordInKafka", (*secured).startsBeforePasswordInKafka},
	} {
		t.Run(start.name, func(t *testing.T) { start.play(&secured{newScene(t, c), dir, paths}) })
	}
}

func (s *secured) startsAway() {
	const topic = "start.away"
	s.topic(topic, 1)
	w := s.writer(100)
	stop := w.load(topic, 1)
	eventually(s.t, settleTime, func() bool { return !w.acks.begun().IsZero() }, func() string { return "nothing is written" })
	s.must(s.c.Kill(1))
	in := s.serve(20_000, topic)
	eventually(s.t, settleTime, func() bool { return in.sum("ringcast_kafka_errors_total{") > 0 }, func() string { return "no error is counted" })
	s.repaired("Kafka away at start", in, func() (time.Time, func()) {
		w.acks.reset()
		s.must(s.c.Restart(s.ctx, 1))
		eventually(s.t, settleTime, func() bool { return !w.acks.begun().IsZero() }, func() string { return "nothing is written" })
		return w.acks.begun(), stop // Kafka is there when it takes records
	})
}

func (s *secured) startsWithoutTopics() {
	const topic = "start.topics"
	in := s.serve(20_000, topic)
	in.waitReady()
	s.repaired("Kafka without the topics", in, func() (time.Time, func()) {
		began := time.Now()
		s.topic(topic, 1)
		return began, s.writer(100).load(topic, 1)
	})
}

// startsWithWrongPassword: the right one is written into the file.
func (s *secured) startsWithWrongPassword() {
	const topic = "start.password"
	in, file, stop := s.refused(topic, "wr0ng-pw")
	s.repaired("wrong password, later right in the file", in, func() (time.Time, func()) {
		began := time.Now()
		writeFile(s.t, file, edgePassword)
		return began, stop
	})
}

// startsBeforePasswordInKafka: the password is right, but Kafka learns it later.
func (s *secured) startsBeforePasswordInKafka() {
	const topic, password = "start.user", "n3w-pw"
	in, _, stop := s.refused(topic, password)
	s.repaired("wrong password, later right in Kafka", in, func() (time.Time, func()) {
		s.must(s.c.SetPassword("edge", password))
		return time.Now(), stop
	})
}

// refused is an instance that Kafka does not believe, while records are written
// until stop is called.
func (s *secured) refused(topic, password string) (in *instance, file string, stop func()) {
	s.t.Helper()
	s.topic(topic, 1)
	s.must(s.c.Allow(least("edge", topic)...))
	stop = s.writer(100).load(topic, 1)
	file = writeFile(s.t, filepath.Join(s.t.TempDir(), "password"), password)
	in = startConfig(s.t, s.config(s.c.SASLAddr(1), topic,
		fmt.Sprintf("[kafka.sasl]\nmechanism = \"SCRAM-SHA-512\"\nusername = \"edge\"\npassword_file = %q\n", file)))
	in.waitTrouble("authentication failed for user \"edge\"")
	return in, file, stop
}

// repaired measures the time from a repair to the first event at a client that
// has waited for it. repair returns when it was, and what stops the writer.
func (s *secured) repaired(name string, in *instance, repair func() (at time.Time, stop func())) {
	s.t.Helper()
	waiting := s.client(s.watched.watch(ledger.Config{URLs: []string{s.url(in)}}), s.always)
	eventually(s.t, settleTime, func() bool { return waiting.Counts().Connections == 1 }, func() string { return "the client is not connected" })
	s.watched.reset()
	began := time.Now()
	at, stop := repair()
	eventually(s.t, settleTime, func() bool { return !s.watched.begun().IsZero() }, func() string { return "no event comes" })
	f := &fault{name: name, limit: 5 * time.Second, says: "5 s after the repair"}
	f.pause = max(0, s.watched.begun().Sub(at)).Round(time.Millisecond)
	f.lasted = time.Since(began).Round(time.Millisecond)
	s.row(f)
	in.waitReady()
	s.healthy(in)
	eventually(s.t, settleTime, func() bool { return len(in.trouble()) == 0 }, func() string { return fmt.Sprintf("trouble stays: %q", in.trouble()) })
	stop()
	s.reached()
	s.unbroken(waiting)
	s.settle()
}
