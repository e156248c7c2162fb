package conf

import (
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// TOML is the effective configuration as a file, every default filled in, which
// parses again to the same Config. Secrets appear as where they come from.
func (c *Config) TOML() string {
	var b strings.Builder
	c.sections().write(&b, nil)
	return strings.TrimPrefix(b.String(), "\n")
}

// sections is the whole schema bound to c, [streams] included.
func (c *Config) sections() section {
	s := schema(c)
	streams := section{name: "streams"}
	for i := range c.Streams {
		streams.tables = append(streams.tables, c.Streams[i].section())
	}
	s.tables = append(s.tables, streams)
	return s
}

func (s section) write(b *strings.Builder, path toml.Key) {
	if s.absent {
		return
	}
	if s.attach != nil || len(s.keys) > 0 {
		fmt.Fprintf(b, "\n[%s]\n", keyName(path))
	}
	for _, k := range s.keys {
		if v := k.toml(); v != "" {
			secret := ""
			if secretNames[strings.TrimSuffix(k.name, "_file")] {
				secret = "  # ***"
			}
			fmt.Fprintf(b, "%s = %s%s\n", k.name, v, secret)
		}
	}
	for _, t := range s.tables {
		t.write(b, append(path[:len(path):len(path)], t.name))
	}
}

// quoteTOML is s as a basic string of TOML 1.0.
func quoteTOML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
