package wiki

import "time"

// envelope begins every event.
type envelope struct {
	Schema string `json:"$schema"`
	Meta   meta   `json:"meta"`
}

type meta struct {
	URI       string `json:"uri"`
	RequestID string `json:"request_id"`
	ID        string `json:"id"`
	Domain    string `json:"domain"`
	Stream    string `json:"stream"`
	Time      string `json:"dt"`
}

func (g *Generator) envelope(c change) envelope {
	return envelope{Schema: c.stream.schema, Meta: meta{
		URI:       c.url(),
		RequestID: g.uuid(),
		ID:        g.uuid(),
		Domain:    c.site.domain,
		Stream:    c.stream.Topic,
		Time:      c.now.Format("2006-01-02T15:04:05.000Z"),
	}}
}

// seconds is the form of most times in events.
func seconds(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") }

// performer is who did it, in the older schemas.
type performer struct {
	Name       string   `json:"user_text"`
	Groups     []string `json:"user_groups"`
	Bot        bool     `json:"user_is_bot"`
	ID         int64    `json:"user_id,omitempty"`
	Registered string   `json:"user_registration_dt,omitempty"`
	Edits      int      `json:"user_edit_count"`
}

func performerOf(u user) performer {
	p := performer{Name: u.name, Groups: u.groups, Bot: u.bot, ID: u.id, Edits: u.edits}
	if u.id != 0 {
		p.Registered = seconds(u.registered)
	}
	return p
}

// pageState is what most events tell about the page.
type pageState struct {
	Database  string    `json:"database"`
	Performer performer `json:"performer"`
	ID        int64     `json:"page_id"`
	Title     string    `json:"page_title"`
	Namespace int       `json:"page_namespace"`
	Redirect  bool      `json:"page_is_redirect"`
	Revision  int64     `json:"rev_id"`
}

func pageStateOf(c change) pageState {
	return pageState{
		Database: c.site.wiki, Performer: performerOf(c.who),
		ID: c.pageID, Title: c.title, Namespace: c.namespace, Revision: c.newRevision,
	}
}

// summary is the edit summary, as text and as HTML.
type summary struct {
	Comment string `json:"comment"`
	Parsed  string `json:"parsedcomment"`
}

func summaryOf(c change) summary { return summary{Comment: c.comment, Parsed: c.parsed} }
