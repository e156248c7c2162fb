package blackbox

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// secure is the address of a stream behind TLS.
func (in *instance) secure(stream string) string {
	return "https://" + in.addr + "/v2/stream/" + stream
}

// startTLS starts a server with certificates.
func startTLS(t *testing.T, k *fake, files *tlsFiles, server string) *instance {
	t.Helper()
	in := startConfig(t, k.config(server, "")+files.table())
	in.waitReady()
	return in
}

// over sends a request through TLS and returns the answer until the end of the
// connection, or of patience.
func over(t *testing.T, addr string, cfg *tls.Config, request string) (answer string, state tls.ConnectionState, _ error) {
	t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", addr, cfg)
	if err != nil {
		return "", state, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	state = c.ConnectionState()
	if _, err := io.WriteString(c, request); err != nil {
		return "", state, err
	}
	b, err := io.ReadAll(c)
	return string(b), state, err
}

// TestTLSStreams: every form of a stream arrives whole over TLS, resumes exactly
// after cuts, and ends cleanly with a drain.
func TestTLSStreams(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(2, "t"))
	files := newTLSFiles(t)
	in := startTLS(t, k, files, "")
	var clients []*follower
	for _, mode := range []ledger.Mode{ledger.SSE, ledger.SSE10, ledger.NDJSON} {
		c := ledger.Config{URLs: []string{in.secure("s")}, Book: k.book, Mode: mode, TLS: files.authority.client()}
		if mode == ledger.NDJSON {
			c.Start = ledger.Positions{{Topic: "t"}: 0, {Topic: "t", Partition: 1}: 0}
		}
		clients = append(clients, follow(t, c))
	}
	eventually(t, patience, func() bool { return in.metric(`ringcast_connections{stream="s"}`) == 3 }, func() string { return "clients are missing" })
	for i := range 20 {
		k.produce("t", int32(i%2), 50, 500)
		if i%5 == 4 {
			clients[0].Cut(i%2 == 0)
			clients[1].Cut(i%2 == 1)
		}
	}
	k.complete(clients...)
	if status := in.stop(syscall.SIGTERM); status != exitOK {
		t.Errorf("exit status %d", status)
	}
	for i, c := range clients {
		c.end()
		c.mu.Lock()
		var last ledger.End
		for _, e := range c.ends {
			if e.Cause == ledger.ServerEnded {
				last = e
			}
		}
		if last.Cause != ledger.ServerEnded || i < 2 && last.Said != "drain" {
			t.Errorf("client %d ended with %+v", i, c.ends)
		}
		c.mu.Unlock()
	}
}

// TestTLSAnswers: what a client may and may not do on the port, and that
// strangers leave nothing in the log.
func TestTLSAnswers(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(1, "t"))
	files := newTLSFiles(t)
	in := startTLS(t, k, files, `header_timeout = "2s"`)
	trusted := files.authority.client()
	f := func(name, request, begins string) {
		t.Helper()
		got, state, err := over(t, in.addr, trusted, request)
		if err != nil || !strings.HasPrefix(got, begins) || state.Version != tls.VersionTLS13 {
			t.Errorf("%s: %q %v %x", name, got, err, state.Version)
		}
	}
	f("HEAD", "HEAD /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream")
	f("an unknown stream", "GET /v2/stream/no HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 ")
	f("nonsense", "\r\n\r\nwhat\r\n\r\n", "HTTP/1.1 400 ")
	f("too slow", "GET /v2", "HTTP/1.1 408 ")

	trusted.NextProtos = []string{"h2", "http/1.1"}
	if _, state, err := over(t, in.addr, trusted, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil || state.NegotiatedProtocol != "http/1.1" {
		t.Errorf("protocol %q, %v", state.NegotiatedProtocol, err)
	}
	old := files.authority.client()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, _, err := over(t, in.addr, old, ""); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	// Silence, and HTTP without TLS: closed, after header_timeout at most.
	for _, say := range []string{"", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"} {
		c, err := net.Dial("tcp", in.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		io.WriteString(c, say)
		b, err := io.ReadAll(c)
		c.Close()
		if strings.Contains(string(b), "HTTP/1.1 2") || errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("%q is answered with %q, %v", say, b, err)
		}
	}
	before := in.text()
	if strings.Contains(before, "handshake") || strings.Count(before, "\n") > 12 {
		t.Errorf("the log speaks of strangers:\n%s", before)
	}
	eventually(t, patience, func() bool { return in.metric("ringcast_sockets") == 0 }, func() string { return "sockets are left" })
}

