//go:build browser

package blackbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// filled is a browser with everything on the live page: events, a gap, an event
// opened, a demonstration that is over.
func filled(t *testing.T, width, height int64, opts ...chromedp.EmulateViewportOption) *browser {
	t.Helper()
	k, in, s := pageScene(t, "", "max_event = \"1KiB\"\naliases = [\"alias\"]\nexample = '{\"title\":\"Page 1\"}'")
	b := startBrowser(t, in.addr, width, height, opts...)
	b.prefers("light")
	b.open("/v2/ui/")
	b.until(`document.querySelector("#state").dataset.state === "live"`)
	s.write(6)
	b.until(shown + " === 6")
	eval[chromedp.Void](b, `for (const d of document.querySelectorAll(".fold")) d.open = true`)
	b.click("#cut")
	k.raw(jsonRecord("t", 0, `{"title":"`+strings.Repeat("x", 2000)+`"}`))
	s.write(6)
	b.click("#go")
	b.until(`document.querySelector("#verdict").className === "good" && document.querySelector("#rows .gap") !== null`)
	eval[chromedp.Void](b, `document.querySelector(".row").click()`)
	b.until(`document.querySelector("#detail .tree") !== null`)
	return b
}

// controls are the roles of what people operate (WAI-ARIA 1.2, section 5.3.2).
var controls = []string{"button", "checkbox", "combobox", "link", "searchbox", "textbox", "radio", "slider", "switch", "tab", "DisclosureTriangle", "MenuListPopup", "option"}

// TestBrowserNames: a screen reader can say what every control is.
func TestBrowserNames(t *testing.T) {
	b := filled(t, 1440, 900)
	f := func(path string, least int, want ...string) {
		t.Helper()
		if path != "" {
			b.open(path)
		}
		tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		var all []string
		for _, n := range tree.Nodes {
			if n.Ignored {
				continue
			}
			role, name := said(n.Role), said(n.Name)
			all = append(all, role+" "+name)
			if slices.Contains(controls, role) {
				found++
				if strings.TrimSpace(name) == "" && role != "MenuListPopup" {
					t.Errorf("%s: a %s has no name", path, role)
				}
			}
		}
		if found < least {
			t.Errorf("%s: only %d controls", path, found)
		}
		for _, w := range want {
			if !slices.Contains(all, w) {
				t.Errorf("%s: no %s in %q", path, w, all)
			}
		}
	}
	f("", 25, "checkbox s", "button Pause", "searchbox Filter", "combobox Begin", "button Copy the id", "list Events, newest first", "main ", "banner ", "heading Events", "heading Streams", "link API docs", "status ")
	f("/?doc", 5, "heading API documentation", "link Live page", "main ")
}

// said is the value of a property of the accessibility tree.
func said(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var s string
	_ = json.Unmarshal(v.Value, &s)
	return s
}

// contrasts finds text whose contrast with what is behind it is below 4.5 to 1
// (WCAG 2.2, success criterion 1.4.3). Colours are solid on these pages.
const contrasts = `(() => {
	const rgb = (s) => { const m = s.match(/[\d.]+/g).map(Number); return { c: m.slice(0, 3), a: m[3] ?? 1 }; };
	const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const behind = (e) => { for (; e; e = e.parentElement) { const b = rgb(getComputedStyle(e).backgroundColor); if (b.a > 0) return b.c; } return [255, 255, 255]; };
	const bad = new Set();
	let checked = 0;
	const check = (e, color, text) => {
		checked++;
		const [a, b] = [light(rgb(color).c), light(behind(e))].sort((x, y) => y - x);
		if ((a + 0.05) / (b + 0.05) < 4.5) bad.add(text.trim().slice(0, 40) + " " + color + " on " + behind(e));
	};
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest("script, noscript, :disabled")) continue;
		check(e, getComputedStyle(e).color, walk.currentNode.data);
	}
	for (const e of document.querySelectorAll("input[placeholder]")) check(e, getComputedStyle(e, "::placeholder").color, e.placeholder);
	return [String(checked), ...bad];
})()`

