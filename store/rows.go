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
	ready    map[int]func(args ...any) error // statements, by the number of rows
}

func (t *tx) rows(into string, columns int, fixed, to string) *rowWriter {
	return &rowWriter{t: t, into: into, columns: columns, fixed: fixed, to: to}
}

// add adds a row, now or with those that come after it.
func (w *rowWriter) add(values ...any) error {
	w.args = append(w.args, values...)
	if len(w.args) < w.t.dialect.rows*w.columns {
		return nil
	}
	err := w.write(w.args)
	w.args = w.args[:0]
	return err
}

// flush adds the rows that wait: where statements are kept ready, by a few of them, so
// that any number of rows finds them ready; else by one, which is one round trip.
func (w *rowWriter) flush() error {
	args := w.args
	w.args = w.args[:0]
	for some := w.t.dialect.rows; w.t.dialect.prepares && some > 1; some /= 4 {
		for ; len(args) >= some*w.columns; args = args[some*w.columns:] {
			if err := w.write(args[:some*w.columns]); err != nil {
				return err
			}
		}
	}
	if len(args) == 0 {
		return nil
	}
	return w.write(args)
}

// write runs the statement for as many rows as these are.
func (w *rowWriter) write(args []any) error {
	n := len(args) / w.columns
	if w.ready[n] == nil {
		run, err := w.t.prepare(w.text(n))
		if err != nil {
			return err
		}
		if w.ready == nil {
			w.ready = map[int]func(...any) error{}
		}
		w.ready[n] = run
	}
	return w.ready[n](args...)
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
		if w.t.dialect.unnamed {
			b.WriteString("?")
			continue
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	b.WriteString(w.fixed + ")" + w.to)
	return b.String()
}
