//go:build browser

package blackbox

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/twmb/franz-go/pkg/kgo"
)

// pageWeight is what the live page may weigh, in bytes, headers included.
const pageWeight = 60_000

// pageScene is a Kafka, a server with the stream "s" and somebody who writes.
func pageScene(t *testing.T, server, stream string) (*fake, *instance, *scribe) {
	t.Helper()
	k := newFake(t, topics(2, "t"))
	in := startConfig(t, k.config(server, "description = \"For the test.\"\n"+stream))
	in.waitReady()
	return k, in, &scribe{k: k}
}

const shown = `document.querySelectorAll("#rows .row").length`

// TestBrowserEvents: events appear as they happen, can be filtered and opened,
// and the page asks nobody else for anything.
func TestBrowserEvents(t *testing.T) {
	_, in, s := pageScene(t, "", "")
	b := startBrowser(t, in.addr, 1440, 900)
	b.open("/")
	b.until(`location.pathname === "/v2/ui/" && document.querySelector("#state").dataset.state === "live"`)
	if w := b.weight(); w == 0 || w > pageWeight {
		t.Errorf("the page weighs %d bytes, allowed are %d", w, pageWeight)
	} else {
		t.Logf("the page weighs %d bytes", w)
	}
	s.write(30)
	b.until(shown + " === 30")
	if rows := b.text("rows"); !strings.Contains(rows, "Page 28") || strings.Index(rows, "Page 28") > strings.Index(rows, "Page 4") {
		t.Errorf("the newest of a partition is not first: %s", rows)
	}
	b.until(`parseFloat(document.querySelector("#rate").textContent) > 0 && document.querySelector("#lag").textContent.endsWith("s")`)
	b.until(`document.querySelector("#chart path").getAttribute("d") !== ""`)

	b.click("#filter")
	b.press("edit BODY-7")
	b.until(shown + " === 3") // 7, 17, 27
	s.write(9)
	b.until(shown + " === 4")
	eval[chromedp.Void](b, `document.querySelector("#filter").value = ""; document.querySelector("#filter").dispatchEvent(new Event("input"))`)
	b.until(shown + " === 39")

	eval[chromedp.Void](b, `[...document.querySelectorAll(".row")].find((r) => r.textContent.includes("Page 38")).click()`)
	b.until(`document.querySelector("#detail .tree") !== null`)
	detail := eval[string](b, `document.querySelector("#detail").innerText`)
	for _, want := range []string{"Page 38", "25.00", "9223372036854775807", "offset 19", `"topic":"t","partition":0,"offset":20`,
		"curl -sN -H 'Last-Event-ID: [{", "/v2/stream/s?notices=event'"} {
		if !strings.Contains(detail, want) {
			t.Errorf("no %s in\n%s", want, detail)
		}
	}
	if !strings.HasSuffix(eval[string](b, "location.href"), "#s") {
		t.Error("the address does not name the stream")
	}
	s.arrived(b)
	b.quiet(false)
}

// TestBrowserPause: pause holds the list still, and nothing is lost by it.
func TestBrowserPause(t *testing.T) {
	_, in, s := pageScene(t, "", "")
	b := startBrowser(t, in.addr, 1440, 900)
	b.open("/v2/ui/")
	b.until(`document.querySelector("#state").dataset.state === "live"`)
	s.write(5)
	b.until(shown + " === 5")
	b.click("#pause")
	s.write(7)
	b.until(`document.querySelector("#received").textContent === "12" && document.querySelector("#hint").textContent === "7 newer"`)
	if n := eval[int](b, shown); n != 5 {
		t.Errorf("%d rows while paused, there were 5", n)
	}
	b.click("#pause")
	b.until(shown + " === 12")
	s.arrived(b)
	b.quiet(false)
}

// TestBrowserFlood: a page that gets more than anybody can read stays small and
// answers.
func TestBrowserFlood(t *testing.T) {
	k, in, _ := pageScene(t, "", "")
	b := startBrowser(t, in.addr, 1440, 900)
	b.open("/v2/ui/")
	b.until(`document.querySelector("#state").dataset.state === "live"`)
	const flood = 20_000
	var records []*kgo.Record
	for n := range flood {
		records = append(records, jsonRecord("t", int32(n%2), fmt.Sprintf(`{"title":"Page %d"}`, n)))
	}
	k.raw(records...)
	b.until(`document.querySelector("#received").textContent === "20,000"`)
	b.until(`/Page 1999[89]/.test(document.querySelector("#rows").textContent)`)
	if n := eval[int](b, shown); n > 200 || n == 0 {
		t.Errorf("%d rows", n)
	}
	if missing := b.text("missing"); missing != "0" {
		t.Errorf("%s are missing", missing)
	}
	last := eval[string](b, `[...document.querySelectorAll(".row .title")].at(-1).textContent`)
	eval[chromedp.Void](b, `[...document.querySelectorAll(".row")].at(-1).click()`)
	b.until(fmt.Sprintf(`document.querySelector("#detail .tree").textContent.includes(%q)`, last))
	b.quiet(false)
}

