package wiki

import "strconv"

type linksEvent struct {
	envelope
	pageState
	Added   []link `json:"added_links,omitempty"`
	Removed []link `json:"removed_links,omitempty"`
}

type link struct {
	Link     string `json:"link"`
	External bool   `json:"external"`
}

func pageLinksChange(g *Generator, c change) any {
	e := linksEvent{envelope: g.envelope(c), pageState: pageStateOf(c)}
	// Links to titles of other scripts are several times as long as others: what counts is the sum.
	for left := g.between(300, 1200); left > 0; {
		l := g.link(c.site)
		left -= len(`{"link":"","external":false},`) + len(l.Link)
		if g.chance(0.3) {
			e.Removed = append(e.Removed, l)
		} else {
			e.Added = append(e.Added, l)
		}
	}
	return e
}

func (g *Generator) link(s *site) link {
	if g.chance(0.3) {
		return link{Link: "https://archive.example.org/" + strconv.Itoa(g.between(2001, 2026)) + "/item/" + g.sha1()[:12], External: true}
	}
	title, _ := g.page(s)
	return link{Link: escapePath("/wiki/" + title)}
}

type propertiesEvent struct {
	envelope
	pageState
	Added   map[string]any `json:"added_properties,omitempty"`
	Removed map[string]any `json:"removed_properties,omitempty"`
}

func pagePropertiesChange(g *Generator, c change) any {
	return propertiesEvent{
		envelope: g.envelope(c), pageState: pageStateOf(c),
		Added: map[string]any{
			"wikibase_item":          "Q" + strconv.Itoa(g.between(1000, 130_000_000)),
			"wikibase-shortdesc":     pick(g, c.site.comments),
			"page_image_free":        pick(g, commonsFiles),
			"defaultsort":            c.spaced(),
			"displaytitle":           `<span class="mw-page-title-main">` + c.spaced() + `</span>`,
			"wikibase-badge-Q179368": 1,
		},
		Removed: map[string]any{"graph_specs": "{}", "kartographer_links": g.between(1, 4)},
	}
}
