//go:build linux

package load

import (
	"context"
	"time"
)

// Churn makes changes clients leave and come back with their last id, one after the other and spread evenly over d.
// It returns when all have their greeting. Each is away until as many others have left as there are absent at a time:
// an eighth of the fleet, at most.
func (f *Fleet) Churn(ctx context.Context, changes int, d time.Duration) error {
	f.begin()
	absent := max(1, f.clients/8)
	begin := time.Now()
	wait := time.NewTimer(0)
	defer wait.Stop()
	for i := range changes {
		wait.Reset(time.Until(begin.Add(d * time.Duration(i) / time.Duration(changes))))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wait.C:
		}
		f.leave(i % f.clients)
		if i >= absent {
			if err := f.comeBack((i - absent) % f.clients); err != nil {
				return err
			}
		}
	}
	for i := max(0, changes-absent); i < changes; i++ {
		if err := f.comeBack(i % f.clients); err != nil {
			return err
		}
	}
	return f.awaitGreetings(ctx, f.clients)
}

// leave closes the connection of the i-th client, which keeps its place.
func (f *Fleet) leave(i int) {
	w := f.workers[i%len(f.workers)]
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.clients[i/len(f.workers)]
	if c.fd >= 0 && c.phase == greeted {
		w.greeted--
	}
	c.close()
}
