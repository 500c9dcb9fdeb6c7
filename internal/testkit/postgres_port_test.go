package testkit

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestPostgresPortTaken: a server whose port somebody else has is not waited for, and who answers there is not taken for it.
func TestPostgresPortTaken(t *testing.T) {
	other := NewPostgres(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	dir, err := os.MkdirTemp("", "claviger-postgres-") // t.TempDir's parents are closed to the user that runs it
	if err != nil {
		t.Fatal(err)
	}
	p := &Postgres{bin: other.bin, dir: dir}
	t.Cleanup(func() { _ = os.RemoveAll(p.dir) })
	if err := p.init(nil); err != nil {
		t.Fatal(err)
	}
	for name, port := range map[string]int{"nobody answers": silent.Addr().(*net.TCPAddr).Port, "another PostgreSQL": other.port} {
		p.port = port
		began := time.Now()
		if err := p.start(); err == nil || !strings.Contains(err.Error(), "ended by itself") {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > patience/2 {
			t.Errorf("%s: noticed after %s", name, took)
		}
	}
}
