//go:build proxies || (kafka && faults)

package blackbox

import "github.com/ringcast/ringcast/bench/ledger"

// server is what a proxy stands in front of.
type server struct{ addr, admin string }

const proxyPartitions = 3

// beginning is where every topic-partition begins.
func beginning() ledger.Positions {
	p := ledger.Positions{}
	for i := range int32(proxyPartitions) {
		p[ledger.TopicPartition{Topic: "t", Partition: i}] = 0
	}
	return p
}

// through is a client that a proxy stands in front of. That may change header and
// framing, and ends in good order what a server has left in the middle: records
// count.
type through struct {
	*ledger.Client
	*ledger.Receipt
}

func newThrough(k *fake, c ledger.Config, start ledger.Positions) *through {
	r := ledger.NewReceipt(k.book, start)
	c.Foreign = true
	also := c.OnEvent
	c.OnEvent = func(e ledger.Event) {
		r.Event(nil, e.Data)
		if also != nil {
			also(e)
		}
	}
	return &through{Client: ledger.NewClient(c), Receipt: r}
}