// TestBrowserLarge: however large events are, the page keeps only so much of them.
func TestBrowserLarge(t *testing.T) {
	k, in, _ := pageScene(t, "", "")
	b := startBrowser(t, in.addr, 1440, 900)
	b.open("/v2/ui/")
	b.until(`document.querySelector("#state").dataset.state === "live"`)
	for n := range 8 {
		k.raw(jsonRecord("t", int32(n%2), fmt.Sprintf(`{"title":"Page %d","text":"%s"}`, n, strings.Repeat("x", 900_000))))
	}
	b.until(`document.querySelector("#received").textContent === "8" && document.querySelector("#rows").textContent.includes("Page 7")`)
	b.until(shown + " <= 4") // 4 Mi characters
	b.quiet(false)
}

// TestBrowserRestart: the server goes and another takes its place: the page goes
// on exactly where it was, by its own count and by the test's.
func TestBrowserRestart(t *testing.T) {
	k := newFake(t, topics(2, "t"))
	s := &scribe{k: k}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	document := k.config("retry = \"200ms\"\ndrain_timeout = \"100ms\"", "")
	in := startAt(t, addr, document)
	b := startBrowser(t, addr, 1440, 900)
	b.open("/v2/ui/")
	b.until(`document.querySelector("#state").dataset.state === "live"`)
	stop := s.keepOn()
	defer stop()
	for round := range 2 {
		b.until(fmt.Sprintf("window.got.length > %d", 50*(round+1)))
		if round == 0 {
			in.stop(syscall.SIGTERM)
		} else {
			_ = in.cmd.Process.Kill()
			<-in.ended
		}
		b.until(`document.querySelector("#state").dataset.state === "waiting"`)
		in = startAt(t, addr, document)
		b.until(fmt.Sprintf(`document.querySelector("#state").dataset.state === "live" && document.querySelector("#connections").textContent === "%d"`, round+2))
	}
	b.until("window.got.length > 200")
	stop()
	s.arrived(b)
	b.quiet(true)
}

// TestBrowserResume: the demonstration counts every offset that went by while
// the page was away.
func TestBrowserResume(t *testing.T) {
	_, in, s := pageScene(t, "", "")
	b := startBrowser(t, in.addr, 1440, 900)
	b.open("/v2/ui/")
	b.until(`document.querySelector("#state").dataset.state === "live"`)
	s.write(10)
	b.until(`document.querySelector("#received").textContent === "10"`)
	b.click("#cut")
	b.until(`document.querySelector("#state").dataset.state === "off"`)
	eventually(t, patience, func() bool { return in.metric(`ringcast_connections{stream="s"}`) == 0 }, func() string { return "the page is still connected" })
	s.write(40)
	if got := b.text("received"); got != "10" {
		t.Errorf("%s received, the page was away after 10", got)
	}
	b.click("#go")
	b.until(`document.querySelector("#verdict").textContent === "Nothing is missing, nothing came twice."`)
	if all := eval[[]string](b, `[...document.querySelectorAll("#all td")].map((c) => c.textContent)`); strings.Join(all, " ") != " 40 40 0" {
		t.Errorf("the account says %q of 40 events", all)
	}
	s.arrived(b)
	b.quiet(false)
}

// TestBrowserGap: where a record cannot be delivered the page says so, and does
// not count it as missing.
func TestBrowserGap(t *testing.T) {
	k, in, s := pageScene(t, "", "max_event = \"1KiB\"")
	b := startBrowser(t, in.addr, 1440, 900)
	b.open("/v2/ui/")
	b.until(`document.querySelector("#state").dataset.state === "live"`)
	s.write(4)
	b.until(shown + " === 4")
	k.raw(jsonRecord("t", 0, `{"title":"`+strings.Repeat("x", 2000)+`"}`))
	s.write(4)
	b.until(shown + " === 8")
	b.until(`document.querySelector("#gaps").textContent === "1"`)
	if got := eval[string](b, `document.querySelector("#rows .gap").textContent`); got != "Gap (too_large): t, partition 0, asked for 2, goes on at 3" {
		t.Errorf("the page says %q", got)
	}
	s.arrived(b)
	b.quiet(false)
}

// TestBrowserFull: a server without room is tried again, and the page says why
// it waits.
func TestBrowserFull(t *testing.T) {
	_, in, s := pageScene(t, "max_connections = 1", "")
	holder, err := http.Get("http://" + in.addr + "/v2/stream/s")
	if err != nil {
		t.Fatal(err)
	}
	b := startBrowser(t, in.addr, 1440, 900)
	b.open("/v2/ui/")
	b.until(`document.querySelector("#state").textContent.startsWith("Service Overloaded, trying again in ")`)
	holder.Body.Close()
	b.until(`document.querySelector("#state").dataset.state === "live"`)
	s.write(2)
	b.until(shown + " === 2")
	b.quiet(true)
}
