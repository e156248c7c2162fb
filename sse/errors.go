package sse

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ringcast/ringcast/sse/frame"
)

// refusal is an HTTP error before any stream byte (PROTOCOL.md section 5).
type refusal struct {
	Status     int
	Type       string
	Title      string
	Detail     string
	RetryAfter time.Duration // and up to half as much again; 0: no header
	Allow      string        // for 405

	authenticate string // WWW-Authenticate, for 401

	reason refusedReason // counted when not empty
}

// refusedReason is a label of ringcast_connections_refused_total.
type refusedReason string

// The closed set of reasons to refuse a connection.
const (
	refusedTotal   refusedReason = "total"
	refusedPerIP   refusedReason = "per_ip"
	refusedRate    refusedReason = "rate"
	refusedReplay  refusedReason = "replay"
	refusedKafka   refusedReason = "kafka"
	refusedSockets refusedReason = "sockets"
)

var refusedReasons = []refusedReason{refusedTotal, refusedPerIP, refusedRate, refusedReplay, refusedKafka, refusedSockets}

// Error makes a refusal what a check returns.
func (r *refusal) Error() string { return r.Detail }

func notFound() *refusal {
	return &refusal{Status: 404, Type: "not_found", Title: "Not Found", Detail: "There is nothing at this path."}
}

func methodNotAllowed() *refusal {
	return &refusal{Status: 405, Type: "method_not_allowed", Title: "Method Not Allowed", Detail: "Allowed are GET, HEAD and OPTIONS.", Allow: methods}
}

func bodyTooLarge() *refusal {
	return &refusal{Status: 413, Type: "payload_too_large", Title: "Payload Too Large", Detail: "A request to this server has no body."}
}

func badRequest(detail string) *refusal {
	return &refusal{Status: 400, Type: "bad_request", Title: "Bad Request", Detail: detail}
}

func internalError() *refusal {
	return &refusal{Status: 500, Type: "internal_error", Title: "Internal Server Error", Detail: "This request could not be handled."}
}

func streamNotFound(names string) *refusal {
	return &refusal{Status: 400, Type: "not_found", Title: "Stream Not Found", Detail: "Invalid streams: " + names}
}

func badSince(detail string) *refusal {
	return &refusal{Status: 400, Type: "invalid_timestamp", Title: "Invalid timestamp", Detail: detail}
}

func badPosition(detail string) *refusal {
	return &refusal{Status: 400, Type: "invalid_assignment", Title: "Invalid Last-Event-ID", Detail: detail}
}

func topicNotAvailable(detail string) *refusal {
	return &refusal{Status: 404, Type: "topic_not_available", Title: "Topic Not Available", Detail: detail}
}

func full() *refusal {
	return overloaded("This instance has no room for more connections.", refusedTotal)
}

func overloaded(detail string, reason refusedReason) *refusal {
	return &refusal{Status: 503, Type: "overloaded", Title: "Service Overloaded", Detail: detail, RetryAfter: 10 * time.Second, reason: reason}
}

func kafkaAway() *refusal {
	return &refusal{Status: 503, Type: "upstream_unavailable", Title: "Kafka Unavailable", Detail: "Kafka cannot be reached, and this position needs it.", RetryAfter: 5 * time.Second, reason: refusedKafka}
}

// tooMany refuses a client for what others of its address do.
func tooMany(detail string, reason refusedReason, wait time.Duration) *refusal {
	return &refusal{Status: 429, Type: "too_many_requests", Title: "Too Many Concurrent Connections From Your Client IP",
		Detail: detail, RetryAfter: max(wait, 10*time.Second), reason: reason}
}

// noPlace refuses a client that would have to catch up from Kafka.
func noPlace(reason refusedReason) *refusal {
	if reason == refusedPerIP {
		return tooMany("Too many connections from this address are catching up.", reason, 0)
	}
	return overloaded("Too many clients are catching up at the moment.", reason)
}

// beforeRing refuses a position that only Kafka still has.
func beforeRing() *refusal {
	return overloaded("This position is older than what this instance holds in memory.", refusedReplay)
}

// problem is the body of a refusal; the order of its keys is part of the contract.
type problem struct {
	Status int    `json:"status"`
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Method string `json:"method"`
	URI    string `json:"uri"`
}

// event is the refusal as the data of an error event, for a stream that has begun.
func (r *refusal) event() []byte {
	body, err := json.Marshal(struct {
		Status int    `json:"status"`
		Type   string `json:"type"`
		Title  string `json:"title"`
		Detail string `json:"detail"`
	}{r.Status, r.Type, r.Title, r.Detail})
	if err != nil {
		panic("BUG: a refusal that is not JSON: " + err.Error())
	}
	return body
}

// limits reports whether the refusal is for lack of room or of Kafka: the same
// request may succeed later.
func (r *refusal) limits() bool { return r.Status == 429 || r.Status == 503 }

// writeStream answers a request with an empty stream that says when to come
// again, because EventSource stops for good after any status but 200 (WHATWG
// HTML, section 9.2.3).
func (r *refusal) writeStream(ctx *fasthttp.RequestCtx) {
	l := laneOf(ctx)
	ctx.Response.ResetBody()
	ctx.SetStatusCode(200)
	ctx.Response.Header.Set("content-type", contentType(&ctx.Request.Header, l))
	ctx.Response.Header.Set("cache-control", "no-cache, no-transform")
	ctx.Response.Header.Set("x-accel-buffering", "no")
	ctx.SetConnectionClose()
	if l&laneLines != 0 {
		ctx.SetBodyString(frame.LineHeartbeat)
		return
	}
	ctx.SetBody(frame.Limit(nil, limitRetry+rand.N(limitSpread), string(r.reason)))
}

// After a limit clients come back between 5 and 60 s later.
const (
	limitRetry  = 5 * time.Second
	limitSpread = 55 * time.Second
)

// write answers a request with the refusal.
func (r *refusal) write(ctx *fasthttp.RequestCtx, method, uri string) {
	ctx.Response.ResetBody()
	ctx.SetStatusCode(r.Status)
	ctx.Response.Header.Set("cache-control", "no-store")
	if r.RetryAfter > 0 {
		ctx.Response.Header.Set("retry-after", strconv.Itoa(int((r.RetryAfter+rand.N(r.RetryAfter/2))/time.Second)))
	}
	if r.authenticate != "" {
		ctx.Response.Header.Set("www-authenticate", r.authenticate)
	}
	if r.Allow != "" {
		ctx.Response.Header.Set("allow", r.Allow)
	}
	setJSON(ctx, problem{r.Status, r.Type, r.Title, r.Detail, method, uri})
}

// answerJSON answers a request with v.
func answerJSON(ctx *fasthttp.RequestCtx, v any) *refusal {
	setJSON(ctx, v)
	return nil
}

func setJSON(ctx *fasthttp.RequestCtx, v any) {
	ctx.Response.Header.Set("content-type", "application/json; charset=utf-8")
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // a query stays as it was received
	if err := enc.Encode(v); err != nil {
		panic("BUG: an answer that is not JSON: " + err.Error())
	}
	ctx.SetBody(bytes.TrimSuffix(body.Bytes(), []byte("\n")))
}
