package testkit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx", to make and drop databases

	"claviger/store"
)

// Postgres is a PostgreSQL server of the test's own, on a free port of 127.0.0.1, with its data in the temporary
// directory. Whoever reaches it is let in, but for the user "stranger". It collates as people do ("a" < "B" < "c"), so
// that a query that relies on the order of bytes without saying so is found out.
type Postgres struct {
	bin, dir string
	port     int
	guard    *exec.Cmd      // a shell that runs the server and outlives this process for a moment
	line     io.WriteCloser // its standard input; when it closes, however that comes, the server goes
	made     atomic.Int64   // databases
	mu       sync.Mutex
	free     []string // databases with the schema and no rows, whose tests are over
}

// PostgresOption changes how a server runs, as a setting of postgresql.conf.
type PostgresOption string

// shared is the one server of this test process, which most tests use: each has a database of its own in it.
var shared = sync.OnceValues(func() (*Postgres, error) { return newPostgres() })

// SharedPostgres returns the server that all tests of this process share; it is started when it is first asked for.
func SharedPostgres(t testing.TB) *Postgres {
	t.Helper()
	if _, err := postgresPrograms(); err != nil {
		unavailable(t, err.Error())
	}
	p, err := shared()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	return p
}

// NewPostgres starts a server for one test, which may stop it and start it again.
func NewPostgres(t testing.TB, options ...PostgresOption) *Postgres {
	t.Helper()
	if _, err := postgresPrograms(); err != nil {
		unavailable(t, err.Error())
	}
	p, err := newPostgres(options...)
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := p.end(); err != nil {
			t.Errorf("end PostgreSQL: %v", err)
		}
	})
	return p
}

// postgresPrograms finds the newest PostgreSQL that is installed. Debian keeps its programs off the PATH.
func postgresPrograms() (dir string, err error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		slices.SortFunc(found, func(a, b string) int { return len(a) - len(b) + strings.Compare(a, b) })
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errors.New("PostgreSQL is not installed; .ci/deps installs it")
}

// nobody is who runs the server where the tests run as root, whom PostgreSQL refuses.
const nobody = 65534

