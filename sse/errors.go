package sse

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// refusal is an HTTP error before any stream byte (PROTOCOL.md section 5).
type refusal struct {
	Status     int
	Type       string
	Title      string
	Detail     string
	RetryAfter time.Duration // 0: no header
	Allow      string        // for 405

	reason refusedReason // counted when not empty
}

// refusedReason is a label of ringcast_connections_refused_total.
type refusedReason string

// The closed set of reasons to refuse a connection.
const (
	refusedTotal   refusedReason = "total"
	refusedReplay  refusedReason = "replay"
	refusedKafka   refusedReason = "kafka"
	refusedSockets refusedReason = "sockets"
)

var refusedReasons = []refusedReason{refusedTotal, "per_ip", "rate", refusedReplay, refusedKafka, refusedSockets}

// Error makes a refusal what a check returns.
func (r *refusal) Error() string { return r.Detail }

func notFound() *refusal {
	return &refusal{Status: 404, Type: "not_found", Title: "Not Found", Detail: "There is nothing at this path."}
}

func methodNotAllowed() *refusal {
	return &refusal{Status: 405, Type: "method_not_allowed", Title: "Method Not Allowed", Detail: "Allowed are GET, HEAD and OPTIONS.", Allow: "GET, HEAD, OPTIONS"}
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

func overloaded(detail string, reason refusedReason) *refusal {
	return &refusal{Status: 503, Type: "overloaded", Title: "Service Overloaded", Detail: detail, RetryAfter: 10 * time.Second, reason: reason}
}

func kafkaAway() *refusal {
	return &refusal{Status: 503, Type: "upstream_unavailable", Title: "Kafka Unavailable", Detail: "Kafka cannot be reached, and this position needs it.", RetryAfter: 5 * time.Second, reason: refusedKafka}
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

// write answers a request with the refusal.
func (r *refusal) write(ctx *fasthttp.RequestCtx, method, uri string) {
	ctx.Response.ResetBody()
	ctx.SetStatusCode(r.Status)
	ctx.Response.Header.Set("content-type", "application/json; charset=utf-8")
	ctx.Response.Header.Set("cache-control", "no-store")
	if r.RetryAfter > 0 {
		ctx.Response.Header.Set("retry-after", strconv.Itoa(int(r.RetryAfter/time.Second)))
	}
	if r.Allow != "" {
		ctx.Response.Header.Set("allow", r.Allow)
	}
	body, err := json.Marshal(problem{r.Status, r.Type, r.Title, r.Detail, method, uri})
	if err != nil {
		panic("BUG: a refusal that is not JSON: " + err.Error())
	}
	ctx.SetBody(body)
}
