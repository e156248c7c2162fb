package serve

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/ringcast/ringcast/conf"
)

// serverTLS returns the TLS of the public listener, and its files. Handshakes
// take the certificate that is in force then.
func serverTLS(c *conf.ServerTLS) (*tls.Config, *watched) {
	var current atomic.Pointer[tls.Config]
	files := &watched{name: "certificates", files: []keyFile{{"server.tls.cert", c.Cert}, {"server.tls.key", c.Key}}}
	if c.ClientCA != "" {
		files.files = append(files.files, keyFile{"server.tls.client_ca", c.ClientCA})
	}
	files.use = func(contents [][]byte) error {
		cfg, err := tlsConfig(files.files, contents)
		if err == nil {
			current.Store(cfg)
		}
		return err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return current.Load(), nil },
	}, files
}

// tlsConfig is what certificate, key and, if there is one, the authority of
// clients mean for a handshake.
func tlsConfig(files []keyFile, contents [][]byte) (*tls.Config, error) {
	if _, err := certificates(contents[0]); err != nil {
		return nil, files[0].wrong(err, "PEM certificates, the server's own first")
	}
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	if err != nil {
		return nil, files[1].wrong(err, "the PEM private key of server.tls.cert")
	}
	cfg := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		NextProtos:   []string{"http/1.1"},
		// Otherwise each of the first 128 KiB is written in pieces of a packet, a
		// system call each.
		DynamicRecordSizingDisabled: true,
	}
	if len(contents) > 2 {
		list, err := certificates(contents[2])
		if err != nil {
			return nil, files[2].wrong(err, "PEM certificates of authorities")
		}
		cfg.ClientCAs = x509.NewCertPool()
		for _, c := range list {
			cfg.ClientCAs.AddCert(c)
		}
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
		// A ticket would let in clients of an authority that is gone.
		cfg.SessionTicketsDisabled = true
	}
	return cfg, nil
}

// certificates are those of a PEM file, at least one, none of them cut off.
func certificates(data []byte) (list []*x509.Certificate, _ error) {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("holds a bad certificate: %w", err)
		}
		list = append(list, c)
	}
	switch {
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return nil, errors.New("is cut off")
	case len(list) == 0:
		return nil, errors.New("holds no certificate")
	}
	return list, nil
}
