package blackbox

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// issuer signs tokens and writes its key set.
type issuer struct {
	t    *testing.T
	id   string
	key  ed25519.PrivateKey
	file string
}

func newIssuer(t *testing.T, id, file string) *issuer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{t, id, key, file}
}

// publish writes the key set.
func (i *issuer) publish() {
	i.t.Helper()
	write(i.t, i.file, fmt.Appendf(nil, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}]}`, i.id,
		base64.RawURLEncoding.EncodeToString(i.key.Public().(ed25519.PublicKey))))
}

// token signs claims.
func (i *issuer) token(claims string) string {
	i.t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	input := encode(fmt.Appendf(nil, `{"alg":"EdDSA","kid":%q}`, i.id)) + "." + encode([]byte(claims))
	signature, err := i.key.Sign(nil, []byte(input), crypto.Hash(0))
	if err != nil {
		i.t.Fatal(err)
	}
	return input + "." + encode(signature)
}

// lasts is a token for all streams, for as long as d.
func (i *issuer) lasts(d time.Duration) string {
	return i.token(fmt.Sprintf(`{"exp":%d,"streams":["*"],"iss":"us","aud":["x","ringcast"]}`, time.Now().Add(d).Unix()))
}

// hs256 signs claims with a secret.
func hs256(secret, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"HS256"}`)) + "." + encode([]byte(claims))
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(input))
	return input + "." + encode(m.Sum(nil))
}

// status asks for the stream and returns status and body of an error.
func (in *instance) status(path, token string) (int, string) {
	in.t.Helper()
	c, err := net.Dial("tcp", in.addr)
	if err != nil {
		in.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	head := "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	if token != "" {
		head += "Authorization: Bearer " + token + "\r\n"
	}
	io.WriteString(c, head+"\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		in.t.Fatal(err)
	}
	if res.StatusCode == http.StatusOK {
		return res.StatusCode, ""
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		in.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// TestTokens: a stream with access = "token" from the file to the end of its
// clients, with keys that change meanwhile.
func TestTokens(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(1, "t"))
	set := filepath.Join(t.TempDir(), "jwks.json")
	first := newIssuer(t, "first", set)
	first.publish()
	in := startConfig(t, k.config(`cors_origin = "https://a.example"`, `access = "token"`)+
		fmt.Sprintf("[auth]\njwks_file = %q\nissuer = \"us\"\naudience = \"ringcast\"\nquery_parameter = \"jwt\"\ncookie = \"jwt\"\n", set))
	in.waitReady()
	const path = "/v2/stream/s"
	f := func(token string, want int) {
		t.Helper()
		if got, body := in.status(path, token); got != want {
			t.Errorf("%d, want %d: %s", got, want, body)
		}
	}
	good := first.lasts(time.Hour)
	f("", 401)
	f(good, 200)
	f(first.token(`{"exp":9999999999,"streams":["*"],"iss":"them","aud":"ringcast"}`), 401)
	f(first.token(`{"exp":9999999999,"streams":["t"],"iss":"us","aud":"ringcast"}`), 403)

	live := follow(t, ledger.Config{URLs: []string{in.url("s")}, Book: k.book, Header: []string{"Authorization: Bearer " + good}})
	eventually(t, patience, func() bool { return in.metric(`ringcast_connections{stream="s"}`) == 1 }, func() string { return "no client" })
	short := first.lasts(10 * time.Second)
	ending := follow(t, ledger.Config{URLs: []string{in.url("s") + "?jwt=" + short}, Book: k.book})

	// The issuer has another key; then a file that is none.
	second := newIssuer(t, "second", set)
	second.publish()
	eventually(t, patience, func() bool { s, _ := in.status(path, second.lasts(time.Hour)); return s == 200 }, func() string { return "the new key is not known" })
	f(good, 401)
	write(t, set, []byte(`{"keys":[`))
	eventually(t, patience, func() bool {
		return strings.Contains(in.text(), "new keys of tokens are not good, the old ones stay in force")
	}, func() string { return "no line in the log" })
	f(second.lasts(time.Hour), 200)
	third := newIssuer(t, "third", set)
	third.publish()
	if err := in.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() bool { s, _ := in.status(path, third.lasts(time.Hour)); return s == 200 }, func() string { return "the third key is not known" })

	eventually(t, patience, func() bool {
		ending.mu.Lock()
		defer ending.mu.Unlock()
		return len(ending.ends) > 0 && ending.ends[0].Said == "token" && ending.ends[0].Cause == ledger.ServerEnded
	}, func() string { return fmt.Sprintf("%+v", ending.ends) })
	k.produce("t", 0, 3, 100)
	k.complete(live)
	if n := live.Counts().Connections; n != 1 {
		t.Errorf("the client with a good token needed %d connections", n)
	}
	// What a token says is told nowhere.
	status, body := in.status(path+"?jwt="+short, "")
	_, metrics := in.get("/metrics")
	_, streams := in.get("/streams")
	for _, text := range []string{body, metrics, streams, in.text()} {
		for _, secret := range []string{short, good, strings.Split(short, ".")[1]} {
			if strings.Contains(text, secret) {
				t.Errorf("the token is in %q", text)
			}
		}
	}
	if status != 401 || !strings.Contains(body, `"uri":"/v2/stream/s?jwt=***"`) {
		t.Errorf("%d %s", status, body)
	}
	if n := in.metric(`ringcast_connections_closed_total{reason="token"}`); n != 1 {
		t.Errorf("%v closed for their token", n)
	}
}

