package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"claviger/internal/access"
	"claviger/internal/config"
	"claviger/internal/metrics"
	"claviger/internal/secret"
	"claviger/store"
)

// Files in the data directory.
const (
	databaseFile = "claviger.db"
	lockFile     = "claviger.lock"
	socketFile   = "claviger.sock"
	setupFile    = "setup-link"
)

// installation is an opened data directory: whoever has one holds its lock.
type installation struct {
	cfg       *config.Config
	log       *slog.Logger
	store     *store.Store
	measured  *metrics.Store // the same, as the domain sees it
	keys      *secret.Keyring
	clock     *access.SteadyClock
	registry  *access.Registry
	accounts  *access.Accounts
	verifier  *access.Verifier
	authority *access.Authority
	keeper    *access.Housekeeper
	auditor   *access.Auditor
	ledger    *ledger
	shippers  []*access.Shipper // of events, where this is a server
	uses      *access.UseLog
}

// loadConfig reads the configuration and tells its warnings.
func loadConfig(path string, stderr io.Writer) (*config.Config, error) {
	cfg, warnings, err := config.Load(path, os.Environ())
	for _, w := range warnings {
		fmt.Fprintln(stderr, "claviger: warning:", w)
	}
	return cfg, err
}

// newLog returns the program's logger: text on a terminal, JSON elsewhere.
func newLog(c config.Log, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level, ReplaceAttr: secret.RedactAttr}
	if c.Format == config.FormatText || c.Format == config.FormatAuto && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS) // /dev/null is a character device too
	return err == nil
}

// openInstallation opens database and keys. The caller holds the lock, where there is
// one; node says who serves, and is nobody for a command.
func openInstallation(ctx context.Context, cfg *config.Config, log *slog.Logger, node access.Node) (*installation, error) {
	db := filepath.Join(cfg.Server.DataDir, databaseFile)
	if err := keyBelongs(cfg.Security.KeyFile, db); err != nil {
		return nil, err
	}
	keys, err := secret.OpenKeyring(cfg.Security.KeyFile)
	if err != nil {
		return nil, err
	}
	beside, err := openLedger(cfg.Server.DataDir)
	for deadline := time.Now().Add(patience); node.ID != "" && err == nil && beside.anchor == nil && time.Now().Before(deadline) && ctx.Err() == nil; {
		pause(ctx, 20*time.Millisecond) // a command on PostgreSQL, which will not take long
		beside, err = openLedger(cfg.Server.DataDir)
	}
	if node.ID != "" && err == nil && beside.anchor == nil {
		return nil, fmt.Errorf("a command is at work in %s and keeps the anchor there: without it a server could not note what it revokes. Wait until the command has ended, or end it, and start again", cfg.Server.DataDir)
	}
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, store.Options{URL: cfg.Store.URL.Expose(), Path: db, Log: log, Node: node, Keys: keys.IDs, Now: time.Now, Committed: beside.committed})
	if err != nil {
		return nil, errors.Join(err, beside.close())
	}
	in := &installation{
		cfg: cfg, log: log, store: st, keys: keys, clock: access.NewSteadyClock(time.Now), ledger: beside,
	}
	in.measured = metrics.Measure(st, in.clock)
	deps := access.Deps{
		Store: in.measured, Keys: keys, Passwords: secret.NewPasswords(max(runtime.GOMAXPROCS(0), 2)), Clock: in.clock,
		Limits: access.Limits{
			ElevationMax: time.Duration(cfg.Elevation.MaxMinutes) * time.Minute, MaxLifetime: cfg.Tokens.MaxLifetime,
			SessionIdle: cfg.Session.IdleTimeout, SessionMax: cfg.Session.MaxLifetime,
			PasswordAttempts: cfg.Security.PasswordAttempts, PasswordWindow: cfg.Security.PasswordWindow,
			DefaultTTL: time.Duration(cfg.Tokens.DefaultTTL) * time.Second, MaxTTL: time.Duration(cfg.Tokens.MaxTTL) * time.Second,
			Remembered: cfg.Verifier.Remember,
		},
	}
	in.uses = access.NewUseLog(in.measured, log)
	in.registry, in.accounts, in.verifier = access.NewRegistry(deps), access.NewAccounts(deps), access.NewVerifier(deps, in.uses)
	in.authority, in.keeper = access.NewAuthority(deps, in.accounts, in.verifier), access.NewHousekeeper(deps)
	in.auditor = access.NewAuditor(deps)
	in.auditor.Ships = shipNames(cfg)
	if node.ID != "" {
		in.shippers = in.newShippers(deps, node)
	}
	if err := errors.Join(deps.CheckKeys(ctx), claimKeys(ctx, st, keys)); err != nil {
		return nil, errors.Join(fmt.Errorf("key file %s: %w", cfg.Security.KeyFile, err), in.Close())
	}
	return in, nil
}

// thisNode is how this server calls itself among those that share its database.
func thisNode() access.Node {
	name, err := os.Hostname()
	if err != nil {
		name = "unnamed"
	}
	return access.NewNode(name, version(), time.Now())
}

// keyCheckText is digested with each key to recognise it. It is no secret, and no
// credential can be like it.
const keyCheckText = "claviger key check"

// claimKeys refuses keys other than those that the database is used with: every node
// needs the same ones.
func claimKeys(ctx context.Context, st *store.Store, keys *secret.Keyring) error {
	err := st.ClaimKeys(ctx, keys.Digests(secret.New(keyCheckText)))
	if errors.Is(err, store.ErrOtherKeys) || errors.Is(err, store.ErrRetiredKey) {
		return fmt.Errorf("%w: copy the key file of a node that serves from it, or from your backup, to this place", err)
	}
	return err
}

// keyBelongs refuses to make a new key beside a database that was made with
// another one: no credential in it would be recognised.
func keyBelongs(keyFile, database string) error {
	if _, err := os.Stat(keyFile); !errors.Is(err, fs.ErrNotExist) {
		return nil // OpenKeyring says what else is wrong with it
	}
	if info, err := os.Stat(database); err == nil && info.Size() > 0 {
		return fmt.Errorf("the database %s is there, but its key file %s is not. No credential works without it: put the key file back from your backup", database, keyFile)
	}
	return nil
}

// Close closes what the installation has open.
func (in *installation) Close() error { return errors.Join(in.store.Close(), in.ledger.close()) }

// lock is the data directory's lock, which one process holds: a server for its
// life, a command for its act.
type lock struct{ file *os.File }

// errLocked says that another process holds the lock.
var errLocked = errors.New("the data directory is in use")

func makeDataDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// takeLock makes the data directory if it is missing and takes its lock, or
// returns errLocked.
func takeLock(dataDir string) (*lock, error) {
	if err := makeDataDir(dataDir); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dataDir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errLocked
		}
		return nil, errors.Join(err, file.Close())
	}
	return &lock{file}, nil
}

// release gives the lock back.
func (l *lock) release() error {
	return errors.Join(giveBack(filepath.Dir(l.file.Name())), l.file.Close())
}
