package conf

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

var update = flag.Bool("update", false, "write the messages beside the bad files")

// testSystem is a machine of 8 GiB and 20,000 files with a few variables and
// files.
func testSystem() System {
	env := map[string]string{
		"HOST": "kafka", "SECRET": "s3cret", "EMPTY": "", "WORD": "plenty", "NESTED": "${HOST}", "SIZE": "1MiB", "BRACE": "{HOST}",
		"RINGCAST_HMAC": "s3cret", "KAFKA_PASSWORD": "s3cret", "KAFKA_CLIENT_SECRET": "s3cret",
	}
	files := map[string]string{
		"good.pem": "-----BEGIN-----", "good.json": "{}", "list.json": "[]", "large.json": "{" + strings.Repeat(" ", maxSchema) + "}", "secret": "from file\n", "crlf": "two\nlines\r\n", "empty": "\n",
	}
	return System{
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		ReadFile: func(path string) ([]byte, error) {
			if data, ok := files[path]; ok {
				return []byte(data), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
		Memory:    8 * gib,
		FileLimit: 20000,
	}
}

// TestBadFiles compares the exact messages of every file in testdata/bad with
// the .txt beside it.
func TestBadFiles(t *testing.T) {
	testBadFiles(t, "bad", 75, (*loader).check)
}

func testBadFiles(t *testing.T, dir string, least int, steps ...func(*loader)) {
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.toml"))
	if err != nil || len(paths) < least {
		t.Fatalf("found %d files: %v", len(paths), err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		t.Run(strings.TrimSuffix(name, ".toml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = parse(name, data, testSystem(), steps...)
			if err == nil {
				t.Fatal("the file was accepted")
			}
			got := err.Error() + "\n"
			expected := strings.TrimSuffix(path, ".toml") + ".txt"
			if *update {
				if err := os.WriteFile(expected, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			checkShape(t, name, got)
		})
	}
}

// checkShape wants each line to be FILE:LINE: key: message, sorted by line, with
// nothing in it that a terminal would act on and no secret.
func checkShape(t *testing.T, name, text string) {
	t.Helper()
	checkLines(t, name, text)
	for _, secret := range []string{"hunter", "s3cret", "from file", "424242"} {
		if strings.Contains(text, secret) {
			t.Errorf("message tells a secret: %s", text)
		}
	}
}

func checkLines(t *testing.T, name, text string) {
	t.Helper()
	last := 0
	for line := range strings.Lines(text) {
		m := shape.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil || m[1] != name {
			t.Errorf("message has not the shape FILE:LINE: key: what: %q", line)
			continue
		}
		n, err := strconv.Atoi(m[2])
		if err != nil || n < 1 || n < last {
			t.Errorf("line %d after %d: %q", n, last, line)
		}
		last = n
		if strings.ContainsFunc(m[0], func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("message has characters that do not print: %q", line)
		}
	}
}

var shape = regexp.MustCompile(`^([^:]+):(\d+): (.+?): .+$`)
