package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Document is the result of one scenario.
type Document struct {
	// Scenario is its name, which is also the name of its file; Summary says what was run.
	Scenario, Summary string
	Tables            []Table
	// Charts are drawn into SCENARIO.svg.
	Charts []Chart
	// Notes are remarks on how far the figures can be trusted.
	Notes []string
	// Failures are the reasons why the figures do not count.
	Failures []string
}

// Table is a heading and rows of equal length, the first of which are the column names.
type Table struct {
	Title string
	Rows  [][]string
}

// Text writes the document for a terminal.
func (d *Document) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n== %s: %s\n", d.Scenario, d.Summary)
	for _, t := range d.Tables {
		fmt.Fprintf(&b, "\n%s\n", t.Title)
		widths := t.widths()
		for _, row := range t.Rows {
			for i, cell := range row {
				b.WriteString("  " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
			}
			b.WriteString("\n")
		}
	}
	d.remarks(&b, "  ")
	_, err := io.WriteString(w, b.String())
	return err
}

// Markdown writes the document with the command that made it and the machine it ran on.
func (d *Document) Markdown(w io.Writer, m Machine, command string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n    %s\n\n%s\n", d.Scenario, d.Summary, command, m)
	if len(d.Charts) > 0 {
		fmt.Fprintf(&b, "\n![%s](%s.svg)\n", d.Scenario, d.Scenario)
	}
	for _, t := range d.Tables {
		fmt.Fprintf(&b, "\n## %s\n\n", t.Title)
		for i, row := range t.Rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
			if i == 0 {
				b.WriteString("|" + strings.Repeat(" --- |", len(row)) + "\n")
			}
		}
	}
	d.remarks(&b, "* ")
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteFiles writes the Markdown as SCENARIO.md into dir, and SCENARIO.svg where there are charts.
func (d *Document) WriteFiles(dir string, m Machine, command string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder for results: %w", err)
	}
	err := writeFile(filepath.Join(dir, d.Scenario+".md"), func(w io.Writer) error { return d.Markdown(w, m, command) })
	if err != nil || len(d.Charts) == 0 {
		return err
	}
	title := d.Scenario
	if len(d.Failures) > 0 {
		title += " (FAILED: these figures do not count)"
	}
	return writeFile(filepath.Join(dir, d.Scenario+".svg"), func(w io.Writer) error { return SVG(w, title, m.name(), d.Charts) })
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("cannot write the results: %w", err)
	}
	defer f.Close()
	if err := write(f); err != nil {
		return fmt.Errorf("cannot write the results: %w", err)
	}
	return f.Close()
}

func (d *Document) remarks(b *strings.Builder, bullet string) {
	if len(d.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, n := range d.Notes {
		b.WriteString(bullet + n + "\n")
	}
	if len(d.Failures) > 0 {
		b.WriteString("\n**FAILED: these figures do not count.**\n\n")
	}
	for _, f := range d.Failures {
		b.WriteString(bullet + "FAILED " + f + "\n")
	}
}

func (t *Table) widths() []int {
	var w []int
	for _, row := range t.Rows {
		for i, cell := range row {
			if i == len(w) {
				w = append(w, 0)
			}
			w[i] = max(w[i], utf8.RuneCountInString(cell))
		}
	}
	return w
}
