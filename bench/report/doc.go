// Package report turns measurements into tables, on the terminal and as Markdown, and into pictures.
package report
