package ringbuf

// Resize changes the bounds of the ring and keeps the newest entries that still
// fit. Readers notice nothing but what has been evicted. Publisher only.
func (r *Ring) Resize(events int, bytes int64) {
	t, head := newTable(events, bytes), r.head.Load()
	r.trim(head, t)
	for seq := r.tail.Load(); seq <= head; seq++ {
		t.slot(seq).Store(r.table.Load().slot(seq).Load())
	}
	r.table.Store(t)
}
