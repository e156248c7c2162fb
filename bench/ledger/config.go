package ledger

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// Mode is the form in which a client asks for a stream.
type Mode int

const (
	// SSE is Server-Sent Events over HTTP/1.1.
	SSE Mode = iota
	// SSE10 is Server-Sent Events over HTTP/1.0: the body ends where the connection does.
	SSE10
	// NDJSON is newline-delimited JSON over HTTP/1.1: no ids, so a reconnect begins anew.
	NDJSON
)

// Config says what a client follows and how. Only URLs is needed.
type Config struct {
	// URLs of the same stream on one or several instances, http or https; each connection of Follow takes the next one.
	URLs []string
	Mode Mode
	// Book to compare with; nil: an empty one of its own, every event is then unexpected unless it is Foreign.
	Book *Book
	// Start positions, where no id will tell (NDJSON, compact ids, timestamp ids).
	Start Positions
	// LastEventID to begin with.
	LastEventID string
	// Header lines to add to the request, without line ends.
	Header []string
	// Foreign accepts whatever WHATWG allows: for servers that are not ours. Ids are then opaque.
	Foreign bool

	// ReadRate in bytes a second; 0: as fast as they come.
	ReadRate int
	// ReceiveBuffer is SO_RCVBUF, set before connecting (Linux doubles it); 0: the system's.
	ReceiveBuffer int
	// ReadSize is the most that one read takes; 0: 16 KiB.
	ReadSize int
	// StartPaused reads nothing until Resume.
	StartPaused bool
	// ReconnectDelay of Follow; 0: 20 ms. ObeyRetry takes the server's `retry:` instead once there is one.
	ReconnectDelay time.Duration
	ObeyRetry      bool
	// TLS for https URLs; nil: the system's trust.
	TLS *tls.Config
	// Dial connects to host:port; nil: TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)

	// OnEvent, OnNotice and OnEnd are called from the goroutine of the connection.
	OnEvent  func(Event)
	OnNotice func(Notice)
	OnEnd    func(End)
}

// Event is one event as it came. The slices are valid during the call.
type Event struct {
	ID       []byte // nil in NDJSON
	Data     []byte
	Received time.Time // when the read that completed it returned
}

// Notice is something the server said beside events.
type Notice struct {
	// Text is the comment without colon and space (`drain`, `gap …`, `limit …`), or `error` and the data of an `event: error`.
	Text string
	// Gap is set when it is one.
	Gap *GapNotice
}

// Problem is the JSON body of an error response.
type Problem struct {
	Status int    `json:"status"`
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Method string `json:"method"`
	URI    string `json:"uri"`
}

// Cause is why a connection ended.
type Cause string

// The causes.
const (
	Unreached   Cause = "unreached"    // no connection, or no request got through
	Refused     Cause = "refused"      // a status that is not 200
	ServerEnded Cause = "server ended" // the terminating chunk, or the end of a close-delimited body
	Broken      Cause = "broken"       // reset, or an end in the middle
	Garbled     Cause = "garbled"      // bytes that cannot be understood
	WasCut      Cause = "cut"          // by CutAfter or Cut
	Cancelled   Cause = "cancelled"    // the context ended
)

// End tells how one connection went.
type End struct {
	Cause  Cause
	URL    string
	Status int               // 0: no response
	Header map[string]string // response header, names in lower case
	Body   []byte            // of a response that is not 200, at most 64 KiB
	// Problem is Body decoded, where it is such.
	Problem Problem
	// Bytes read from the socket, head included.
	Bytes  int64
	Events int64
	// Terminated: the terminating chunk was seen.
	Terminated bool
	// Inside: the last byte was within an event, a line or the greeting.
	Inside bool
	// Said is the notice that announced the end (`drain`, `age`, `slow`, `token`, `removed`, `limit …`, `error …`), or "".
	Said string
	// Err has details; nil when the server ended in good order.
	Err error
}

// Counts are sums over all connections of a client.
type Counts struct {
	Connections int64 // that got a 200
	Refusals    int64 // that got another status
	Failures    int64 // that got no response
	Events      int64
	Bytes       int64
	Heartbeats  int64
	Gaps        int64
}
