package conf

import (
	"slices"
	"strings"
	"testing"
)

func TestConnectionsAndFiles(t *testing.T) {
	f := func(key string, files int64, want int, warning string) {
		t.Helper()
		sys := testSystem()
		sys.FileLimit = files
		c := mustParse(t, "[server]\n"+key+oneStream, sys)
		if c.Server.MaxConnections != want {
			t.Errorf("%q with %d files: %d connections, want %d", key, files, c.Server.MaxConnections, want)
		}
		if warned := strings.Join(c.Warnings, "\n"); !strings.Contains(warned, warning) || warning == "" && warned != "" {
			t.Errorf("%q with %d files: warnings %q, want %q", key, files, warned, warning)
		}
	}
	f("", 0, 15000, "")
	f("", 16280, 15000, "")
	f("", 16279, 14999, "the default 15000 is lowered to 14999: the limit of open files is 16279")
	f("", 1024, 512, "the default 15000 is lowered to 512")
	f("", 1, 1, "lowered to 1")
	f("max_connections = 1024", 1024, 1024, "1024 leaves few of 1024 open files")
	f("max_connections = 100", 4096, 100, "")
	f("max_connections = 0", 50000, 48720, "")
}

func TestConnectionsByMemory(t *testing.T) {
	f := func(key string, memory int64, want int) {
		t.Helper()
		sys := testSystem()
		sys.Memory, sys.FileLimit = memory, 0
		if c := mustParse(t, "[server]\n"+key+oneStream, sys); c.Server.MaxConnections != want {
			t.Errorf("%q with %d bytes: %d connections, want %d", key, memory, c.Server.MaxConnections, want)
		}
	}
	each := int64(4096 + 2*65536/20)
	f("", 15000*4*each, 15000)
	f("", 12000*4*each, 12000)
	f("max_connections = 0", 20000*4*each, 20000)
	f("max_connections = 15000", 12000*4*each, 15000)
	f("max_connections = 0", 0, maxConnections)
}

func TestRings(t *testing.T) {
	f := func(text string, memory, total int64, want ...int64) {
		t.Helper()
		sys := testSystem()
		sys.Memory = memory
		c := mustParse(t, text, sys)
		var got []int64
		for _, s := range c.Streams {
			got = append(got, s.Bytes)
		}
		if !slices.Equal(got, want) || c.Ring.TotalBytes != total {
			t.Errorf("%s: total %d %d, want %d %d", text, c.Ring.TotalBytes, got, total, want)
		}
	}
	const a, b, own = "[streams.a]\ntopics = ['t']\n", "[streams.b]\ntopics = ['u']\n", "[streams.c]\ntopics = ['v']\nbytes = '10MiB'\n"
	f(a, 10*gib, 4096*mib, 4096*mib)
	f(a, 0, 819*mib, 819*mib) // 40 % of what is assumed where memory is unknown
	f(a+b, 10*gib, 4096*mib, 2048*mib, 2048*mib)
	f(a+b+own, 10*gib, 4096*mib, 2043*mib, 2043*mib, 10*mib)
	f(own, 10*gib, 10*mib, 10*mib)
	f("[ring]\nbytes = '20MiB'\n"+a+own, 10*gib, 30*mib, 20*mib, 10*mib)
	f("[ring]\ntotal_bytes = '30MiB'\n"+a+b+own, 10*gib, 30*mib, 10*mib, 10*mib, 10*mib)
	f("[ring]\ntotal_bytes = '30MiB'\nbytes = ''\n"+a+b, 10*gib, 30*mib, 15*mib, 15*mib)
}

func TestStreamsTakeOverTheRing(t *testing.T) {
	c := mustParse(t, `
[ring]
events = 10
bytes = "8MiB"
max_event = "1MiB"
warm_up = "1h"
[streams.a]
topics = ["t"]
[streams.b]
topics = ["u"]
events = 20
bytes = "9MiB"
max_event = 0
warm_up = 0
`, testSystem())
	a, b := c.Streams[0], c.Streams[1]
	if a.Events != 10 || a.Bytes != 8*mib || a.MaxEvent != mib || a.WarmUp.Hours() != 1 {
		t.Errorf("a is %+v", a)
	}
	if b.Events != 20 || b.Bytes != 9*mib || b.MaxEvent != 9*mib || b.WarmUp != 0 {
		t.Errorf("b is %+v", b)
	}
}

