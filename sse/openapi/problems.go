package openapi

import "strconv"

const (
	eventSchema   = "Event."
	problemSchema = "Problem"
)

// problemOf is the schema of an error's body.
var problemOf = map[string]any{
	"type":        "object",
	"description": "Why a request was refused.",
	"required":    []string{"status", "type", "title", "detail", "method", "uri"},
	"properties": map[string]any{
		"status": map[string]any{"type": "integer", "description": "The HTTP status."},
		"type":   map[string]any{"type": "string", "description": "A word for programs."},
		"title":  map[string]any{"type": "string"},
		"detail": map[string]any{"type": "string", "description": "What is wrong with this request."},
		"method": map[string]any{"type": "string"},
		"uri":    map[string]any{"type": "string", "description": "Path and query as received."},
	},
}

// kind is one reason for an error.
type kind struct{ name, title, detail string }

// problem is a status and its reasons (PROTOCOL.md, section 5).
type problem struct {
	status      int
	name        string
	description string
	retry       bool // with Retry-After
	kinds       []kind
}

var problems = []problem{
	{400, "BadRequest", "Something in the request cannot be understood.", false, []kind{
		{"not_found", "Stream Not Found", "Invalid streams: no-such-stream"},
		{"invalid_timestamp", "Invalid timestamp", "The parameter since is no time."},
		{"invalid_assignment", "Invalid Last-Event-ID", "The Last-Event-ID header is empty."},
		{"bad_request", "Bad Request", "The request is not valid HTTP/1.1."},
	}},
	{401, "Unauthorized", "The streams need a token, and the request has none that is good. WWW-Authenticate says how to bring one.", false, []kind{
		{"unauthorized", "Unauthorized", "This stream needs a token."},
	}},
	{403, "Forbidden", "The token does not cover the streams.", false, []kind{
		{"forbidden", "Forbidden", "The token does not cover these streams."},
	}},
	{404, "NotFound", "Nothing is there, or the position names a topic that is none of the streams'.", false, []kind{
		{"not_found", "Not Found", "There is nothing at this path."},
		{"topic_not_available", "Topic Not Available", "A topic of the position is not part of the streams."},
	}},
	{405, "MethodNotAllowed", "Only GET, HEAD and OPTIONS are answered; see Allow.", false, []kind{
		{"method_not_allowed", "Method Not Allowed", "Allowed are GET, HEAD and OPTIONS."},
	}},
	{408, "RequestTimeout", "The request did not arrive in time.", false, []kind{
		{"request_timeout", "Request Timeout", "The request did not arrive in time."},
	}},
	{413, "PayloadTooLarge", "The request has a body.", false, []kind{
		{"payload_too_large", "Payload Too Large", "A request to this server has no body."},
	}},
	{429, "TooManyRequests", "Too many connections from one address.", true, []kind{
		{"too_many_requests", "Too Many Concurrent Connections From Your Client IP", "Too many connections from this address."},
	}},
	{431, "HeaderTooLarge", "The request line and headers are too large.", false, []kind{
		{"request_header_too_large", "Request Header Fields Too Large", "The request line and headers are larger than this server accepts."},
	}},
	{500, "InternalError", "The request could not be handled.", false, []kind{
		{"internal_error", "Internal Server Error", "This request could not be handled."},
	}},
	{503, "Unavailable", "There is no room, or Kafka cannot be reached and the position needs it.", true, []kind{
		{"overloaded", "Service Overloaded", "This instance has no room for more connections."},
		{"upstream_unavailable", "Kafka Unavailable", "Kafka cannot be reached, and this position needs it."},
	}},
}

// refusals are the errors of a stream, as references.
func refusals(token bool) (r Responses) {
	for _, p := range problems {
		if token || !p.ofTokens() {
			r = append(r, Response{Status: strconv.Itoa(p.status), Ref: "#/components/responses/" + p.name})
		}
	}
	return r
}

// ofTokens reports whether only streams that need a token have the problem.
func (p *problem) ofTokens() bool { return p.status == 401 || p.status == 403 }

func (a API) problems() map[string]Response {
	all := make(map[string]Response)
	for _, p := range problems {
		if p.ofTokens() && !a.tokens() {
			continue
		}
		r := Response{Status: strconv.Itoa(p.status), Description: p.description}
		if p.retry {
			r.Headers = Headers{"Retry-After": {"Seconds after which to try again.", map[string]any{"type": "integer"}}}
			if a.LimitAsResponse {
				r.Description += " On this server it comes as status 200 and an empty stream that says when to come again, for EventSource stops for good after an error."
			}
		}
		body := Media{Type: "application/json", Schema: ref("schemas", problemSchema)}
		for _, k := range p.kinds {
			body.Examples = append(body.Examples, Example{k.name, k.title, struct {
				Status int    `json:"status"`
				Type   string `json:"type"`
				Title  string `json:"title"`
				Detail string `json:"detail"`
				Method string `json:"method"`
				URI    string `json:"uri"`
			}{p.status, k.name, k.title, k.detail, "GET", a.BasePath + "/no-such-stream"}})
		}
		r.Content = Content{body}
		all[p.name] = r
	}
	return all
}
