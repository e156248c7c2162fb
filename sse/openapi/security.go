package openapi

import "slices"

// tokens reports whether a stream of the document needs a token.
func (a API) tokens() bool {
	return slices.ContainsFunc(a.Streams, func(s Stream) bool { return s.Token })
}

// schemes are the ways to bring a token (PROTOCOL.md, section 6).
func (a API) schemes() map[string]Scheme {
	all := map[string]Scheme{"bearer": {Type: "http", Scheme: "bearer", Bearer: "JWT"}}
	if a.Cookie != "" {
		all["cookie"] = Scheme{Type: "apiKey", In: "cookie", Name: a.Cookie}
	}
	if a.Parameter != "" {
		all["query"] = Scheme{Type: "apiKey", In: "query", Name: a.Parameter}
	}
	return all
}

// needs is one of those ways, or none where some of the streams are open.
func (a API) needs(token, some bool) (list []Need) {
	if !token {
		return nil
	}
	if some {
		list = append(list, Need{})
	}
	for _, name := range []string{"bearer", "cookie", "query"} {
		if _, ok := a.schemes()[name]; ok {
			list = append(list, Need{name: {}})
		}
	}
	return list
}
