// Package openapi describes the streams of a server as an OpenAPI document
// (https://spec.openapis.org/oas/v3.1.0), generated from its configuration.
package openapi

import (
	"bytes"
	"encoding/json"
)

// Document is an OpenAPI 3.1 document, as far as this API needs it. 3.1 is the
// first version in which a JSON Schema is one, as it stands.
type Document struct {
	OpenAPI    string     `json:"openapi"`
	Info       Info       `json:"info"`
	Servers    []Server   `json:"servers"`
	Tags       []Tag      `json:"tags"`
	Paths      Paths      `json:"paths"`
	Components Components `json:"components"`
}

// Info names the API.
type Info struct {
	Title       string  `json:"title"`
	Version     string  `json:"version"`
	Summary     string  `json:"summary"`
	Description string  `json:"description"`
	License     License `json:"license"`
}

// License is that of the server.
type License struct {
	Name       string `json:"name"`
	Identifier string `json:"identifier"` // SPDX
}

// Server is where the paths begin.
type Server struct {
	URL string `json:"url"`
}

// Tag groups operations.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Paths are the routes, in the order in which they are to be read.
type Paths []Path

// Path is one route.
type Path struct {
	Route string    `json:"-"`
	Get   Operation `json:"get"`
}

// MarshalJSON writes the routes as one object.
func (p Paths) MarshalJSON() ([]byte, error) {
	members := make([]member[Path], len(p))
	for i := range p {
		members[i] = member[Path]{p[i].Route, p[i]}
	}
	return object(members)
}

// Operation is what a GET of a route does.
type Operation struct {
	ID          string      `json:"operationId"`
	Tags        []string    `json:"tags"`
	Summary     string      `json:"summary"`
	Description string      `json:"description"`
	Parameters  []Parameter `json:"parameters"`
	Security    []Need      `json:"security,omitempty"`
	Responses   Responses   `json:"responses"`
}

// Need names a security scheme that opens an operation, with the scopes that it
// must have; an empty one says that it is open without.
type Need map[string][]string

// Scheme is a way in which a request proves who sends it.
type Scheme struct {
	Type   string `json:"type"`
	Scheme string `json:"scheme,omitempty"`
	Bearer string `json:"bearerFormat,omitempty"`
	In     string `json:"in,omitempty"`
	Name   string `json:"name,omitempty"`
}

// Parameter is one of a request, or a reference to one.
type Parameter struct {
	Ref         string   `json:"$ref,omitempty"`
	Name        string   `json:"name,omitempty"`
	In          string   `json:"in,omitempty"`
	Description string   `json:"description,omitempty"`
	Required    bool     `json:"required,omitempty"`
	Style       string   `json:"style,omitempty"`
	Explode     *bool    `json:"explode,omitempty"`
	Schema      any      `json:"schema,omitempty"`
	Examples    Examples `json:"examples,omitempty"`
}

// List is the schema of an array of a closed set of strings.
type List struct {
	Type  string `json:"type"`
	Items Enum   `json:"items"`
	Min   int    `json:"minItems"`
	Max   int    `json:"maxItems"`
}

// Enum is the schema of one of a closed set of strings.
type Enum struct {
	Type string   `json:"type"`
	Enum []string `json:"enum"`
}

// Responses are what may come back, by status.
type Responses []Response

// Response is what comes back with one status, or a reference to it.
type Response struct {
	Status      string  `json:"-"`
	Ref         string  `json:"$ref,omitempty"`
	Description string  `json:"description,omitempty"`
	Headers     Headers `json:"headers,omitempty"`
	Content     Content `json:"content,omitempty"`
}

// MarshalJSON writes the responses as one object.
func (r Responses) MarshalJSON() ([]byte, error) {
	members := make([]member[Response], len(r))
	for i := range r {
		members[i] = member[Response]{r[i].Status, r[i]}
	}
	return object(members)
}

// Headers are those of a response, by name.
type Headers map[string]Header

// Header is one of a response.
type Header struct {
	Description string `json:"description"`
	Schema      any    `json:"schema"`
}

// Content is the forms that a body comes in, by media type.
type Content []Media

// Media is one form of a body.
type Media struct {
	Type     string   `json:"-"`
	Schema   any      `json:"schema"`
	Examples Examples `json:"examples,omitempty"`
}

// MarshalJSON writes the forms as one object.
func (c Content) MarshalJSON() ([]byte, error) {
	members := make([]member[Media], len(c))
	for i := range c {
		members[i] = member[Media]{c[i].Type, c[i]}
	}
	return object(members)
}

// Examples are named, in order.
type Examples []Example

// Example is one value and what it shows. Value is a string or JSON.
type Example struct {
	Name    string `json:"-"`
	Summary string `json:"summary"`
	Value   any    `json:"value"`
}

// MarshalJSON writes the examples as one object.
func (e Examples) MarshalJSON() ([]byte, error) {
	members := make([]member[Example], len(e))
	for i := range e {
		members[i] = member[Example]{e[i].Name, e[i]}
	}
	return object(members)
}

// Components are what the operations refer to.
type Components struct {
	Parameters map[string]Parameter `json:"parameters"`
	Responses  map[string]Response  `json:"responses"`
	Schemas    map[string]any       `json:"schemas"`
	Security   map[string]Scheme    `json:"securitySchemes,omitempty"`
}

// member is one of an object whose order is kept.
type member[T any] struct {
	name  string
	value T
}

func object[T any](members []member[T]) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		for _, part := range []any{m.name, m.value} {
			text, err := encode(part)
			if err != nil {
				return nil, err
			}
			b.Write(text)
			b.WriteByte(':')
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode is json.Marshal that leaves <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// JSON is the document as a client reads it.
func (d *Document) JSON() []byte {
	text, err := encode(d)
	if err != nil {
		panic("BUG: a document that is no JSON: " + err.Error())
	}
	return text
}
