package wiki

type pageChangeEvent struct {
	envelope
	Changelog string             `json:"changelog_kind"`
	Kind      string             `json:"page_change_kind"`
	Comment   string             `json:"comment"`
	Time      string             `json:"dt"`
	Wiki      string             `json:"wiki_id"`
	Page      changedPage        `json:"page"`
	Performer editor             `json:"performer"`
	Prior     *pageChangePrior   `json:"prior_state,omitempty"`
	Revision  pageChangeRevision `json:"revision"`
}

type changedPage struct {
	Redirect  bool   `json:"is_redirect"`
	Namespace int    `json:"namespace_id"`
	ID        int64  `json:"page_id"`
	Title     string `json:"page_title"`
}

// editor is who did it, in the newer schema.
type editor struct {
	Edits      int      `json:"edit_count"`
	Groups     []string `json:"groups"`
	Bot        bool     `json:"is_bot"`
	System     bool     `json:"is_system"`
	Temporary  bool     `json:"is_temp"`
	Registered string   `json:"registration_dt,omitempty"`
	ID         int64    `json:"user_id,omitempty"`
	Name       string   `json:"user_text"`
}

type pageChangePrior struct {
	Revision pageChangeRevision `json:"revision"`
}

type pageChangeRevision struct {
	Comment        string                 `json:"comment,omitempty"`
	Slots          map[string]contentSlot `json:"content_slots,omitempty"`
	Editor         *editor                `json:"editor,omitempty"`
	CommentVisible bool                   `json:"is_comment_visible"`
	ContentVisible bool                   `json:"is_content_visible"`
	EditorVisible  bool                   `json:"is_editor_visible"`
	Minor          bool                   `json:"is_minor_edit"`
	Time           string                 `json:"rev_dt"`
	ID             int64                  `json:"rev_id"`
	Parent         int64                  `json:"rev_parent_id,omitempty"`
	SHA1           string                 `json:"rev_sha1"`
	Size           int64                  `json:"rev_size"`
}

type contentSlot struct {
	Format string `json:"content_format"`
	Model  string `json:"content_model"`
	SHA1   string `json:"content_sha1"`
	Size   int64  `json:"content_size"`
	Origin int64  `json:"origin_rev_id"`
	Role   string `json:"slot_role"`
}

func pageChange(g *Generator, c change) any {
	p := performerOf(c.who)
	who := editor{
		Edits: p.Edits, Groups: p.Groups, Bot: p.Bot, Temporary: p.ID == 0,
		Registered: p.Registered, ID: p.ID, Name: p.Name,
	}
	visible := pageChangeRevision{CommentVisible: true, ContentVisible: true, EditorVisible: true}

	after := visible
	after.Comment, after.Editor, after.Minor = c.comment, &who, c.minor
	after.Time, after.ID, after.Parent = seconds(c.now), c.newRevision, c.oldRevision
	after.SHA1, after.Size = g.sha1(), c.newSize
	after.Slots = map[string]contentSlot{"main": {
		Format: c.site.contentFormat(), Model: c.site.contentModel(),
		SHA1: after.SHA1, Size: after.Size, Origin: after.ID, Role: "main",
	}}

	before := visible
	before.Time, before.ID, before.SHA1, before.Size = seconds(c.oldTime), c.oldRevision, g.sha1(), c.oldSize

	return pageChangeEvent{
		envelope: g.envelope(c), Changelog: "update", Kind: "edit", Comment: c.comment, Time: seconds(c.now),
		Wiki: c.site.wiki, Page: changedPage{Namespace: c.namespace, ID: c.pageID, Title: c.title},
		Performer: who, Prior: &pageChangePrior{Revision: before}, Revision: after,
	}
}
