//go:build browser

package blackbox

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a Chromium with one tab, and what it said and asked for.
type browser struct {
	t      *testing.T
	ctx    context.Context
	origin string // of the server under test

	mu       sync.Mutex
	said     []string                     // by the page or about it, guarded by mu
	asked    map[network.RequestID]string // URLs, guarded by mu
	received map[network.RequestID]int64  // bytes, headers included, guarded by mu
}

// The page's own bookkeeping is compared with this, which knows nothing of it.
const recordScript = `
window.got = [];
window.EventSource = class extends EventSource {
	constructor(...args) {
		super(...args);
		this.addEventListener("message", (e) => window.got.push(e.data));
	}
};`

// startBrowser starts a browser with a window of the given size that ends with
// the test.
func startBrowser(t *testing.T, addr string, width, height int64, opts ...chromedp.EmulateViewportOption) *browser {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true))
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, flags...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, origin: "http://" + addr, asked: map[network.RequestID]string{}, received: map[network.RequestID]int64{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("cannot start the browser: %v", err)
		}
	}
	must(chromedp.Listen(ctx, b.note))
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	must(err)
	_, err = chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: recordScript})
	must(err)
	must(chromedp.Do(ctx, chromedp.EmulateViewport(width, height, opts...)))
	return b
}

// note takes what happens in the browser.
func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.said = append(b.said, fmt.Sprintf("exception: %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		b.said = append(b.said, fmt.Sprintf("console: %+v", e.Args))
	case *log.EventEntryAdded:
		b.said = append(b.said, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
	case *network.EventRequestWillBeSent:
		b.asked[e.RequestID] = e.Request.URL
	case *network.EventLoadingFinished:
		b.received[e.RequestID] += int64(e.EncodedDataLength)
	}
}

// open goes to a path of the server.
func (b *browser) open(path string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(b.origin+path)); err != nil {
		b.t.Fatalf("cannot open %s: %v", path, err)
	}
}

// eval is the value of an expression in the page.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true.
func (b *browser) until(expression string) {
	b.t.Helper()
	eventually(b.t, patience, func() bool { return eval[bool](b, expression) }, func() string {
		return expression + "; the page says\n" + eval[string](b, "document.body.innerText.slice(0, 3000)")
	})
}

// text is what an element says.
func (b *browser) text(id string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("document.getElementById(%q).textContent", id))
}

// click clicks what a selector finds, with the mouse.
func (b *browser) click(selector string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		b.t.Fatalf("cannot click %s: %v", selector, err)
	}
}

// press sends keys to whatever has the focus.
func (b *browser) press(keys string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.KeyEvent(keys)); err != nil {
		b.t.Fatalf("cannot press %q: %v", keys, err)
	}
}

// prefers sets the colour scheme, and whether motion is wanted.
func (b *browser) prefers(scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// quiet demands that the browser had nothing to complain about, but for
// connections that were cut where the test cuts some, and asked nobody else.
func (b *browser) quiet(cuts bool) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.said {
		if !cuts || !strings.HasPrefix(line, "network: ") {
			b.t.Errorf("the browser says: %s", line)
		}
	}
	for _, to := range b.asked {
		u, err := url.Parse(to)
		if err != nil || u.Scheme != "data" && u.Scheme+"://"+u.Host != b.origin {
			b.t.Errorf("the page asks elsewhere: %s", to)
		}
	}
}

// weight is how many bytes came that are no stream's.
func (b *browser) weight() (total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, to := range b.asked {
		if !strings.Contains(to, "/stream/") {
			total += b.received[id]
		}
	}
	return total
}

// scribe writes numbered events to the partitions of topic "t" in turn.
type scribe struct {
	k       *fake
	mu      sync.Mutex
	written int // guarded by mu
}

func (s *scribe) event(n int) string {
	return fmt.Sprintf(`{"n":%d,"type":"edit","title":"Page %d","user":"somebody-%d","price":25.00,"deep":{"large":9223372036854775807}}`, n, n, n%10)
}

// write writes n events.
func (s *scribe) write(n int) {
	s.k.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.k.raw(jsonRecord("t", int32(s.written%2), s.event(s.written)))
		s.written++
	}
}

// keepOn writes until stop is called.
func (s *scribe) keepOn() (stop func()) {
	done, tick := make(chan struct{}), time.NewTicker(10*time.Millisecond)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				s.write(1)
			}
		}
	})
	return sync.OnceFunc(func() {
		tick.Stop()
		close(done)
		running.Wait()
	})
}

// arrived demands that the page got every event from the first that it got to
// the last that was written, each once.
func (s *scribe) arrived(b *browser) {
	b.t.Helper()
	b.until(fmt.Sprintf("window.got.some((d) => JSON.parse(d).n === %d) && window.got.some((d) => JSON.parse(d).n === %d)", s.written-1, s.written-2))
	seen := make(map[string]int)
	got := eval[[]string](b, "window.got")
	for _, data := range got {
		seen[data]++
	}
	first := s.written - len(seen)
	for n := first; n < s.written; n++ {
		if times := seen[s.event(n)]; times != 1 {
			b.t.Errorf("event %d of %d to %d came %d times", n, first, s.written-1, times)
		}
	}
	if len(got) != len(seen) {
		b.t.Errorf("%d events came, %d different ones", len(got), len(seen))
	}
	b.until(fmt.Sprintf("document.getElementById('received').textContent === (%d).toLocaleString('en')", len(got)))
	if missing := b.text("missing"); missing != "0" {
		b.t.Errorf("the page says that %s are missing", missing)
	}
}
