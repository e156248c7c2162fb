package openapi

import (
	"bytes"
	"encoding/json"
	"strings"
)

// schema is that of the stream's events: the configured one, or what the format
// says.
func (s *Stream) schema() any {
	if own := embed(s.Name, s.Schema); own != nil {
		return own
	}
	switch s.Format {
	case Text:
		return map[string]any{"type": "string", "description": "The value of the record."}
	case Base64:
		return map[string]any{"type": "string", "contentEncoding": "base64", "description": "The value of the record."}
	}
	return map[string]any{"type": []string{"object", "array"}, "description": "The value of the record, as it was produced."}
}

// embed makes a JSON Schema a part of the document: references into itself
// follow it there. Its identity stays outside, for it would make them mean
// another document (JSON Schema 2020-12, section 8.2.1).
func embed(name string, schema []byte) any {
	d := json.NewDecoder(bytes.NewReader(schema))
	d.UseNumber()
	var root any
	if d.Decode(&root) != nil {
		return nil
	}
	switch root := root.(type) {
	case map[string]any:
		delete(root, "$id")
		delete(root, "$schema")
		follow(root, "#/components/schemas/"+eventSchema+name)
		return root
	case bool:
		if root {
			return map[string]any{}
		}
		return map[string]any{"not": map[string]any{}}
	}
	return nil
}

// values are the keywords below which nothing is a schema, named those below
// which every member is one, whatever its name.
var (
	values = map[string]bool{"const": true, "default": true, "enum": true, "example": true, "examples": true}
	named  = map[string]bool{"properties": true, "patternProperties": true, "dependentSchemas": true, "$defs": true, "definitions": true}
)

// follow rewrites the references into the schema's own root.
func follow(v any, root string) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			follow(item, root)
		}
	case map[string]any:
		for name, item := range v {
			members, isObject := item.(map[string]any)
			switch to, isText := item.(string); {
			case name == "$ref" && isText && (to == "#" || strings.HasPrefix(to, "#/")):
				v[name] = root + to[1:]
			case named[name] && isObject:
				for _, member := range members {
					follow(member, root)
				}
			case !values[name]:
				follow(item, root)
			}
		}
	}
}
