package wiki

import "fmt"

type recentChangeEvent struct {
	envelope
	ID        int64  `json:"id"`
	Type      string `json:"type"`
	Namespace int    `json:"namespace"`
	Title     string `json:"title"`
	TitleURL  string `json:"title_url"`
	Comment   string `json:"comment"`
	Timestamp int64  `json:"timestamp"`
	User      string `json:"user"`
	Bot       bool   `json:"bot"`

	// an edit or a new page
	NotifyURL string `json:"notify_url,omitempty"`
	Minor     *bool  `json:"minor,omitempty"`
	Patrolled *bool  `json:"patrolled,omitempty"`
	Length    *span  `json:"length,omitempty"`
	Revision  *span  `json:"revision,omitempty"`

	// a log entry
	LogID            int64          `json:"log_id,omitempty"`
	LogType          string         `json:"log_type,omitempty"`
	LogAction        string         `json:"log_action,omitempty"`
	LogParams        map[string]any `json:"log_params,omitempty"`
	LogActionComment string         `json:"log_action_comment,omitempty"`

	ServerURL        string `json:"server_url"`
	ServerName       string `json:"server_name"`
	ServerScriptPath string `json:"server_script_path"`
	Wiki             string `json:"wiki"`
	ParsedComment    string `json:"parsedcomment"`
}

// span is a value before and after a change. A new page has no old one.
type span struct {
	Old *int64 `json:"old,omitempty"`
	New int64  `json:"new"`
}

func recentChange(g *Generator, c change) any {
	g.lastChange++
	e := recentChangeEvent{
		ID: g.lastChange, Type: "edit", Namespace: c.namespace, Title: c.spaced(), Comment: c.comment,
		Timestamp: c.now.Unix(), User: c.who.name, Bot: c.who.bot,
		ServerURL: "https://" + c.site.domain, ServerName: c.site.domain, ServerScriptPath: "/w",
		Wiki: c.site.wiki, ParsedComment: c.parsed,
	}
	patrolled := c.who.id != 0
	e.Minor, e.Patrolled = &c.minor, &patrolled
	e.Length = &span{Old: &c.oldSize, New: c.newSize}
	e.Revision = &span{Old: &c.oldRevision, New: c.newRevision}
	e.NotifyURL = fmt.Sprintf("https://%s/w/index.php?diff=%d&oldid=%d&rcid=%d", c.site.domain, c.newRevision, c.oldRevision, e.ID)

	switch at := g.rng.Float64(); {
	case at < 0.07:
		e.Type = "new"
		e.Length.Old, e.Revision.Old = nil, nil
		e.NotifyURL = fmt.Sprintf("https://%s/w/index.php?oldid=%d&rcid=%d", c.site.domain, c.newRevision, e.ID)
	case at < 0.14:
		e.setLog(g, c)
	case at < 0.35 && c.site.category != "":
		c.setCategorize(&e)
	}
	e.TitleURL = c.url()
	e.envelope = g.envelope(c)
	return e
}

// setLog makes the event a log entry.
func (e *recentChangeEvent) setLog(g *Generator, c change) {
	e.Type = "log"
	e.Minor, e.Patrolled, e.Length, e.Revision, e.NotifyURL = nil, nil, nil, nil, ""
	e.LogID = g.lastChange / 9
	switch g.between(0, 2) {
	case 0:
		e.LogType, e.LogAction = "move", "move"
		e.LogParams = map[string]any{"target": c.spaced() + " (2)", "noredir": "1"}
		e.LogActionComment = fmt.Sprintf("moved [[%s]] to [[%s (2)]]: %s", c.spaced(), c.spaced(), c.comment)
	case 1:
		e.LogType, e.LogAction = "patrol", "patrol"
		e.LogParams = map[string]any{"curid": c.newRevision, "previd": c.oldRevision, "auto": 0}
		e.LogActionComment = fmt.Sprintf("marked revision %d of [[%s]] patrolled", c.newRevision, c.spaced())
	case 2:
		e.LogType, e.LogAction = "upload", "overwrite"
		e.LogParams = map[string]any{"img_sha1": g.sha1(), "img_timestamp": c.now.Format("20060102150405")}
		e.LogActionComment = fmt.Sprintf("uploaded a new version of [[%s]]: %s", c.spaced(), c.comment)
	}
}

// setCategorize makes the event one about the category that the page came into.
func (c *change) setCategorize(e *recentChangeEvent) {
	e.Type = "categorize"
	e.Minor, e.Patrolled, e.Length, e.Revision = nil, nil, nil, nil
	e.Comment = fmt.Sprintf("[[:%s]] added to category", c.spaced())
	e.ParsedComment = fmt.Sprintf(`<a href="%s" title="%s">%s</a> added to category`, escapePath("/wiki/"+c.title), escapeHTML(c.spaced()), escapeHTML(c.spaced()))
	c.title, c.namespace = c.site.category, 14
	e.Title, e.Namespace = c.spaced(), c.namespace
}
