// Package ui is the live page and the documentation for people: HTML, CSS and
// JavaScript as they stand, in the binary.
package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"path"
)

//go:embed base.css page.css doc.css page.html doc.html *.js
var files embed.FS

// File is something that a browser gets.
type File struct {
	Type   string // media type
	Policy string // of content (CSP 3), "": none
	ETag   string // with its quotes (RFC 9110, section 8.8.3)
	Body   []byte
}

func newFile(mediaType, policy string, body []byte) *File {
	sum := sha256.Sum256(body)
	return &File{Type: mediaType + "; charset=utf-8", Policy: policy, ETag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, Body: body}
}

// NewJSON is a File of JSON.
func NewJSON(body []byte) *File { return newFile("application/json", "", body) }

// Nothing comes from elsewhere, nothing is inline, nobody frames a page.
const (
	policy     = "default-src 'none'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	pagePolicy = policy + "; script-src 'self'; style-src 'self'; connect-src 'self'"
)

// Assets are what the live page loads, by name.
var Assets = func() map[string]*File {
	all := map[string]*File{"page.css": newFile("text/css", "", []byte(mustRead("base.css")+mustRead("page.css")))}
	for _, name := range modules() {
		all[name] = newFile("text/javascript", "", []byte(mustRead(name)))
	}
	return all
}()

// modules are the scripts of the live page.
func modules() (names []string) {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	for _, e := range entries {
		if path.Ext(e.Name()) == ".js" {
			names = append(names, e.Name())
		}
	}
	return names
}

func mustRead(name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return string(text)
}

var templates = template.Must(template.ParseFS(files, "*.html"))

// Stream is one that the live page offers.
type Stream struct {
	Name        string
	Description string
}

// Page is the live page for the streams below a base path.
func Page(base string, streams []Stream) *File {
	return newFile("text/html", pagePolicy, render("page.html", struct {
		Base    string
		Streams []Stream
		Modules []string
	}{base, streams, modules()}))
}

func render(name string, data any) []byte {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		panic("BUG: " + err.Error())
	}
	return b.Bytes()
}

// stylePolicy allows one style sheet, by its hash, inside a page.
func stylePolicy(sheet string) string {
	sum := sha256.Sum256([]byte(sheet))
	return policy + "; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
