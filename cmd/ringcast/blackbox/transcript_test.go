package blackbox

import (
	"bytes"
	"sync"
)

// transcript is what a process has said so far.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

// Write takes what it says.
func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// tail is its last n bytes.
func (t *transcript) tail(n int) string {
	s := t.String()
	return s[max(0, len(s)-n):]
}
