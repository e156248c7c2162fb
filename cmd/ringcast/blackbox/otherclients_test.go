//go:build clients

package blackbox

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestNodeClients: the three versions of npm's eventsource that are in use.
// Version 2 adopts the id of an event that it got half of, whatever a server
// sends: it is cut between events.
func TestNodeClients(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "follow.mjs"} {
		b, err := os.ReadFile(filepath.Join("testdata", "clients", "node", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci (Node 20 is needed): %v\n%s", err, out)
	}
	f := func(version string, how cuts) {
		t.Run("eventsource "+version, func(t *testing.T) {
			receives(t, how, decodeJSON, func(url, id string) *exec.Cmd {
				return exec.Command("node", filepath.Join(dir, "follow.mjs"), version, url, id)
			})
		})
	}
	f("2", cuts{whole: true})
	f("3", cuts{})
	f("4", cuts{})
}

// TestGoClients: r3labs/sse and tmaxmax/go-sse. The first hands out half an event
// as one, whatever a server sends: it is cut between events.
func TestGoClients(t *testing.T) {
	follow := filepath.Join(t.TempDir(), "follow")
	build := exec.Command("go", "build", "-o", follow, ".")
	build.Dir = filepath.Join("testdata", "clients", "go")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f := func(library string, how cuts) {
		t.Run(library, func(t *testing.T) {
			receives(t, how, decodeJSON, func(url, id string) *exec.Cmd { return exec.Command(follow, library, url, id) })
		})
	}
	f("r3labs", cuts{whole: true})
	f("go-sse", cuts{})
}

// TestCurlClient: a shell script that goes on with ?lastEventId=.
func TestCurlClient(t *testing.T) {
	decode := func(line []byte) (id, data []byte) {
		id, data, _ = bytes.Cut(line, []byte{'\t'})
		return id, data
	}
	receives(t, cuts{}, decode, func(url, id string) *exec.Cmd {
		return exec.Command("sh", filepath.Join("testdata", "clients", "curl.sh"), url, id, filepath.Join(t.TempDir(), "id"))
	})
}
