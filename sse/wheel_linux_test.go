package sse

import (
	"testing"
	"time"
)

// The wheel keeps memory for what it has to do, not for what it once had: many
// thousand clients that came and went leave nothing behind a lap later.
func TestWheelForgetsCrowds(t *testing.T) {
	sh := &shard{srv: &Server{started: time.Now(), unit: time.Second}}
	lap := func(each int) (room int) {
		for range wheel {
			sh.clients = make([]client, each) // gone when they are looked at
			for i := range sh.clients {
				sh.due(uint32(i), sh.tick+1)
			}
			sh.tick++
			sh.sweep()
		}
		for _, b := range sh.beats.buckets {
			room += cap(b)
		}
		return room
	}
	if room := lap(3000); room < 3000*wheel {
		t.Errorf("room for %d: what a crowd needs is not kept while it is there", room)
	}
	if room := lap(10); room > 64*wheel {
		t.Errorf("room for %d when 10 are looked at in each tick", room)
	}
	if room := lap(0); room > 64*wheel {
		t.Errorf("room for %d when nobody is there", room)
	}
}
