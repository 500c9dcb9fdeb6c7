package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"claviger/internal/access"
	"claviger/internal/config"
	"claviger/internal/secret"
	"claviger/store"
)

type migrateStoreCommand struct {
	To     string `help:"The PostgreSQL database, without a password: everybody on the machine can read a command line." placeholder:"URL"`
	ToFile string `help:"A file that holds the URL, password included." placeholder:"FILE" type:"path"`
	reasonFlag
	jsonFlag
}

// Help shows how it is used.
func (*migrateStoreCommand) Help() string {
	return `Stop the server first. The database has to be there and empty. All rows are copied in one transaction, with
their ids and the chain of events byte by byte, read back and compared; where anything is wrong, it stays empty and
the command can be run again. The SQLite file is only read. Without --to and --to-file the database is that of
[store] url. Sessions move too: nobody has to sign in again, and no credential changes.

Examples:
  claviger migrate-store --to-file /run/secrets/store_url --reason "we need a second node"
  CLAVIGER_STORE_URL_FILE=/run/secrets/store_url claviger migrate-store --reason "we need a second node"`
}

// Run moves an installation.
func (c *migrateStoreCommand) Run(t *terminal, cli *commandLine) error {
	cfg, err := loadConfig(cli.Config, t.stderr)
	if err != nil {
		return err
	}
	if err := c.given(); err != nil {
		return err
	}
	to, err := c.target(cfg)
	if err != nil {
		return err
	}
	held, err := takeLock(cfg.Server.DataDir)
	if errors.Is(err, errLocked) {
		return fmt.Errorf("the server runs on %s, or another command does: stop it first. What it did from now on would not be copied", cfg.Server.DataDir)
	}
	if err != nil {
		return err
	}
	m := &storeMove{cfg: cfg, to: to, reason: c.Reason}
	if err := errors.Join(m.move(t.ctx), held.release()); err != nil {
		return err
	}
	return c.tell(t, m)
}

// target returns where to, which is said in exactly one way.
func (c *migrateStoreCommand) target(cfg *config.Config) (secret.Secret, error) {
	ways := []string{}
	out := secret.New(cfg.Store.URL.Expose())
	if !out.IsZero() {
		ways = append(ways, "[store] url")
	}
	if c.To != "" {
		ways, out = append(ways, "--to"), secret.New(c.To)
		if hasPassword(c.To) {
			return out, usageError{errors.New("--to: it holds a password, and everybody on this machine can read a command line. Put the URL into a file that only you can read, and use --to-file FILE; " +
				"change the password if others may have seen it")}
		}
	}
	if c.ToFile != "" {
		text, err := os.ReadFile(c.ToFile)
		if err != nil {
			return out, usageError{fmt.Errorf("--to-file: %w", err)}
		}
		ways, out = append(ways, "--to-file"), secret.New(strings.TrimSpace(string(text)))
	}
	switch {
	case len(ways) == 0:
		return out, usageError{errors.New("say where to: --to-file FILE with the URL in it, --to URL without a password, or [store] url")}
	case len(ways) > 1:
		return out, usageError{fmt.Errorf("the database is named by %s: name it in one way", strings.Join(ways, " and by "))}
	case !strings.HasPrefix(out.Expose(), "postgres://") && !strings.HasPrefix(out.Expose(), "postgresql://"):
		return out, usageError{fmt.Errorf("%s: it is no URL of PostgreSQL: begin it with postgres://", ways[0])}
	}
	return out, nil
}

// hasPassword reports whether a URL holds a password; one that cannot be read may.
func hasPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return true
	}
	_, within := u.User.Password()
	return within || u.Query().Has("password") || u.Query().Has("sslpassword")
}

// storeMove is one move under way.
type storeMove struct {
	cfg    *config.Config
	to     secret.Secret
	reason string

	keys   *secret.Keyring
	ledger *ledger
	copied []store.CopiedTable
	report access.ChainReport
}

