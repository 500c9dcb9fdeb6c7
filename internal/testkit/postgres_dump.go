package testkit

import (
	"path/filepath"
	"testing"
)

// Dump writes a database to a file by pg_dump, as an operator would.
func (p *Postgres) Dump(t testing.TB, url, file string) {
	t.Helper()
	p.client(t, "pg_dump", "--format=custom", "--no-owner", "--file="+file, url)
}

// Undump puts a dump in the place of all that is in a database, whoever is connected: its clients are cut off.
func (p *Postgres) Undump(t testing.TB, url, file string) {
	t.Helper()
	p.Exec(t, url, `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	p.Exec(t, url, `DROP SCHEMA public CASCADE`)
	p.Exec(t, url, `CREATE SCHEMA public`)
	p.client(t, "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", "--dbname="+url, file)
}

func (p *Postgres) client(t testing.TB, name string, args ...string) {
	t.Helper()
	command := p.program(filepath.Join(p.bin, name), args...)
	command.SysProcAttr.Credential = nil // it reads and writes the test's files
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
