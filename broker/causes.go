package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// endCause is why a session ended: a label of kafka_sessions_total. The set is closed.
type endCause uint8

const (
	endShutdown     endCause = iota
	endLayout                // our poll found topics or partitions
	endBatch                 // a batch that the group cannot read
	endStalled               // clients are rebuilt
	endSecondMember          // proved
	endClaims                // not every partition was assigned
	endSetup                 // positions could not be set
	endJoin                  // never began
	endPartitions            // sarama found partitions
	endClaim                 // a claim ended, after an error of its partition
	endHeartbeat             // lost the coordinator
	endMember                // the coordinator has forgotten us
	endCredentials           // a broker did not believe who we are
	endRebalance             // or nothing is known

	numEndCauses = iota
)

var endCauseNames = [numEndCauses]string{"shutdown", "layout", "batch", "stalled", "second_member", "claims", "setup", "join",
	"partitions", "claim", "heartbeat", "member", "credentials", "rebalance"}

func (c endCause) String() string { return endCauseNames[c] }

// sessionCause says why Consume has returned. ctx is what it was given, err
// what it returned.
func sessionCause(ctx context.Context, h *session, err error) endCause {
	ours := context.Cause(ctx)
	var theirs error
	if h.ctx != nil {
		theirs = context.Cause(h.ctx)
	}
	switch {
	case errors.Is(ours, errLayout):
		return endLayout
	case errors.Is(ours, errBatch):
		return endBatch
	case errors.Is(ours, errStalled):
		return endStalled
	case errors.Is(ours, errCredentials):
		return endCredentials
	case ours != nil:
		return endShutdown
	case errors.Is(h.failed, errClaims):
		if h.live.secondMember() {
			return endSecondMember
		}
		return endClaims
	case h.failed != nil:
		return endSetup
	case err != nil:
		return endJoin
	case errors.Is(theirs, sarama.ErrSessionPartitionCountChanged):
		return endPartitions
	case errors.Is(theirs, sarama.ErrSessionConsumeClaimExited):
		return endClaim
	case errors.Is(theirs, sarama.ErrSessionHeartbeatFailed):
		return endHeartbeat
	case errors.Is(theirs, sarama.ErrUnknownMemberId), errors.Is(theirs, sarama.ErrIllegalGeneration):
		return endMember
	}
	return endRebalance
}

// ended counts, logs and reacts to the end of a session.
func (s *Stream) ended(cause endCause, err error) {
	log := s.log.Info()
	switch cause {
	case endShutdown:
		return
	case endClaims:
		s.shortSessions++
		if s.shortSessions > claimTries {
			log = s.log.Error()
		}
	case endSecondMember:
		err = errSecondMember
		s.m.errors[kindGroup].Inc()
		log = s.log.Error()
	case endSetup, endJoin, endCredentials:
		s.m.errors[kindOf(err)].Inc()
		log = s.m.sampled.Warn().Str("stream", s.cfg.Name)
		if s.inTrouble(err) {
			log = s.log.Debug()
		}
	}
	if cause != endClaims {
		s.shortSessions = 0
	}
	log.Stringer("cause", cause).Err(err).Msg("consumer session ended")
	s.b.meta.kick() // topics may have gone, come back or grown
}

// consumerError takes in what sarama reports beside the sessions.
func (s *Stream) consumerError(err error) {
	kind := kindOf(err)
	s.failed("kafka consumer", err)
	if undecoded(err) {
		kind = kindBatch
	}
	switch kind {
	case kindBatch:
		s.interrupt(errBatch)
	case kindAuthentication, kindTLS:
		s.interrupt(fmt.Errorf("%w: %w", errCredentials, err))
	case kindUnknownTopic, kindOutOfRange:
		s.b.meta.kick()
	}
}
