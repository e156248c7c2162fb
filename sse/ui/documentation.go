package ui

import (
	"bytes"
	"encoding/json"
	"html/template"
	"regexp"
	"slices"
	"strings"

	"github.com/ringcast/ringcast/sse/openapi"
)

// Documentation is an API's document for people. page is the path of the live
// page, "" where there is none. It is one file: nothing else is fetched.
func Documentation(d *openapi.Document, page string) *File {
	sheet := mustRead("base.css") + mustRead("doc.css")
	var intro []template.HTML
	for p := range strings.SplitSeq(d.Info.Description, "\n\n") {
		intro = append(intro, links(p))
	}
	var errors []openapi.Response
	for _, r := range d.Components.Responses {
		errors = append(errors, r)
	}
	slices.SortFunc(errors, func(a, b openapi.Response) int { return strings.Compare(a.Status, b.Status) })
	route := d.Paths[min(1, len(d.Paths)-1)].Route
	return newFile("text/html", stylePolicy(sheet), render("doc.html", struct {
		Doc     *openapi.Document
		Routes  []operation
		Style   template.CSS
		Page    string
		Intro   []template.HTML
		Try     string
		Problem string
		Errors  []openapi.Response
	}{
		d, operations(d), template.CSS(sheet), page, intro,
		"curl -sN https://HOST" + route + "\n\nnew EventSource(\"" + route + "\").onmessage = e => console.log(e.lastEventId, e.data)",
		indented(errors[0].Content[0].Examples[0].Value), errors,
	}))
}

var link = regexp.MustCompile(`\[([^\]]*)\]\((https://[^)\s]*)\)`)

// links makes those of CommonMark ones of HTML; all else is text.
func links(text string) template.HTML {
	return template.HTML(link.ReplaceAllString(template.HTMLEscapeString(text), `<a href="$2">$1</a>`))
}

// operation is one route as the page shows it.
type operation struct {
	openapi.Path
	Names   []string // that it may be asked for, where it takes several
	Example any      // what a client sees
	Event   string   // schema of an event of one stream
}

func operations(d *openapi.Document) (all []operation) {
	for _, p := range d.Paths {
		o := operation{Path: p}
		if list, ok := p.Get.Parameters[0].Schema.(openapi.List); ok {
			o.Names = list.Items.Enum
		}
		for _, m := range slices.Backward(p.Get.Responses[0].Content) {
			if len(m.Examples) > 0 {
				o.Example = m.Examples[0].Value
			}
			if to, ok := m.Schema.(map[string]any)["$ref"].(string); ok {
				o.Event = indented(d.Components.Schemas[strings.TrimPrefix(to, "#/components/schemas/")])
			}
		}
		all = append(all, o)
	}
	return all
}

// indented is JSON for people.
func indented(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic("BUG: a document that is no JSON: " + err.Error())
	}
	return strings.TrimSpace(b.String())
}
