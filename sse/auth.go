package sse

import (
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/ringcast/ringcast/sse/token"
)

// Auth says who may read the streams with Stream.Token.
type Auth struct {
	Tokens    *token.Checker
	Cookie    string // that may carry a token; "": none
	Parameter string // of the query that may carry a token; "": none
}

// hidden is what the uri of an error says for a token.
const hidden = "***"

// authorise checks that a request may read streams. It returns when that ends,
// Unix seconds; 0: not at all. Public streams ask for nothing.
func (s *Server) authorise(ctx *fasthttp.RequestCtx, streams []*view) (expires uint32, _ *refusal) {
	var grant *token.Grant
	var denied []string
	for _, v := range streams {
		if !v.Token {
			continue
		}
		if grant == nil {
			var r *refusal
			if grant, r = s.grant(ctx); r != nil {
				return 0, r
			}
		}
		if !grant.Covers(v.Name) {
			denied = append(denied, v.Name)
		}
	}
	switch {
	case len(denied) > 0:
		return 0, forbidden("The token does not cover: " + strings.Join(denied, ",") + ".")
	case grant == nil:
		return 0, nil
	}
	return grant.Expires, nil
}

// visible returns the streams that a caller may know of, in the order of the
// configuration: the public ones, and those that its token covers.
func (s *Server) visible(ctx *fasthttp.RequestCtx, c *catalog) (list []*Stream) {
	var grant *token.Grant
	if s.cfg.Auth != nil {
		grant, _ = s.grant(ctx)
	}
	for i := range c.streams {
		if st := &c.streams[i]; !st.Token || grant != nil && grant.Covers(st.Name) {
			list = append(list, st)
		}
	}
	return list
}

// grant is what the token of a request allows.
func (s *Server) grant(ctx *fasthttp.RequestCtx) (*token.Grant, *refusal) {
	text, r := s.tokenOf(ctx)
	if r != nil {
		return nil, r
	}
	if text == "" {
		return nil, unauthorized("This stream needs a token.", "")
	}
	g, err := s.cfg.Auth.Tokens.Check(text, s.cfg.Now())
	if err != nil {
		return nil, unauthorized(err.Error(), "invalid_token")
	}
	return g, nil
}

// tokenOf returns the token that a request carries, "" for none: in the header
// (RFC 6750, section 2.1), else the cookie, else the query.
func (s *Server) tokenOf(ctx *fasthttp.RequestCtx) (string, *refusal) {
	values := ctx.Request.Header.PeekAll("Authorization")
	if len(values) > 1 {
		return "", unauthorized("More than one Authorization header.", "invalid_request")
	}
	if len(values) == 1 {
		scheme, text, _ := strings.Cut(strings.TrimSpace(string(values[0])), " ")
		if strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(text), nil
		}
	}
	if name := s.cfg.Auth.Cookie; name != "" {
		if text := ctx.Request.Header.Cookie(name); len(text) > 0 {
			return string(text), nil
		}
	}
	if name := s.cfg.Auth.Parameter; name != "" {
		return string(ctx.QueryArgs().Peek(name)), nil
	}
	return "", nil
}

// uri is path and query of a request as received, without tokens: the
// configured parameter, and the one of RFC 6750, section 2.3.
func (s *Server) uri(ctx *fasthttp.RequestCtx) string {
	uri := string(ctx.RequestURI())
	if s.cfg.Auth == nil {
		return uri
	}
	path, query, ok := strings.Cut(uri, "?")
	if !ok {
		return uri
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = string(fasthttp.AppendUnquotedArg(nil, []byte(name))) // what is broken stays as it is
		}
		if plain == "access_token" || plain != "" && plain == s.cfg.Auth.Parameter {
			pairs[i] = name + "=" + hidden
		}
	}
	return path + "?" + strings.Join(pairs, "&")
}

// unauthorized refuses a request without a good token. code is that of RFC
// 6750, section 3.1; "" where no token was given.
func unauthorized(detail, code string) *refusal {
	r := &refusal{Status: 401, Type: "unauthorized", Title: "Unauthorized", Detail: detail, authenticate: "Bearer"}
	if code != "" {
		r.authenticate += ` error="` + code + `", error_description="` + detail + `"`
	}
	return r
}

func forbidden(detail string) *refusal {
	return &refusal{Status: 403, Type: "forbidden", Title: "Forbidden", Detail: detail}
}
