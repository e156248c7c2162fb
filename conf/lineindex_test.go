package conf

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestLineIndex(t *testing.T) {
	f := func(text string, want map[string]int) {
		t.Helper()
		var ignored map[string]any
		if _, err := toml.Decode(text, &ignored); err != nil {
			t.Fatalf("the test's text is no TOML: %v", err)
		}
		got := make(map[string]int)
		index := indexLines(text)
		for _, key := range index.order {
			got[key.String()] = index.at[joinKey(key)].line
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("text:\n%s\ngot  %v\nwant %v", text, got, want)
		}
	}
	f("", map[string]int{})
	f("\n\n# a = 1\n", map[string]int{})
	f("\n\na = 1 # b = 2\nc = 3", map[string]int{"a": 3, "c": 4})
	f("\ufeff\na = 1", map[string]int{"a": 2})
	f("a = 1\r\n\r\nb = 2\r\n", map[string]int{"a": 1, "b": 3})
	f("[t]\n\n  a = 1\n[ u . v ] # [w]\nb = 2", map[string]int{"t": 1, "t.a": 3, "u": 4, "u.v": 4, "u.v.b": 5})
	f("a.b . c = 1\n[x]\ny.z = 2\n", map[string]int{"a": 1, "a.b": 1, "a.b.c": 1, "x": 2, "x.y": 3, "x.y.z": 3})
	f("[server.tls]\nk = 1\n[server]\nm = 1", map[string]int{"server": 1, "server.tls": 1, "server.tls.k": 2, "server.m": 4})
	// Quoted keys: dots, equals signs, brackets, hashes and escapes inside.
	f("\"a.b\" = 1\n'c=d' = 2\n\"e]\\\"\".f = 3\n[\"x]\".'#y']\nz = 4\n\"\\u0041\" = 5",
		map[string]int{`"a.b"`: 1, `"c=d"`: 2, `"e]\""`: 3, `"e]\"".f`: 3, `"x]"`: 4, `"x]"."#y"`: 4, `"x]"."#y".z`: 5, `"x]"."#y".A`: 6})
	// Strings that look like TOML, over one and several lines.
	f("a = \"x # y\\\"\\n\"\nb = '\\'\nc = 1", map[string]int{"a": 1, "b": 2, "c": 3})
	f("a = \"\"\"\nb = 1\n\\\"\"\"\n[t]\n\"\"\"\"\"\nc = '''\n''d = 2\n'''''\ne = 3",
		map[string]int{"a": 1, "c": 6, "e": 9})
	f("a = \"\"\ne = ''\nb = \"\"\"\"\"\"\nc = 1", map[string]int{"a": 1, "e": 2, "b": 3, "c": 4})
	f("a = \"\"\"one \\\n   two\"\"\"\nb = 1", map[string]int{"a": 1, "b": 3})
	// Arrays and inline tables over several lines, with comments.
	f("a = [\n  \"]\", # ]\n  '''\n]''', [1, [2]],\n]\nb = 1", map[string]int{"a": 1, "b": 6})
	f("a = { b = 1, c.d = [1,\n2], e = {f = \"}\"} }\ng = 2",
		map[string]int{"a": 1, "a.b": 1, "a.c": 1, "a.c.d": 1, "a.e": 2, "a.e.f": 2, "g": 3})
	f("a = { # one\n  b = 1,\n\n  c = 2, # two }\n}\nd = 3", map[string]int{"a": 1, "a.b": 2, "a.c": 4, "d": 6})
	f("a = {}\nb = []\nc = 1979-05-27 07:32:00Z # x\nd = -inf\n", map[string]int{"a": 1, "b": 2, "c": 3, "d": 4})
	f("[[t]]\na = 1\n[[t]]\nb = 2\n[t.u]\nc = 3", map[string]int{"t": 1, "t.a": 2, "t.b": 4, "t.u": 5, "t.u.c": 6})
}

func TestLineIndexElements(t *testing.T) {
	f := func(text string, want []int) {
		t.Helper()
		got := indexLines(text).at["a"].elems
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	f("a = 1", nil)
	f("a = []", []int{})
	f("a = ['x', 'y']", []int{1, 1})
	f("a = [ # first\n 'x',\n\n 'y', 'z'\n , '''1\n2''', 3\n]\nb = [4]", []int{2, 4, 4, 5, 6})
	f("a = [[1,\n2],\n{b = 1,\n c = 2},\n3]", []int{1, 3, 5})
}

// TestLineIndexAgreesWithDecoder holds the index against every valid file of
// the decoder's own corpus: each key it reports has a line, and that line holds
// the key's last part.
func TestLineIndexAgreesWithDecoder(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/BurntSushi/toml").Output()
	if err != nil {
		t.Fatalf("cannot find the decoder's module: %v", err)
	}
	root := filepath.Join(strings.TrimSpace(string(dir)), "internal", "toml-test", "tests", "valid")
	files := 0
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".toml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		t.Run(filepath.Base(path), func(t *testing.T) { checkIndex(t, string(data)) })
		return nil
	})
	if err != nil || files < 100 {
		t.Fatalf("walked %d files: %v", files, err)
	}
}

func checkIndex(t *testing.T, text string) {
	t.Helper()
	var ignored map[string]any
	meta, err := toml.Decode(text, &ignored)
	if err != nil {
		return
	}
	index := indexLines(text)
	lines := strings.Split(trimBOM(text), "\n")
	known := make(map[string]bool)
	for _, key := range meta.Keys() {
		for n := 1; n <= len(key); n++ {
			known[joinKey(key[:n])] = true
		}
		at, ok := index.at[joinKey(key)]
		if !ok {
			t.Errorf("key %q has no line in\n%s", key, text)
			continue
		}
		last := key[len(key)-1]
		if isBare(last) && !strings.Contains(text, "\\") && !strings.Contains(lines[at.line-1], last) {
			t.Errorf("key %q is not on line %d of\n%s", key, at.line, text)
		}
	}
	for _, key := range index.order {
		if !known[joinKey(key)] {
			t.Errorf("the index invents key %q in\n%s", key, text)
		}
	}
}
