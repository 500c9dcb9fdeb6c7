package store

import (
	"strconv"
	"strings"
)

// rowWriter adds rows to a table, many with one statement. Where it merges them with
// what is there (ON CONFLICT), no row may come twice: PostgreSQL refuses a statement
// that meets one again.
type rowWriter struct {
	t        *tx
	into, to string // what stands before the rows and after them
	columns  int    // that are given
	fixed    string // those that are not, after a comma
	args     []any
	full     func(args ...any) error // the statement for as many rows as go at once, when it is ready
}

func (t *tx) rows(into string, columns int, fixed, to string) *rowWriter {
	return &rowWriter{t: t, into: into, columns: columns, fixed: fixed, to: to}
}

// add adds a row, now or with those that come after it.
func (w *rowWriter) add(values ...any) (err error) {
	w.args = append(w.args, values...)
	if len(w.args) < w.t.dialect.rows*w.columns {
		return nil
	}
	if w.full == nil {
		if w.full, err = w.t.prepare(w.text(w.t.dialect.rows)); err != nil {
			return err
		}
	}
	err = w.full(w.args...)
	w.args = w.args[:0]
	return err
}

// flush adds the rows that wait.
func (w *rowWriter) flush() error {
	n := len(w.args) / w.columns
	if n == 0 {
		return nil
	}
	err := w.t.do(w.text(n), w.args...)
	w.args = w.args[:0]
	return err
}

// text returns the statement for n rows.
func (w *rowWriter) text(n int) string {
	var b strings.Builder
	b.WriteString(w.into)
	for i := range n * w.columns {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%w.columns == 0:
			b.WriteString(w.fixed + "), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	b.WriteString(w.fixed + ")" + w.to)
	return b.String()
}
