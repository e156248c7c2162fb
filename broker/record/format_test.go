package record

import "testing"

func TestNames(t *testing.T) {
	for _, name := range []string{"json", "text", "base64"} {
		if f, err := ParseFormat(name); err != nil || f.String() != name {
			t.Errorf("format %q: got %v, %v", name, f, err)
		}
	}
	for _, name := range []string{"none", "meta", "_kafka"} {
		if a, err := ParseAnnotate(name); err != nil || a.String() != name {
			t.Errorf("annotate %q: got %v, %v", name, a, err)
		}
	}
	if _, err := ParseFormat("JSON"); err == nil || err.Error() != `cannot read format "JSON": want json, text or base64` {
		t.Errorf("got %v", err)
	}
	if _, err := ParseAnnotate(""); err == nil || err.Error() != `cannot read annotate "": want none, meta or _kafka` {
		t.Errorf("got %v", err)
	}

	seen := make(map[string]bool)
	for r := range Reason(NumReasons) {
		if label := r.String(); label == "" || seen[label] {
			t.Errorf("reason %d has the label %q", r, label)
		}
		seen[r.String()] = true
	}
}
