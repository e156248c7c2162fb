package broker

import (
	"errors"
	"net"
	"os"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/broker/raw"
	"github.com/ringcast/ringcast/broker/security"
)

// errorKind is a label of kafka_errors_total. The set is closed.
type errorKind uint8

const (
	kindUnreachable errorKind = iota // no broker answered, or a connection broke
	kindTimeout
	kindUnknownTopic
	kindOutOfRange
	kindLeader // moved, or there is none
	kindGroup  // trouble with the consumer group
	kindTLS
	kindAuthentication // the cluster does not take us for who we say we are
	kindAuthorization  // it does, and we may not
	kindBatch          // a record batch too large or not decodable
	kindOther

	numKinds = iota
)

var kindNames = [numKinds]string{"unreachable", "timeout", "unknown_topic", "out_of_range", "leader", "group", "tls", "authentication", "authorization",
	"batch", "other"}

func (k errorKind) String() string { return kindNames[k] }

// kindOf classifies an error of sarama or of package raw.
func kindOf(err error) errorKind {
	var timeout net.Error
	var network *net.OpError
	var decoding sarama.PacketDecodingError
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	switch {
	case is(security.ErrTLS):
		return kindTLS
	case is(security.ErrAuthentication, sarama.ErrSASLAuthenticationFailed, sarama.ErrUnsupportedSASLMechanism, sarama.ErrIllegalSASLState):
		return kindAuthentication
	case is(raw.ErrUnknownTopic, sarama.ErrUnknownTopicOrPartition):
		return kindUnknownTopic
	case is(sarama.ErrOffsetOutOfRange):
		return kindOutOfRange
	case isBatch(err):
		return kindBatch
	case is(sarama.ErrTopicAuthorizationFailed, sarama.ErrGroupAuthorizationFailed, sarama.ErrClusterAuthorizationFailed):
		return kindAuthorization
	case is(sarama.ErrNotLeaderForPartition, sarama.ErrLeaderNotAvailable, sarama.ErrReplicaNotAvailable,
		sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch):
		return kindLeader
	case is(sarama.ErrUnknownMemberId, sarama.ErrIllegalGeneration, sarama.ErrRebalanceInProgress,
		sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrNotCoordinatorForConsumer,
		sarama.ErrSessionHeartbeatFailed, errSecondMember, errClaims):
		return kindGroup
	case is(os.ErrDeadlineExceeded, sarama.ErrRequestTimedOut), errors.As(err, &timeout) && timeout.Timeout():
		return kindTimeout
	case is(sarama.ErrOutOfBrokers, sarama.ErrNotConnected, sarama.ErrBrokerNotAvailable, errCut),
		errors.As(err, &network), raw.Retriable(err):
		return kindUnreachable
	case errors.As(err, &decoding):
		return kindBatch
	}
	return kindOther
}

// undecoded reports whether err says that sarama could not decode what it was
// sent of a partition: what decompressors say has no type of its own.
func undecoded(err error) bool {
	var of *sarama.ConsumerError
	var answer sarama.KError
	return errors.As(err, &of) && of.Topic != "" && !errors.As(err, &answer) && kindOf(err) == kindOther
}

// isBatch reports whether err means a batch that a consumer group cannot pass.
func isBatch(err error) bool {
	return errors.Is(err, sarama.ErrDecompressedBatchTooLarge) || errors.Is(err, raw.ErrBatchTooLarge) ||
		errors.Is(err, raw.ErrBatchUnreadable)
}
