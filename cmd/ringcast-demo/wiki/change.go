package wiki

import (
	"hash/fnv"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// change is what happened: somebody did something to a page of a wiki. Every kind of event is a view of one.
type change struct {
	stream *Stream
	now    time.Time // UTC
	site   *site

	namespace int
	title     string // with underscores
	pageID    int64

	who     user
	comment string
	parsed  string // the comment as HTML
	minor   bool

	oldRevision, newRevision int64
	oldSize, newSize         int64 // bytes
	oldTime                  time.Time
}

type user struct {
	name       string
	id         int64 // 0: a temporary account
	bot        bool
	groups     []string
	edits      int
	registered time.Time
}

func (g *Generator) newChange(s *Stream, now time.Time) change {
	i := g.pickSite()
	c := change{stream: s, now: now, site: &g.sites[i], minor: g.chance(0.25)}
	c.title, c.namespace = g.page(c.site)
	c.pageID = int64(hash(c.site.wiki+c.title)%90_000_000) + 1000
	c.who = g.user(c.site)
	c.comment, c.parsed = g.commentOn(c)

	g.lastRevision[i] += int64(g.between(1, 9))
	c.newRevision = g.lastRevision[i]
	c.oldRevision = c.newRevision - int64(g.between(10, 900_000))
	c.oldSize = int64(g.between(700, 60_000))
	c.newSize = c.oldSize + int64(g.between(-600, 2400))
	c.oldTime = now.Add(-time.Duration(g.between(60, 50_000_000)) * time.Second)
	return c
}

// page returns the title, with underscores, and the namespace of a page.
func (g *Generator) page(s *site) (string, int) {
	title := strings.ReplaceAll(pick(g, s.titles), " ", "_")
	switch {
	case s.wiki == "wikidatawiki":
		return title + strconv.Itoa(g.between(1000, 130_000_000)), 0
	case s.wiki == "commonswiki":
		return title, 6
	case g.chance(0.1):
		return s.talk + ":" + title, 1
	}
	return title, 0
}

func (g *Generator) user(s *site) user {
	if g.chance(0.12) {
		number := g.between(100_000, 999_999)
		name := "~2026-" + strconv.Itoa(number/10) + "-" + strconv.Itoa(number%97)
		return user{name: name, groups: []string{"*", "temp"}, edits: g.between(0, 9)}
	}
	name := pick(g, s.users)
	id := int64(hash(name) % 40_000_000)
	u := user{
		name:       name,
		id:         id + 1,
		groups:     []string{"*", "user", "autoconfirmed"},
		edits:      int(id%90_000) + g.between(0, 50),
		registered: time.Date(2004, 1, 1, 0, 0, int(id*17%630_000_000), 0, time.UTC),
	}
	switch {
	case strings.Contains(strings.ToLower(name), "bot") || strings.Contains(name, "🤖"):
		u.bot = true
		u.groups = []string{"bot", "*", "user", "autoconfirmed"}
		u.edits += 1_000_000
	case id%5 == 0:
		u.groups = []string{"extendedconfirmed", "reviewer", "rollbacker", "*", "user", "autoconfirmed"}
	}
	return u
}

// commentOn returns an edit summary, often with the section that was edited, and its HTML.
func (g *Generator) commentOn(c change) (comment, parsed string) {
	comment = pick(g, c.site.comments)
	parsed = escapeHTML(comment)
	if g.chance(0.6) {
		section := pick(g, c.site.sections)
		comment = "/* " + section + " */ " + comment
		anchor := escapePath("/wiki/"+c.title) + "#" + strings.ReplaceAll(section, " ", "_")
		parsed = `<span class="autocomment"><a href="` + anchor + `" title="` + escapeHTML(c.spaced()) + `">→‎` +
			section + `</a>: </span> ` + parsed
	}
	return comment, parsed
}

// spaced returns the title as people read it.
func (c change) spaced() string { return strings.ReplaceAll(c.title, "_", " ") }

// url returns the address of the page.
func (c change) url() string { return "https://" + c.site.domain + escapePath("/wiki/"+c.title) }

func escapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// htmlEscaper escapes as MediaWiki does.
var htmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#039;")

func escapeHTML(text string) string { return htmlEscaper.Replace(text) }

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}
