package wiki

// Stream is one kind of event and the topics that it comes in: Topic with each of Prefixes before it.
type Stream struct {
	Name        string
	Topic       string
	Description string
	Rate        float64 // how often, relative to the others; about events per second on the real wikis

	schema string
	event  func(*Generator, change) any
	keyed  bool // records have the page as their key
}

// Prefixes name the data centres. A record's topic is one of them and the stream's Topic.
func Prefixes() []string { return []string{"eqiad.", "codfw."} }

// firstPrefixShare is how many of all records come from the first data centre.
const firstPrefixShare = 0.85

// Streams returns all streams, the busiest first.
func Streams() []Stream {
	return []Stream{
		{
			Name: "recentchange", Topic: "mediawiki.recentchange", Rate: 30,
			Description: "Changes to all wikis as they happen: edits, new pages, log entries, categorization.",
			schema:      "/mediawiki/recentchange/1.0.0", event: recentChange,
		},
		{
			Name: "revision-create", Topic: "mediawiki.revision-create", Rate: 16,
			Description: "Every new revision of a page, with its size, hash and performer.",
			schema:      "/mediawiki/revision/create/2.0.0", event: revisionCreate,
		},
		{
			Name: "page_change", Topic: "mediawiki.page_change.v1", Rate: 14,
			Description: "The state of a page after each change to it, keyed by the page.",
			schema:      "/mediawiki/page/change/1.2.0", event: pageChange, keyed: true,
		},
		{
			Name: "page-links-change", Topic: "mediawiki.page-links-change", Rate: 9,
			Description: "Links that an edit added to a page or removed from it.",
			schema:      "/mediawiki/page/links-change/1.0.0", event: pageLinksChange,
		},
		{
			Name: "page-properties-change", Topic: "mediawiki.page-properties-change", Rate: 5,
			Description: "Page properties that an edit added or removed.",
			schema:      "/mediawiki/page/properties-change/1.0.0", event: pagePropertiesChange,
		},
		{
			Name: "revision-tags-change", Topic: "mediawiki.revision-tags-change", Rate: 4,
			Description: "Tags of a revision that were added or removed.",
			schema:      "/mediawiki/revision/tags-change/1.0.0", event: revisionTagsChange,
		},
		{
			Name: "page-create", Topic: "mediawiki.page-create", Rate: 2,
			Description: "New pages, with their first revision.",
			schema:      "/mediawiki/revision/create/1.1.0", event: pageCreate,
		},
		{
			Name: "page-delete", Topic: "mediawiki.page-delete", Rate: 0.5,
			Description: "Pages that were deleted.",
			schema:      "/mediawiki/page/delete/1.0.0", event: pageDelete,
		},
		{
			Name: "page-move", Topic: "mediawiki.page-move", Rate: 0.5,
			Description: "Pages that got another title.",
			schema:      "/mediawiki/page/move/1.0.0", event: pageMove,
		},
		{
			Name: "page-undelete", Topic: "mediawiki.page-undelete", Rate: 0.2,
			Description: "Deleted pages that were restored.",
			schema:      "/mediawiki/page/undelete/1.0.0", event: pageUndelete,
		},
	}
}
