//go:build kafka

package blackbox

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/certs"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// secured is a real Kafka with TLS, SASL and rights, and files of credentials.
type secured struct {
	*scene
	dir   string
	paths map[string]string
}

const edgePassword = "r1ght-pw"

// TestKafkaSecured: every way to say who we are, with the rights of README.md
// and no others, and what is said when something is missing.
func TestKafkaSecured(t *testing.T) {
	for _, version := range []string{"3.9", "4"} {
		t.Run(version, func(t *testing.T) {
			ca := certs.NewAuthority(t, "ca")
			client := ca.Issue("edge")
			c := kafka.ForTest(t, kafka.Options{Version: version, Secure: &kafka.Secure{
				CA: ca.PEM, Server: ca.Issue("kafka"), Users: map[string]string{"edge": edgePassword, "bare": edgePassword},
			}})
			dir := t.TempDir()
			paths := certs.Write(t, dir, map[string][]byte{"ca": ca.PEM, "cert": client.Cert, "key": client.Key})
			play := func(name string, do func(*secured)) {
				t.Run(name, func(t *testing.T) { do(&secured{newScene(t, c), dir, paths}) })
			}
			for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
				play(mechanism, func(s *secured) { s.password(mechanism) })
			}
			play("Certificate", (*secured).certificate)
			play("OAUTHBEARER", (*secured).token)
			play("Rights", (*secured).rights)
		})
	}
}

// least are the rights that README.md asks for.
func least(user, topic string) []kafka.Right {
	return []kafka.Right{
		{User: user, Resource: sarama.AclResourceTopic, Name: topic, Operation: sarama.AclOperationRead},
		{User: user, Resource: sarama.AclResourceGroup, Name: "ringcast.", Prefixed: true, Operation: sarama.AclOperationRead},
	}
}

// config is a configuration with a stream "s0" of one topic and tables of Kafka.
func (s *secured) config(addr, topic, tables string) string {
	return fmt.Sprintf("[server]\ndrain_timeout = \"1s\"\n[kafka]\nbrokers = [%q]\n[kafka.tls]\nca = %q\n%s[ring]\ntotal_bytes = \"64MiB\"\n[streams.s0]\ntopics = [%q]\n",
		addr, s.paths["ca"], tables, topic)
}

func (s *secured) sasl(mechanism, user, password string) string {
	path := writeFile(s.t, filepath.Join(s.t.TempDir(), "password"), password)
	return fmt.Sprintf("[kafka.sasl]\nmechanism = %q\nusername = %q\npassword_file = %q\n", mechanism, user, path)
}

// serves demands that an instance is ready, and delivers what is written.
func (s *secured) serves(in *instance, topic string) {
	s.t.Helper()
	in.waitReady()
	w := s.writer(0)
	c := s.client(ledger.Config{URLs: []string{s.url(in)}}, s.always)
	s.connected(c)
	w.write(topic, 1, 50)
	s.reached()
	s.unbroken(c)
}

// check demands that check -kafka says what is wrong, "" for nothing. It asks
// once, and brokers that have just started are slow.
func (s *secured) check(document, want string) {
	s.t.Helper()
	path := file(s.t, document)
	var said string
	eventually(s.t, settleTime, func() bool {
		status, stdout, stderr := command(s.t, "check", "-kafka", "-config", path)
		said = fmt.Sprintf("check: exit status %d, want %q: %s", status, want, stderr)
		if strings.Contains(stdout+stderr, "-pw") {
			s.t.Error("check tells a password")
		}
		return (status == exitOK) == (want == "") && strings.Contains(stderr, want)
	}, func() string { return said })
}

// password: the wrong one is named with its user, the right one serves.
func (s *secured) password(mechanism string) {
	topic := "t-" + mechanism
	s.topic(topic, 1)
	s.must(s.c.Allow(least("edge", topic)...))
	path := writeFile(s.t, filepath.Join(s.t.TempDir(), "password"), "wr0ng-pw")
	document := s.config(s.c.SASLAddr(1), topic, fmt.Sprintf("[kafka.sasl]\nmechanism = %q\nusername = \"edge\"\npassword_file = %q\n", mechanism, path))
	want := fmt.Sprintf("authentication failed for user %q on broker %s", "edge", s.c.SASLAddr(1))
	s.check(document, want)
	in := startConfig(s.t, document)
	in.waitTrouble(want)
	s.t.Logf("trouble: %q", in.trouble())
	writeFile(s.t, path, edgePassword+"\n")
	begun := time.Now()
	s.serves(in, topic)
	s.t.Logf("serving %v after the repair", time.Since(begun))
	s.check(document, "")
	in.notTold("wr0ng-pw", edgePassword)
	s.settle()
}

