package frame

import (
	"strconv"
	"time"
)

// What is sent when nothing else was for a while.
const (
	Heartbeat     = ":\n" // a comment without a blank line, which disturbs no event
	LineHeartbeat = "\n"  // in newline-delimited JSON, where it is the first byte too
)

// End is why the server ends a connection.
type End string

// The reasons to end a connection.
const (
	Drain   End = "drain"   // the instance stops
	Age     End = "age"     // the connection has reached its maximum age
	Slow    End = "slow"    // the client cannot keep up
	Token   End = "token"   // the client's token has expired
	Removed End = "removed" // the stream is no longer served
)

// Greeting appends the block that opens a stream: the delay before a client
// reconnects, where retry is not 0, and the position at which the connection
// starts, where id is not empty. EventSource takes both and fires no event.
func Greeting(dst []byte, retry time.Duration, id []byte) []byte {
	dst = appendRetry(dst, retry)
	if len(id) > 0 {
		dst = append(dst, "id: "...)
		dst = append(dst, id...)
		dst = append(dst, '\n')
	}
	return append(dst, ":ok\n\n"...)
}

// Closing appends the comment before the server ends a connection and, where
// retry is not 0, the delay before the client reconnects.
func Closing(dst []byte, retry time.Duration, end End) []byte {
	dst = appendRetry(dst, retry)
	dst = append(dst, ": "...)
	dst = append(dst, end...)
	return append(dst, '\n')
}

// Limit appends the body that refuses a stream and has the client try again
// after retry. It is for EventSource, which stops for good after an HTTP error.
func Limit(dst []byte, retry time.Duration, reason string) []byte {
	dst = appendRetry(dst, retry)
	dst = append(dst, ": limit "...)
	dst = appendWord(dst, reason)
	return append(dst, "\n\n"...)
}

// Error appends the event that says why a stream cannot go on; body is JSON.
func Error(dst, body []byte) []byte {
	dst = append(dst, "event: error\n"...)
	dst = appendData(dst, body)
	return append(dst, '\n')
}

// appendRetry appends the retry field, in milliseconds (WHATWG HTML, section
// 9.2.6), or nothing for less than one.
func appendRetry(dst []byte, retry time.Duration) []byte {
	if ms := retry.Milliseconds(); ms > 0 {
		dst = append(dst, "retry: "...)
		dst = strconv.AppendInt(dst, ms, 10)
		dst = append(dst, '\n')
	}
	return dst
}
