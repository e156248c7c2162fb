package serve

import (
	"context"

	"github.com/ringcast/ringcast/broker"
	"github.com/ringcast/ringcast/broker/replay"
	"github.com/ringcast/ringcast/ringbuf"
	"github.com/ringcast/ringcast/sse"
)

type history struct{ *broker.History }

// History is the broker's history as the HTTP side wants it.
func History(b *broker.Broker) sse.History { return history{b.History()} }

// Open implements sse.History.
func (h history) Open(ranges []sse.Range) (sse.HistoryReader, error) {
	list := make([]broker.HistoryRange, len(ranges))
	for i, r := range ranges {
		list[i] = broker.HistoryRange(r)
	}
	r, err := h.History.Open(list)
	if err != nil {
		return nil, err
	}
	return &historyReader{Reader: r}, nil
}

// historyReader hands out the items of a replay.
type historyReader struct {
	*replay.Reader
	items []replay.Item
}

// Next implements sse.HistoryReader.
func (r *historyReader) Next(ctx context.Context) (n int, err error) {
	r.items, err = r.Reader.Next(ctx)
	return len(r.items), err
}

// kinds are those of replay in the words of ringbuf.
var kinds = [...]ringbuf.Kind{replay.Event: ringbuf.Event, replay.Gap: ringbuf.Gap, replay.Advance: ringbuf.Advance}

// Item implements sse.HistoryReader.
func (r *historyReader) Item(i int) sse.HistoryItem {
	it := &r.items[i]
	out := sse.HistoryItem{Kind: kinds[it.Kind], Range: it.Range, Offset: it.Offset, Next: it.Next, Time: it.Time, Value: it.Value}
	if it.Kind == replay.Gap {
		out.Reason = it.Reason.String()
	}
	return out
}
