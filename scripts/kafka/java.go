package kafka

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// java is what every JVM of a cluster is started with.
type java struct {
	command   string
	classPath string
	archive   string // class data archive, empty when there is none
}

// findJava prefers JAVA_HOME, as the JDK's own tools do.
func findJava() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return filepath.Join(home, "bin", "java"), nil
	}
	path, err := exec.LookPath("java")
	if err != nil {
		return "", fmt.Errorf("cannot start Kafka without a Java 17 runtime: %w", err)
	}
	return path, nil
}

// prepare makes everything a release needs to start: jars, and a class archive where the JVM can make one.
func prepare(ctx context.Context, r release) (java, error) {
	command, err := findJava()
	if err != nil {
		return java{}, err
	}
	cache, err := cacheDir(r.version)
	if err != nil {
		return java{}, err
	}
	unlock, err := lockCache(ctx, cache)
	if err != nil {
		return java{}, err
	}
	defer unlock()
	jars, err := ensureJars(ctx, r, cache)
	if err != nil {
		return java{}, err
	}
	path, err := classPath(jars)
	if err != nil {
		return java{}, err
	}
	j := java{command: command, classPath: path}
	j.archive = ensureArchive(ctx, r, j, cache)
	return j, ctx.Err()
}

// args builds a command line: flags, class path, main class, arguments.
func (j java) args(flags []string, mainAndArgs ...string) []string {
	args := append([]string{"-XX:+UseSerialGC"}, flags...)
	if j.archive != "" {
		args = append(args, "-XX:SharedArchiveFile="+j.archive, "-Xshare:auto")
	}
	return append(append(args, "-cp", j.classPath), mainAndArgs...)
}

// run runs a short-lived tool.
func (j java) run(ctx context.Context, flags []string, mainAndArgs ...string) error {
	cmd := exec.CommandContext(ctx, j.command, j.args(flags, mainAndArgs...)...)
	if out, err := combinedOutput(cmd); err != nil {
		return fmt.Errorf("cannot run %s: %w: %s", mainAndArgs[0], err, tail(out, 2000))
	}
	return nil
}

// combinedOutput is exec.Cmd.CombinedOutput for a child that must not outlive this process.
func combinedOutput(cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := startTied(cmd)
	if err != nil {
		return nil, err
	}
	<-p.exited
	return out.Bytes(), p.err
}