// certificate: mutual TLS says who we are.
func (s *secured) certificate() {
	const topic = "certificate"
	s.topic(topic, 1)
	s.must(s.c.Allow(least("CN=edge", topic)...))
	s.check(s.config(s.c.TLSAddr(1), topic, ""), "tls")
	document := s.config(s.c.TLSAddr(1), topic, fmt.Sprintf("cert = %q\nkey = %q\n", s.paths["cert"], s.paths["key"]))
	s.check(document, "")
	s.serves(startConfig(s.t, document), topic)
	s.settle()
}

// token: an instance gets tokens, and says who it is again before they end.
func (s *secured) token() {
	const topic, life = "token", 5 * time.Second
	s.topic(topic, 1)
	s.must(s.c.Allow(least("edge", topic)...))
	var given atomic.Int32
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, secret, _ := r.BasicAuth(); secret != edgePassword {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintln(w, `{"error":"invalid_client"}`)
			return
		}
		given.Add(1)
		now := time.Now()
		part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		claims := fmt.Sprintf(`{"sub":"edge","iat":%d,"exp":%d}`, now.Unix(), now.Add(life).Unix())
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"%s.%s.","token_type":"Bearer","expires_in":%d}`, part(`{"alg":"none"}`), part(claims), int(life.Seconds()))
	}))
	defer endpoint.Close()
	path := writeFile(s.t, filepath.Join(s.t.TempDir(), "secret"), "wr0ng-pw")
	document := s.config(s.c.SASLAddr(1), topic, fmt.Sprintf("[kafka.sasl]\nmechanism = \"OAUTHBEARER\"\ntoken_url = %q\nclient_id = \"edge\"\nclient_secret_file = %q\n", endpoint.URL, path))
	s.check(document, "no token from "+endpoint.URL+": it answers 401")
	in := startConfig(s.t, document)
	in.waitTrouble("no token from " + endpoint.URL)
	writeFile(s.t, path, edgePassword)
	begun := time.Now()
	s.serves(in, topic)
	s.t.Logf("serving %v after the repair", time.Since(begun))
	sessions := in.sum("ringcast_kafka_sessions_total{")
	at := given.Load()
	eventually(s.t, settleTime, func() bool { return given.Load() >= at+3 }, func() string { return fmt.Sprintf("%d tokens given", given.Load()) })
	s.writer(0).write(topic, 1, 50)
	s.reached()
	s.t.Logf("%d tokens of %v, sessions that ended: %v", given.Load(), life, in.sum("ringcast_kafka_sessions_total{")-sessions)
	eventually(s.t, settleTime, func() bool { return len(in.trouble()) == 0 }, func() string { return fmt.Sprintf("trouble stays: %q", in.trouble()) })
	in.notTold("wr0ng-pw", edgePassword)
	s.settle()
}

// rights: each right that is missing has words of its own, and is enough once
// it is given.
func (s *secured) rights() {
	const topic = "rights"
	s.topic(topic, 1)
	w := s.writer(0)
	w.write(topic, 1, 20)
	document := s.config(s.c.SASLAddr(1), topic, s.sasl("SCRAM-SHA-512", "bare", edgePassword))
	right := func(resource sarama.AclResourceType, name string, op sarama.AclOperation) kafka.Right {
		return kafka.Right{User: "bare", Resource: resource, Name: name, Prefixed: true, Operation: op}
	}
	in := startConfig(s.t, document)
	describe, read, group := `not allowed to describe topic "rights"`, `not allowed to read topic "rights"`, `group prefix "ringcast" is not allowed`
	s.check(document, describe)
	in.waitTrouble(describe)
	in.waitTrouble(group)
	s.must(s.c.Allow(right(sarama.AclResourceTopic, topic, sarama.AclOperationDescribe)))
	in.waitTrouble(read)
	s.check(document, read)
	in.waitTrouble(group)
	s.check(document, group)
	begun := time.Now()
	s.must(s.c.Allow(right(sarama.AclResourceTopic, topic, sarama.AclOperationRead),
		right(sarama.AclResourceGroup, "ringcast.", sarama.AclOperationRead)))
	s.serves(in, topic)
	s.t.Logf("serving %v after the repair", time.Since(begun))
	s.check(document, "")
	eventually(s.t, settleTime, func() bool { return len(in.trouble()) == 0 }, func() string { return fmt.Sprintf("trouble stays: %q", in.trouble()) })
	for _, text := range []string{describe, read, group} {
		if n := strings.Count(in.text(), strings.ReplaceAll(text, `"`, `\"`)); n != 1 {
			s.t.Errorf("the log says %d times %s, want once a minute", n, text)
		}
	}
	s.settle()
}
