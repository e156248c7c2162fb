package load

import (
	"fmt"
	"strconv"
)

// Plan says where the clients of a connect begin, and where they end.
type Plan struct {
	// From is the record of each partition that the first client asks for by its id. Without it clients ask for
	// nothing and the topic must be empty.
	From []uint64 `json:"from,omitempty"`
	// Spread moves the others: their starting points are spread evenly over so many records of each partition.
	Spread uint64 `json:"spread,omitempty"`
	// Until ends a client that has every record below it: it closes its connection and is done. Without it
	// clients stay.
	Until []uint64 `json:"until,omitempty"`
}

func (p Plan) check(partitions int) error {
	for _, v := range [][]uint64{p.From, p.Until} {
		if v != nil && len(v) != partitions {
			return fmt.Errorf("cannot use positions %d: there are %d partitions", v, partitions)
		}
	}
	return nil
}

// start returns the next record of each partition for the i-th of total clients.
func (p Plan) start(i, total, partitions int) []uint64 {
	next := make([]uint64, partitions)
	for at := range p.From {
		next[at] = p.From[at] + p.Spread*uint64(i)/uint64(max(total, 1))
	}
	return next
}

// id writes a position as any client may: offsets without an epoch (PROTOCOL.md section 3). The counter of a
// record is its offset, for its topic is made for one run and has one producer.
func (p Plan) id(topic string, next []uint64) []byte {
	if p.From == nil {
		return nil
	}
	id := []byte("[")
	for at, n := range next {
		if at > 0 {
			id = append(id, ',')
		}
		id = append(id, `{"topic":`...)
		id = strconv.AppendQuote(id, topic)
		id = append(id, `,"partition":`...)
		id = strconv.AppendInt(id, int64(at), 10)
		id = append(id, `,"offset":`...)
		id = strconv.AppendUint(id, n, 10)
		id = append(id, '}')
	}
	return append(id, ']')
}
