package sse

import (
	"bytes"
	"net/url"
	"path"
	"strings"

	"github.com/valyala/fasthttp"
)

// answerer answers GET and HEAD of a route.
type answerer func(s *Server, ctx *fasthttp.RequestCtx) *refusal

// fixedRoutes are the routes beside the streams, by path as it is received.
func (s *Server) fixedRoutes() map[string]answerer {
	routes := map[string]answerer{
		"/":              (*Server).root,
		"/robots.txt":    (*Server).robots,
		"/_info":         (*Server).info,
		"/_info/name":    (*Server).infoName,
		"/_info/version": (*Server).infoVersion,
	}
	if s.cfg.UI {
		s.addPage(routes)
	}
	return routes
}

// route finds what a request asks for, and answers it unless it is refused.
func (s *Server) route(ctx *fasthttp.RequestCtx) *refusal {
	method := string(ctx.Method())
	path := string(ctx.URI().PathOriginal())
	answer := s.fixed[path]
	names, isStream, badEscape := "", false, false
	if answer == nil {
		names, isStream, badEscape = s.streamPath(path)
	}
	switch {
	case !bytes.HasPrefix(ctx.Request.Header.Protocol(), []byte("HTTP/1.")):
		ctx.SetConnectionClose()
		return badRequest("This server speaks HTTP/1.1 and HTTP/1.0.")
	case method == fasthttp.MethodOptions:
		ctx.Response.Header.Set("access-control-allow-methods", methods)
		ctx.Response.Header.Set("access-control-max-age", corsMaxAge)
		ctx.Response.Header.Set("allow", methods)
		ctx.SetStatusCode(fasthttp.StatusNoContent)
		return nil
	case badEscape:
		return badRequest("The path has a percent sign without two hexadecimal digits behind it.")
	case answer == nil && !isStream:
		return notFound()
	case method != fasthttp.MethodGet && method != fasthttp.MethodHead:
		return methodNotAllowed()
	case len(ctx.Request.Body()) > 0:
		return bodyTooLarge()
	case isStream:
		if ctx.IsHead() {
			ctx.SetConnectionClose() // also when it is refused
		}
		return s.subscribe(ctx, names)
	}
	return answer(s, ctx)
}

// streamPath returns the stream names of a path below the base path, decoded.
func (s *Server) streamPath(path string) (names string, ok, badEscape bool) {
	rest, ok := strings.CutPrefix(path, s.cfg.BasePath+"/")
	if !ok {
		return "", false, false
	}
	names, err := url.PathUnescape(strings.TrimSuffix(rest, "/"))
	if err != nil {
		return "", false, true
	}
	return names, names != "" && !strings.Contains(names, "/"), false
}

// pagePath is where the page is: beside the streams.
func (s *Server) pagePath() string { return strings.TrimSuffix(path.Dir(s.cfg.BasePath), "/") + "/ui/" }

// root answers "/": the documentation that its query names, or the way to the
// page or to that.
func (s *Server) root(ctx *fasthttp.RequestCtx) *refusal {
	switch query := ctx.QueryArgs(); {
	case query.Has("spec"):
		return sendFile(ctx, s.pagesFor(ctx).spec)
	case query.Has("doc"):
		return sendFile(ctx, s.pagesFor(ctx).doc)
	case s.cfg.UI:
		return redirect(ctx, fasthttp.StatusSeeOther, s.pagePath())
	}
	return redirect(ctx, fasthttp.StatusSeeOther, "/?doc")
}

// robots keeps crawlers from streams that never end.
func (s *Server) robots(ctx *fasthttp.RequestCtx) *refusal {
	ctx.Response.Header.Set("content-type", "text/plain; charset=utf-8")
	ctx.SetBodyString("User-agent: *\nDisallow: /\n")
	return nil
}

// What /_info says, besides the version.
const (
	infoName        = "ringcast"
	infoDescription = "Kafka topics as Server-Sent Events"
	infoHome        = "https://github.com/ringcast/ringcast"
)

func (s *Server) info(ctx *fasthttp.RequestCtx) *refusal {
	return answerJSON(ctx, struct {
		Name        string `json:"name"`
		Version     string `json:"version"`
		Description string `json:"description"`
		Home        string `json:"home"`
	}{infoName, s.cfg.Version, infoDescription, infoHome})
}

func (s *Server) infoName(ctx *fasthttp.RequestCtx) *refusal {
	return answerJSON(ctx, struct {
		Name string `json:"name"`
	}{infoName})
}

func (s *Server) infoVersion(ctx *fasthttp.RequestCtx) *refusal {
	return answerJSON(ctx, struct {
		Version string `json:"version"`
	}{s.cfg.Version})
}
