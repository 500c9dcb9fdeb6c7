package storetest

import (
	"errors"
	"testing"

	"claviger/internal/access"
)

// testShipCursors: one node ships to a target, and only it moves the cursor, forward.
func testShipCursors(t *testing.T, s *suite) {
	cursor := func(tx access.ReadTx) (access.ShipCursor, error) { return tx.ShipCursor("file:/a") }
	missing(s, "before", cursor)
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("move what nobody holds", false)(tx.MoveShipCursor("file:/a", "n1", 5, after(1))),
			expect("hold", true)(tx.HoldShipping("file:/a", "", "n1")),
			expect("hold what another holds", false)(tx.HoldShipping("file:/a", "", "n2")),
			expect("move", true)(tx.MoveShipCursor("file:/a", "n1", 5, after(2))),
			expect("move as another", false)(tx.MoveShipCursor("file:/a", "n2", 6, after(3))),
			expect("move to where it is", false)(tx.MoveShipCursor("file:/a", "n1", 5, after(3))),
			expect("move back", false)(tx.MoveShipCursor("file:/a", "n1", 4, after(3))),
		)
	})
	s.equal("moved", get(s, cursor), access.ShipCursor{Target: "file:/a", Seq: 5, Holder: "n1", ShippedAt: after(2)})
	s.update(func(tx access.Tx) error {
		return errors.Join(
			expect("take over", true)(tx.HoldShipping("file:/a", "n1", "n2")), expect("give back late", false)(tx.HoldShipping("file:/a", "n1", "")),
			expect("another target", true)(tx.HoldShipping("syslog:", "", "n1")),
		)
	})
	s.equal("taken over", get(s, cursor), access.ShipCursor{Target: "file:/a", Seq: 5, Holder: "n2", ShippedAt: after(2)})
}
