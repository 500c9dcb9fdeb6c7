package store

import (
	"time"

	"claviger/internal/access"
)

// ShipCursor returns how far a target has got.
func (t *tx) ShipCursor(target string) (c access.ShipCursor, err error) {
	err = t.one([]any{&c.Target, &c.Seq, &c.Holder, toTime{&c.ShippedAt}},
		`SELECT target, seq, holder, shipped_at FROM ship_cursors WHERE target = $1`, target)
	return c, err
}

// HoldShipping makes a node the one that ships to a target, if another one still is.
func (t *tx) HoldShipping(target, from, to string) (bool, error) {
	return t.changed(`INSERT INTO ship_cursors (target, seq, holder) VALUES ($1, 0, $3)
		ON CONFLICT (target) DO UPDATE SET holder = excluded.holder WHERE ship_cursors.holder = $2`, target, from, to)
}

// MoveShipCursor says that a target has acknowledged all events up to a number.
func (t *tx) MoveShipCursor(target, holder string, seq int64, at time.Time) (bool, error) {
	return t.changed(`UPDATE ship_cursors SET seq = $3, shipped_at = $4 WHERE target = $1 AND holder = $2 AND seq < $3`, target, holder, seq, micros(at))
}