func TestSmallMachineLowersDefaults(t *testing.T) {
	sys := testSystem()
	sys.Memory = 300 * mib
	c := mustParse(t, oneStream+"[streams.b]\ntopics = ['u']\n", sys)
	if _, total := c.WorstCase(); total > sys.Memory {
		t.Errorf("it may take %d of %d bytes", total, sys.Memory)
	}
	warned := strings.Join(c.Warnings, "\n")
	for _, key := range []string{"server.pending_bytes", "views.bytes", "replay.cache", "server.max_connections", "ring.total_bytes"} {
		if !strings.Contains(warned, key+": ") {
			t.Errorf("no warning about %s in\n%s", key, warned)
		}
	}
	// 160 streams share so little that not even the largest event fits.
	many := ""
	for i := range 160 {
		many += strings.ReplaceAll("[streams.sN]\ntopics = ['tN']\n", "N", strings.Repeat("x", i+1))
	}
	sys.Memory = gib
	c = mustParse(t, many, sys)
	s := c.Streams[7]
	if s.Bytes >= 4*mib || s.MaxEvent != s.Bytes || !slices.ContainsFunc(c.Warnings, func(w string) bool {
		return strings.HasPrefix(w, "streams.sxxxxxxxx.max_event: the default 4MiB is lowered")
	}) {
		t.Errorf("stream is %+v, warnings %q", s, c.Warnings)
	}
}

func TestIDLength(t *testing.T) {
	text := func(form string, topics int) string {
		names := ""
		for i := range topics {
			names += "'" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + "',"
		}
		return "[streams.x]\nid = '" + form + "'\ntopics = [" + names + "]\n"
	}
	f := func(form string, want IDForm, most int) {
		t.Helper()
		entry := map[string]string{
			"both":      `{"topic":"tt","partition":0,"offset":9223372036854775807,"timestamp":1700000000000,"epoch":"xxxxxx.yyyyyy"}`,
			"offset":    `{"topic":"tt","partition":0,"offset":9223372036854775807,"epoch":"xxxxxx.yyyyyy"}`,
			"timestamp": `{"topic":"tt","partition":0,"timestamp":1700000000000,"epoch":"xxxxxx.yyyyyy"}`,
		}[form]
		if got := idEntryLength("tt", want); got != len(entry) {
			t.Errorf("an entry of %s has %d bytes, want %d", form, got, len(entry))
		}
		// most is (4096 - 2 + 1) / (entry + 1)
		mustParse(t, text(form, most), testSystem())
		if _, err := Parse("f", []byte(text(form, most+1)), testSystem()); err == nil || !strings.Contains(err.Error(), "f:3: streams.x.topics: ") {
			t.Errorf("%d topics in %s: %v", most+1, form, err)
		}
	}
	f("both", IDBoth, 37)
	f("offset", IDOffset, 49)
	f("timestamp", IDTimestamp, 51)

	if c := mustParse(t, text("compact", 600), testSystem()); c.Streams[0].ID != IDCompact {
		t.Errorf("id is %v", c.Streams[0].ID)
	}
}

func TestWorstCase(t *testing.T) {
	c := mustParse(t, "[server]\nmax_connections = 1000\n[ring]\nbytes = '10MiB'\nevents = 1000\n[streams.a]\ntopics = ['t']\n[streams.b]\ntopics = ['u']\n", testSystem())
	parts, total := c.WorstCase()
	want := map[string]int64{
		"base": 32 * mib, "rings": 20 * mib, "ring entries": 2 * (1000*96 + 1024*8),
		"connections": 1000 * kib, "sockets": 3000 * kib, "send buffers": 50 * 2 * 64 * kib,
		"pending": 64 * mib, "views": 64 * mib, "replay cache": 128 * mib,
		"replay reads": 32 * mib, "kafka fetches": 4 * mib, "kafka batch": 64 * mib,
	}
	var sum int64
	for _, p := range parts {
		if p.Bytes != want[p.Name] {
			t.Errorf("%s is %d, want %d", p.Name, p.Bytes, want[p.Name])
		}
		sum += want[p.Name]
	}
	if len(parts) != len(want) || sum != total {
		t.Errorf("%d parts, sum %d, want %d and %d", len(parts), total, len(want), sum)
	}
	c.Server.TLS = &ServerTLS{}
	if _, with := c.WorstCase(); with != total+1000*14*kib {
		t.Errorf("with TLS %d, without %d", with, total)
	}
}

func TestGoLimits(t *testing.T) {
	f := func(text string, memory, least, most int64, leastGC, mostGC int) {
		t.Helper()
		sys := testSystem()
		sys.Memory = memory
		limit, percent := mustParse(t, text+oneStream, sys).GoLimits()
		if limit < least || limit > most || percent < leastGC || percent > mostGC {
			t.Errorf("%q of %d: GOMEMLIMIT=%d GOGC=%d", text, memory, limit, percent)
		}
	}
	f("", 0, 0, 0, 100, 100)
	f("", 8*gib, 7*gib, 8*gib*95/100, 60, 100)
	f("[ring]\ntotal_bytes = '5GiB'\n", 8*gib, 7*gib, 8*gib*95/100, 20, 40)
	f("[ring]\ntotal_bytes = '7500MiB'\n", 8*gib, 7900*mib, 8*gib, 10, 10)
}
