package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// certificate is the server's certificate and private key, read from two files and
// again when they change. Connections that are open keep what they began with.
type certificate struct {
	certFile, keyFile string

	mu   sync.Mutex // held while the files are read
	text string     // of both files, as they were last taken over
	pair atomic.Pointer[tls.Certificate]
}

// openCertificate reads a certificate and its key.
func openCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
	_, err := c.Reload()
	return c, err
}

// Reload takes the files over if they changed and belong together. Else the pair at
// hand stays in use.
func (c *certificate) Reload() (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return false, fmt.Errorf("[server] tls_cert: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return false, fmt.Errorf("[server] tls_key: %w", err)
	}
	text := string(cert) + "\x00" + string(key)
	if text == c.text {
		return false, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("%s and %s: %s", c.certFile, c.keyFile, strings.TrimPrefix(err.Error(), "tls: "))
	}
	c.pair.Store(&pair)
	c.text = text
	return true, nil
}

// Leaf returns the certificate that new connections get.
func (c *certificate) Leaf() *x509.Certificate { return c.pair.Load().Leaf }

// expired returns an error where the certificate is not valid at a time: it is served
// nevertheless, because clients that do not look are better served than none.
func (c *certificate) expired(now time.Time) error {
	leaf := c.Leaf()
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return errors.New("it is valid from " + moment(leaf.NotBefore) + " to " + moment(leaf.NotAfter))
	}
	return nil
}

// config is TLS 1.2 and later, with HTTP/2.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil },
	}
}
