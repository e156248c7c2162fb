package sse

import (
	"errors"
	"net"
	"slices"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	corsHeaders = "accept, cache-control, last-event-id, x-requested-with, content-type"
	corsExpose  = "retry-after"
	corsMaxAge  = "86400" // seconds; browsers cap it lower

	methods = "GET, HEAD, OPTIONS" // of every route

	// maxBody is how much of a body is read, bytes, for a wrong method to be told
	// so; no request to this server has one.
	maxBody = 4096
)

// handle answers one request. A panic ends its connection only.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	defer func() {
		if p := recover(); p != nil {
			if c := unwrap(ctx.Conn()); c != nil && c.stream != nil {
				c.reason = closedPanic
			} else {
				s.stats.closed(closedPanic)
			}
			s.logPanic("handler", p)
			ctx.ResetUserValues()
			ctx.Response.Reset()
			s.cors(ctx)
			internalError().write(ctx, string(ctx.Method()), s.uri(ctx))
			ctx.SetConnectionClose()
		}
	}()
	defer func() {
		if c := unwrap(ctx.Conn()); c != nil && !ctx.Hijacked() {
			c.arrived()
		}
	}()
	s.cors(ctx)
	if r := s.route(ctx); r != nil {
		s.refuse(ctx, r)
	}
	if s.draining() {
		ctx.SetConnectionClose()
	}
}

// refuse answers a request with a refusal, and counts it.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, r *refusal) {
	if r.reason != "" {
		s.stats.refused(r.reason)
	}
	if s.limits().LimitAsResponse && r.limits() {
		r.writeStream(ctx)
	} else {
		r.write(ctx, string(ctx.Method()), s.uri(ctx))
	}
	ctx.Response.SkipBody = ctx.IsHead()
}

// expect answers a client that asks before it sends a body (RFC 9110, section
// 10.1.1).
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	if n := ctx.Request.Header.ContentLength(); n != -1 && n <= 0 {
		return fasthttp.StatusContinue // there is none
	}
	s.cors(ctx)
	s.refuse(ctx, bodyTooLarge())
	if c := unwrap(ctx.Conn()); c != nil {
		c.linger = true
	}
	return fasthttp.StatusRequestEntityTooLarge
}

// cors sets the headers that every public response carries.
func (s *Server) cors(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Set("x-content-type-options", "nosniff")
	switch origins := s.limits().CORSOrigins; {
	case len(origins) == 0:
		return
	case len(origins) == 1:
		h.Set("access-control-allow-origin", origins[0])
	default:
		h.Set("vary", "Origin")
		if asked := string(ctx.Request.Header.Peek("Origin")); slices.Contains(origins, asked) {
			h.Set("access-control-allow-origin", asked)
		}
	}
	allowed := corsHeaders
	if s.cfg.Auth != nil {
		allowed += ", authorization"
		if s.cfg.Auth.Cookie != "" {
			h.Set("access-control-allow-credentials", "true")
		}
	}
	h.Set("access-control-allow-headers", allowed)
	h.Set("access-control-expose-headers", corsExpose)
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
		r = bodyTooLarge()
	}
	method, uri := s.asked(ctx)
	r.write(ctx, method, uri)
	ctx.Response.SkipBody = ctx.IsHead()
	ctx.SetConnectionClose()
	// With TLS the deadline of the handshake is still there, and may be over.
	_ = ctx.Conn().SetWriteDeadline(time.Now().Add(s.cfg.HeaderTimeout))
	if c := unwrap(ctx.Conn()); c != nil {
		c.linger = true
	}
}

// asked is what is known of a request that could not be read: nothing, or its
// method and URI, where only its body was wrong. fasthttp says GET and / then,
// and of what it could not read too.
func (s *Server) asked(ctx *fasthttp.RequestCtx) (method, uri string) {
	if h := &ctx.Request.Header; len(h.RawHeaders()) == 0 && ctx.IsGet() && string(h.RequestURI()) == "/" {
		return "", ""
	}
	return string(ctx.Method()), s.uri(ctx)
}
