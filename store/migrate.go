package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
)

// SchemaVersion is the number of the latest migration that this program knows.
const SchemaVersion = 12

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date, each migration in a transaction of its
// own. It refuses a database that a newer program has changed already, because
// nobody knows what that one relies on.
func migrate(ctx context.Context, d dialect, at place, log *slog.Logger) error {
	return d.migrating(ctx, at, func(db *sql.DB) error { return migrateUp(ctx, d, db, at.name, log) })
}

func migrateUp(ctx context.Context, d dialect, db *sql.DB, name string, log *slog.Logger) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	provider, err := goose.NewProvider(d.goose, db, files, goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	version, err := provider.GetDBVersion(ctx)
	switch {
	case err != nil && d.foreign(err):
		return fmt.Errorf("%s is no database of Claviger's, or it is damaged: restore it from a backup, or move it away to start with an empty one: %w", name, err)
	case err != nil:
		return fmt.Errorf("open database %s: %w", name, err)
	case version > SchemaVersion:
		return fmt.Errorf("the database %s has schema version %d, and this claviger knows only those up to %d: start the newer claviger that changed it, or restore a backup made before the upgrade", name, version, SchemaVersion)
	case version == SchemaVersion:
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("upgrade database %s from schema version %d to %d: %w", name, version, SchemaVersion, err)
	}
	return nil
}
