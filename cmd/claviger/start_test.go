package main_test

import (
	"database/sql"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to change a database behind the program's back

	"claviger/internal/testkit"
)

// TestFirstStart: in under a second to the link (five here, for a machine that does much else), and nothing that
// others could read.
func TestFirstStart(t *testing.T) {
	p := testkit.Install(t, t.TempDir(), nil)
	testkit.Binary(t) // built before the clock runs
	began := time.Now()
	p.Start()
	link := p.SetupURL()
	took := time.Since(began)
	t.Logf("first start: %s to the set-up link", took.Round(time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("first start took %s", took)
	}
	for _, want := range []string{p.ConsoleURL, p.GatewayURL, p.DataDir} {
		if !strings.Contains(p.Stderr(), want) {
			t.Errorf("the first start does not print %s:\n%s", want, p.Stderr())
		}
	}
	if out := p.Stdout(); out != "" {
		t.Errorf("serve printed on standard output: %q", out)
	}
	modes := map[string]fs.FileMode{
		".": 0o700, "claviger.key": 0o600, "claviger.db": 0o600, "claviger.db-wal": 0o600, "claviger.lock": 0o600,
		"claviger.sock": 0o600, "setup-link": 0o600,
	}
	for name, want := range modes {
		info, err := os.Stat(filepath.Join(p.DataDir, name))
		if err != nil {
			t.Errorf("%v", err)
		} else if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", name, got, want)
		}
	}
	text, err := os.ReadFile(filepath.Join(p.DataDir, "setup-link"))
	if err != nil || strings.TrimSpace(string(text)) != link {
		t.Errorf("setup-link holds %q (%v), want %s", text, err, link)
	}
}

// setUp sends the set-up page's form.
func setUp(t *testing.T, p *testkit.Process, link, slug string) (status int) {
	t.Helper()
	status, _, err := newPerson(t, p).post(strings.TrimPrefix(link, p.ConsoleURL),
		"organization", "Org "+slug, "slug", slug, "name", "Ann", "email", slug+"@example.com", "password", testkit.Password)
	if err != nil {
		t.Errorf("set up: %v", err)
	}
	return status
}

// TestSetupLink: a wrong one opens nothing; a restart replaces it; it works once, also for two that come at once; then
// there is nothing at any such address.
func TestSetupLink(t *testing.T) {
	p := testkit.Start(t, t.TempDir(), nil)
	first := p.SetupURL()
	if code := p.Stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	p.Start()
	link := p.SetupURL()
	get := func(url string) int {
		t.Helper()
		status, _, err := newPerson(t, p).get(strings.TrimPrefix(url, p.ConsoleURL))
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	if status := get(first); first == link || status != http.StatusNotFound {
		t.Errorf("the link of the start before: %d, want 404", status)
	}
	if status := setUp(t, p, first, "zero"); status != http.StatusNotFound {
		t.Errorf("set up by the link of the start before: %d, want 404", status)
	}
	if status := get(link); status != http.StatusOK {
		t.Fatalf("the link: %d", status)
	}
	var wait sync.WaitGroup
	statuses := make([]int, 2)
	for i, slug := range []string{"one", "two"} {
		wait.Go(func() { statuses[i] = setUp(t, p, link, slug) })
	}
	wait.Wait()
	if min(statuses[0], statuses[1]) != http.StatusSeeOther || max(statuses[0], statuses[1]) != http.StatusNotFound {
		t.Errorf("two at once: %v, want one 303 and one 404", statuses)
	}
	if orgs := must(t, p, "", "org", "list"); strings.Count(orgs, "\n") != 1 {
		t.Errorf("two at once made:\n%s", orgs)
	}
	if users := must(t, p, "", "user", "list"); strings.Count(users, "\n") != 1 {
		t.Errorf("two at once made:\n%s", users)
	}
	if status := get(link); status != http.StatusNotFound {
		t.Errorf("the link that was used: %d, want 404", status)
	}
	if status := setUp(t, p, link, "three"); status != http.StatusNotFound {
		t.Errorf("set up a second time: %d, want 404", status)
	}
	file := filepath.Join(p.DataDir, "setup-link")
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		if _, err := os.Stat(file); err != nil {
			break
		}
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file of the used link is still there: %v", err)
	}
	p.Stop()
	p.Start()
	if strings.Contains(p.Stderr(), "/setup/") {
		t.Errorf("a link is offered although there is an owner:\n%s", p.Stderr())
	}
}

// TestSetupLinkOverByOwner: an owner made at the command line closes the link at once.
func TestSetupLinkOverByOwner(t *testing.T) {
	p := testkit.Start(t, t.TempDir(), nil)
	link := p.SetupURL()
	must(t, p, "", "org", "add", "acme")
	must(t, p, testkit.Password+"\n", "user", "add", "v@example.com", "--org", "acme", "--role", "admin")
	path := strings.TrimPrefix(link, p.ConsoleURL)
	if status, _, err := newPerson(t, p).get(path); err != nil || status != http.StatusOK {
		t.Errorf("with an admin but no owner the link is %d (%v), want 200", status, err)
	}
	must(t, p, testkit.Password+"\n", "user", "add", owner, "--org", "acme", "--role", "owner")
	if status, _, err := newPerson(t, p).get(path); err != nil || status != http.StatusNotFound {
		t.Errorf("with an owner the link is %d (%v), want 404", status, err)
	}
	if status := setUp(t, p, link, "late"); status != http.StatusNotFound {
		t.Errorf("set up although there is an owner: %d, want 404", status)
	}
}

