package blackbox

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/ringcast/ringcast/bench/ledger"
	"github.com/ringcast/ringcast/scripts/certs"
)

// trouble is what /streams says is wrong with credentials or rights.
func (in *instance) trouble() (all []string) {
	in.t.Helper()
	var status struct {
		Streams []struct {
			Trouble []string
		}
	}
	_, body := in.get("/streams")
	if err := json.Unmarshal([]byte(body), &status); err != nil {
		in.t.Fatalf("/streams is %q: %v", body, err)
	}
	for _, s := range status.Streams {
		all = append(all, s.Trouble...)
	}
	return all
}

// waitTrouble waits until /streams, /readyz and the log say what is wrong.
func (in *instance) waitTrouble(want string) {
	in.t.Helper()
	said := func(list []string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, want) })
	}
	eventually(in.t, patience, func() bool {
		_, ready := in.get("/readyz")
		quoted, _ := json.Marshal(want)
		inJSON := strings.Trim(string(quoted), `"`)
		return said(in.trouble()) && strings.Contains(ready, inJSON) && strings.Contains(in.text(), inJSON)
	}, func() string { return fmt.Sprintf("want %q, trouble is %q", want, in.trouble()) })
}

// notTold fails where a secret is in anything that people get to see.
func (in *instance) notTold(secrets ...string) {
	in.t.Helper()
	for _, path := range []string{"/streams", "/readyz", "/metrics"} {
		_, body := in.get(path)
		for _, s := range secrets {
			if strings.Contains(body, s) {
				in.t.Errorf("%s tells the secret %q", path, s)
			}
		}
	}
	for _, s := range secrets {
		if strings.Contains(in.text(), s) {
			in.t.Errorf("the log tells the secret %q", s)
		}
	}
}

// delivers demands that what is written now comes to a client.
func (k *fake) delivers(in *instance) {
	k.t.Helper()
	c := followAll(k.t, 1, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 1)
	k.produce("t", 0, 20, 100)
	k.complete(c...)
}

// edge is a user who may do what README.md says, and nothing else.
func edge(mechanism, password string) kfake.Opt {
	return kfake.User(mechanism, "edge", password,
		kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: "t", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationRead, Allow: true},
		kfake.ACL{Resource: kmsg.ACLResourceTypeGroup, Name: "ringcast.", Pattern: kmsg.ACLResourcePatternTypePrefixed, Operation: kmsg.ACLOperationRead, Allow: true})
}

// sasl is a configuration for a Kafka with SASL.
func (k *fake) sasl(mechanism, user, passwordFile string) string {
	return k.config("", "") + fmt.Sprintf("[kafka.sasl]\nmechanism = %q\nusername = %q\npassword_file = %q\n", mechanism, user, passwordFile)
}

// writeFile writes a file that the server reads.
func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newSecured starts a Kafka with SASL and rights.
func newSecured(t *testing.T, opts ...kfake.Opt) *fake {
	k := awayFake(t, append(opts, topics(1, "t"), kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "admin-pw"))...)
	k.secured = []kgo.Opt{kgo.SASL(plain.Auth{User: "admin", Pass: "admin-pw"}.AsMechanism())}
	k.start()
	return k
}

