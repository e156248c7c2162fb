package conf

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse: whatever a file holds, Parse does not panic, every error has its
// file and line and prints cleanly, and what is accepted can be printed and
// read again. The line index agrees with the decoder.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.toml", exampleFile} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkIndex(t, string(data))
		c, err := parse("fuzz.toml", data, testSystem(), (*loader).check)
		if err == nil {
			reparsed(t, c, testSystem(), (*loader).check)
			return
		}
		var all Errors
		if !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("error without a line: %v", err)
		}
		for _, e := range all {
			if e.File != "fuzz.toml" || e.Line < 1 || e.Key == "" {
				t.Errorf("error without file, line or key: %+v", e)
			}
		}
		// A file may hold the words that this looks for as secrets.
		checkLines(t, "fuzz.toml", err.Error())
	})
}
