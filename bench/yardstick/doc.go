// Package yardstick is a server that does only what no fan-out server can leave out: it gets the records
// from Kafka, frames each once, and writes the same bytes to every client. It knows one stream, no
// requests, no resume, no limits. What it costs is the bound that ringcast is measured against.
package yardstick
