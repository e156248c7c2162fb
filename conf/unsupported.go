package conf

import (
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// refused is a key or a table of the table below.
type refused struct {
	key   string
	table bool
}

// unsupported is everything that the file may not ask for: such a key may only
// have its default, such a table may not be there at all. "*" stands for any
// one part of a key.
var unsupported = []refused{
	{key: "kafka.rack"},
	{key: "kafka.tls", table: true},
	{key: "kafka.sasl", table: true},
}

// refuseUnsupported reports what is in the file and in the table above.
func (l *loader) refuseUnsupported() {
	plain, _ := machineDefault(System{})
	here, _ := machineDefault(l.sys) // what Config.TOML prints must be good too
	for i := range l.cfg.Streams {
		plain.Streams = append(plain.Streams, newStream(l.cfg.Streams[i].Name))
	}
	here.Streams = plain.Streams
	for joined := range l.given {
		key := toml.Key(strings.Split(joined, "\x00"))
		for _, u := range unsupported {
			switch {
			case !matches(u.key, key):
			case u.table:
				l.at(key...).fail("not supported yet, allowed: leave the table out")
			case l.good(key):
				l.refuseKey(key, plain, here)
			}
		}
	}
}

// refuseKey reports a key whose value is neither the default nor what this
// machine makes of it.
func (l *loader) refuseKey(key toml.Key, plain, here *Config) {
	ours := tomlOf(l.cfg, key)
	normal := tomlOf(plain, key)
	if ours == normal || ours == tomlOf(here, key) {
		return
	}
	in := l.given[joinKey(key)]
	if _, many := in.([]any); many {
		in = ours
	}
	if normal == "" {
		normal = `""` // a path: a file would not name it
	}
	l.at(key...).fail(fmt.Sprintf("%s is not supported yet, only the default %s is allowed", quoteValue(in), normal))
}

// matches reports whether a key is meant by a pattern of the table above.
func matches(pattern string, key toml.Key) bool {
	parts := strings.Split(pattern, ".")
	if len(parts) != len(key) {
		return false
	}
	for i, part := range parts {
		if part != "*" && part != key[i] {
			return false
		}
	}
	return true
}

// tomlOf is the value of a key as a file would say it.
func tomlOf(c *Config, key toml.Key) string {
	s := c.sections()
	for _, name := range key[:len(key)-1] {
		for _, t := range s.tables {
			if t.name == name {
				s = t
				break
			}
		}
	}
	for _, k := range s.keys {
		if k.name == key[len(key)-1] {
			return k.toml()
		}
	}
	return ""
}