// TestRefusesToStart: what is wrong with an installation is told in words, by serve and by every other command,
// and nothing is made in its place.
func TestRefusesToStart(t *testing.T) {
	key := func(p *testkit.Process) string { return filepath.Join(p.DataDir, "claviger.key") }
	for name, c := range map[string]struct {
		damage func(*testkit.Process) error
		want   []string
	}{
		"the key file is gone": {
			func(p *testkit.Process) error { return os.Remove(key(p)) },
			[]string{"claviger.key", "put the key file back from your backup"},
		},
		"others can read the key file": {
			func(p *testkit.Process) error { return os.Chmod(key(p), 0o644) },
			[]string{"can be read by others (mode 0644)", "chmod 600"},
		},
		"the key file is empty": {
			func(p *testkit.Process) error { return os.Truncate(key(p), 0) },
			[]string{"claviger.key", "line 1"},
		},
		"the key file is cut off": {
			func(p *testkit.Process) error { return os.Truncate(key(p), 40) },
			[]string{"claviger.key", "line 2"},
		},
		"the key file has lost its keys": {
			func(p *testkit.Process) error { return os.Truncate(key(p), int64(len("claviger-keys-v1\n"))) },
			[]string{"claviger.key", "no key"},
		},
		"the database is newer": {
			func(p *testkit.Process) error {
				return execSQL(p, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`)
			},
			[]string{"schema version 999", "newer claviger", "backup"},
		},
		"the database is something else": {
			func(p *testkit.Process) error {
				return os.WriteFile(filepath.Join(p.DataDir, "claviger.db"), []byte(strings.Repeat("no database ", 1000)), 0o600)
			},
			[]string{"is no database of Claviger's", "backup"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := testkit.Install(t, t.TempDir(), nil)
			must(t, p, "", "org", "add", "acme")
			if err := c.damage(p); err != nil {
				t.Fatal(err)
			}
			before := dirSizes(t, p)
			for _, command := range [][]string{{"serve"}, {"org", "list"}, {"org", "add", "beta"}} {
				stdout, stderr, code := p.Run("", command...)
				if code != 1 || stdout != "" {
					t.Errorf("%v: exit code %d, stdout %q; want 1 and nothing", command, code, stdout)
				}
				for _, want := range c.want {
					if !strings.Contains(stderr, want) {
						t.Errorf("%v does not say %q:\n%s", command, want, stderr)
					}
				}
			}
			if after := dirSizes(t, p); after != before {
				t.Errorf("a refusal changed the data directory:\n%s\nbecame\n%s", before, after)
			}
		})
	}
}

// execSQL runs a statement in the database of an installation whose server does not run.
func execSQL(p *testkit.Process, statement string) error {
	db, err := sql.Open("sqlite", filepath.Join(p.DataDir, "claviger.db"))
	if err != nil {
		return err
	}
	if _, err := db.Exec(statement); err != nil {
		return err
	}
	return db.Close()
}

// dirSizes lists the data directory: the names and sizes of the key file and the database.
func dirSizes(t *testing.T, p *testkit.Process) string {
	t.Helper()
	var out strings.Builder
	for _, name := range []string{"claviger.key", "claviger.db"} {
		text, err := os.ReadFile(filepath.Join(p.DataDir, name))
		out.WriteString(name + " ")
		if err != nil {
			out.WriteString("is not there\n")
			continue
		}
		out.WriteString(string(text[:min(len(text), 80)]) + "\n")
	}
	return out.String()
}

// TestSecondServe: a second server of the same data directory is refused at once, and one whose port is taken says so.
func TestSecondServe(t *testing.T) {
	p := testkit.Start(t, t.TempDir(), nil)
	_, stderr, code := p.Run("", "serve")
	if code != 1 || !strings.Contains(stderr, "another claviger serves") {
		t.Errorf("a second serve: exit code %d: %s", code, stderr)
	}
	other := testkit.Install(t, t.TempDir(), []string{"CLAVIGER_SERVER_LISTEN=" + strings.TrimPrefix(p.ConsoleURL, "http://")})
	_, stderr, code = other.Run("", "serve")
	if code != 1 || !strings.Contains(stderr, "console: ") || !strings.Contains(stderr, "address already in use") {
		t.Errorf("a serve on a port that is taken: exit code %d: %s", code, stderr)
	}
	if status, _, err := newPerson(t, p).get("/healthz"); err != nil || status != http.StatusOK {
		t.Errorf("the first server after all that: %d, %v", status, err)
	}
}