// move opens both sides and what stands beside them.
func (m *storeMove) move(ctx context.Context) error {
	if _, err := os.Stat(m.cfg.Security.KeyFile); err != nil {
		return fmt.Errorf("the key file is needed: without it no credential works: %w", err)
	}
	var err error
	if m.keys, err = secret.OpenKeyring(m.cfg.Security.KeyFile); err != nil {
		return fmt.Errorf("key file %s: %w", m.cfg.Security.KeyFile, err)
	}
	if m.ledger, err = openLedger(m.cfg.Server.DataDir); err != nil {
		return err
	}
	if m.ledger.damaged {
		return errors.Join(errAnchorDamaged, m.ledger.close())
	}
	from, err := store.OpenSource(ctx, filepath.Join(m.cfg.Server.DataDir, databaseFile))
	if err != nil {
		return errors.Join(err, m.ledger.close())
	}
	return errors.Join(m.between(ctx, from), from.Close(), m.ledger.close())
}

// between copies from a source that is whole, and looks at the copy before it counts.
func (m *storeMove) between(ctx context.Context, from *store.Store) error {
	source := m.auditor(from)
	if err := m.whole(ctx, source); err != nil {
		return fmt.Errorf("nothing was copied: the SQLite database is not whole: %w", err)
	}
	head, err := source.Head(ctx)
	if err != nil {
		return err
	}
	if err := m.ledger.begin(head); err != nil {
		return err
	}
	if _, err := m.ledger.catchUp(ctx, from); err != nil {
		return err
	}
	to, err := store.Open(ctx, store.Options{URL: m.to.Expose(), Now: time.Now, Committed: m.ledger.committed})
	if err != nil {
		return err
	}
	m.copied, err = from.CopyTo(ctx, to, func(st access.Store) error {
		auditor := m.auditor(st)
		if err := m.whole(ctx, auditor); err != nil {
			return fmt.Errorf("the copy is not whole: %w", err)
		}
		if m.report.Head.String() != head.String() {
			return fmt.Errorf("the copy's chain of events ends at %s, and the original's at %s", m.report.Head, head)
		}
		return auditor.Record(ctx, access.Operator(nameOf(os.Geteuid()), m.reason), access.ActMoveStore, map[string]string{"from": "SQLite", "to": "PostgreSQL", "through": strconv.FormatInt(head.Seq, 10)})
	})
	return errors.Join(err, to.Close())
}

// whole fails where acts are missing, the chain does not hold, or a key is missing by
// which something lives.
func (m *storeMove) whole(ctx context.Context, a *access.Auditor) error {
	known := m.ledger.known()
	if err := errors.Join(a.Compare(ctx, known), a.CheckKeys(ctx)); err != nil {
		return err
	}
	var err error
	if m.report, err = a.Verify(ctx, known); err != nil {
		return err
	}
	if m.report.Broken > 0 {
		return fmt.Errorf("its chain of events does not hold: %s. Run claviger audit verify", m.report.Breaks[0].What)
	}
	return nil
}

func (m *storeMove) auditor(st access.Store) *access.Auditor {
	return access.NewAuditor(access.Deps{Store: st, Keys: m.keys, Clock: access.NewSteadyClock(time.Now)})
}

// tell lists the tables, and says what to do next.
func (c *migrateStoreCommand) tell(t *terminal, m *storeMove) error {
	type row struct {
		Table  string `json:"table"`
		Rows   int64  `json:"rows"`
		SHA256 string `json:"sha256"`
	}
	rows := make([]row, len(m.copied))
	for i, x := range m.copied {
		rows[i] = row{x.Name, x.Rows, hex.EncodeToString(x.Digest)}
	}
	d := &desk{stdout: t.stdout, stderr: t.stderr}
	if c.JSON {
		return d.printJSON(map[string]any{"tables": rows, "events": m.report.Count, "head": rowOf(m.report.Head)})
	}
	table := [][]string{{"TABLE", "ROWS", "SHA-256 ON BOTH SIDES"}}
	for _, r := range rows {
		table = append(table, []string{r.Table, strconv.FormatInt(r.Rows, 10), r.SHA256[:16] + "…"})
	}
	if err := d.table(table); err != nil {
		return err
	}
	old := filepath.Join(m.cfg.Server.DataDir, databaseFile)
	d.say("\nEverything is in PostgreSQL, and was compared; the chain of events holds up to %s.\n"+
		"Set [store] url (or url_file) to that database and start the server. Keep the data directory: the key file, the anchor and the file of\nrevocations go on there. "+
		"The old database %s was not changed, and is refused from now on; remove it when a backup of the new one is made.", m.report.Head, old)
	return nil
}