// TestSASL: with each mechanism, the least rights are enough; a wrong password
// is named with its user and broker, also by check, and never told; the right
// one, written into the file later, is enough to start serving.
func TestSASL(t *testing.T) {
	const wrong, right = "wr0ng-pw", "r1ght-pw"
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			k := newSecured(t, edge(mechanism, right))
			password := writeFile(t, filepath.Join(t.TempDir(), "password"), wrong+"\n")
			document := k.sasl(mechanism, "edge", password)

			status, stdout, stderr := command(t, "check", "-kafka", "-config", file(t, document))
			want := fmt.Sprintf("authentication failed for user %q on broker %s", "edge", k.addr)
			if status != exitConfig || !strings.Contains(stderr, "kafka.sasl: ") || !strings.Contains(stderr, want) {
				t.Errorf("check: exit status %d, %s", status, stderr)
			}
			if strings.Contains(stdout+stderr, wrong) {
				t.Error("check tells the password")
			}

			in := startConfig(t, document)
			in.waitTrouble(want)
			if n := in.metric(`ringcast_kafka_errors_total{stream="s",kind="authentication"}`); n < 1 {
				t.Errorf("authentication errors: %v", n)
			}
			if n := strings.Count(in.text(), "authentication failed"); n != 1 {
				t.Errorf("the log says %d times that authentication failed, want once a minute", n)
			}
			begun := time.Now()
			writeFile(t, password, right)
			in.waitReady()
			k.delivers(in)
			t.Logf("serving %v after the password was right", time.Since(begun))
			in.notTold(wrong, right)
			if status, stdout, stderr := command(t, "check", "-kafka", "-config", file(t, document)); status != exitOK {
				t.Errorf("check: exit status %d, %s%s", status, stdout, stderr)
			}
		})
	}
}

// TestMissingRights: each missing right has words of its own.
func TestMissingRights(t *testing.T) {
	user := func(acls ...kfake.ACL) kfake.Opt { return kfake.User("PLAIN", "edge", "pw", acls...) }
	acl := func(kind kmsg.ACLResourceType, name string, op kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: kind, Name: name, Pattern: kmsg.ACLResourcePatternTypePrefixed, Operation: op, Allow: true}
	}
	topic := func(op kmsg.ACLOperation) kfake.ACL { return acl(kmsg.ACLResourceTypeTopic, "t", op) }
	group := acl(kmsg.ACLResourceTypeGroup, "ringcast.", kmsg.ACLOperationRead)
	for _, c := range []struct {
		name, want string
		opt        kfake.Opt
	}{
		{"Describe", `not allowed to describe topic "t"`, user(group)},
		{"Read", `not allowed to read topic "t"`, user(topic(kmsg.ACLOperationDescribe), group)},
		{"Group", `group prefix "ringcast" is not allowed`, user(topic(kmsg.ACLOperationRead))},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newSecured(t, c.opt)
			if c.name == "Group" { // kfake checks rights of groups that exist only
				k.cluster.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
					k.cluster.KeepControl()
					resp := req.ResponseKind().(*kmsg.HeartbeatResponse)
					resp.ErrorCode = 30 // GROUP_AUTHORIZATION_FAILED
					return resp, nil, true
				})
			}
			k.produce("t", 0, 5, 100)
			document := k.sasl("PLAIN", "edge", writeFile(t, filepath.Join(t.TempDir(), "password"), "pw"))
			status, _, stderr := command(t, "check", "-kafka", "-config", file(t, document))
			if status != exitConfig || !strings.Contains(stderr, c.want) {
				t.Errorf("check: exit status %d, %s", status, stderr)
			}
			in := startConfig(t, document)
			in.waitTrouble(c.want)
			if n := in.metric(`ringcast_kafka_errors_total{stream="s",kind="authorization"}`); n < 1 {
				t.Errorf("authorization errors: %v", n)
			}
		})
	}
}

// tlsConfig is a configuration for a Kafka with TLS and client certificates.
func (k *fake) tlsConfig(dir string) string {
	in := func(name string) string { return filepath.Join(dir, name) }
	return k.config("", "") + fmt.Sprintf("[kafka.tls]\nca = %q\ncert = %q\nkey = %q\n", in("ca"), in("cert"), in("key"))
}

