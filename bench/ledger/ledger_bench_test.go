package ledger

import (
	"fmt"
	"testing"
)

// BenchmarkEvent is the cost of one event in a client: parsing, the id, the comparison with the book.
func BenchmarkEvent(b *testing.B) {
	book := NewBook(nil)
	c := NewClient(Config{URLs: []string{"http://127.0.0.1/"}, Book: book, Start: Positions{{"a", 0}: 0}})
	v := &visit{client: c}
	feed, _, _ := v.openStream()
	feed([]byte(greeting(id(0, 0))))
	n := int64(0)
	var wire []byte
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		value := Value("a", 0, n, 1000)
		if err := book.Add(Record{"a", 0, n, value}); err != nil {
			b.Fatal(err)
		}
		n++
		wire = fmt.Appendf(wire[:0], "event: message\nid: %s\ndata: %s\n\n", id(n, 0), value)
		b.StartTimer()
		feed(wire)
	}
	if err := c.Check(book.End()); err != nil {
		b.Fatal(err)
	}
}
