package wiki

type revisionEvent struct {
	envelope
	pageState
	Time           string          `json:"rev_timestamp"`
	SHA1           string          `json:"rev_sha1"`
	Minor          bool            `json:"rev_minor_edit"`
	Size           int64           `json:"rev_len"`
	ContentModel   string          `json:"rev_content_model"`
	ContentFormat  string          `json:"rev_content_format"`
	Parent         int64           `json:"rev_parent_id,omitempty"`
	ContentChanged bool            `json:"rev_content_changed"`
	Slots          map[string]slot `json:"rev_slots"`
	EventTime      string          `json:"dt"`
	summary
}

// slot is one of the contents of a revision.
type slot struct {
	Model  string `json:"rev_slot_content_model"`
	SHA1   string `json:"rev_slot_sha1"`
	Size   int64  `json:"rev_slot_size"`
	Origin int64  `json:"rev_slot_origin_rev_id"`
}

func revisionCreate(g *Generator, c change) any {
	e := revisionEvent{
		envelope: g.envelope(c), pageState: pageStateOf(c), summary: summaryOf(c),
		Time: seconds(c.now), EventTime: seconds(c.now), SHA1: g.sha1(), Minor: c.minor, Size: c.newSize,
		ContentModel: c.site.contentModel(), ContentFormat: c.site.contentFormat(),
		Parent: c.oldRevision, ContentChanged: true,
	}
	e.Slots = map[string]slot{"main": {Model: e.ContentModel, SHA1: e.SHA1, Size: e.Size, Origin: e.Revision}}
	if c.site.wiki == "commonswiki" {
		e.Slots["mediainfo"] = slot{Model: "wikibase-mediainfo", SHA1: g.sha1(), Size: 1204, Origin: e.Parent}
	}
	return e
}

func pageCreate(g *Generator, c change) any {
	e := revisionCreate(g, c).(revisionEvent)
	e.Parent = 0
	return e
}

type revisionTagsEvent struct {
	envelope
	pageState
	Time   string    `json:"rev_timestamp"`
	SHA1   string    `json:"rev_sha1"`
	Size   int64     `json:"rev_len"`
	Parent int64     `json:"rev_parent_id"`
	Minor  bool      `json:"rev_minor_edit"`
	Model  string    `json:"rev_content_model"`
	Format string    `json:"rev_content_format"`
	Tags   []string  `json:"tags"`
	Prior  tagsState `json:"prior_state"`
	summary
}

type tagsState struct {
	Tags []string `json:"tags"`
}

func revisionTagsChange(g *Generator, c change) any {
	all := [][]string{
		{"visualeditor"},
		{"mobile edit", "mobile web edit"},
		{"mobile edit", "mobile app edit", "ios app edit"},
		{"mw-reverted"},
		{"mw-undo", "editcheck-references"},
		{"advanced mobile edit", "discussiontools-reply", "discussiontools-visual"},
	}
	return revisionTagsEvent{
		envelope: g.envelope(c), pageState: pageStateOf(c), summary: summaryOf(c),
		Time: seconds(c.now), SHA1: g.sha1(), Size: c.newSize, Parent: c.oldRevision,
		Minor: c.minor, Model: c.site.contentModel(), Format: c.site.contentFormat(),
		Tags: pick(g, all), Prior: tagsState{Tags: []string{}},
	}
}
