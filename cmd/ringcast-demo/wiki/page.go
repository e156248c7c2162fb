package wiki

import "strconv"

type pageEvent struct {
	envelope
	pageState
	Revisions int `json:"rev_count,omitempty"`
	summary
	Time  string     `json:"dt"`
	Chain string     `json:"chronology_id"`
	Prior *pagePrior `json:"prior_state,omitempty"`
	New   *redirect  `json:"new_redirect_page,omitempty"`
}

// pagePrior is what the page was before.
type pagePrior struct {
	ID        int64  `json:"page_id,omitempty"`
	Title     string `json:"page_title,omitempty"`
	Namespace int    `json:"page_namespace"`
	Revision  int64  `json:"rev_id,omitempty"`
}

// redirect is the page that is left behind by a move.
type redirect struct {
	ID        int64  `json:"page_id"`
	Title     string `json:"page_title"`
	Namespace int    `json:"page_namespace"`
	Revision  int64  `json:"rev_id"`
}

// newPageEvent returns what these events have in common. It takes an administrator to do such things.
func newPageEvent(g *Generator, c change) pageEvent {
	for c.who.bot || c.who.id == 0 {
		c.who = g.user(c.site)
	}
	c.who.groups = []string{"abusefilter", "interface-admin", "sysop", "*", "user", "autoconfirmed"}
	return pageEvent{envelope: g.envelope(c), pageState: pageStateOf(c), summary: summaryOf(c), Time: seconds(c.now), Chain: g.uuid() + "@" + strconv.FormatInt(c.now.Unix(), 10)}
}

func pageDelete(g *Generator, c change) any {
	e := newPageEvent(g, c)
	e.Revisions = g.between(1, 40)
	return e
}

func pageUndelete(g *Generator, c change) any {
	e := newPageEvent(g, c)
	e.Prior = &pagePrior{ID: c.pageID - int64(g.between(1, 900)), Namespace: c.namespace}
	return e
}

func pageMove(g *Generator, c change) any {
	e := newPageEvent(g, c)
	old := c.title
	e.Title += "_(2)"
	e.Prior = &pagePrior{Title: old, Namespace: c.namespace, Revision: c.oldRevision}
	e.New = &redirect{ID: c.pageID + int64(g.between(1, 900)), Title: old, Namespace: c.namespace, Revision: c.newRevision + 1}
	return e
}
