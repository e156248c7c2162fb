package conf

import (
	"net/netip"
	"strings"
)

// list is an array of strings of which each passes the check and none comes
// twice.
func list(p *[]string, least int, ok check) value {
	return value{
		set: func(at place, in any) {
			if items, good := at.texts(in, least, ok); good {
				*p = items
			}
		},
		toml: func() string { return quoteAll(*p) },
	}
}

// networks is an array of CIDRs.
func networks(p *[]netip.Prefix) value {
	return value{
		set: func(at place, in any) {
			items, good := at.texts(in, 0, isNetwork)
			if !good {
				return
			}
			*p = nil
			for _, s := range items {
				*p = append(*p, netip.MustParsePrefix(s).Masked())
			}
		},
		toml: func() string {
			var items []string
			for _, n := range *p {
				items = append(items, n.String())
			}
			return quoteAll(items)
		},
	}
}

// origins is "*", "", one origin, or an array of origins.
func origins(p *[]string) value {
	return value{
		set: func(at place, in any) {
			if _, many := in.([]any); many {
				if items, good := at.texts(in, 0, isOrigin); good {
					*p = items
				}
				return
			}
			s, good := at.text(in, allowedOrigin+", or an array of origins")
			switch {
			case !good:
			case s == "":
				*p = nil
			case s == "*" || at.passes(s, isOrigin):
				*p = []string{s}
			}
		},
		toml: func() string {
			switch len(*p) {
			case 0:
				return `""`
			case 1:
				return quoteTOML((*p)[0])
			}
			return quoteAll(*p)
		},
	}
}

func quoteAll(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = quoteTOML(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
