package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ringcast/ringcast/cmd/tail"
)

const tailUsage = `usage: ringcast tail [flags] URL[,URL…]

follows a stream, reconnecting with Last-Event-ID. Several URLs are instances of
the same service: each connection takes the next one. Events go to stdout,
indented on a terminal, else the data lines as they came; notices, errors and
statistics go to stderr. Exit status: 0 clean, 1 it could not go on, 2 usage.

`

// tailCommand is what the command line says.
type tailCommand struct {
	config tail.Config
	raw    bool
	urls   string
	flags  *flag.FlagSet
	header list
}

// parseTail reads the arguments; flags may also stand behind the URL.
func parseTail(args []string, stderr io.Writer) (*tailCommand, error) {
	t := &tailCommand{flags: flag.NewFlagSet("tail", flag.ContinueOnError)}
	fs, c := t.flags, &t.config
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, tailUsage)
		fs.PrintDefaults()
	}
	fs.StringVar(&c.Since, "since", "", "begin at a `TIME`: RFC 3339, milliseconds since 1970, or a duration ago such as 15m or 2d")
	fs.StringVar(&c.LastEventID, "id", "", "begin behind the event with this `ID`")
	fs.Int64Var(&c.Events, "n", 0, "stop after so many events; 0 is never")
	fs.BoolVar(&t.raw, "raw", false, "print data lines as they came, also on a terminal")
	fs.BoolVar(&c.Stats, "stats", false, "print rate and lag to stderr once a second")
	fs.Var(&t.header, "H", "add a `HEADER`, 'Name: value', to the requests; may be repeated")
	fs.StringVar(&c.TokenFile, "token-file", "", "`FILE` with a bearer token, read anew for every connection")
	ca := fs.String("ca", "", "`FILE` with the PEM authorities to trust for https")
	insecure := fs.Bool("insecure", false, "trust any certificate")
	var urls []string
	for len(args) > 0 {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if args = fs.Args(); len(args) > 0 {
			urls, args = append(urls, args[0]), args[1:]
		}
	}
	if len(urls) != 1 {
		return nil, fmt.Errorf("one argument is needed, URL[,URL…], not %d", len(urls))
	}
	if c.Events < 0 {
		return nil, fmt.Errorf("cannot stop after %d events: it must not be below 0", c.Events)
	}
	t.urls = urls[0]
	var err error
	if c.URLs, err = splitURLs(t.urls); err != nil {
		return nil, err
	}
	if c.Header, err = parseHeader(t.header); err != nil {
		return nil, err
	}
	if ago := parseAgo(c.Since); ago > 0 {
		c.Since = strconv.FormatInt(time.Now().Add(-ago).UnixMilli(), 10)
	}
	c.TLS, err = tlsConfig(*ca, *insecure)
	return t, err
}

// parseAgo reads a duration as Go and ringcast.toml write it; 0: it is none.
func parseAgo(s string) time.Duration {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0
		}
		return time.Duration(n) * 24 * time.Hour
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0
	}
	return d.Abs()
}

// splitURLs splits at the commas that stand before another URL: a path may name
// several streams.
func splitURLs(s string) ([]string, error) {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if n := len(list); n > 0 && !strings.HasPrefix(part, "http://") && !strings.HasPrefix(part, "https://") {
			list[n-1] += "," + part
			continue
		}
		list = append(list, part)
	}
	for _, s := range list {
		u, err := url.Parse(s)
		if err != nil {
			return nil, fmt.Errorf("cannot use URL %q", s)
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("cannot use URL %q: it must be http://HOST… or https://HOST…", s)
		}
	}
	return list, nil
}

// parseHeader reads lines of a header.
func parseHeader(lines []string) (http.Header, error) {
	h := http.Header{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("cannot use header %q: it must be 'Name: value'", line)
		}
		h.Add(textproto.TrimString(name), textproto.TrimString(value))
	}
	return h, nil
}

// tlsConfig is nil for the system's trust.
func tlsConfig(ca string, insecure bool) (*tls.Config, error) {
	if ca == "" && !insecure {
		return nil, nil
	}
	config := &tls.Config{InsecureSkipVerify: insecure}
	if ca == "" {
		return config, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("cannot read the authorities: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("cannot use -ca " + strconv.Quote(ca) + ": there is no PEM certificate in it")
	}
	return config, nil
}

// from is the command that goes on where a run has ended.
func (t *tailCommand) from(r tail.Result) string {
	words := []string{"ringcast", "tail"}
	t.flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "id", "since", "H":
		case "n":
			words = append(words, "-n", strconv.FormatInt(t.config.Events-r.Events, 10))
		case "raw", "stats", "insecure":
			words = append(words, "-"+f.Name+"="+f.Value.String())
		default:
			words = append(words, "-"+f.Name, tail.Quote(f.Value.String()))
		}
	})
	for _, line := range t.header {
		words = append(words, "-H", tail.Quote(line))
	}
	return strings.Join(append(words, "-id", tail.Quote(r.LastEventID), tail.Quote(t.urls)), " ")
}
