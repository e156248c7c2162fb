package load

import (
	"slices"
	"strings"
	"testing"
)

func TestPlanSpreadsStartingPoints(t *testing.T) {
	p := Plan{From: []uint64{100, 7}, Spread: 10}
	for i, want := range [][]uint64{{100, 7}, {102, 9}, {105, 12}, {107, 14}} {
		if got := p.start(i, 4, 2); !slices.Equal(got, want) {
			t.Errorf("client %d of 4 starts at %d, want %d", i, got, want)
		}
	}
	if got := (Plan{}).start(3, 4, 2); !slices.Equal(got, []uint64{0, 0}) {
		t.Errorf("without a position clients start at %d", got)
	}
}

func TestPlanAsksByOffset(t *testing.T) {
	p := Plan{From: []uint64{100, 7}}
	want := `[{"topic":"a.b","partition":0,"offset":100},{"topic":"a.b","partition":1,"offset":7}]`
	if got := string(p.id("a.b", p.From)); got != want {
		t.Errorf("id %s, want %s", got, want)
	}
	if got := (Plan{}).id("a.b", []uint64{0, 0}); got != nil {
		t.Errorf("a client without a position asks for %s", got)
	}
}

func TestPlanForOtherPartitionsIsRefused(t *testing.T) {
	for _, p := range []Plan{{From: []uint64{1}}, {Until: []uint64{1, 2, 3}}} {
		if err := p.check(2); err == nil || !strings.Contains(err.Error(), "there are 2 partitions") {
			t.Errorf("%+v: error %v", p, err)
		}
	}
}
