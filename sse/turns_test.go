package sse

import "testing"

// TestTurnAfterPanic: a panic ends one client, and must not keep the turn from
// the others.
func TestTurnAfterPanic(t *testing.T) {
	turns := make(turns, 1)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		turns.take(func() { panic("encoder") })
	}()
	if len(turns) != 0 {
		t.Fatal("the turn is not free")
	}
}
