package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestServeLeavesNothing runs serve within this process, with calls, commands and an end: no goroutine is left, nor a
// socket, and the lock is free.
func TestServeLeavesNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	dir := t.TempDir()
	file := filepath.Join(dir, "claviger.ini")
	text := "[server]\nlisten = 127.0.0.1:0\ndata_dir = " + filepath.Join(dir, "data") + "\n[gateway]\nlisten = 127.0.0.1:0\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ctx, stop := context.WithCancel(t.Context())
		stderr := &safeBuffer{}
		ended := make(chan error, 1)
		go func() {
			ended <- run(ctx, []string{"serve", "--config", file}, strings.NewReader(""), io.Discard, stderr)
		}()
		command(t, file, "org", "list") // waits for the server, or is done before it
		console := stderr.await(t, "Console  ")
		client := &http.Client{Transport: &http.Transport{}}
		for range 3 {
			response, err := client.Get(console + "/sign-in")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil || response.Body.Close() != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("sign-in: %d, %v", response.StatusCode, err)
			}
		}
		command(t, file, "org", "list")
		stop()
		if err := <-ended; err != nil {
			t.Fatalf("serve: %v\n%s", err, stderr)
		}
		client.CloseIdleConnections()
		if _, err := os.Stat(filepath.Join(dir, "data", socketFile)); !os.IsNotExist(err) {
			t.Errorf("the socket is left: %v", err)
		}
	}
	held, err := takeLock(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatalf("the lock is not free: %v", err)
	}
	if err := held.release(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, before)
}

func command(t *testing.T, config string, words ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	if err := run(t.Context(), append(words, "--config", config), strings.NewReader(""), &out, &errs); err != nil || out.Len() == 0 {
		t.Fatalf("%v: %v: %s", words, err, errs.String())
	}
}

// safeBuffer is a buffer for two goroutines.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits for a line and returns the word after a heading.
func (b *safeBuffer) await(t *testing.T, heading string) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); pause(t.Context(), 10*time.Millisecond) {
		if _, rest, ok := strings.Cut(b.String(), heading); ok && strings.Contains(rest, "\n") {
			return strings.Fields(rest)[0]
		}
	}
	t.Fatalf("no %q in:\n%s", heading, b)
	return ""
}