func newPostgres(options ...PostgresOption) (*Postgres, error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "claviger-postgres-")
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, dir: dir}
	if err := p.init(options); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	// A port that was free a moment ago may be taken by now.
	for attempt := 1; ; attempt++ {
		if p.port, err = freePort(); err == nil {
			err = p.start()
		}
		if err == nil || attempt == 5 {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, nil
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

// init makes the server's data and settings.
func (p *Postgres) init(options []PostgresOption) error {
	if os.Geteuid() == 0 {
		if err := os.Chown(p.dir, nobody, nobody); err != nil {
			return err
		}
	}
	made := p.program(filepath.Join(p.bin, "initdb"), "-D", p.data(), "-U", "claviger", "-A", "trust", "-E", "UTF8", "--no-sync",
		"--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
	if out, err := made.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	access := "host all stranger 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
	if err := os.WriteFile(filepath.Join(p.data(), "pg_hba.conf"), []byte(access), 0o600); err != nil {
		return err
	}
	settings := []string{
		"listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "max_connections = 400", "shared_buffers = 64MB",
		"fsync = off", "synchronous_commit = off", "full_page_writes = off", "autovacuum = off", "log_min_messages = warning",
	}
	for _, o := range options {
		settings = append(settings, string(o)) // the last one counts
	}
	file, err := os.OpenFile(filepath.Join(p.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString("\n" + strings.Join(settings, "\n") + "\n")
	return errors.Join(err, file.Close())
}

// program makes a command that runs as a user whom PostgreSQL accepts, in a session of its own: what the terminal sends to
// the tests is none of its business.
func (p *Postgres) program(path string, args ...string) *exec.Cmd {
	command := exec.Command(path, args...)
	command.Dir = p.dir
	command.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() == 0 {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return command
}

// guardScript runs the server until a line says how to end it, or until the tests' process is gone, in whatever way: then
// the pipe closes, the server goes at once, and so do its files. Descriptor 3 is the end of a pipe that only the server holds.
const guardScript = `"$1/postgres" -D "$2/data" -p "$3" >>"$2/log" 2>&1 & server=$!
exec 3>&-
read -r signal
[ "$signal" = KILL ] && all=$(cat "/proc/$server/task/$server/children")
kill -"${signal:-QUIT}" "$server" $all
wait "$server"
[ -n "$signal" ] || rm -rf "$2"`

func (p *Postgres) start() error {
	p.guard = p.program("/bin/sh", "-c", guardScript, "postgres-guard", p.bin, p.dir, strconv.Itoa(p.port))
	line, err := p.guard.StdinPipe()
	if err != nil {
		return err
	}
	p.line = line
	lives, held, err := os.Pipe()
	if err != nil {
		return err
	}
	p.guard.ExtraFiles = []*os.File{held}
	if err := errors.Join(p.guard.Start(), held.Close()); err != nil {
		return errors.Join(err, lives.Close())
	}
	life, over := context.WithCancel(context.Background())
	go func() {
		_, _ = lives.Read(make([]byte, 1)) // nobody writes: it returns when the last holder is gone
		_ = lives.Close()
		over()
	}()
	if err := await(func() (bool, error) { return p.ready(life) }); err != nil {
		log, _ := os.ReadFile(filepath.Join(p.dir, "log"))
		return errors.Join(fmt.Errorf("wait for PostgreSQL: %w\n%s", err, log), p.stop("QUIT"))
	}
	return nil
}

// ready reports whether the server answers. It fails where the server has ended, as it does when somebody else has its
// port; who answers there then is not taken for it. The context lives as long as the server.
func (p *Postgres) ready(life context.Context) (bool, error) {
	if life.Err() != nil {
		return false, errors.New("it ended by itself")
	}
	db, err := sql.Open("pgx", p.url("postgres"))
	if err != nil {
		return false, err
	}
	defer func() { _ = db.Close() }()
	var at string
	err = db.QueryRowContext(life, "SELECT current_setting('data_directory')").Scan(&at)
	return err == nil && at == p.data(), nil
}

// stop ends the server by a signal: INT as an operator would, QUIT at once, KILL with all its processes. Its data stay.
func (p *Postgres) stop(signal string) error {
	_, err := io.WriteString(p.line, signal+"\n")
	err = errors.Join(err, p.line.Close())
	_ = p.guard.Wait() // the shell's exit code is that of its last command, which says nothing
	return err
}

func (p *Postgres) end() error { return errors.Join(p.stop("QUIT"), os.RemoveAll(p.dir)) }

// Stop ends the server, as an operator would who restarts it: its clients are cut off.
func (p *Postgres) Stop(t testing.TB) {
	t.Helper()
	if err := p.stop("INT"); err != nil {
		t.Fatalf("stop PostgreSQL: %v", err)
	}
}

// Kill ends the server and all its processes at once (SIGKILL), as if its machine had lost its power.
func (p *Postgres) Kill(t testing.TB) {
	t.Helper()
	if err := p.stop("KILL"); err != nil {
		t.Fatalf("kill PostgreSQL: %v", err)
	}
}

// Start starts the server again, at the same address.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	if err := p.start(); err != nil {
		t.Fatalf("start PostgreSQL again: %v", err)
	}
}

// Address is the server's host and port.
func (p *Postgres) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

func (p *Postgres) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("claviger"), Host: p.Address(), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Database returns the URL of a database with the current schema and no rows. It is emptied when the test ends, for the
// next one: making one takes half a second, emptying it some milliseconds.
func (p *Postgres) Database(t testing.TB) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		url := p.free[n-1]
		p.free = p.free[:n-1]
		t.Cleanup(func() { p.recycle(url) })
		return url
	}
	url, err := p.makeDatabase()
	if err != nil {
		t.Fatalf("make an empty database: %v", err)
	}
	t.Cleanup(func() { p.recycle(url) })
	return url
}

// recycle empties a database and keeps it for the next test, unless that cannot be done: the server may be gone.
func (p *Postgres) recycle(url string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if execute(ctx, url, emptyAll) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, url)
}

// emptyAll ends what is left of the test's clients and deletes every row but those that say which schema it is.
const emptyAll = `DO $$
DECLARE t TEXT;
BEGIN
	PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
	SET LOCAL session_replication_role = replica; -- no order of references
	FOR t IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version' LOOP
		EXECUTE 'DELETE FROM ' || t;
	END LOOP;
END $$`

// EmptyDatabase makes a database without any schema and returns its URL. It is dropped when the test ends.
func (p *Postgres) EmptyDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", p.made.Add(1))
	p.Exec(t, p.url("postgres"), "CREATE DATABASE "+name)
	t.Cleanup(func() {
		_ = execute(context.Background(), p.url("postgres"), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") // the server may have gone before
	})
	return p.url(name)
}

// Exec runs one statement in the database with that URL, as an operator would with psql.
func (p *Postgres) Exec(t testing.TB, url, statement string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := execute(ctx, url, statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// execute runs one statement over a connection of its own.
func execute(ctx context.Context, url, statement string, args ...any) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement, args...)
	return errors.Join(err, db.Close())
}

// makeDatabase makes a database and its schema, and returns its URL.
func (p *Postgres) makeDatabase() (url string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name := fmt.Sprintf("test_%d", p.made.Add(1))
	if err := execute(ctx, p.url("postgres"), "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	url = p.url(name)
	s, err := store.Open(ctx, store.Options{URL: url, Now: time.Now})
	if err != nil {
		return "", err
	}
	return url, s.Close()
}
