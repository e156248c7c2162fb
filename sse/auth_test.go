package sse

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ringcast/ringcast/sse/token"
)

const testSecret = "a secret that only tests know of"

// tokenFor signs claims.
func tokenFor(format string, args ...any) string {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"HS256"}`)) + "." + encode(fmt.Appendf(nil, format, args...))
	m := hmac.New(sha256.New, []byte(testSecret))
	m.Write([]byte(input))
	return input + "." + encode(m.Sum(nil))
}

// lasting is a token for streams that lasts for the test.
func lasting(streams string) string {
	return tokenFor(`{"exp":%d,"streams":[%s]}`, time.Now().Add(time.Hour).Unix(), streams)
}

// guarded has stream "s" need a token; "open" beside it is public.
func guarded(t testing.TB, change func(*Config)) func(*Config) {
	keys, err := token.Secret([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) {
		if change != nil {
			change(c)
		}
		s := &c.Streams[0]
		s.Token = true
		open := newPublisher(100, 1)
		c.Streams = append(c.Streams, Stream{Name: "open", Topics: []string{"o"}, Ring: open.ring, Source: open},
			Stream{Name: "other", Topics: []string{"p"}, Ring: open.ring, Source: open, Token: true})
		c.Auth = &Auth{Tokens: token.NewChecker(token.Config{Claim: "streams"}), Cookie: "jwt", Parameter: "tok"}
		c.Auth.Tokens.SetKeys(keys)
		c.CORSOrigins = []string{"https://a.example"}
	}
}

// asked is the answer to a request, and its head.
func asked(t *testing.T, addr, path string, header ...string) (*http.Response, problem) {
	t.Helper()
	c := dial(t, addr, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+strings.Join(append(header, ""), "\r\n")+"\r\n")
	defer c.Close()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	var p problem
	if res.StatusCode != 200 {
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
			t.Fatal(err)
		}
	}
	return res, p
}

// Who may read what, in which order a request is judged, and what an error
// says and does not say.
func TestAuthorisation(t *testing.T) {
	_, addr := serve(t, newPublisher(100, 1), guarded(t, nil))
	covering, else_ := lasting(`"s"`), lasting(`"x"`)
	past := tokenFor(`{"exp":%d,"streams":["s"]}`, time.Now().Unix())
	f := func(path string, status int, kind, challenge string, header ...string) {
		t.Helper()
		res, p := asked(t, addr, path, header...)
		if res.StatusCode != status || p.Type != kind {
			t.Errorf("%s %.30q: %d %+v", path, header, res.StatusCode, p)
		}
		if got := res.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, challenge) || (got == "") != (challenge == "") || challenge == "Bearer" && got != challenge {
			t.Errorf("%s %.30q: WWW-Authenticate %q", path, header, got)
		}
		if got := res.Header.Get("Access-Control-Allow-Headers"); !strings.HasSuffix(got, ", authorization") {
			t.Errorf("allowed headers %q", got)
		}
		if got := res.Header.Get("Access-Control-Allow-Credentials"); got != "true" {
			t.Errorf("credentials %q", got)
		}
		for _, secret := range []string{covering, else_, past} {
			if text := fmt.Sprintf("%+v", p); strings.Contains(text, secret) || strings.Contains(text, secret[:40]) {
				t.Errorf("%s: the error tells the token: %s", path, text)
			}
		}
	}
	bearer := func(text string) string { return "Authorization: Bearer " + text }
	const invalid = `Bearer error="invalid_token"`
	f("/v2/stream/open", 200, "", "")
	f("/v2/stream/open", 200, "", "", bearer("nonsense")) // nobody asked for it
	f("/v2/stream/s", 401, "unauthorized", "Bearer")
	f("/v2/stream/s", 401, "unauthorized", "Bearer", "Authorization: Basic YTpi")
	f("/v2/stream/s", 401, "unauthorized", "Bearer", bearer(""))
	f("/v2/stream/s", 401, "unauthorized", invalid, bearer("nonsense"))
	f("/v2/stream/s", 401, "unauthorized", invalid, bearer(past))
	f("/v2/stream/s", 401, "unauthorized", invalid, bearer(covering[:len(covering)-4]+"AAAA"))
	f("/v2/stream/s", 401, "unauthorized", `Bearer error="invalid_request"`, bearer(covering), bearer(covering))
	f("/v2/stream/s", 403, "forbidden", "", bearer(else_))
	f("/v2/stream/s", 403, "forbidden", "", bearer(tokenFor(`{"exp":%d}`, time.Now().Add(time.Hour).Unix())))
	f("/v2/stream/s", 403, "forbidden", "", bearer(lasting(`"alias"`))) // a claim names streams
	f("/v2/stream/s", 200, "", "", bearer(covering))
	f("/v2/stream/s", 200, "", "", "authorization: bEARER   "+covering)
	f("/v2/stream/alias", 200, "", "", bearer(covering))
	f("/v2/stream/s", 200, "", "", bearer(lasting(`"t","*"`)))
	f("/v2/stream/s,open", 200, "", "", bearer(covering))
	f("/v2/stream/s,open", 401, "unauthorized", "Bearer")
	f("/v2/stream/s,other", 403, "forbidden", "", bearer(covering))
	f("/v2/stream/other,s", 403, "forbidden", "", bearer(covering))
	f("/v2/stream/s", 200, "", "", "Cookie: a=b; jwt="+covering)
	f("/v2/stream/s", 401, "unauthorized", invalid, "Cookie: jwt="+covering, bearer("x")) // the header wins
	f("/v2/stream/s?tok="+covering, 200, "", "")
	f("/v2/stream/s?access_token="+covering, 401, "unauthorized", "Bearer") // not the configured one, and not told

	// The order of the checks.
	f("/v2/stream/s,nope?tok="+past, 400, "not_found", "")
	f("/v2/stream/s?since=x&tok="+past, 401, "unauthorized", invalid)
	f("/v2/stream/s?since=x&tok="+else_, 403, "forbidden", "")
	f("/v2/stream/s?since=x&tok="+covering, 400, "invalid_timestamp", "", "Last-Event-ID: x")
	f("/v2/stream/s?tok="+covering, 400, "invalid_assignment", "", "Last-Event-ID: x")

	uri := func(path, want string) {
		t.Helper()
		if _, p := asked(t, addr, path); p.URI != want {
			t.Errorf("%s is told as %s", path, p.URI)
		}
	}
	uri("/nowhere?a=1&tok="+covering+"&b=%20", "/nowhere?a=1&tok=***&b=%20")
	uri("/nowhere?to%6B="+covering, "/nowhere?to%6B=***")
	uri("/nowhere?tok="+past+"&tok="+covering, "/nowhere?tok=***&tok=***")
	uri("/nowhere?access_token="+covering, "/nowhere?access_token=***")
	uri("/nowhere?token%=1&toke=1", "/nowhere?token%=1&toke=1")
	uri("/nowhere?tok", "/nowhere?tok=***")
	uri("/nowhere", "/nowhere")
}

// What a caller may know of.
func TestVisible(t *testing.T) {
	s, _ := serve(t, newPublisher(100, 1), guarded(t, nil))
	f := func(header, want string) {
		t.Helper()
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.Set("Authorization", header)
		var names []string
		for _, v := range s.visible(&ctx, s.catalog.Load()) {
			names = append(names, v.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%.20q sees %s", header, got)
		}
	}
	f("", "open")
	f("Bearer x", "open")
	f("Bearer "+lasting(`"s"`), "s open")
	f("Bearer "+lasting(`"*"`), "s open other")
}

// The end of a token ends its streams at an event boundary, whatever form they
// have and wherever they stand, not sooner and hardly later, and no other
// client's.
func TestTokenEnds(t *testing.T) {
	f := func(name string, change func(*Config), client *tls.Config) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A machine that is busy may be too slow to connect before the end.
			for life := 3 * time.Second; !tokenEnds(t, guarded(t, change), client, life); life *= 2 {
				if life > time.Minute {
					t.Fatal("the clients are never there in time")
				}
			}
		})
	}
	server, client := selfSigned(t)
	f("shards", func(c *Config) { c.Shards = 2 }, nil)
	f("shards, more than a lap of the wheel", func(c *Config) { c.Shards, c.Heartbeat = 1, 200*time.Millisecond }, nil)
	f("followers", func(c *Config) { c.NoShards = true }, nil)
	f("TLS", func(c *Config) { c.TLS = server }, client)
}

// tokenEnds serves clients until the end of their token. It reports false where
// some of them came too late for it.
func tokenEnds(t *testing.T, change func(*Config), client *tls.Config, life time.Duration) bool {
	p := newPublisher(1000, 1)
	s, addr := serve(t, p, change)
	for i := range int64(50) {
		p.publish(0, i, `{}`)
	}
	exp := time.Now().Add(life).Unix()
	short := tokenFor(`{"exp":%d,"streams":["s"]}`, exp)
	open := func(version, text, more string) net.Conn {
		request := "GET /v2/stream/s HTTP/" + version + "\r\nHost: x\r\nAuthorization: Bearer " + text + "\r\n" + more + "\r\n"
		if client == nil {
			return dial(t, addr, request)
		}
		c, err := tls.Dial("tcp", addr, client)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(life + patience))
		io.WriteString(c, request)
		return c
	}
	type end struct {
		name, body string
		err        error
		at         time.Time
	}
	ends := make(chan end)
	forms := [][3]string{
		{"SSE", "1.1", ""}, {"SSE", "1.0", ""},
		{"lines", "1.1", "Accept: application/json\r\n"}, {"lines", "1.0", "Accept: application/x-ndjson\r\n"},
		{"resumed SSE", "1.1", "Last-Event-ID: " + p.id(3) + "\r\n"},
		{"promoted SSE", "1.1", "Last-Event-ID: " + p.id(250) + "\r\n"},  // ahead until this instance is there
		{"waiting SSE", "1.1", "Last-Event-ID: " + p.id(1<<40) + "\r\n"}, // ahead of this instance
	}
	for _, r := range forms {
		c := open(r[1], short, r[2])
		_ = c.SetDeadline(time.Now().Add(life + patience))
		go func() {
			b, err := io.ReadAll(c)
			ends <- end{r[0] + " " + r[1], string(b), err, time.Now()}
		}()
	}
	long := open("1.1", lasting(`"s"`), "")
	until(t, "all are there", func() bool { return s.Connections() == len(forms)+1 || time.Now().Unix() >= exp })
	late := false
	for i, n := int64(50), len(forms); n > 0; {
		select {
		case e := <-ends:
			n--
			late = late || strings.HasPrefix(e.body, "HTTP/1.1 401 ")
			_, body, _ := strings.Cut(e.body, "\r\n\r\n")
			want := "0\r\n\r\n"
			switch {
			case strings.Contains(e.name, "SSE") && strings.HasSuffix(e.name, "1.1"):
				want = "\n: token\n\r\n0\r\n\r\n"
			case strings.Contains(e.name, "SSE"):
				want = "\n: token\n"
			case strings.HasSuffix(e.name, "1.0"):
				want = "\n"
			}
			if !late && (e.err != nil || !strings.HasSuffix(body, want) || !strings.HasPrefix(e.body, "HTTP/1.1 200 ")) {
				t.Errorf("%s ends with %q, %v", e.name, body[max(0, len(body)-60):], e.err)
			}
			if !late && e.at.Before(time.Unix(exp, 0)) {
				t.Errorf("%s ends %v too soon", e.name, time.Unix(exp, 0).Sub(e.at))
			}
		case <-time.After(5 * time.Millisecond):
			p.publish(0, i, `{}`)
			i++
		}
	}
	if late {
		return false
	}
	until(t, "they are counted", func() bool { return closedFor(t, s, closedToken) == float64(len(forms)) && s.Connections() == 1 })
	p.publish(0, 1<<20, `{"last":1}`)
	if err := readFor(long, `{"last":1}`); err != nil {
		t.Error(err)
	}
	// It is over for good, and a token that is nearly over is served until then.
	if b, err := io.ReadAll(open("1.1", short, "Connection: close\r\n")); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 401 ") {
		t.Errorf("the token is accepted again: %q %v", b, err)
	}
	soon := time.Now().Unix() + 1
	b, err := io.ReadAll(open("1.1", tokenFor(`{"exp":%d,"streams":["s"]}`, soon), "Connection: close\r\n"))
	if err != nil || time.Now().Unix() < soon || !strings.HasSuffix(string(b), ": token\n\r\n0\r\n\r\n") && !strings.HasPrefix(string(b), "HTTP/1.1 401 ") {
		t.Errorf("%q %v", b, err)
	}
	return true
}
