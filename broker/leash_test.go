package broker

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestDeadlineMovesOn: an answer that comes slowly is no broker that is dead.
func TestDeadlineMovesOn(t *testing.T) {
	const patience, pause, bytes = 3 * time.Second, 2 * time.Second, 5
	f := func(set func(net.Conn, time.Time) error) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			hold := func() (broker, conn net.Conn) {
				broker, ours := net.Pipe()
				conn, err := newLeash().hold(ours, (&peers{}).at("b:1"))
				if err != nil {
					t.Fatal(err)
				}
				return broker, conn
			}
			broker, conn := hold()
			defer broker.Close()
			defer conn.Close()
			go func() {
				for range bytes {
					time.Sleep(pause)
					_, _ = broker.Write([]byte("x"))
				}
			}()
			began := time.Now()
			_ = set(conn, began.Add(patience))
			n, err := io.ReadFull(conn, make([]byte, bytes+1))
			if took := time.Since(began); n != bytes || !errors.Is(err, os.ErrDeadlineExceeded) || took != bytes*pause+patience {
				t.Errorf("after %v: %d bytes, %v", took, n, err)
			}
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a read behind the deadline: %v", err)
			}
			// Without a deadline nothing gives it one.
			broker, conn = hold()
			defer broker.Close()
			defer conn.Close()
			_ = set(conn, time.Time{})
			go func() {
				_, _ = broker.Write([]byte("x"))
				time.Sleep(time.Hour)
				_, _ = broker.Write([]byte("x"))
			}()
			if _, err := io.ReadFull(conn, make([]byte, 2)); err != nil {
				t.Error(err)
			}
		})
	}
	f(net.Conn.SetReadDeadline)
	f(net.Conn.SetDeadline)
}
