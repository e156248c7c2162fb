//go:build clients

package blackbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPythonClients: the usual clients of Python, as their documentation shows.
func TestPythonClients(t *testing.T) {
	python := pythonWithClients(t)
	for _, library := range []string{"sseclient", "requests-sse"} {
		f := func(name string, how cuts) {
			t.Run(library+", "+name, func(t *testing.T) {
				receives(t, how, decodeJSON, func(url, id string) *exec.Cmd {
					return exec.Command(python, filepath.Join("testdata", "python", "follow.py"), library, url, id)
				})
			})
		}
		f("chunked", cuts{})
		f("close-delimited", cuts{bare: true})
	}
	t.Run("pywikibot", func(t *testing.T) { // it tells no ids
		withoutID := func(line []byte) (id, data []byte) {
			_, data = decodeJSON(line)
			return nil, data
		}
		receives(t, cuts{}, withoutID, func(url, id string) *exec.Cmd {
			return exec.Command(python, filepath.Join("testdata", "python", "pywikibot_follow.py"), url, id)
		})
	})
}

// pythonWithClients makes a Python of its own with the libraries in it.
func pythonWithClients(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "PIP_DISABLE_PIP_VERSION_CHECK=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %v (Debian: apt-get install python3-venv): %v\n%s", name, args, err, out)
		}
	}
	run("python3", "-m", "venv", dir)
	python := filepath.Join(dir, "bin", "python")
	run(python, "-m", "pip", "install", "--quiet", "-r", filepath.Join("testdata", "python", "requirements.txt"))
	return python
}
