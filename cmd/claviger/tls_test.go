package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// writePair makes a certificate for 127.0.0.1 of that name, signed by its own key, and writes both files.
func writePair(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// secure is a server with TLS in this process.
type secure struct {
	dir, console, gateway string
	stderr                *safeBuffer
}

func startSecure(t *testing.T) *secure {
	t.Helper()
	s := &secure{dir: t.TempDir(), stderr: &safeBuffer{}}
	writePair(t, s.dir, "first")
	file := filepath.Join(s.dir, "claviger.ini")
	text := fmt.Sprintf("[server]\nlisten = 127.0.0.1:0\ndata_dir = %[1]s/data\ntls_cert = %[1]s/cert.pem\ntls_key = %[1]s/key.pem\n[gateway]\nlisten = 127.0.0.1:0\n", s.dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--config", file}, strings.NewReader(""), io.Discard, s.stderr)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v\n%s", err, s.stderr)
		}
	})
	s.console, s.gateway = s.stderr.await(t, "Console  "), s.stderr.await(t, "Gateway  ")
	return s
}

// dial opens a connection and returns the name of the certificate that it was shown.
func (s *secure) dial(t *testing.T, url string, highest uint16) (*tls.Conn, string) {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), &tls.Config{InsecureSkipVerify: true, MaxVersion: highest})
	if err != nil {
		t.Fatalf("%s: %v\n%s", url, err, s.stderr)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func isWell(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK || string(body) != "ok\n" {
		t.Fatalf("healthz: %d, %q, %v", response.StatusCode, body, err)
	}
}

// hangUp sends SIGHUP to this process, which is the server's here, and does not die of it
// when the server has stopped listening.
func (s *secure) hangUp(t *testing.T) {
	t.Helper()
	own := hearHangups()
	t.Cleanup(func() { signal.Stop(own) })
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); pause(t.Context(), 10*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// TestCertificateIsReloaded: after SIGHUP new connections to both listeners are shown the new certificate, and an old one
// lives on; a pair that does not fit changes nothing and is said in the log, once.
func TestCertificateIsReloaded(t *testing.T) {
	s := startSecure(t)
	old, name := s.dial(t, s.console, tls.VersionTLS13)
	if name != "first" {
		t.Fatalf("the certificate is %q", name)
	}
	isWell(t, old)
	writePair(t, s.dir, "second")
	s.hangUp(t)
	for _, url := range []string{s.console, s.gateway} {
		until(t, "a new certificate at "+url, func() bool { _, name := s.dial(t, url, tls.VersionTLS12); return name == "second" })
	}
	isWell(t, old)

	if err := os.WriteFile(filepath.Join(s.dir, "key.pem"), []byte("no key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.hangUp(t)
	const complaint = "the certificate was not taken over"
	until(t, "a complaint in the log", func() bool { return strings.Contains(s.stderr.String(), complaint) })
	if _, name := s.dial(t, s.console, tls.VersionTLS13); name != "second" {
		t.Errorf("with a bad key file the certificate is %q", name)
	}
	isWell(t, old)
	writePair(t, s.dir, "third") // without a signal: the files are looked at from time to time
	until(t, "the third certificate", func() bool { _, name := s.dial(t, s.gateway, tls.VersionTLS13); return name == "third" })
	if n := strings.Count(s.stderr.String(), complaint); n != 1 {
		t.Errorf("%d complaints, want 1:\n%s", n, s.stderr)
	}
}

// TestTLSVersions: HTTP/2 is spoken, TLS 1.2 is the oldest version, and healthcheck asks by https.
func TestTLSVersions(t *testing.T) {
	s := startSecure(t)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	for _, url := range []string{s.console, s.gateway} {
		response, err := client.Get(url + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.ProtoMajor != 2 {
			t.Errorf("%s: HTTP/%d, %v", url, response.ProtoMajor, err)
		}
		old, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		if err == nil {
			t.Errorf("%s speaks TLS 1.1: %v", url, old.Close())
		}
	}
}
