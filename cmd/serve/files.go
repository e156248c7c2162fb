package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringcast/ringcast/conf"
)

const (
	// watchEvery is how often certificates and keys are compared with their
	// files. They are small: reading them is cheaper than to be wrong about
	// what a time stamp says.
	watchEvery = 2 * time.Second
	// maxKeyFile bounds such a file, bytes.
	maxKeyFile = 1 << 20
)

// keyFile is a file and the key of the configuration that names it.
type keyFile struct{ key, path string }

// wrong says what is wrong with the file.
func (f keyFile) wrong(err error, allowed string) error {
	return conf.FileError{Key: f.key, Message: fmt.Sprintf("%q %v, allowed: %s", f.path, err, allowed)}
}

func (f keyFile) read() ([]byte, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, f.wrong(fmt.Errorf("cannot be read (%w)", err), "the path of a readable file")
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	switch {
	case err != nil:
		return nil, f.wrong(fmt.Errorf("cannot be read (%w)", err), "the path of a readable file")
	case len(data) > maxKeyFile:
		return nil, f.wrong(errors.New("is too large"), fmt.Sprintf("at most %d bytes", maxKeyFile))
	}
	return data, nil
}

// watched are files that mean something together, and are used anew when one
// of them changes.
type watched struct {
	name  string // for the log
	files []keyFile
	use   func(contents [][]byte) error // keeps what was before when it fails

	seen [][]byte // what was tried last
	said string   // the last error that was logged
}

// load uses the files if they have changed. An error is a conf.FileError.
func (w *watched) load() (changed bool, _ error) {
	var contents [][]byte
	for _, f := range w.files {
		data, err := f.read()
		if err != nil {
			w.seen = nil
			return false, err
		}
		contents = append(contents, data)
	}
	if slices.EqualFunc(contents, w.seen, slices.Equal) {
		return false, nil
	}
	if err := w.use(contents); err != nil {
		w.seen = nil
		return false, err
	}
	w.seen = contents
	return true, nil
}

// fileSet is every file that may change while the process runs.
type fileSet struct {
	log zerolog.Logger

	mu   sync.Mutex
	list []*watched // guarded by mu, what they point to too
}

// add uses the files for the first time.
func (s *fileSet) add(w *watched) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, w)
	_, err := w.load()
	return err
}

// reload uses what has changed and keeps the old where the new is bad. The same
// error is logged once, unless somebody asked.
func (s *fileSet) reload(asked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.list {
		changed, err := w.load()
		switch {
		case err != nil && (asked || err.Error() != w.said):
			s.log.Error().Err(err).Msg("new " + w.name + " are not good, the old ones stay in force")
			w.said = err.Error()
		case err == nil && (asked || changed):
			s.log.Info().Bool("changed", changed).Msg(w.name + " are loaded")
			w.said = ""
		case err == nil:
			w.said = ""
		}
	}
}

// watch reloads until the context ends.
func (s *fileSet) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.reload(false)
		case <-ctx.Done():
			return
		}
	}
}

// loadFiles uses every certificate and key of the configuration.
func (p *Process) loadFiles() error {
	if t := p.cfg.Server.TLS; t != nil {
		var files *watched
		p.tls, files = serverTLS(t)
		if err := p.files.add(files); err != nil {
			return err
		}
	}
	if a := p.cfg.Auth; a != nil {
		return p.loadKeys(a)
	}
	return nil
}

// VerifyFiles reports what is wrong with the certificates and keys of a
// configuration. Paths that are not set are not looked at.
func VerifyFiles(cfg *conf.Config) (bad []conf.FileError) {
	check := func(w *watched) {
		var e conf.FileError
		if _, err := w.load(); errors.As(err, &e) {
			bad = append(bad, e)
		}
	}
	if t := cfg.Server.TLS; t != nil && t.Cert != "" && t.Key != "" {
		_, files := serverTLS(t)
		check(files)
	}
	if a := cfg.Auth; a != nil && (a.JWKSFile != "" || a.KeyFile != "" || a.Secret.File() != "") {
		_, files, _ := tokenCheck(a)
		check(files)
	}
	return bad
}
