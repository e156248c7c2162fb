package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// Set by the build (-ldflags "-X main.release=… -X main.commit=…").
var (
	release = "dev"
	commit  = "" // "": what the Go command has recorded
)

func version() string { return release }

// runVersion prints what was built.
func runVersion(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("version", flag.ContinueOnError)
	fs.SetOutput(stderr)
	asJSON := fs.Bool("json", false, "as JSON")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(stderr, "unexpected argument %q\n\n%s", fs.Arg(0), usage)
		return exitUsage
	}
	commit := builtFrom()
	if *asJSON {
		_ = json.NewEncoder(stdout).Encode(map[string]string{"version": version(), "commit": commit, "go": runtime.Version()})
		return exitOK
	}
	fmt.Fprintf(stdout, "ringcast %s, commit %s, %s %s/%s\n", version(), commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}

// builtFrom is the commit that the command was built from.
func builtFrom() string {
	if commit != "" {
		return commit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}
