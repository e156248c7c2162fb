package security

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// netDialer is what sarama dials with.
type netDialer interface {
	Dial(network, address string) (net.Conn, error)
}

// dialer makes secured connections.
type dialer struct {
	tls     *TLS
	sasl    bool
	refused error     // why no connection can be made
	through netDialer // nil: the network itself
	timeout time.Duration
}

// Dial implements the dialer of sarama.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	if d.refused != nil {
		return nil, d.refused
	}
	var conn net.Conn
	var err error
	if d.through != nil {
		conn, err = d.through.Dial(network, address)
	} else {
		conn, err = net.DialTimeout(network, address, d.timeout)
	}
	if err != nil {
		return nil, err
	}
	if d.tls != nil {
		if conn, err = d.handshake(conn, address); err != nil {
			return nil, err
		}
	}
	if d.tls != nil || d.sasl {
		conn = &watched{Conn: conn, broker: address}
	}
	return conn, nil
}

// handshake begins TLS on conn, and closes it when that fails.
func (d dialer) handshake(conn net.Conn, address string) (net.Conn, error) {
	cfg, err := d.tls.config(address)
	if err != nil {
		conn.Close()
		return nil, &Error{Kind: ErrTLS, Err: err}
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	secure := tls.Client(conn, cfg)
	err = secure.HandshakeContext(ctx)
	var network net.Error
	switch {
	case err == nil:
		return secure, nil
	case !remote(err) && errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("cannot begin TLS with broker %s: %w", address, err) // it is away, or speaks no TLS
	default:
		err = &Error{ErrTLS, address, err}
	}
	conn.Close()
	return nil, err
}

// config reads the files.
func (t *TLS) config(address string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if cfg.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		cfg.ServerName = host
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("cannot read the authorities: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("cannot read the authorities: no certificate in %s", t.CA)
		}
	}
	if t.Cert != "" {
		cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("cannot read the client's certificate %s and its key: %w", t.Cert, err)
		}
		// Not Certificates: that would keep it back from a broker that names other authorities, and the broker would
		// say no more than that there is none.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	return cfg, nil
}

// remote reports whether err is the alert with which the other side has ended TLS.
func remote(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}
