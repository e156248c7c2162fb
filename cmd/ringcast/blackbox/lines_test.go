package blackbox

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ringcast/ringcast/bench/ledger"
)

// lines is a client of newline-delimited JSON over HTTP/1.0, which the ledger
// does not have: it reads nothing until it is asked.
type lines struct {
	t    *testing.T
	conn net.Conn
}

// rawLines connects one.
func rawLines(t *testing.T, in *instance) *lines {
	t.Helper()
	conn, err := net.Dial("tcp", in.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, "GET /v2/stream/s HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return &lines{t, conn}
}

// complete demands every record from the first one on, each once and in the
// order of its partition.
func (l *lines) complete(k *fake) {
	l.t.Helper()
	_ = l.conn.SetReadDeadline(time.Now().Add(patience))
	r := bufio.NewReader(l.conn)
	for line := "-"; line != ""; {
		head, err := r.ReadString('\n')
		if err != nil {
			l.t.Fatal(err)
		}
		line = strings.TrimSpace(head)
	}
	next := map[string]int64{}
	for left := k.total(); left > 0; {
		line, err := r.ReadString('\n')
		if err != nil {
			l.t.Fatalf("%d records are missing: %v", left, err)
		}
		if line == "\n" {
			continue
		}
		topic, partition, n, ok := ledger.IdentifyValue([]byte(line))
		tp := fmt.Sprint(topic, partition)
		if !ok || next[tp] != n {
			l.t.Fatalf("after record %d of %s came %.80q", next[tp]-1, tp, line)
		}
		next[tp]++
		left--
	}
}
