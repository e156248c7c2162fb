//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package kafka

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeMaven puts a program called mvn first in the path: it writes one jar and a line for each run.
func fakeMaven(t *testing.T, script string) (runs string) {
	t.Helper()
	bin := t.TempDir()
	runs = filepath.Join(bin, "runs")
	script = "#!/bin/sh\necho run >> " + runs + "\nfor a; do case $a in -DoutputDirectory=*) out=${a#*=};; esac; done\n" + script
	if err := os.WriteFile(filepath.Join(bin, "mvn"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return runs
}

func TestJarsAreFetchedOnce(t *testing.T) {
	runs := fakeMaven(t, "mkdir $out && touch $out/b.jar $out/a.jar\n")
	t.Setenv(cacheEnv, t.TempDir())
	r := release{version: "1.2.3", pom: []byte("<project/>")}
	fetch := func() {
		cache, err := cacheDir(r.version)
		if err != nil {
			t.Error(err)
			return
		}
		unlock, err := lockCache(t.Context(), cache)
		if err != nil {
			t.Error(err)
			return
		}
		defer unlock()
		jars, err := ensureJars(t.Context(), r, cache)
		if err != nil {
			t.Error(err)
			return
		}
		path, err := classPath(jars)
		if want := filepath.Join(jars, "a.jar") + string(os.PathListSeparator) + filepath.Join(jars, "b.jar"); err != nil || path != want {
			t.Errorf("class path %q, %v, want %q", path, err, want)
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(fetch)
	}
	all.Wait()
	if n, err := os.ReadFile(runs); err != nil || string(n) != "run\n" {
		t.Errorf("mvn ran %q times (%v), want once", n, err)
	}
}

func TestFailedFetchLeavesNothing(t *testing.T) {
	fakeMaven(t, "mkdir $out && touch $out/half.jar; echo no such artifact; exit 1\n")
	cache := t.TempDir()
	_, err := ensureJars(t.Context(), release{version: "1.2.3"}, cache)
	if err == nil || !strings.Contains(err.Error(), "cannot fetch Kafka 1.2.3 with mvn: exit status 1: no such artifact") {
		t.Errorf("error %v, want one with mvn's words", err)
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "*")); len(left) != 0 {
		t.Errorf("left in the cache: %v", left)
	}
}

func TestLockWaitEndsWithContext(t *testing.T) {
	cache := t.TempDir()
	unlock, err := lockCache(t.Context(), cache)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := lockCache(ctx, cache); err == nil {
		t.Error("a held lock was given twice")
	}
}
