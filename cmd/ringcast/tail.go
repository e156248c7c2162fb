package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/ringcast/ringcast/cmd/tail"
)

// exitStopped says that tail could not go on.
const exitStopped = 1

// runTail follows a stream until a signal ends it.
func runTail(args []string, stdout *os.File, stderr io.Writer) int {
	t, err := parseTail(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "ringcast tail: %v (-h says more)\n", err)
		return exitUsage
	}
	t.config.Stdout, t.config.Stderr, t.config.UserAgent = stdout, stderr, "ringcast-tail/"+version()
	if !t.raw {
		t.config.Format = formatFor(stdout)
	}
	signal.Ignore(syscall.SIGPIPE) // a reader of stdout that has had enough is an error of a write instead
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends also what a full pipe holds up
	began := time.Now()
	result, err := tail.Run(ctx, t.config)
	if err != nil {
		fmt.Fprintf(stderr, "ringcast tail: %v\n", err)
	}
	if err != nil || ctx.Err() != nil {
		fmt.Fprintf(stderr, "ringcast tail: %d events, %d bytes, %d connections in %s\n", result.Events, result.Bytes, result.Connections, time.Since(began).Round(time.Millisecond))
		if result.LastEventID != "" {
			fmt.Fprintf(stderr, "to go on: %s\n", t.from(result))
		}
	}
	if err != nil {
		return exitStopped
	}
	return exitOK
}

// formatFor is how events are shown where nothing was asked for.
func formatFor(stdout *os.File) tail.Format {
	switch {
	case !isatty.IsTerminal(stdout.Fd()) && !isatty.IsCygwinTerminal(stdout.Fd()):
		return tail.Raw
	case os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb":
		return tail.Pretty
	}
	return tail.Colour
}
