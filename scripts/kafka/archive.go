package kafka

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// archiveTime bounds the training run.
const archiveTime = 2 * time.Minute

// ensureArchive returns a class data archive (JEP 350) for this JVM and these jars: a broker starts 2 to 3 s sooner with
// it. It is written by one broker that starts and stops. Whatever goes wrong there, the answer is "" and Kafka starts
// without; a failure is remembered, so that it costs time once. The caller holds the cache lock.
func ensureArchive(ctx context.Context, r release, j java, cache string) string {
	version, err := combinedOutput(exec.CommandContext(ctx, j.command, "-version"))
	if err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(string(version) + j.command + j.classPath))
	name := filepath.Join(cache, "classes-"+hex.EncodeToString(sum[:4])+".jsa")
	failed := name + ".failed"
	if _, err := os.Stat(name); err == nil {
		return name
	}
	if _, err := os.Stat(failed); err == nil {
		return ""
	}
	trial, cancel := context.WithTimeout(ctx, archiveTime)
	defer cancel()
	err = train(trial, r, j, cache, name)
	if err == nil {
		return name
	}
	if ctx.Err() == nil {
		// Best effort: without the note the next start tries once more.
		_ = os.WriteFile(failed, []byte(err.Error()+"\n"), 0o644)
	}
	return ""
}

// train runs one node until it answers and keeps the archive that the JVM writes when it stops.
func train(ctx context.Context, r release, j java, cache, name string) error {
	dir, err := os.MkdirTemp(cache, "train-")
	if err != nil {
		return fmt.Errorf("cannot make a class archive: %w", err)
	}
	defer os.RemoveAll(dir)
	c := &Cluster{dir: dir, release: r, java: j, options: Options{Nodes: 1, LogLevel: "ERROR"}}
	defer c.end()
	written := filepath.Join(dir, "classes.jsa")
	c.jvmFlags = []string{"-XX:ArchiveClassesAtExit=" + written}
	if err := c.launch(ctx); err != nil {
		return err
	}
	if err := c.nodes[0].stop(ctx); err != nil {
		return err
	}
	return os.Rename(written, name)
}
