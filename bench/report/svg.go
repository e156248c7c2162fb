package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Sizes of a picture in pixels.
const (
	panelWidth, panelHeight = 760.0, 330.0
	plotLeft, plotRight     = 78.0, panelWidth - 20
	plotTop, plotBottom     = 74.0, panelHeight - 56
	headHeight              = 50.0
)

// colours are told apart on white and on black, also by those who see no red or green.
var colours = []string{"#2f7fe0", "#d9700b", "#159a75", "#a35bd6", "#8a8f98", "#c2477f", "#8c7a1f"}

// style has the colours of a light page, and those of a dark one where the reader prefers it. The background
// is part of the picture, so that it can be read wherever it is shown.
const style = `<style>
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 12px; fill: #1f2328 }
.page { fill: #ffffff }
.head { font-size: 16px; font-weight: 600 }
.source { font-size: 11px }
.title { font-size: 14px; font-weight: 600 }
.grid { stroke: #d5d9de; stroke-width: 1 }
.axis { stroke: #6e7781; stroke-width: 1 }
.whisker { stroke: #1f2328; stroke-width: 1.2; stroke-opacity: 0.75 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.page { fill: #0d1117 }
.grid { stroke: #30363d }
.axis { stroke: #8b949e }
.whisker { stroke: #e6edf3 }
}
</style>
`

// SVG draws charts one below the other, under a title and a line that says where the figures come from.
func SVG(w io.Writer, title, source string, charts []Chart) error {
	var d drawing
	height := headHeight + panelHeight*float64(len(charts))
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="%s">`+"\n",
		panelWidth, height, panelWidth, height, escape(title))
	d.printf("%s", style)
	d.printf(`<rect class="page" width="%g" height="%g"/>`+"\n", panelWidth, height)
	d.text(20, 26, "start", "head", title)
	d.text(20, 44, "start", "source", source)
	for i := range charts {
		d.printf(`<g transform="translate(0 %g)">`+"\n", headHeight+panelHeight*float64(i))
		d.panel(&charts[i])
		d.printf("</g>\n")
	}
	d.printf("</svg>\n")
	_, err := io.WriteString(w, d.String())
	return err
}

type drawing struct{ strings.Builder }

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(d, format, args...) }

func (d *drawing) text(x, y float64, anchor, class, s string) {
	d.printf(`<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`+"\n", x, y, anchor, class, escape(s))
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	d.printf(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", class, x1, y1, x2, y2)
}

func (d *drawing) panel(c *Chart) {
	d.text(20, 20, "start", "title", c.Title)
	low, high, ok := c.bounds()
	if !ok {
		d.text(panelWidth/2, panelHeight/2, "middle", "", "no figures")
		return
	}
	d.legend(c)
	var y scale
	if c.Log {
		y = logarithmic(low, high, plotBottom, plotTop)
	} else {
		y = linear(min(low, 0), high, plotBottom, plotTop)
	}
	for _, v := range y.ticks {
		d.line("grid", plotLeft, y.at(v), plotRight, y.at(v))
		d.text(plotLeft-8, y.at(v)+4, "end", "", number(v))
	}
	d.printf(`<text transform="translate(18 %.1f) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (plotTop+plotBottom)/2, escape(c.Y))
	d.text((plotLeft+plotRight)/2, panelHeight-12, "middle", "", c.X)
	if c.lines() {
		d.points(c, y)
	} else {
		d.bars(c, y)
	}
	d.line("axis", plotLeft, plotBottom, plotRight, plotBottom)
	d.line("axis", plotLeft, plotTop, plotLeft, plotBottom)
}

func (d *drawing) legend(c *Chart) {
	x := plotLeft
	for i, s := range c.Series {
		d.printf(`<rect x="%.1f" y="38" width="12" height="12" rx="2" fill="%s"/>`+"\n", x, colours[i%len(colours)])
		d.text(x+18, 48.5, "start", "", s.Name)
		x += 44 + 6.8*float64(len([]rune(s.Name)))
	}
}

// slot returns the left edge and the width of the room of the i-th label.
func (c *Chart) slot(i int) (left, width float64) {
	width = (plotRight - plotLeft) / float64(max(len(c.Labels), 1))
	return plotLeft + width*float64(i), width
}

func (d *drawing) bars(c *Chart, y scale) {
	for i, label := range c.Labels {
		left, width := c.slot(i)
		d.text(left+width/2, plotBottom+18, "middle", "", label)
		each := min(width*0.8/float64(max(len(c.Series), 1)), 90)
		from := left + (width-each*float64(len(c.Series)))/2
		for at, s := range c.Series {
			if i >= len(s.Values) || c.Log && s.Values[i].Min <= 0 {
				continue
			}
			v := s.Values[i]
			x := from + each*float64(at)
			top, base := min(y.at(v.Median), y.at(max(y.low, 0))), max(y.at(v.Median), y.at(max(y.low, 0)))
			d.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x+each*0.06, top, each*0.88, base-top, colours[at%len(colours)])
			if v.Min < v.Max {
				d.whisker(x+each/2, y, v)
			}
			d.text(x+each/2, min(top, y.at(v.Max))-5, "middle", "", number(v.Median))
		}
	}
}

func (d *drawing) whisker(x float64, y scale, v Spread) {
	d.line("whisker", x, y.at(v.Min), x, y.at(v.Max))
	d.line("whisker", x-4, y.at(v.Min), x+4, y.at(v.Min))
	d.line("whisker", x-4, y.at(v.Max), x+4, y.at(v.Max))
}

func (d *drawing) points(c *Chart, y scale) {
	place := func(i int) float64 {
		left, width := c.slot(i)
		return left + width/2
	}
	if n := len(c.At); n > 0 {
		x := linear(min(c.At[0], 0), c.At[n-1], plotLeft, plotRight)
		for _, v := range x.ticks {
			d.text(x.at(v), plotBottom+18, "middle", "", number(v))
			d.line("axis", x.at(v), plotBottom, x.at(v), plotBottom+4)
		}
		place = func(i int) float64 { return x.at(c.At[i]) }
	}
	for i, label := range c.Labels {
		d.text(place(i), plotBottom+18, "middle", "", label)
	}
	for at, s := range c.Series {
		colour := colours[at%len(colours)]
		var path, dots strings.Builder
		for i, v := range s.Values {
			if c.Log && v.Min <= 0 {
				continue
			}
			command := "L"
			if path.Len() == 0 {
				command = "M"
			}
			fmt.Fprintf(&path, "%s%.1f %.1f", command, place(i), y.at(v.Median))
			if v.Min < v.Max {
				d.whisker(place(i), y, v)
			}
			if len(s.Values) <= 40 {
				fmt.Fprintf(&dots, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", place(i), y.at(v.Median), colour)
			}
		}
		d.printf(`<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n%s", path.String(), colour, dots.String())
	}
}

func escape(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return ""
	}
	return b.String()
}
