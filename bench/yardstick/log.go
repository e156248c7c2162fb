package yardstick

import (
	"fmt"
	"sync"
)

// logSize is how many frames the log holds, as many as ringcast's ring by default.
const logSize = 65536

// log is where the consumer leaves frames and shards find them.
type log struct {
	mu     sync.Mutex
	frames [logSize][]byte // guarded by mu; frame s is at s%logSize
	head   uint64          // guarded by mu; the sequence of the next frame
	wake   []chan struct{} // one per shard, capacity 1; set at construction
}

// publish appends a frame and wakes the shards.
func (l *log) publish(frame []byte) {
	l.mu.Lock()
	l.frames[l.head%logSize] = frame
	l.head++
	l.mu.Unlock()
	for _, w := range l.wake {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// take appends the frames from sequence on to batch: at least one, then as many as fit into limit bytes. It
// returns the batch and the sequence behind it. A reader that the log has overtaken is an error.
func (l *log) take(from uint64, batch []byte, limit int) ([]byte, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head-from > logSize {
		return nil, from, fmt.Errorf("cannot keep up: %d frames behind, the log holds %d", l.head-from, logSize)
	}
	for ; from < l.head; from++ {
		f := l.frames[from%logSize]
		if len(batch) > 0 && len(batch)+len(f) > limit {
			break
		}
		batch = append(batch, f...)
	}
	return batch, from, nil
}

func (l *log) end() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}
