// Package report turns measurements into tables, on the terminal and as Markdown.
package report
