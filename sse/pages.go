package sse

import (
	"strings"
	"sync"

	"github.com/valyala/fasthttp"

	"github.com/ringcast/ringcast/sse/openapi"
	"github.com/ringcast/ringcast/sse/ui"
)

// pages are what people open: the documentation and the live page, by the
// streams that a caller may know of.
type pages struct {
	mu   sync.Mutex
	made map[string]*pageSet // by the names of the streams in it, guarded by mu
}

// forget has the pages made anew.
func (p *pages) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made = nil
}

// maxPageSets bounds the sets of streams whose pages are kept.
const maxPageSets = 64

// pageSet is what callers see who may read the same streams.
type pageSet struct{ spec, doc, page *ui.File }

// addPage adds the routes of the live page and what belongs to it.
func (s *Server) addPage(routes map[string]answerer) {
	at := s.pagePath()
	routes[strings.TrimSuffix(at, "/")] = func(_ *Server, ctx *fasthttp.RequestCtx) *refusal {
		return redirect(ctx, fasthttp.StatusMovedPermanently, at)
	}
	routes[at] = func(s *Server, ctx *fasthttp.RequestCtx) *refusal { return sendFile(ctx, s.pagesFor(ctx).page) }
	for name, asset := range ui.Assets {
		routes[at+name] = func(_ *Server, ctx *fasthttp.RequestCtx) *refusal { return sendFile(ctx, asset) }
	}
}

// pagesFor is what the caller of a request sees.
func (s *Server) pagesFor(ctx *fasthttp.RequestCtx) *pageSet {
	c := s.catalog.Load()
	return s.pagesOf(c, s.visible(ctx, c))
}

// pagesOf is what those see who may read some streams of a catalog, made when
// it is first asked for.
func (s *Server) pagesOf(c *catalog, streams []*Stream) *pageSet {
	var key strings.Builder
	for _, st := range streams {
		key.WriteString(st.Name)
		key.WriteByte(',')
	}
	c.pages.mu.Lock()
	defer c.pages.mu.Unlock()
	set := c.pages.made[key.String()]
	if set == nil {
		if c.pages.made == nil || len(c.pages.made) >= maxPageSets {
			c.pages.made = make(map[string]*pageSet)
		}
		set = s.makePages(streams)
		c.pages.made[key.String()] = set
	}
	return set
}

func (s *Server) makePages(streams []*Stream) *pageSet {
	api := openapi.API{Version: s.cfg.Version, BasePath: s.cfg.BasePath, MaxStreams: maxRoutes, LimitAsResponse: s.limits().LimitAsResponse}
	if s.cfg.Auth != nil {
		api.Cookie, api.Parameter = s.cfg.Auth.Cookie, s.cfg.Auth.Parameter
	}
	var offered []ui.Stream
	for _, st := range streams {
		api.Streams = append(api.Streams, openapi.Stream{Name: st.Name, Aliases: st.Aliases, Topics: st.Topics, Description: st.Description,
			Format: openapi.Format(st.Format), Example: st.Example, Schema: st.Schema, Token: st.Token})
		offered = append(offered, ui.Stream{Name: st.Name, Description: st.Description})
	}
	page := ""
	if s.cfg.UI {
		page = s.pagePath()
	}
	d := openapi.Describe(api)
	return &pageSet{spec: ui.NewJSON(d.JSON()), doc: ui.Documentation(d, page), page: ui.Page(s.cfg.BasePath, offered)}
}

// redirect answers with a path of this server: behind a proxy nobody but the
// client knows its name.
func redirect(ctx *fasthttp.RequestCtx, status int, to string) *refusal {
	ctx.SetStatusCode(status)
	ctx.Response.Header.Set("location", to)
	ctx.Response.Header.Set("cache-control", "no-cache")
	return nil
}

// sendFile answers with a file, or that the client has it (RFC 9110, section
// 13.1.2). A browser asks each time: an update of the server is one of its pages.
func sendFile(ctx *fasthttp.RequestCtx, f *ui.File) *refusal {
	h := &ctx.Response.Header
	h.Set("etag", f.ETag)
	h.Set("cache-control", "no-cache")
	if f.Policy != "" {
		h.Set("content-security-policy", f.Policy)
		h.Set("referrer-policy", "no-referrer")
	}
	if holds(string(ctx.Request.Header.Peek("If-None-Match")), f.ETag) {
		ctx.SetStatusCode(fasthttp.StatusNotModified)
		return nil
	}
	h.Set("content-type", f.Type)
	ctx.SetBody(f.Body)
	return nil
}

// holds reports whether a list of entity tags has one, weak or not.
func holds(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
