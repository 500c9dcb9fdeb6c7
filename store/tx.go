package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"claviger/internal/access"
)

// hot are the statements that are prepared when the store is opened, because
// requests and acts wait for them.
var hot = []string{selectTarget, selectByDigest, selectAccessTokenByDigest, selectSessionByToken, selectHead, selectOrganization, selectApplication}

// hotWrites are prepared where one writes: the two rows that nearly every act adds.
var hotWrites = []string{insertCredential, insertEvent}

// tx is one run of a closure. The families of statements are its methods, each
// in a file of its own.
type tx struct {
	ctx        context.Context // of the one View or Update that it lives in
	sql        asker
	began      *sql.Tx // nil: each question stands alone
	ready      map[string]*sql.Stmt
	asked      []string // texts that were not ready
	dialect    dialect
	crowds     *crowds
	usage      *usage          // of the store; nil where others write, too
	remembers  bool            // what is read here may be remembered
	used       [][]access.Use  // what was added
	generation uint64          // of usage, when this began
	caller     context.Context // ctx without the bound that the engine sets
	erased     bool            // something was erased that must not linger
	commit     access.Commit   // what to tell of it
	met        bool            // another transaction was in the way, whatever the closure makes of it
}

// asker is what a transaction and a pool have in common.
type asker interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	PrepareContext(ctx context.Context, text string) (*sql.Stmt, error)
}

// prepared returns the statement that is ready for a text, for use here; nil where
// there is none.
func (t *tx) prepared(text string) *sql.Stmt {
	stmt := t.ready[text]
	if t.began == nil {
		return stmt
	}
	if stmt != nil {
		return t.began.StmtContext(t.ctx, stmt)
	}
	if t.dialect.prepares && len(t.asked) < mostAsked && !slices.Contains(t.asked, text) {
		t.asked = append(t.asked, text)
	}
	return nil
}

// failure turns an error of the driver into one of the domain's.
func (t *tx) failure(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return access.ErrNoRow
	case t.ctx.Err() != nil:
		return ended(t.caller, "database", err)
	case t.dialect.serialization(err):
		t.met = true
	case t.dialect.unique(err):
		t.met = true
		return &access.Error{Kind: access.Conflict, Message: "It exists already.", Err: err}
	case t.dialect.unreachable(err), errors.Is(err, sql.ErrTxDone), errors.Is(err, sql.ErrConnDone), errors.Is(err, driver.ErrBadConn):
		return unavailable(err)
	}
	return fmt.Errorf("database: %w", err)
}

// plain returns arguments in which every text can be kept by every engine: PostgreSQL
// takes neither NUL nor what is no UTF-8. What is written was checked by the domain;
// this is for what is asked for, which anybody may have sent: nothing is like it.
func plain(args []any) []any {
	for i, arg := range args {
		text, ok := arg.(string)
		if !ok || utf8.ValidString(text) && !strings.Contains(text, "\x00") {
			continue
		}
		args = slices.Clone(args)
		args[i] = access.Legible(text)
	}
	return args
}

// one reads a single row into dest.
func (t *tx) one(dest []any, text string, args ...any) error {
	if stmt := t.prepared(text); stmt != nil {
		return t.failure(stmt.QueryRowContext(t.ctx, plain(args)...).Scan(dest...))
	}
	return t.failure(t.sql.QueryRowContext(t.ctx, text, plain(args)...).Scan(dest...))
}

// each reads rows, one after the other, into what dest points to, and calls do
// after each until it returns false.
func (t *tx) each(dest []any, do func() bool, text string, args ...any) error {
	rows, err := t.query(text, args...)
	if err != nil {
		return t.failure(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return t.failure(err)
		}
		if !do() {
			return nil
		}
	}
	return t.failure(rows.Err())
}