// TestTokenSecret: a secret of the environment and one of a file; the file may
// change.
func TestTokenSecret(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(1, "t"))
	secret := filepath.Join(t.TempDir(), "secret")
	token := func(key string) string {
		return hs256(key, fmt.Sprintf(`{"exp":%d,"streams":["s"]}`, time.Now().Add(time.Hour).Unix()))
	}
	write(t, secret, []byte("short\n"))
	in := startConfig(t, k.config("", `access = "token"`)+fmt.Sprintf("[auth]\nsecret_file = %q\n", secret))
	in.waitReady()
	if s, body := in.status("/v2/stream/s", token("short")); s != 200 {
		t.Errorf("%d %s", s, body)
	}
	if !strings.Contains(in.text(), "secret of [auth] has 5 bytes") {
		t.Error("no warning of a short secret")
	}
	write(t, secret, bytes.Repeat([]byte("longer"), 10))
	eventually(t, patience, func() bool { s, _ := in.status("/v2/stream/s", token(strings.Repeat("longer", 10))); return s == 200 }, func() string { return "the new secret is not known" })
	if s, _ := in.status("/v2/stream/s", token("short")); s != 401 {
		t.Errorf("the old secret: %d", s)
	}
}

// TestCheckKeys: bad keys are told with key, line and path.
func TestCheckKeys(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "key")
	f := func(key, data string) {
		t.Helper()
		write(t, name, []byte(data))
		document := fmt.Sprintf("[auth]\n%s = %q\n[streams.s]\ntopics = [\"t\"]\naccess = \"token\"\n", key, name)
		for _, cmd := range []string{"check", "serve"} {
			status, _, stderr := command(t, cmd, "-config", file(t, document))
			if want := fmt.Sprintf("ringcast.toml:2: auth.%s: %q ", key, name); status != exitConfig || !strings.Contains(stderr, want) {
				t.Errorf("%s: exit status %d, %q lacks %q", cmd, status, stderr, want)
			}
		}
	}
	f("jwks_file", `{"keys":[]}`)
	f("jwks_file", `x`)
	f("key_file", `x`)
	f("secret_file", "\n")
	i := newIssuer(t, "k", name)
	i.publish()
	if status, _, stderr := command(t, "check", "-config", file(t, fmt.Sprintf("[auth]\njwks_file = %q\n[streams.s]\ntopics = [\"t\"]\naccess = \"token\"\n", name))); status != exitOK {
		t.Errorf("a good key: %d %s", status, stderr)
	}
}
