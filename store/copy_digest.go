package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash"
)

// tableDigest hands out the rows of a table, one after the other, and adds each to a
// digest. It is what pgx copies from.
type tableDigest struct {
	from    *sql.Rows
	table   sourceTable
	boolean []bool // by column
	values  []any
	into    []any
	hash    hash.Hash
	rows    int64
	err     error
}

func newTableDigest(t sourceTable, rows *sql.Rows) *tableDigest {
	d := &tableDigest{from: rows, table: t, hash: sha256.New(), boolean: make([]bool, len(t.columns)), values: make([]any, len(t.columns)), into: make([]any, len(t.columns))}
	for i := range d.values {
		d.into[i] = &d.values[i]
	}
	types, err := rows.ColumnTypes()
	for i, c := range types {
		d.boolean[i] = c.DatabaseTypeName() == "BOOLEAN" || c.DatabaseTypeName() == "BOOL"
	}
	d.err = err
	return d
}

// Next goes on to the next row.
func (d *tableDigest) Next() bool { return d.err == nil && d.from.Next() }

// Values returns the row, as PostgreSQL takes it.
func (d *tableDigest) Values() ([]any, error) {
	clear(d.values)
	if err := d.from.Scan(d.into...); err != nil {
		return nil, err
	}
	d.rows++
	for i, v := range d.values {
		if n, ok := v.(int64); ok && d.boolean[i] {
			d.values[i] = n != 0 // SQLite knows no booleans
		}
		if err := d.add(d.values[i]); err != nil {
			return nil, fmt.Errorf("%s.%s: %w", d.table.name, d.table.columns[i], err)
		}
	}
	return d.values, nil
}

// Err returns what went wrong.
func (d *tableDigest) Err() error {
	if d.err != nil {
		return d.err
	}
	return d.from.Err()
}

// add adds a value by its type, its length and its bytes, so that no two tables that
// differ are the same text.
func (d *tableDigest) add(value any) error {
	switch v := value.(type) {
	case nil:
		d.write('n', nil)
	case bool:
		b := byte(0)
		if v {
			b = 1
		}
		d.write('b', []byte{b})
	case int64:
		d.write('i', binary.BigEndian.AppendUint64(nil, uint64(v)))
	case string:
		d.write('t', []byte(v))
	case []byte:
		d.write('x', v)
	default:
		return fmt.Errorf("a value is a %T, which no column of ours holds", value)
	}
	return nil
}

func (d *tableDigest) write(kind byte, bytes []byte) {
	head := binary.BigEndian.AppendUint64([]byte{kind}, uint64(len(bytes)))
	d.hash.Write(head)
	d.hash.Write(bytes)
}

func (d *tableDigest) digest() []byte { return d.hash.Sum(nil) }
