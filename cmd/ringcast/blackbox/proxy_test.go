//go:build proxies || (kafka && faults)

package blackbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// proxy is a running one.
type proxy struct {
	addr string // plain
	tls  string // HTTP/2 over TLS, where it can
	log  transcript
}

// newProxy chooses ports.
func newProxy(t *testing.T) *proxy {
	return &proxy{addr: fmt.Sprintf("127.0.0.1:%d", freePort(t)), tls: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
}

// example is a file of scripts/deploy with other words in some places, which must
// be there.
func example(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "scripts", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	s := string(b)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(s, pairs[i]) {
			t.Fatalf("%s does not say %q", name, pairs[i])
		}
		s = strings.ReplaceAll(s, pairs[i], pairs[i+1])
	}
	return s
}

// readable makes a file that any user may read.
func readable(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// directory is one that a daemon may enter that gives up being root.
func directory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ringcast-proxy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run starts the proxy and waits until it listens; it ends with the test.
func (p *proxy) run(t *testing.T, name string, args ...string) *proxy {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name // where Debian has them, and not every PATH looks
	}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its workers end with it
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (Debian: apt-get install nginx-light haproxy varnish)", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	})
	eventually(t, patience, func() bool {
		select {
		case <-ended:
			t.Fatalf("%s has ended:\n%s", name, p.log.tail(4000))
		default:
		}
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}, func() string { return p.log.tail(4000) })
	return p
}

func startNginx(t *testing.T, servers [2]server, change ...string) *proxy {
	t.Helper()
	p, dir := newProxy(t), directory(t)
	cert, key := certificate(t)
	readable(t, dir, "ringcast.crt", cert)
	readable(t, dir, "ringcast.key", key)
	conf := example(t, "nginx.conf", append([]string{
		"127.0.0.1:8080", servers[0].addr, "127.0.0.1:8090", servers[1].addr,
		"listen 80;", "listen " + p.addr + ";", "listen 443 ", "listen " + p.tls + " ", "/etc/nginx/", dir + "/",
	}, change...)...)
	if servers[0] == servers[1] {
		conf = strings.Replace(conf, "server "+servers[1].addr, "#", 1)
	}
	var temp string
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += fmt.Sprintf("    %s_temp_path %s/%s;\n", kind, dir, kind)
	}
	main := fmt.Sprintf("daemon off;\nworker_processes 2;\npid %s/pid;\nerror_log stderr;\nevents { worker_connections 1024; }\nhttp {\n    access_log off;\n%s%s\n}\n", dir, temp, conf)
	return p.run(t, "nginx", "-p", dir, "-e", "stderr", "-c", readable(t, dir, "nginx.conf", main))
}

func startHAProxy(t *testing.T, servers [2]server, change ...string) *proxy {
	t.Helper()
	p, dir := newProxy(t), directory(t)
	cert, key := certificate(t)
	readable(t, dir, "ringcast.pem", cert+key)
	port := func(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }
	conf := example(t, "haproxy.cfg", append([]string{
		"127.0.0.1:8080 port 8081", servers[0].addr + " port " + port(servers[0].admin),
		"127.0.0.1:8090 port 8091", servers[1].addr + " port " + port(servers[1].admin),
		"bind :80", "bind " + p.addr, "bind :443", "bind " + p.tls, "/etc/haproxy/", dir + "/", "maxconn 40000", "maxconn 1000",
	}, change...)...)
	return p.run(t, "haproxy", "-db", "-f", readable(t, dir, "haproxy.cfg", conf))
}

func startVarnish(t *testing.T, servers [2]server, change ...string) *proxy {
	t.Helper()
	p, dir := newProxy(t), directory(t)
	port := func(addr string) string { return fmt.Sprintf("%q", addr[strings.LastIndexByte(addr, ':')+1:]) }
	pipe := "60"
	if len(change) > 1 && change[0] == "60s" {
		pipe, change = strings.TrimSuffix(change[1], "s"), change[2:]
	}
	vcl := example(t, "varnish.vcl", append([]string{`"8080"`, port(servers[0].addr), `"8090"`, port(servers[1].addr)}, change...)...)
	return p.run(t, "varnishd", "-F", "-j", "none", "-n", dir, "-a", p.addr, "-s", "malloc,16m", "-p", "pipe_timeout="+pipe,
		"-f", readable(t, dir, "default.vcl", vcl))
}

// certificate makes one for loopback, in PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}