func (t *tx) query(text string, args ...any) (*sql.Rows, error) {
	if stmt := t.prepared(text); stmt != nil {
		return stmt.QueryContext(t.ctx, plain(args)...)
	}
	return t.sql.QueryContext(t.ctx, text, plain(args)...)
}

// list reads all rows; into says where the columns of one of them go.
func list[T any](t *tx, into func(*T) []any, text string, args ...any) ([]T, error) {
	var out []T
	var row T
	next := func() bool {
		out = append(out, row)
		return true
	}
	// Every column is written anew for each row, bytes and lists included, so
	// that rows share nothing.
	if err := t.each(into(&row), next, text, args...); err != nil {
		return nil, err
	}
	return out, nil
}

// changed runs a conditional change and reports whether it happened.
func (t *tx) changed(text string, args ...any) (bool, error) {
	if stmt := t.prepared(text); stmt != nil {
		n, err := t.affected(stmt.ExecContext(t.ctx, plain(args)...))
		return n > 0, err
	}
	n, err := t.count(text, args...)
	return n > 0, err
}

// count runs a change and returns how many rows it met. It is for what is run seldom:
// its statement is not kept ready.
func (t *tx) count(text string, args ...any) (int, error) {
	return t.affected(t.sql.ExecContext(t.ctx, text, plain(args)...))
}

func (t *tx) affected(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, t.failure(err)
	}
	n, err := result.RowsAffected()
	return int(n), t.failure(err)
}

// do runs a change for which it does not matter how many rows it meets.
func (t *tx) do(text string, args ...any) error {
	_, err := t.changed(text, args...)
	return err
}

// must runs a change of one row, which is ErrNoRow when it is not there.
func (t *tx) must(text string, args ...any) error {
	ok, err := t.changed(text, args...)
	if err == nil && !ok {
		err = access.ErrNoRow
	}
	return err
}

// prepare makes a change ready to be run many times within this transaction.
func (t *tx) prepare(text string) (func(args ...any) error, error) {
	if !t.dialect.prepares {
		return func(args ...any) error { return t.do(text, args...) }, nil
	}
	stmt := t.prepared(text)
	if stmt == nil {
		var err error
		if stmt, err = t.sql.PrepareContext(t.ctx, text); err != nil { // closed with the transaction
			return nil, t.failure(err)
		}
	}
	return func(args ...any) error {
		_, err := stmt.ExecContext(t.ctx, plain(args)...)
		return t.failure(err)
	}, nil
}

// conditions gathers the terms and arguments of a WHERE that depends on a filter.
type conditions struct {
	terms []string
	args  []any
}

// add appends a term in which each ? stands for the next of args.
func (c *conditions) add(term string, args ...any) {
	for _, arg := range args {
		term = strings.Replace(term, "?", c.arg(arg), 1)
	}
	c.terms = append(c.terms, term)
}

// arg appends an argument and returns its place holder.
func (c *conditions) arg(arg any) string {
	c.args = append(c.args, arg)
	return "$" + strconv.Itoa(len(c.args))
}

// where returns the terms, and further ones, joined.
func (c *conditions) where(more ...string) string {
	all := append(append([]string(nil), c.terms...), more...)
	if len(all) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(all, " AND ")
}

// atMost returns a LIMIT of that many rows, nothing for 0. The number stands in the text:
// SQLite plans by it, and would plan a statement that is kept ready anew for each value
// of a parameter.
func atMost(n int) string {
	if n <= 0 {
		return ""
	}
	return " LIMIT " + strconv.Itoa(n)
}

// places returns place holders for texts in an IN list. Their number is a power of two,
// so that lists of any length share a few statements: the last text stands there again.
func (c *conditions) places(texts []string) string {
	if len(texts) == 0 {
		return "(NULL)"
	}
	out := make([]string, 1<<bits.Len(uint(len(texts)-1)))
	for i := range out {
		out[i] = c.arg(texts[min(i, len(texts)-1)])
	}
	return "(" + strings.Join(out, ", ") + ")"
}