// TestMutualTLS: with client_ca only its clients get in.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(1, "t"))
	files := newTLSFiles(t)
	files.clientsAllowed = true
	clients := newAuthority(t)
	write(t, files.ca, clients.pem())
	in := startTLS(t, k, files, "")
	f := func(a *authority) error {
		cfg := files.authority.client()
		if a != nil {
			cert, key, _ := a.pair()
			pair, err := tls.X509KeyPair(cert, key)
			if err != nil {
				t.Fatal(err)
			}
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		got, _, err := over(t, in.addr, cfg, "HEAD /v2/stream/s HTTP/1.1\r\nHost: x\r\n\r\n")
		if err == nil && !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			err = fmt.Errorf("got %q", got)
		}
		return err
	}
	if err := f(clients); err != nil {
		t.Errorf("a client of the authority: %v", err)
	}
	if f(nil) == nil || f(files.authority) == nil {
		t.Error("strangers get in")
	}
	// Another authority from now on.
	write(t, files.ca, files.authority.pem())
	eventually(t, patience, func() bool { return f(files.authority) == nil && f(clients) != nil }, func() string { return "the old authority counts" })
}

// serial is the certificate that a new client is shown.
func serial(t *testing.T, addr string, a *authority) int64 {
	t.Helper()
	_, state, err := over(t, addr, a.client(), "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	return state.PeerCertificates[0].SerialNumber.Int64()
}

// TestCertificateReload: a new certificate is taken without a restart, a bad one
// is not, and clients that are connected notice nothing.
func TestCertificateReload(t *testing.T) {
	t.Parallel()
	k := newFake(t, topics(1, "t"))
	files := newTLSFiles(t)
	in := startTLS(t, k, files, "")
	c := follow(t, ledger.Config{URLs: []string{in.secure("s")}, Book: k.book, TLS: files.authority.client()})
	eventually(t, patience, func() bool { return in.metric(`ringcast_connections{stream="s"}`) == 1 }, func() string { return "no client" })

	takes := func(want int64) {
		t.Helper()
		eventually(t, patience, func() bool { return serial(t, in.addr, files.authority) == want }, func() string { return "the old certificate is in force" })
	}
	first := serial(t, in.addr, files.authority)
	second := files.renew()
	takes(second)

	whole, key, _ := files.authority.pair()
	said := "new certificates are not good, the old ones stay in force"
	for i, bad := range [][]byte{nil, whole[:len(whole)/2], whole, []byte("nonsense")} { // whole: of another key
		write(t, files.cert, bad)
		eventually(t, patience, func() bool { return strings.Count(in.text(), said) > i }, func() string { return "no line in the log" })
		if !strings.Contains(in.text(), files.cert) && !strings.Contains(in.text(), files.key) {
			t.Error("the log does not name the file")
		}
		if got := serial(t, in.addr, files.authority); got != second {
			t.Errorf("certificate %d after a bad file, want %d", got, second)
		}
	}
	write(t, files.key, key)
	write(t, files.cert, whole)
	takes(second + 1)
	files.renew()
	if err := in.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	takes(second + 2)
	if first == second {
		t.Error("the certificate is the same")
	}
	k.produce("t", 0, 3, 100)
	k.complete(c)
	if n := c.Counts().Connections; n != 1 {
		t.Errorf("the client needed %d connections", n)
	}
}

// TestCheckCertificates: bad files are told with key, line and path, by check
// and at start.
func TestCheckCertificates(t *testing.T) {
	t.Parallel()
	files := newTLSFiles(t)
	files.clientsAllowed = true
	good, _, _ := files.authority.pair()
	document := "[streams.s]\ntopics = [\"t\"]\n" + files.table()
	f := func(path string, data []byte, says, about string) {
		t.Helper()
		files.renew()
		write(t, files.ca, files.authority.pem())
		write(t, path, data)
		for _, name := range []string{"check", "serve"} {
			status, _, stderr := command(t, name, "-config", file(t, document))
			if want := fmt.Sprintf("%s: %q ", says, about); status != exitConfig || !strings.Contains(stderr, want) {
				t.Errorf("%s: exit status %d, %q lacks %q", name, status, stderr, want)
			}
		}
	}
	f(files.cert, []byte("x"), "ringcast.toml:4: server.tls.cert", files.cert)
	f(files.cert, good, "ringcast.toml:5: server.tls.key", files.key) // a certificate of another key
	f(files.key, []byte("x"), "ringcast.toml:5: server.tls.key", files.key)
	f(files.ca, []byte("x"), "ringcast.toml:6: server.tls.client_ca", files.ca)
	files.renew()
	write(t, files.ca, append(files.authority.pem(), good...))
	if status, _, stderr := command(t, "check", "-config", file(t, document)); status != exitOK {
		t.Errorf("good files: %d %s", status, stderr)
	}
}
