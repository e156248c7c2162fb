// Package sim runs the whole server in simulated time: the real broker and the
// real HTTP side over an embedded Kafka, with every connection in memory, in a
// bubble of testing/synctest, where hours pass as soon as nobody has anything
// to do.
//
// A seed draws a schedule: producing in bursts and silence, transactions,
// clients that are cut after any byte and go on at another instance, at once
// or hours later, instances that die or drain and come back, rebalances, moving
// leaders, partitions added, topics created again, records expiring, outages
// and errors. At its end the ledger tells whether every client got every record
// that had to come, once, in offset order, and was told of every other one.
//
// The schedule is the same for the same seed; which goroutine runs first in one
// moment of simulated time is not, so a seed that fails may need a few runs to
// fail again: SEED=n go test ./bench/sim -count=20.
package sim
