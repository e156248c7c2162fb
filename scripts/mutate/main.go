// Command mutate takes one rule of resume after the other out of the code and
// expects the model test of package sse to fail. A mutation is a file of
// sse/testdata/mutations: comment lines with #, the path of a source file, and
// the text to be replaced and the one to replace it with, between lines of ---.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	files, err := filepath.Glob("sse/testdata/mutations/*.txt")
	if err != nil || len(files) == 0 {
		fmt.Fprintln(os.Stderr, "no mutations: run this in the root of the repository")
		os.Exit(1)
	}
	survived := 0
	for _, file := range files {
		if len(os.Args) > 1 && !strings.Contains(file, os.Args[1]) {
			continue
		}
		caught, err := try(file)
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		switch {
		case err != nil:
			fmt.Printf("ERROR    %-24s %v\n", name, err)
			survived++
		case caught == "":
			fmt.Printf("SURVIVED %s\n", name)
			survived++
		default:
			fmt.Printf("caught   %-24s %s\n", name, caught)
		}
	}
	if survived > 0 {
		os.Exit(1)
	}
}

var failure = regexp.MustCompile(`seed \d+: .*`)

// try runs the model test with one mutation. It returns what was found first.
func try(file string) (caught string, err error) {
	path, mutated, err := apply(file)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	source, overlay := filepath.Join(dir, "source.go"), filepath.Join(dir, "overlay.json")
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {absolute: source}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(source, []byte(mutated), 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "test", "-overlay="+overlay, "-vet=off", "-count=1", "-timeout=3m", "-run=^TestModel$", "./sse")
	cmd.Env = append(os.Environ(), "SEEDS="+seeds())
	out, err := cmd.CombinedOutput()
	if err == nil {
		return "", nil
	}
	if caught := failure.Find(out); caught != nil {
		return fmt.Sprintf("%.120s", caught), nil
	}
	return "", fmt.Errorf("%w:\n%.2000s", err, out)
}

// seeds is how many worlds a mutation may survive.
func seeds() string {
	if s := os.Getenv("SEEDS"); s != "" {
		return s
	}
	return "8000"
}

// apply returns the source file of a mutation and what it becomes.
func apply(file string) (path, mutated string, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	parts := strings.Split(string(b), "---\n")
	if len(parts) != 3 {
		return "", "", fmt.Errorf("cannot read %s: %d parts, want 3", file, len(parts))
	}
	for line := range strings.Lines(parts[0]) {
		if !strings.HasPrefix(line, "#") {
			path = strings.TrimSpace(line)
		}
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	if n := strings.Count(string(source), parts[1]); n != 1 {
		return "", "", fmt.Errorf("cannot apply %s: its text is %d times in %s, want once", file, n, path)
	}
	return path, strings.Replace(string(source), parts[1], parts[2], 1), nil
}