// TestBrowserContrast: text can be read, in both colour schemes.
func TestBrowserContrast(t *testing.T) {
	b := filled(t, 1440, 900)
	f := func(name string, least int) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			b.prefers(scheme)
			got := eval[[]string](b, contrasts)
			var n int
			if _, err := fmt.Sscan(got[0], &n); err != nil || n < least {
				t.Errorf("%s, %s: %s texts checked", name, scheme, got[0])
			}
			for _, bad := range got[1:] {
				t.Errorf("%s, %s: %s", name, scheme, bad)
			}
		}
		if dark := eval[string](b, "getComputedStyle(document.documentElement).backgroundColor"); dark != "rgb(19, 23, 22)" {
			t.Errorf("%s: the ground in the dark is %s", name, dark)
		}
	}
	f("live", 80)
	eval[chromedp.Void](b, `document.querySelector("#state").dataset.state = "refused"`)
	f("refused", 80)
	eval[chromedp.Void](b, `document.querySelector("#state").dataset.state = "waiting"; document.querySelector("#verdict").className = "bad"`)
	b.click("#pause")
	f("waiting, paused", 80)
	b.open("/?doc")
	f("documentation", 80)
}

// TestBrowserKeyboard: everything can be reached and used with the keyboard
// alone, and the focus can be seen.
func TestBrowserKeyboard(t *testing.T) {
	b := filled(t, 1440, 900)
	eval[chromedp.Void](b, `document.activeElement.blur(); document.querySelector("#close").style.display = "none"; window.scrollTo(0, 0)`)
	want := eval[int](b, `(window.wanted = new Set([...document.querySelectorAll("a, button, input, select, summary")].filter((e) => e.checkVisibility() && !e.disabled && e.tabIndex >= 0 && !(e.closest("#rows") && e.tabIndex < 0)))).size`)
	for range 3 * want {
		b.press(kb.Tab)
		if eval[bool](b, `(() => {
			const e = document.activeElement, s = getComputedStyle(e);
			window.wanted.delete(e);
			if (e !== document.body && s.outlineStyle === "none") (window.unseen ??= []).push(e.outerHTML.slice(0, 80));
			return window.wanted.size === 0;
		})()`) {
			break
		}
	}
	if left := eval[[]string](b, `[...window.wanted].map((e) => e.outerHTML.slice(0, 80))`); len(left) > 0 || want < 10 {
		t.Errorf("of %d controls the tab key does not reach %q", want, left)
	}
	if unseen := eval[[]string](b, `window.unseen ?? []`); len(unseen) > 0 {
		t.Errorf("the focus cannot be seen on %q", unseen)
	}

	eval[chromedp.Void](b, `document.querySelector("#rows .row").focus()`)
	b.press(kb.ArrowDown)
	b.press(kb.ArrowDown)
	b.press(kb.Enter)
	b.until(`document.querySelectorAll("#rows .row")[2] === document.activeElement && document.activeElement.getAttribute("aria-current") === "true"`)
	b.press(kb.Home)
	b.until(`document.querySelectorAll("#rows .row")[0] === document.activeElement`)

	eval[chromedp.Void](b, `document.querySelector("#pause").focus()`)
	b.press(" ")
	b.until(`document.querySelector("#pause").getAttribute("aria-pressed") === "true"`)
	b.quiet(false)
}

// TestBrowserPhone: on a phone everything fits, an event opens over the list,
// and closing it leads back.
func TestBrowserPhone(t *testing.T) {
	b := filled(t, 360, 740, chromedp.EmulateMobile)
	fits := func(what string) {
		t.Helper()
		if wide := eval[[]string](b, `[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && e.checkVisibility() && !e.closest(".scroll, .row")).map((e) => e.outerHTML.slice(0, 80))`); len(wide) > 0 {
			t.Errorf("%s: wider than the window: %q", what, wide)
		}
		if got := eval[int](b, "document.documentElement.scrollWidth - innerWidth"); got > 0 {
			t.Errorf("%s: %d pixels have to be scrolled to", what, got)
		}
		if got := eval[int](b, "innerWidth"); got != 360 {
			t.Errorf("%s: the window is %d wide", what, got)
		}
	}
	fits("an event")
	if small := eval[[]string](b, `[...document.querySelectorAll("button, select, input[type=search]")].filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 24).map((e) => e.outerHTML.slice(0, 80))`); len(small) > 0 {
		t.Errorf("too small for a finger (WCAG 2.2, 2.5.8): %q", small)
	}
	b.until(`document.activeElement.id === "opened"`)
	b.press(kb.Escape)
	b.until(`!document.querySelector("#detail").checkVisibility() && document.activeElement.classList.contains("row")`)
	fits("the list")
	b.open("/?doc")
	eval[chromedp.Void](b, `for (const d of document.querySelectorAll("details")) d.open = true`)
	fits("the documentation")
	b.quiet(false)
}
