package openapi

import (
	"encoding/json"
	"strings"
)

// Format is what the values of a stream are.
type Format int

// The formats of streams, in the order of the configuration's.
const (
	JSON Format = iota
	Text
	Base64
)

// Stream is one that the document tells of.
type Stream struct {
	Name        string
	Aliases     []string
	Topics      []string
	Description string // "": none
	Format      Format
	Example     string // an event, JSON where Format is JSON; "": none
	Schema      []byte // JSON Schema of an event; nil: none
	Token       bool   // only for who has a token that covers it
}

// API is what a document is made from.
type API struct {
	Version         string // of the server
	BasePath        string // of the streams, without a slash at its end
	Streams         []Stream
	MaxStreams      int    // that a request may name
	LimitAsResponse bool   // 429 and 503 come as an empty stream with status 200
	Cookie          string // that may hold a token; "": none
	Parameter       string // of the query that may hold a token; "": none
}

const description = `Kafka topics as [Server-Sent Events](https://html.spec.whatwg.org/multipage/server-sent-events.html).

Each event carries an id that holds the position in every partition of the subscription. A client that reconnects with the id of its last event gets every later record, once and in order, from any instance. Browsers do that by themselves.

With "Accept: application/json" or "application/x-ndjson" there is one JSON document a line instead, without ids. HEAD answers with the same status and headers as GET; OPTIONS is answered everywhere. Errors are JSON.`

// Describe makes the document of an API.
func Describe(a API) *Document {
	d := &Document{
		OpenAPI: "3.1.0",
		Info: Info{
			Title: "ringcast", Version: a.Version, Summary: "Streams of events, to follow and to come back to.", Description: description,
			License: License{Name: "Apache License 2.0", Identifier: "Apache-2.0"},
		},
		Servers: []Server{{URL: "/"}},
		Tags:    []Tag{{"streams", "Follow streams as they happen, or from a time or position."}},
		Components: Components{
			Parameters: parameters(a.Streams),
			Responses:  a.problems(),
			Schemas:    map[string]any{problemSchema: problemOf},
		},
	}
	if a.tokens() {
		d.Components.Security = a.schemes()
	}
	d.Paths = append(d.Paths, a.several())
	for i := range a.Streams {
		s := &a.Streams[i]
		d.Components.Schemas[eventSchema+s.Name] = s.schema()
		d.Paths = append(d.Paths, a.one(s, s.Name, ""))
		for _, alias := range s.Aliases {
			d.Paths = append(d.Paths, a.one(s, alias, s.Name))
		}
	}
	return d
}

// several is the route that takes any streams. Clients of EventStreams read the
// names from its first parameter.
func (a API) several() Path {
	names, events := []string{}, []any{}
	for _, s := range a.Streams {
		names = append(append(names, s.Name), s.Aliases...)
		events = append(events, ref("schemas", eventSchema+s.Name))
	}
	no := false
	streams := Parameter{
		Name: "streams", In: "path", Required: true, Style: "simple", Explode: &no,
		Description: "One or several streams, separated by commas. One id covers all of them; order is kept within a partition.",
		Schema:      List{"array", Enum{"string", names}, 1, a.MaxStreams},
	}
	var event any = map[string]any{"anyOf": events}
	switch len(events) {
	case 0:
		event = map[string]any{}
	case 1:
		event = events[0]
	}
	var first *Stream
	if len(a.Streams) > 0 {
		first = &a.Streams[0]
	}
	return Path{Route: a.BasePath + "/{streams}", Get: Operation{
		ID: "streams", Tags: []string{"streams"}, Summary: "Several streams in one",
		Description: "The events of all named streams, merged by time as they come.",
		Parameters:  append([]Parameter{streams}, shared...),
		Security:    a.needs(a.tokens(), true),
		Responses:   append(Responses{stream(first, event)}, refusals(a.tokens())...),
	}}
}

// one is the route of one stream, by its name or by an alias.
func (a API) one(s *Stream, name, aliasOf string) Path {
	o := Operation{
		ID: "stream." + name, Tags: []string{"streams"}, Summary: name, Description: s.Description,
		Parameters: shared,
		Security:   a.needs(s.Token, false),
		Responses:  append(Responses{stream(s, ref("schemas", eventSchema+s.Name))}, refusals(s.Token)...),
	}
	if aliasOf != "" {
		o.Description = strings.TrimSpace("The same as " + aliasOf + ". " + s.Description)
	}
	return Path{Route: a.BasePath + "/" + name, Get: o}
}

// stream is the response that does not end. s is nil where there are no streams.
func stream(s *Stream, event any) Response {
	sse := Media{Type: "text/event-stream", Schema: map[string]any{"type": "string"}}
	line := Media{Type: "application/json", Schema: event}
	if s != nil {
		sse.Examples = Examples{{"stream", "The greeting, which names where the connection starts, and one event.", s.wire()}}
		if s.Example != "" {
			line.Examples = Examples{{"event", "One line.", s.line()}}
		}
	}
	lines := line
	lines.Type = "application/x-ndjson"
	return Response{
		Status:      "200",
		Description: "Events as they happen, until either side ends the connection. The JSON forms have one event a line, and an empty line as heartbeat.",
		Content:     Content{sse, line, lines},
	}
}

// line is the example as it stands in a line of JSON.
func (s *Stream) line() any {
	if s.Format == JSON {
		return json.RawMessage(s.Example)
	}
	return s.Example
}

// wire is the example as a client sees it.
func (s *Stream) wire() string {
	data := "{…}"
	if s.Example != "" {
		data = s.Example
	}
	if text, err := encode(s.line()); err == nil && s.Format == JSON && s.Example != "" {
		data = string(text)
	}
	topic := "topic"
	if len(s.Topics) > 0 {
		topic = s.Topics[0]
	}
	return "retry: 3000\nid: " + position(topic, 60) + "\n:ok\n\n" +
		"event: message\nid: " + position(topic, 61) + "\ndata: " + strings.ReplaceAll(data, "\n", "\ndata: ") + "\n\n"
}

func ref(kind, name string) map[string]any {
	return map[string]any{"$ref": "#/components/" + kind + "/" + name}
}
