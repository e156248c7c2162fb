package kafka

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// cacheEnv overrides the folder in which jars and class archives are kept.
const cacheEnv = "RINGCAST_KAFKA_CACHE"

// cacheDir returns the folder of one Kafka version, made if needed.
func cacheDir(version string) (string, error) {
	base := os.Getenv(cacheEnv)
	if base == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("cannot find a cache folder, set %s: %w", cacheEnv, err)
		}
		base = filepath.Join(user, "ringcast-kafka")
	}
	dir, err := filepath.Abs(filepath.Join(base, version))
	if err != nil {
		return "", fmt.Errorf("cannot use cache folder %q: %w", base, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("cannot make cache folder: %w", err)
	}
	return dir, nil
}

// ensureJars returns the folder that holds the jars of r, fetching them with Maven the first time. The folder is named
// for the pom's contents and appears by a rename, so it is whole whenever it exists. The caller holds the cache lock.
func ensureJars(ctx context.Context, r release, cache string) (string, error) {
	sum := sha256.Sum256(r.pom)
	jars := filepath.Join(cache, "jars-"+hex.EncodeToString(sum[:4]))
	if _, err := os.Stat(jars); err == nil {
		return jars, nil
	}
	work, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return "", fmt.Errorf("cannot fetch Kafka %s: %w", r.version, err)
	}
	defer os.RemoveAll(work)
	pom, out := filepath.Join(work, "pom.xml"), filepath.Join(work, "jars")
	if err := os.WriteFile(pom, r.pom, 0o644); err != nil {
		return "", fmt.Errorf("cannot fetch Kafka %s: %w", r.version, err)
	}
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+out)
	if msg, err := combinedOutput(mvn); err != nil {
		return "", fmt.Errorf("cannot fetch Kafka %s with mvn: %w: %s", r.version, err, tail(msg, 2000))
	}
	if err := os.Rename(out, jars); err != nil {
		if _, there := os.Stat(jars); there == nil {
			return jars, nil // another process was faster, where files cannot be locked
		}
		return "", fmt.Errorf("cannot keep the jars of Kafka %s: %w", r.version, err)
	}
	return jars, nil
}

// classPath lists the jars by name. A class archive is valid only for the same list in the same order.
func classPath(jars string) (string, error) {
	names, err := filepath.Glob(filepath.Join(jars, "*.jar"))
	if err != nil {
		return "", fmt.Errorf("cannot list jars: %w", err)
	}
	if len(names) == 0 {
		return "", fmt.Errorf("cannot start Kafka: no jars in %s: remove it, it is fetched again", jars)
	}
	slices.Sort(names)
	return strings.Join(names, string(os.PathListSeparator)), nil
}

// tail returns at most the last n bytes of b as text.
func tail(b []byte, n int) string {
	b = bytes.TrimSpace(b)
	if len(b) > n {
		b = b[len(b)-n:]
	}
	return string(b)
}