// TestTLS: client certificates and authorities that are changed in their files
// are used for the next connection; what is wrong is said.
func TestTLS(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	first, second := certs.NewAuthority(t, "first"), certs.NewAuthority(t, "second")
	server := first.Server()
	client := first.Issue("ringcast")
	dir := t.TempDir()
	write := func(a *certs.Authority, p certs.Pair) {
		certs.Write(t, dir, map[string][]byte{"ca": a.PEM, "cert": p.Cert, "key": p.Key})
	}
	write(first, client)
	up := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return server, nil }}
	k := awayFake(t, topics(1, "t"), kfake.TLS(up), kfake.Ports(port), kfake.DataDir(t.TempDir()))
	k.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	dial := func(a *certs.Authority) {
		k.secured = []kgo.Opt{kgo.DialTLSConfig(&tls.Config{RootCAs: a.Pool(), Certificates: []tls.Certificate{a.Issue("producer").TLS(t)}})}
	}
	dial(first)
	k.start()
	in := startConfig(t, k.tlsConfig(dir))
	in.waitReady()
	k.delivers(in)
	if status, _, stderr := command(t, "check", "-kafka", "-config", file(t, k.tlsConfig(dir))); status != exitOK {
		t.Errorf("check: exit status %d, %s", status, stderr)
	}

	// The cluster moves to another authority: the server does not believe it,
	// then it is not believed, then all is well.
	k.down()
	server = second.Server()
	k.up()
	in.waitTrouble("certificate signed by unknown authority")
	write(second, client)
	in.waitTrouble("remote error: tls: ")
	begun := time.Now()
	write(second, second.Issue("ringcast"))
	dial(second)
	k.reconnect()
	k.delivers(in)
	t.Logf("serving %v after the certificate was changed", time.Since(begun))
	eventually(t, patience, func() bool { return len(in.trouble()) == 0 }, func() string { return fmt.Sprintf("trouble stays: %q", in.trouble()) })
}

// TestPasswordChanges: the password changes in Kafka and in the file while an
// instance runs. It goes on when the file is right, without a restart.
func TestPasswordChanges(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			data := t.TempDir()
			base := []kfake.Opt{topics(1, "t"), kfake.Ports(port), kfake.DataDir(data), kfake.EnableSASL(), kfake.Superuser("PLAIN", "admin", "admin-pw")}
			k := awayFake(t, append(base, kfake.User(mechanism, "edge", "pw-1"))...)
			k.secured = []kgo.Opt{kgo.SASL(plain.Auth{User: "admin", Pass: "admin-pw"}.AsMechanism())}
			k.start()
			path := writeFile(t, filepath.Join(t.TempDir(), "password"), "pw-1")
			in := startConfig(t, k.sasl(mechanism, "edge", path))
			in.waitReady()
			k.delivers(in)
			client := followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 1)[0]

			k.down()
			if err := os.Remove(filepath.Join(data, "sasl.json")); err != nil { // it would win
				t.Fatal(err)
			}
			k.opts = append([]kfake.Opt{kfake.NumBrokers(1)}, append(base, kfake.User(mechanism, "edge", "pw-2"))...)
			k.up()
			in.waitTrouble("authentication failed for user \"edge\"")
			begun := time.Now()
			writeFile(t, path, "pw-2")
			k.reconnect()
			k.produce("t", 0, 20, 100)
			k.complete(client)
			t.Logf("delivering %v after the file was right", time.Since(begun))
			eventually(t, patience, func() bool { return in.metric(`ringcast_kafka_lag_records{stream="s"}`) == 0 && len(in.trouble()) == 0 },
				func() string { return fmt.Sprintf("trouble stays: %q", in.trouble()) })
			if c := client.Counts(); c.Connections != 1 {
				t.Errorf("the client: %+v, want one connection", c)
			}
		})
	}
}

// TestRack: the group says which rack it is in, so that brokers can name a
// nearer replica.
func TestRack(t *testing.T) {
	k := newFake(t, topics(1, "t"))
	var asked atomic.Int32
	k.cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.cluster.KeepControl()
		if req.(*kmsg.FetchRequest).Rack == "zone-a" {
			asked.Add(1)
		}
		return nil, nil, false
	})
	in := startConfig(t, strings.Replace(k.config("", ""), "[kafka]\n", "[kafka]\nrack = \"zone-a\"\n", 1))
	in.waitReady()
	k.delivers(in)
	eventually(t, patience, func() bool { return asked.Load() > 0 }, func() string { return "no fetch with the rack" })
}
