//go:build linux

package run

import (
	"context"
	"time"

	"github.com/ringcast/ringcast/bench/load"
)

// returning is how many clients come back.
const returning = 10_000

// comingBack cuts a crowd off and lets it come back with ids: what was missed meanwhile comes first.
func (c peersScenario) comingBack(b *Bench) func(context.Context, kind) (peerRun, error) {
	return func(ctx context.Context, k kind) (r peerRun, err error) {
		err = b.withSessionOf(ctx, k, setup{}, peerPartitions, c.small, func(at session) error { return peerReturn(ctx, at, &r) }, keepIDs)
		return r, err
	}
}

func peerReturn(ctx context.Context, at session, r *peerRun) error {
	at, err := at.connected(returning)
	if err != nil {
		return err
	}
	if err := at.producer.Paced(ctx, peerRate, time.Second); err != nil {
		return err
	}
	if end, err := at.clients.await(at.producer.Sent()); verdict(end, err) != nil {
		return verdict(end, err)
	}
	if _, err := at.clients.do(load.Command{Do: "disconnect"}); err != nil {
		return err
	}
	if err := at.producer.Burst(ctx, reconnectMissed); err != nil {
		return err
	}
	if err := at.served(ctx, total(at.producer.Sent())); err != nil {
		return err
	}
	if err := pause(ctx, time.Second); err != nil { // closing is not what is measured
		return err
	}
	before, err := cpuSeconds(at.server.pids())
	if err != nil {
		return err
	}
	if _, err := at.clients.do(load.Command{Do: "reconnect", Timeout: 2 * time.Minute}); err != nil {
		return err
	}
	end, err := at.clients.do(load.Command{Do: "first"})
	if err != nil {
		return err
	}
	after, err := cpuSeconds(at.server.pids())
	if err != nil {
		return err
	}
	r.clients, r.connect = returning, (after-before)/returning
	r.seconds = float64(end.LastFirst-end.BeganMicros) / 1e6
	end, err = at.clients.await(at.producer.Sent())
	return verdict(end, err)
}
