package raw

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/IBM/sarama"
)

var (
	// ErrBatchTooLarge says that the batch at the offset inflates beyond sarama.MaxDecompressedBatchSize. SkipBatch
	// finds the offset behind it.
	ErrBatchTooLarge = errors.New("record batch is too large")

	// ErrBatchUnreadable says that sarama cannot decode the batch at the offset: a wrong checksum, an unknown codec,
	// a malformed header, compressed data that are damaged or that this decoder refuses. SkipBatch finds the offset
	// behind it. Compressed data that end too early look like a connection that does: they are asked for again.
	ErrBatchUnreadable = errors.New("record batch cannot be decoded")

	// ErrBatchIncomplete says that sarama takes the batch at the offset for incomplete, however much is asked for. So it
	// does with a batch of more records than bytes (2,000 equal records of 15 bytes, zstd; measured) while hardly
	// anything follows it in the log: ask again when more has been written. SkipBatch does not skip it.
	ErrBatchIncomplete = errors.New("record batch is incomplete")

	// ErrUnknownTopic says that the broker knows no such topic or no such partition of it.
	ErrUnknownTopic = errors.New("unknown topic or partition")

	// ErrClosed says that the client was closed.
	ErrClosed = errors.New("client is closed")
)

// OutOfRangeError says that the leader's log does not contain the offset: it is below the log start, or above the log
// end. errors.Is finds sarama.ErrOffsetOutOfRange in it.
type OutOfRangeError struct {
	TP       TP
	Offset   int64
	LogStart int64 // -1: not known, because the leader did not answer that question too
}

func (e *OutOfRangeError) Error() string {
	return fmt.Sprintf("offset %d of %s/%d is out of range (log start %d)", e.Offset, e.TP.Topic, e.TP.Partition, e.LogStart)
}

// Unwrap makes errors.Is(err, sarama.ErrOffsetOutOfRange) true.
func (e *OutOfRangeError) Unwrap() error { return sarama.ErrOffsetOutOfRange }

// Right is what a cluster may allow us to do with a topic.
type Right string

// The rights that reading needs.
const (
	Describe Right = "describe"
	Read     Right = "read"
)

// DeniedError says that we do not have a right that we need on a topic. errors.Is finds
// sarama.ErrTopicAuthorizationFailed in it.
type DeniedError struct {
	Right Right
	Topic string
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("not allowed to %s topic %q", e.Right, e.Topic)
}

// Unwrap makes errors.Is(err, sarama.ErrTopicAuthorizationFailed) true.
func (e *DeniedError) Unwrap() error { return sarama.ErrTopicAuthorizationFailed }

// denied names the right and the topic where k says that there is no right.
func denied(k sarama.KError, right Right, topic string) error {
	if k == sarama.ErrTopicAuthorizationFailed {
		return &DeniedError{right, topic}
	}
	return partitionError(k)
}

// BrokerError says which broker an error is from.
type BrokerError struct {
	Addr string // host:port
	Err  error

	whole bool // an answer came, and could not be decoded
}

func (e *BrokerError) Error() string { return fmt.Sprintf("cannot ask broker %s: %v", e.Addr, e.Err) }

// Unwrap returns Err.
func (e *BrokerError) Unwrap() error { return e.Err }

// Retriable reports whether the same question may be answered later: the leader moves or lags, or Kafka cannot be
// reached, or ErrBatchIncomplete. An unknown topic, an offset out of range, a batch that cannot be read and a missing permission are answers.
func Retriable(err error) bool {
	switch {
	case err == nil, errors.Is(err, ErrUnknownTopic), errors.Is(err, ErrClosed),
		errors.Is(err, ErrBatchTooLarge), errors.Is(err, ErrBatchUnreadable),
		errors.Is(err, context.Canceled):
		return false
	}
	return leaderMoved(err) || transport(err) || errors.Is(err, ErrBatchIncomplete)
}

// leaderMoved reports whether err is the answer of a broker that is not, or does not yet know that it is, the leader
// with the epoch of the request.
func leaderMoved(err error) bool {
	var k sarama.KError
	if !errors.As(err, &k) {
		return false
	}
	switch k {
	case sarama.ErrNotLeaderForPartition, sarama.ErrLeaderNotAvailable, sarama.ErrReplicaNotAvailable,
		sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch, sarama.ErrOffsetNotAvailable,
		sarama.ErrKafkaStorageError, sarama.ErrBrokerNotAvailable, sarama.ErrRequestTimedOut:
		return true
	}
	return false
}

// transport reports whether err means that no answer came, or none to this question.
func transport(err error) bool {
	var n net.Error
	var errno syscall.Errno
	return errors.As(err, &n) || errors.As(err, &errno) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, sarama.ErrNotConnected) || errors.Is(err, sarama.ErrIncompleteResponse) ||
		errors.Is(err, errNoAnswer)
}

// errNoAnswer says that every broker was asked and none answered.
var errNoAnswer = errors.New("no broker answered")

// kerror is nil for "no error".
func kerror(k sarama.KError) error {
	if k == sarama.ErrNoError {
		return nil
	}
	return k
}

// partitionError is kerror for an answer about one partition.
func partitionError(k sarama.KError) error {
	if k == sarama.ErrUnknownTopicOrPartition {
		return fmt.Errorf("%w: %w", ErrUnknownTopic, k)
	}
	return kerror(k)
}
