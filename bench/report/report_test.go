package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSpread(t *testing.T) {
	f := func(values []float64, want Spread) {
		t.Helper()
		if got := Over(values); got != want {
			t.Errorf("Over(%v) = %+v, want %+v", values, got, want)
		}
	}
	f(nil, Spread{})
	f([]float64{3}, Spread{3, 3, 3})
	f([]float64{5, 1, 3}, Spread{3, 1, 5})
	f([]float64{4, 1, 2, 3}, Spread{2.5, 1, 4})
	if got := Over(Ratios([]float64{1, 4, 9}, []float64{2, 4, 0})).Ratio(); got != "0.75 (0.50–1.00)" {
		t.Errorf("ratio of pairs is %s", got)
	}
}

func TestNumbersForReaders(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(Count(9999), "9999")
	f(Count(12345), "12.3 k")
	f(Count(1.239e6), "1.24 M")
	f(Micros(999), "999 µs")
	f(Micros(1250), "1.25 ms")
	f(Micros(2.5e6), "2.50 s")
	f(Share(0.371), "37 %")
}

func TestDocumentSaysThatItFailed(t *testing.T) {
	d := Document{
		Scenario: "fanout", Summary: "what was run",
		Tables:   []Table{{Title: "Figures", Rows: [][]string{{"server", "p99"}, {"ringcast", "1.25 ms"}, {"b1", "9 µs"}}}},
		Notes:    []string{"a note"},
		Failures: []string{"round 1: lost 3"},
	}
	var text strings.Builder
	if err := d.Text(&text); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "results")
	if err := d.WriteFiles(dir, Machine{CPU: "a processor", Cores: 2}, "go run ./bench -scenario fanout"); err != nil {
		t.Fatal(err)
	}
	markdown, err := os.ReadFile(filepath.Join(dir, "fanout.md"))
	if err != nil {
		t.Fatal(err)
	}
	f := func(where, text string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s lacks %q:\n%s", where, w, text)
			}
		}
	}
	f("terminal", text.String(), "ringcast  1.25 ms", "b1        9 µs", "a note", "FAILED", "lost 3")
	f("file", string(markdown), "| server | p99 |\n| --- | --- |\n| ringcast | 1.25 ms |", "a processor, 2 cores", "go run ./bench", "FAILED", "lost 3")
}
