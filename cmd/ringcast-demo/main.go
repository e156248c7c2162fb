// Command ringcast-demo shows ringcast without a Kafka: an embedded one (kfake)
// in memory, a generator of events that look like Wikimedia's, and the same
// server, in one process. For looking at, not for serving.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/ringcast/ringcast/cmd/ringcast-demo/wiki"
	"github.com/ringcast/ringcast/cmd/serve"
	"github.com/ringcast/ringcast/conf"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run is the demo until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("ringcast-demo", flag.ContinueOnError)
	fs.SetOutput(stderr)
	listen := fs.String("listen", "127.0.0.1:8080", "public listener `ADDR`")
	admin := fs.String("admin-listen", "127.0.0.1:8081", "admin listener `ADDR`")
	rate := fs.Float64("rate", 50, "events per second, over all streams")
	partitions := fs.Int("partitions", 3, "partitions per topic")
	seed := fs.Uint64("seed", 1, "of the generator")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *rate <= 0 || *partitions < 1 || *partitions > 100 {
		return fmt.Errorf("-rate %v and -partitions %d: allowed are a rate above 0 and 1 to 100 partitions", *rate, *partitions)
	}
	k, err := startKafka(int32(*partitions))
	if err != nil {
		return err
	}
	defer k.close()
	cfg, err := conf.Parse("demo", []byte(document(*listen, *admin, k.addr())), conf.Host())
	if err != nil {
		return err
	}
	p, err := serve.Start(cfg, "demo", serve.NewLogger(cfg.Log, stderr))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error // of the generator, once done is closed
	done := make(chan struct{})
	go func() {
		defer close(done)
		failed = k.generate(ctx, wiki.New(*seed), *rate)
	}()
	welcome(stdout, p)
	select {
	case <-ctx.Done():
	case err = <-p.Failed():
	case <-done:
	}
	cancel()
	<-done
	if err == nil {
		err = failed
	}
	now, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer release()
	p.Stop(now)
	return err
}

// document is the demo's configuration: the generator's streams, each in two
// data centres.
func document(listen, admin, kafka string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[server]\nlisten = %q\nadmin_listen = %q\ndrain_timeout = \"1s\"\n", listen, admin)
	fmt.Fprintf(&b, "[kafka]\nbrokers = [%q]\n[ring]\nevents = 8192\ntotal_bytes = \"256MiB\"\n", kafka)
	fmt.Fprintf(&b, "[log]\nlevel = \"warn\"\nformat = \"console\"\n")
	prefixes := fmt.Sprintf("%q", wiki.Prefixes())
	prefixes = strings.ReplaceAll(prefixes, `" "`, `", "`)
	for _, s := range wiki.Streams() {
		fmt.Fprintf(&b, "[streams.%q]\ntopics = [%q]\ntopic_prefixes = %s\ndescription = %q\nannotate = \"meta\"\n", s.Name, s.Topic, prefixes, s.Description)
	}
	return b.String()
}

// welcome prints what to open.
func welcome(w io.Writer, p *serve.Process) {
	fmt.Fprintf(w, "ringcast demo: embedded Kafka, made-up events, the real server. Ctrl-C ends it.\n\n")
	fmt.Fprintf(w, "  the live page: http://%s/v2/ui/\n  documentation: http://%s/?doc\n\n", p.Addr(), p.Addr())
	for _, s := range wiki.Streams() {
		fmt.Fprintf(w, "  http://%s/v2/stream/%s\n", p.Addr(), s.Name)
	}
	fmt.Fprintf(w, "\n  curl -sN http://%s/v2/stream/%s\n", p.Addr(), wiki.Streams()[0].Name)
	fmt.Fprintf(w, "\n  metrics http://%s/metrics, health /readyz, rings /streams\n", p.AdminAddr())
}
