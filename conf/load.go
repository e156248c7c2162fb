package conf

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxFile bounds the configuration file in bytes.
const maxFile = 1 << 20

// System is what a configuration depends on besides its own text.
type System struct {
	LookupEnv func(name string) (string, bool)  // nil: the environment is empty
	ReadFile  func(path string) ([]byte, error) // nil: no file can be read
	Memory    int64                             // bytes this process may use; 0: unknown, nothing is checked
	FileLimit int64                             // hard limit of open files; 0: unknown
}

// Load reads the file at path with the environment and the limits of this
// machine. Paths inside the file are relative to the working directory. What is
// wrong inside it, or by verify with the files that it names, comes as [Errors].
func Load(path string, verify ...func(*Config) []FileError) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	return parse(path, data, Host(), (*loader).check, verified(verify))
}

// Parse reads data, the contents of the file called name. What is wrong comes
// as [Errors].
func Parse(name string, data []byte, sys System) (*Config, error) {
	return parse(name, data, sys, (*loader).check)
}

// parse reads data and takes the given steps after that.
func parse(name string, data []byte, sys System, steps ...func(*loader)) (*Config, error) {
	l := newLoader(name, sys)
	root, ok := l.decode(data)
	if ok {
		l.index = indexLines(string(data))
		l.read(root, l.streamNames(root))
		for _, step := range steps {
			step(l)
		}
	}
	return l.result()
}

// loader fills a Config and gathers what is wrong.
type loader struct {
	file  string
	sys   System
	index lineIndex
	cfg   *Config
	given map[string]any  // what the file says, by joinKey
	bad   map[string]bool // keys with an error, by joinKey
	errs  Errors
}

func newLoader(name string, sys System) *loader {
	cfg, warnings := machineDefault(sys)
	cfg.Memory = sys.Memory
	l := &loader{
		file:  name,
		sys:   sys,
		cfg:   cfg,
		given: map[string]any{},
		bad:   map[string]bool{},
		index: lineIndex{at: map[string]keyLines{}},
	}
	l.cfg.Warnings = warnings
	return l
}

func (l *loader) result() (*Config, error) {
	if len(l.errs) > 0 {
		l.errs.sort()
		return nil, l.errs
	}
	return l.cfg, nil
}

// decode turns the text into maps; a text that is no TOML is one error.
func (l *loader) decode(data []byte) (root map[string]any, ok bool) {
	if len(data) > maxFile {
		l.errs = append(l.errs, &Error{File: l.file, Line: 1, Key: "file",
			Message: fmt.Sprintf("%d bytes are too many, allowed: at most %d", len(data), maxFile)})
		return nil, false
	}
	_, err := toml.Decode(string(data), &root)
	if err == nil {
		return root, true
	}
	at := &Error{File: l.file, Line: 1, Key: "syntax", Message: err.Error() + ", allowed: TOML"}
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		at.Line = max(syntax.Position.Line, 1)
		at.Message = strings.TrimSuffix(syntax.Message, ".") + ", allowed: TOML"
		if syntax.LastKey != "" {
			at.Key = printable(syntax.LastKey)
			if mayBeSecret(syntax.LastKey) {
				at.Message = `cannot be read, allowed: a string in quotes such as "${NAME}"`
			}
		}
	}
	l.errs = append(l.errs, at)
	return nil, false
}

// streamNames are the tables below [streams] in the order of the file.
func (l *loader) streamNames(root map[string]any) []string {
	tables, _ := root["streams"].(map[string]any)
	var names []string
	for _, key := range l.index.order {
		if len(key) == 2 && key[0] == "streams" {
			if _, ok := tables[key[1]]; ok {
				names = append(names, key[1])
			}
		}
	}
	return names
}

// read fills the Config key by key.
func (l *loader) read(root map[string]any, streams []string) {
	for _, name := range streams {
		l.cfg.Streams = append(l.cfg.Streams, newStream(name))
	}
	all := section{name: "streams"}
	for i := range l.cfg.Streams {
		all.tables = append(all.tables, l.cfg.Streams[i].section())
	}
	file := schema(l.cfg)
	file.tables = append(file.tables, all)
	l.table(nil, file, root)
}

// table reads one table and the tables in it.
func (l *loader) table(path toml.Key, s section, in map[string]any) {
	if s.attach != nil {
		s.attach()
	}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		at := l.at(append(path[:len(path):len(path)], name)...)
		l.given[joinKey(at.key)] = in[name]
		if i := slices.IndexFunc(s.keys, func(k key) bool { return k.name == name }); i >= 0 {
			s.keys[i].set(at, in[name])
			continue
		}
		i := slices.IndexFunc(s.tables, func(t section) bool { return t.name == name })
		if i < 0 {
			at.unknown(s, in[name])
			continue
		}
		inner, ok := in[name].(map[string]any)
		if !ok {
			at.wrongType(in[name], "a table ["+keyName(at.key)+"]")
			continue
		}
		l.table(at.key, s.tables[i], inner)
	}
}

// unknown reports a key or table that s does not have.
func (at place) unknown(s section, in any) {
	what, names := "is no known key", []string(nil)
	_, isTable := in.(map[string]any)
	if isTable {
		what = "is no known table"
	}
	for _, k := range s.keys {
		names = append(names, k.name)
	}
	for _, t := range s.tables {
		names = append(names, t.name)
	}
	allowed := "allowed: those of ringcast.example.toml"
	if near := suggest(at.key[len(at.key)-1], names); near != "" {
		allowed = fmt.Sprintf("did you mean %q?", near)
	}
	at.fail(what + ", " + allowed)
}

// at is the place of a key; one that the file does not name is where its table
// is.
func (l *loader) at(key ...string) place {
	at := place{l: l, key: key, line: 1}
	for n := len(key); n > 0; n-- {
		if lines, ok := l.index.at[joinKey(key[:n])]; ok {
			at.line = lines.line
			if n == len(key) {
				at.elems = lines.elems
			}
			break
		}
	}
	return at
}

// has reports whether the file gives the key.
func (l *loader) has(key ...string) bool {
	_, ok := l.given[joinKey(key)]
	return ok
}

// good reports whether none of the dotted keys had an error; a comparison of
// values that were refused would only repeat it.
func (l *loader) good(keys ...toml.Key) bool {
	return !slices.ContainsFunc(keys, func(k toml.Key) bool { return l.bad[joinKey(k)] })
}

func (l *loader) warn(format string, args ...any) {
	l.cfg.Warnings = append(l.cfg.Warnings, fmt.Sprintf(format, args...))
}

// check holds the values against each other and against the machine.
func (l *loader) check() {
	l.checkStreams()
	l.checkServer()
	l.checkSecurity()
	l.limitConnections()
	l.resolveRings()
	l.fitMemory()
	l.checkRings()
}
