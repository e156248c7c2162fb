package openapi

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// load reads a document as a client's library does, and validates it, its
// examples included.
func load(t *testing.T, a API) *openapi3.T {
	t.Helper()
	text := Describe(a).JSON()
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	return doc
}

const editSchema = `{
	"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "/edit/1.0.0",
	"type": "object", "required": ["title"],
	"properties": {"title": {"$ref": "#/$defs/title"}, "default": {"$ref": "#/$defs/title"}, "parent": {"$ref": "#"}, "size": {"type": "integer", "maximum": 9223372036854775807}},
	"default": {"title": "x", "$ref": "#/nowhere"},
	"$defs": {"title": {"type": "string"}}
}`

func everything() API {
	return API{Version: "1.2.3", BasePath: "/v2/stream", MaxStreams: 256, Streams: []Stream{
		{Name: "edits", Aliases: []string{"e"}, Topics: []string{"eqiad.edits"}, Description: "Edits <as> they happen.", Example: "{\n \"title\": \"A & B\", \"length\": 1.50}", Schema: []byte(editSchema)},
		{Name: "lines", Topics: []string{"lines"}, Format: Text, Example: "one\ntwo"},
		{Name: "bytes", Topics: []string{"bytes"}, Format: Base64},
		{Name: "any", Topics: []string{"any"}, Schema: []byte("true"), Example: "[1]"},
		{Name: "none", Topics: []string{"none"}, Schema: []byte("false")},
		{Name: "plain.v1", Topics: []string{"plain"}},
	}}
}

// TestValid: the document is OpenAPI, whatever is configured.
func TestValid(t *testing.T) {
	f := func(name string, a API) {
		t.Helper()
		t.Run(name, func(t *testing.T) { load(t, a) })
	}
	f("everything", everything())
	f("one", API{BasePath: "/s", Version: "dev", Streams: everything().Streams[:1], MaxStreams: 1, LimitAsResponse: true})
	tokens := everything()
	tokens.Cookie, tokens.Parameter, tokens.Streams[1].Token = "session", "token", true
	f("tokens", tokens)
	f("none", API{BasePath: "/v2/stream", Version: "dev", MaxStreams: 256})
}

// TestStreamNames: clients of EventStreams find the names where it has them.
func TestStreamNames(t *testing.T) {
	f := func(base string) {
		t.Helper()
		a := everything()
		a.BasePath = base
		var doc struct {
			OpenAPI string
			Paths   map[string]struct {
				Get struct {
					Parameters []struct {
						Schema struct{ Items struct{ Enum []string } }
					}
				}
			}
		}
		if err := json.Unmarshal(Describe(a).JSON(), &doc); err != nil {
			t.Fatal(err)
		}
		want := []string{"edits", "e", "lines", "bytes", "any", "none", "plain.v1"}
		path, ok := doc.Paths[base+"/{streams}"]
		if !ok || len(path.Get.Parameters) == 0 || !slices.Equal(path.Get.Parameters[0].Schema.Items.Enum, want) {
			t.Errorf("%s: %+v", base, path)
		}
		for _, name := range want {
			if _, ok := doc.Paths[base+"/"+name]; !ok {
				t.Errorf("no path %s/%s", base, name)
			}
		}
		if !strings.HasPrefix(doc.OpenAPI, "3.") || len(doc.Paths) != len(want)+1 {
			t.Errorf("version %q, %d paths", doc.OpenAPI, len(doc.Paths))
		}
	}
	f("/v2/stream")
	f("/~x/events")
}

// TestSchemas: a configured schema stands in the document as it is, and its
// references still mean its own parts.
func TestSchemas(t *testing.T) {
	s := load(t, everything()).Components.Schemas["Event.edits"].Value
	f := func(name string, valid bool, event string) {
		t.Helper()
		var v any
		if err := json.Unmarshal([]byte(event), &v); err != nil {
			t.Fatal(err)
		}
		if err := s.VisitJSON(v); (err == nil) != valid {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("good", true, `{"title":"a","parent":{"title":"b"}}`)
	f("title missing", false, `{}`)
	f("below a reference", false, `{"title":5}`)
	f("a property that is called as a keyword", false, `{"title":"a","default":5}`)
	f("a reference to the root", false, `{"title":"a","parent":{}}`)
	text := string(Describe(everything()).JSON())
	for _, want := range []string{`"maximum":9223372036854775807`, `"default":{"$ref":"#/nowhere","title":"x"}`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "/edit/1.0.0") {
		t.Error("the schema keeps an identity that its references would be resolved against")
	}
}

// TestExamples: an event is shown as a client gets it, numbers as they are.
func TestExamples(t *testing.T) {
	f := func(path, mediaType, want string) {
		t.Helper()
		for _, p := range Describe(everything()).Paths {
			if p.Route != path {
				continue
			}
			for _, m := range p.Get.Responses[0].Content {
				text, err := encode(m.Examples)
				if err != nil {
					t.Fatal(err)
				}
				if m.Type == mediaType && !strings.Contains(string(text), want) {
					t.Errorf("%s as %s has %s, want %s", path, mediaType, text, want)
				}
			}
		}
	}
	f("/v2/stream/edits", "text/event-stream", `\ndata: {\"title\":\"A & B\",\"length\":1.50}\n\n`)
	f("/v2/stream/e", "application/json", `"value":{"title":"A & B","length":1.50}`)
	f("/v2/stream/lines", "text/event-stream", `\ndata: one\ndata: two\n\n`)
	f("/v2/stream/lines", "application/x-ndjson", `"value":"one\ntwo"`)
	f("/v2/stream/plain.v1", "text/event-stream", `:ok\n\nevent: message\nid: [{\"topic\":\"plain\",`)
}

// TestErrors: every error of the API is described, with what its body says.
func TestErrors(t *testing.T) {
	doc := load(t, everything())
	for path, item := range doc.Paths.Map() {
		for _, status := range []string{"200", "400", "404", "405", "408", "413", "429", "431", "500", "503"} {
			if item.Get.Responses.Value(status) == nil {
				t.Errorf("%s has no response %s", path, status)
			}
		}
	}
	tokens := everything()
	tokens.Cookie, tokens.Streams[1].Token = "session", true
	doc = load(t, tokens)
	for path, token := range map[string]bool{"/v2/stream/{streams}": true, "/v2/stream/edits": false, "/v2/stream/lines": true} {
		o := doc.Paths.Value(path).Get
		if (o.Responses.Value("401") != nil) != token || (o.Responses.Value("403") != nil) != token || (o.Security != nil) != token {
			t.Errorf("%s: of tokens it says %v", path, o.Security)
		}
	}
	types := map[string]bool{}
	for _, r := range doc.Components.Responses {
		for name := range r.Value.Content["application/json"].Examples {
			types[name] = true
		}
	}
	for _, name := range []string{"not_found", "method_not_allowed", "bad_request", "request_timeout", "payload_too_large", "request_header_too_large",
		"invalid_timestamp", "invalid_assignment", "topic_not_available", "too_many_requests", "overloaded", "upstream_unavailable", "internal_error", "unauthorized", "forbidden"} {
		if !types[name] {
			t.Errorf("no example of %s", name)
		}
	}
}
