package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// place is where a value stands: its key and line, and the loader that gathers
// what is wrong with it.
type place struct {
	l     *loader
	key   toml.Key
	line  int
	elems []int // lines of the elements of an array
}

// element is the place of element i of an array.
func (at place) element(i int) place {
	if i < len(at.elems) {
		at.line = at.elems[i]
	}
	return at
}

// fail reports message about the key.
func (at place) fail(message string) {
	at.l.bad[joinKey(at.key)] = true
	at.l.errs = append(at.l.errs, &Error{File: at.l.file, Line: at.line, Key: keyName(at.key), Message: message})
}

// wrong reports a value, what is wrong with it and what is allowed.
func (at place) wrong(in any, wrong, allowed string) {
	at.fail(fmt.Sprintf("%s %s, allowed: %s", quoteValue(in), wrong, allowed))
}

// quoteValue is a value in a message: quoted, and cut where it is very long.
func quoteValue(in any) string {
	const most = 200
	s := fmt.Sprint(in)
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(s[:most]) + "…"
}

// wrongType reports a value of a type that the key cannot have.
func (at place) wrongType(in any, allowed string) {
	switch in := in.(type) {
	case []any, []map[string]any:
		at.fail("is an array, allowed: " + allowed)
	case map[string]any:
		at.fail("is a table, allowed: " + allowed)
	case string:
		at.wrong(in, "is a string", allowed)
	case bool:
		at.wrong(in, "is a boolean", allowed)
	case int64:
		at.wrong(in, "is an integer", allowed)
	case float64:
		at.wrong(formatFloat(in), "is a float", allowed)
	case time.Time:
		at.wrong(in.Format(time.RFC3339Nano), "is a date or time", allowed)
	default:
		panic(fmt.Sprintf("BUG: the decoder gives a %T", in))
	}
}

// forget makes the key count as not given.
func (at place) forget() { delete(at.l.given, joinKey(at.key)) }

// passes reports whether s passes the check, and what is wrong if not.
func (at place) passes(s string, ok check) bool {
	if ok == nil {
		return true
	}
	wrong, allowed := ok(s)
	if wrong != "" {
		at.wrong(s, wrong, allowed)
	}
	return wrong == ""
}

// text reads a string and expands the environment in it.
func (at place) text(in any, allowed string) (string, bool) {
	s, ok := in.(string)
	if !ok {
		at.wrongType(in, allowed)
		return "", false
	}
	return at.expand(s)
}

// texts reads an array of strings.
func (at place) texts(in any, least int, ok check) (items []string, good bool) {
	const allowed = "an array of strings"
	array, isArray := in.([]any)
	if !isArray {
		at.wrongType(in, allowed)
		return nil, false
	}
	if len(array) < least {
		at.fail(fmt.Sprintf("is empty, allowed: %s, at least %d", allowed, least))
		return nil, false
	}
	good = true
	for i, item := range array {
		s, isText := at.element(i).text(item, allowed)
		switch {
		case !isText || !at.element(i).passes(s, ok):
			good = false
		case slices.Contains(items, s):
			at.element(i).wrong(s, "is there twice", "each once")
			good = false
		default:
			items = append(items, s)
		}
	}
	return items, good
}

var (
	reference     = regexp.MustCompile(`\$\{[^}]*\}?`)
	goodReference = regexp.MustCompile(`^\$\{[A-Za-z_][A-Za-z0-9_]*\}$`)
)

// expand puts the environment in place of each ${NAME}. What comes out holds no
// "${" itself, so that it can be written to a file again.
func (at place) expand(s string) (string, bool) {
	good := true
	out := reference.ReplaceAllStringFunc(s, func(ref string) string {
		if !goodReference.MatchString(ref) {
			at.wrong(ref, "is no environment variable", `${NAME}, of letters, digits and "_"`)
			good = false
			return ""
		}
		v, ok := at.variable(ref[2 : len(ref)-1])
		good = good && ok
		if ok && (reference.MatchString(v) || !utf8.ValidString(v)) {
			at.wrong(ref, `holds "${" or is not UTF-8`, `plain text`)
			good = false
		}
		return v
	})
	if good && reference.MatchString(out) {
		at.wrong(s, `gives "${" when expanded`, "plain text")
		good = false
	}
	return out, good
}

// variable reads the environment.
func (at place) variable(name string) (string, bool) {
	if at.l.sys.LookupEnv != nil {
		if v, ok := at.l.sys.LookupEnv(name); ok {
			return v, true
		}
	}
	at.wrong("${"+name+"}", "is not set in the environment", "a variable that is set")
	return "", false
}

// file reads the file that the key names.
func (at place) file(path string) ([]byte, bool) {
	err := errors.New("no file can be read here")
	if at.l.sys.ReadFile != nil {
		var data []byte
		if data, err = at.l.sys.ReadFile(path); err == nil {
			return data, true
		}
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	at.wrong(path, "cannot be read ("+err.Error()+")", "the path of a readable file")
	return nil, false
}
