package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// draw returns a picture, which must be well-formed and lie within its frame.
func draw(t *testing.T, charts ...Chart) string {
	t.Helper()
	var b strings.Builder
	if err := SVG(&b, "a <title> & more", "a machine", charts); err != nil {
		t.Fatal(err)
	}
	height := headHeight + panelHeight*float64(len(charts))
	in := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatalf("not XML: %v in\n%s", err, b.String())
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range start.Attr {
			v, err := strconv.ParseFloat(a.Value, 64)
			if err == nil && (v < 0 || v > max(panelWidth, height) || math.IsNaN(v)) {
				t.Errorf("%s of %s is %s, outside of the picture", a.Name.Local, start.Name.Local, a.Value)
			}
		}
	}
}

func TestPictureShowsWhatItIsGiven(t *testing.T) {
	svg := draw(t,
		Chart{Title: "Processor time", X: "record", Y: "µs per delivery", Labels: []string{"300 B", "1.2 KB"},
			Series: []Series{{"ringcast", []Spread{{5, 4, 6}, {6, 6, 6}}}, Exactly("yardstick", 4, 5)}},
		Chart{Title: "Latency", X: "share of deliveries", Y: "ms", Labels: []string{"p50", "max"}, Lines: true, Log: true,
			Series: []Series{Exactly("ringcast", 0.2, 900)}},
		Chart{Title: "Memory <over> time", X: "seconds", Y: "MiB", At: []float64{0, 10, 40}, Series: []Series{Exactly("ringcast", 20, 21, 20.5)}})
	for _, want := range []string{"a &lt;title&gt; &amp; more", "a machine", "µs per delivery", "300 B", "1.2 KB", "ringcast", "yardstick",
		"share of deliveries", "p50", "Memory &lt;over&gt; time", "seconds", "prefers-color-scheme: dark"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
	f := func(element string, want int) {
		t.Helper()
		if n := strings.Count(svg, element); n != want {
			t.Errorf("%d of %q, want %d", n, element, want)
		}
	}
	f(`class="page"`, 1)
	f("<rect", 1+4+3+1)           // page, bars, legends: two of one panel, one each of two
	f(`class="whisker"`, 3)       // one value has a spread
	f("<circle", 2+3)             // points
	f("<path", 2)                 // lines
	f(`class="title"`, 3)         // panels
	f(`rotate(-90)`, 3)           // labels of y axes
	f(`fill="`+colours[1]+`"`, 3) // the second series' two bars and its legend
}

func TestHigherBarsAreHigher(t *testing.T) {
	svg := draw(t, Chart{Title: "t", Labels: []string{"a", "b"}, Series: []Series{Exactly("s", 10, 20)}})
	bars := regexp.MustCompile(`height="([0-9.]+)" fill="#`).FindAllStringSubmatch(svg, -1)
	var heights []float64
	for _, b := range bars[len(bars)-2:] {
		h, err := strconv.ParseFloat(b[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		heights = append(heights, h)
	}
	if math.Abs(heights[1]/heights[0]-2) > 0.01 {
		t.Errorf("bars of 10 and 20 are %v pixels high", heights)
	}
}

func TestPicturesOfOddFigures(t *testing.T) {
	f := func(name string, c Chart) {
		t.Helper()
		if svg := draw(t, c); !strings.Contains(svg, name) {
			t.Errorf("%s: no title", name)
		}
	}
	f("nothing", Chart{Title: "nothing"})
	f("all zero", Chart{Title: "all zero", Labels: []string{"a"}, Series: []Series{Exactly("s", 0)}})
	f("zero on a logarithm", Chart{Title: "zero on a logarithm", Log: true, Lines: true, Labels: []string{"a", "b"}, Series: []Series{Exactly("s", 0, 7)}})
	f("below zero", Chart{Title: "below zero", Labels: []string{"a", "b"}, Series: []Series{Exactly("s", -3, 12)}})
	f("one point", Chart{Title: "one point", At: []float64{5}, Series: []Series{Exactly("s", 1e9)}})
	f("too few values", Chart{Title: "too few values", Labels: []string{"a", "b"}, Series: []Series{Exactly("s", 1)}})
}

func TestScales(t *testing.T) {
	f := func(s scale, want ...float64) {
		t.Helper()
		if !slices.EqualFunc(s.ticks, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9*max(1, b) }) {
			t.Errorf("ticks %v, want %v", s.ticks, want)
		}
		if s.at(s.low) != s.from || math.Abs(s.at(s.high)-s.to) > 1e-9 {
			t.Errorf("ends at %v and %v, want %v and %v", s.at(s.low), s.at(s.high), s.from, s.to)
		}
	}
	f(linear(0, 7, 0, 100), 0, 2, 4, 6, 8)
	f(linear(0, 100, 0, 100), 0, 50, 100)
	f(linear(0, 0, 0, 100), 0, 0.5, 1)
	f(linear(-3, 12, 0, 100), -5, 0, 5, 10, 15)
	f(logarithmic(3, 80, 100, 0), 2, 5, 10, 20, 50, 100)
	f(logarithmic(5, 5, 100, 0), 5, 10)
	f(logarithmic(2, 90_000, 100, 0), 1, 10, 100, 1000, 10_000, 100_000)
}

func TestNumbersOnAxes(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.25: "0.25", 5: "5", 12.5: "12.5", 150: "150", 9000: "9000", 20_000: "20 k", 1.5e6: "1.5 M", 0.05: "0.05", -3: "-3"} {
		if got := number(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
}

func TestPictureStandsInTheDocument(t *testing.T) {
	d := Document{Scenario: "idle", Charts: []Chart{{Title: "t", Labels: []string{"a"}, Series: []Series{Exactly("s", 1)}}}, Failures: []string{"lost 3"}}
	dir := t.TempDir()
	if err := d.WriteFiles(dir, Machine{}, "command"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"idle.md": "![idle](idle.svg)", "idle.svg": "FAILED"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %q: %v\n%s", name, want, err, text)
		}
	}
}
