package blackbox

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/ringcast/ringcast/bench/ledger"
)

// TestAlerts: the alerts of scripts/deploy ask for metrics that there are.
func TestAlerts(t *testing.T) {
	rules, err := os.ReadFile(filepath.Join("..", "..", "..", "scripts", "deploy", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	k := newFake(t, topics(1, "t"))
	in := startConfig(t, k.config("", ""))
	in.waitReady()
	f := followAll(t, 1, ledger.Config{URLs: []string{in.url("s")}, Book: k.book}, 1)[0]
	k.produce("t", 0, 1, 100)
	k.complete(f)
	names := regexp.MustCompile(`\b(ringcast|process)_[a-z_]+`).FindAllString(string(rules), -1)
	if len(names) < 8 {
		t.Fatalf("only %q are named", names)
	}
	_, metrics := in.get("/metrics")
	for _, name := range names {
		if !regexp.MustCompile(`(?m)^` + name + `(\{.*\})? `).MatchString(metrics) {
			t.Errorf("there is no metric %s", name)
		}
	}
}
