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

	"github.com/rs/zerolog"

	"github.com/ringcast/ringcast/cmd/serve"
	"github.com/ringcast/ringcast/conf"
)

// list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// runServe runs the broker until a signal ends it.
func runServe(args []string, stderr io.Writer) int {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	fs.SetOutput(stderr)
	file := fs.String("config", "", "configuration `FILE` (TOML)")
	brokers := fs.String("brokers", "", "Kafka `HOST:PORT[,…]`, instead of a file")
	listen := fs.String("listen", "", "public listener `ADDR`, instead of a file")
	admin := fs.String("admin-listen", "", "admin listener `ADDR`, instead of a file")
	var streams list
	fs.Var(&streams, "stream", "`NAME=TOPIC[+TOPIC…]`, instead of a file; may be repeated")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	cfg, status := load(stderr, fs, *file, *brokers, streams, *listen, *admin)
	if cfg == nil {
		return status
	}
	return serveUntilSignal(cfg, *file, stderr)
}

// load reads the configuration from a file or from the flags.
func load(stderr io.Writer, fs *flag.FlagSet, file, brokers string, streams []string, listen, admin string) (*conf.Config, int) {
	byFlags := brokers != "" || len(streams) > 0 || listen != "" || admin != ""
	switch {
	case fs.NArg() > 0:
		fmt.Fprintf(stderr, "unexpected argument %q\n\n%s", fs.Arg(0), usage)
		return nil, exitUsage
	case file != "" && byFlags:
		fmt.Fprintf(stderr, "-config and the other flags exclude each other\n\n%s", usage)
		return nil, exitUsage
	case file == "" && (brokers == "" || len(streams) == 0):
		fmt.Fprintf(stderr, "either -config, or -brokers and -stream, are needed\n\n%s", usage)
		return nil, exitUsage
	}
	var cfg *conf.Config
	var err error
	if file != "" {
		cfg, err = conf.Load(file, serve.VerifyFiles)
	} else {
		cfg, err = conf.FromFlags(strings.Split(brokers, ","), streams, listen, admin)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return nil, exitConfig
	}
	return cfg, exitOK
}

// serveUntilSignal runs the server: the first SIGTERM or SIGINT drains it, a
// second one ends it at once. SIGHUP reads file again, if there is one.
func serveUntilSignal(cfg *conf.Config, file string, stderr io.Writer) int {
	log := serve.NewLogger(cfg.Log, stderr)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	p, err := serve.Start(cfg, version(), log)
	if err != nil {
		log.Error().Err(err).Msg("cannot start")
		return exitStart
	}
	status := exitOK
wait:
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGHUP {
				go reload(p, file, log) // a signal that stops has not to wait for it
				continue
			}
			log.Info().Str("signal", s.String()).Msg("stopping")
			break wait
		case err := <-p.Failed():
			log.Error().Err(err).Msg("a listener has failed")
			status = exitStart
			break wait
		}
	}
	now, cancel := context.WithCancel(context.Background())
	go func() {
		for s := range signals {
			if s != syscall.SIGHUP {
				cancel()
				return
			}
		}
	}()
	p.Stop(now)
	cancel()
	return status
}

// reload puts what file says now in force, and the certificates and keys of
// now. A file with an error in it changes nothing.
func reload(p *serve.Process, file string, log zerolog.Logger) {
	log.Info().Str("file", file).Msg("SIGHUP: configuration, certificates and keys are read again")
	p.Reload()
	if file == "" {
		return
	}
	cfg, err := conf.Load(file, serve.VerifyFiles)
	if err == nil {
		err = p.Configure(cfg)
	}
	var wrong conf.Errors
	switch {
	case errors.As(err, &wrong):
		for _, e := range wrong {
			log.Error().Msg(e.Error())
		}
		log.Error().Int("errors", len(wrong)).Msg("the new configuration is not good, the old one stays in force")
	case err != nil:
		log.Error().Err(err).Msg("the new configuration cannot be used, the old one stays in force")
	}
}
