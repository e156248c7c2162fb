package sse

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	corsHeaders = "accept, cache-control, last-event-id, x-requested-with, content-type"
	corsExpose  = "retry-after"
	corsMethods = "GET, HEAD, OPTIONS"
	corsMaxAge  = "86400" // seconds; browsers cap it lower
)

// handle answers one request. A panic ends its connection only.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	defer func() {
		if p := recover(); p != nil {
			s.stats.closed(closedPanic)
			s.logPanic("handler", p)
			ctx.ResetUserValues()
			ctx.Response.Reset()
			s.cors(ctx)
			internalError().write(ctx, string(ctx.Method()), string(ctx.RequestURI()))
			ctx.SetConnectionClose()
		}
	}()
	defer func() {
		if c := unwrap(ctx.Conn()); c != nil && !ctx.Hijacked() {
			c.arrived()
		}
	}()
	s.cors(ctx)
	method, uri := string(ctx.Method()), string(ctx.RequestURI())
	if r := s.route(ctx, method); r != nil {
		if r.reason != "" {
			s.stats.refused(r.reason)
		}
		if s.cfg.LimitAsResponse && r.limits() {
			r.writeStream(ctx)
		} else {
			r.write(ctx, method, uri)
		}
		if method == fasthttp.MethodHead {
			ctx.Response.SkipBody = true
		}
	}
	if s.draining() {
		ctx.SetConnectionClose()
	}
}

// route finds what a request asks for, and answers it unless it is refused.
func (s *Server) route(ctx *fasthttp.RequestCtx, method string) *refusal {
	names, isStream := s.streamPath(ctx)
	switch method {
	case fasthttp.MethodOptions:
		ctx.Response.Header.Set("access-control-allow-methods", corsMethods)
		ctx.Response.Header.Set("access-control-max-age", corsMaxAge)
		ctx.Response.Header.Set("allow", corsMethods)
		ctx.SetStatusCode(fasthttp.StatusNoContent)
		return nil
	case fasthttp.MethodGet, fasthttp.MethodHead:
		if isStream {
			return s.subscribe(ctx, names)
		}
		return notFound()
	}
	if isStream {
		return methodNotAllowed()
	}
	return notFound()
}

// streamPath returns the stream names of a path below the base path, decoded.
func (s *Server) streamPath(ctx *fasthttp.RequestCtx) (names string, ok bool) {
	path := string(ctx.URI().PathOriginal())
	rest, ok := strings.CutPrefix(path, s.cfg.BasePath+"/")
	if !ok {
		return "", false
	}
	names, err := url.PathUnescape(strings.TrimSuffix(rest, "/"))
	if err != nil || names == "" || strings.Contains(names, "/") {
		return "", false
	}
	return names, true
}

// cors sets the headers that every public response carries.
func (s *Server) cors(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Set("x-content-type-options", "nosniff")
	if len(s.cfg.CORSOrigins) == 0 {
		return
	}
	if origin := s.allowOrigin(ctx); origin != "" {
		h.Set("access-control-allow-origin", origin)
	}
	if s.cfg.CORSOrigins[0] != "*" {
		h.Set("vary", "Origin")
	}
	h.Set("access-control-allow-headers", corsHeaders)
	h.Set("access-control-expose-headers", corsExpose)
}

// allowOrigin is the origin that may read the response, "" for none.
func (s *Server) allowOrigin(ctx *fasthttp.RequestCtx) string {
	if s.cfg.CORSOrigins[0] == "*" {
		return "*"
	}
	asked := string(ctx.Request.Header.Peek("Origin"))
	for _, o := range s.cfg.CORSOrigins {
		if o == asked {
			return o
		}
	}
	return ""
}

// malformed answers what fasthttp could not read as a request.
func (s *Server) malformed(ctx *fasthttp.RequestCtx, err error) {
	s.cors(ctx)
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	r := badRequest("The request is not valid HTTP/1.1.")
	switch {
	case errors.As(err, &small):
		r = &refusal{Status: 431, Type: "request_header_too_large", Title: "Request Header Fields Too Large", Detail: "The request line and headers are larger than this server accepts."}
	case errors.As(err, &timeout) && timeout.Timeout():
		r = &refusal{Status: 408, Type: "request_timeout", Title: "Request Timeout", Detail: "The request did not arrive in time."}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		r = &refusal{Status: 413, Type: "payload_too_large", Title: "Payload Too Large", Detail: "A request to this server has no body."}
	}
	r.write(ctx, string(ctx.Method()), string(ctx.RequestURI()))
	ctx.SetConnectionClose()
	// With TLS the deadline of the handshake is still there, and may be over.
	_ = ctx.Conn().SetWriteDeadline(time.Now().Add(s.cfg.HeaderTimeout))
	if c := unwrap(ctx.Conn()); c != nil {
		c.linger = true
	}
}
