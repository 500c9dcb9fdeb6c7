package access

import "context"

// Housekeeper deletes what nobody needs any more.
type Housekeeper struct{ Deps }

// NewHousekeeper returns a housekeeper over its dependencies.
func NewHousekeeper(d Deps) *Housekeeper { return &Housekeeper{d} }

// sweepBatch is how many rows of a sort one transaction deletes: few enough that an
// act never waits long behind it.
const sweepBatch = 500

// Sweep deletes in batches until nothing is left to delete, and returns how many
// rows that were. Between two batches others get their turn.
func (h *Housekeeper) Sweep(ctx context.Context) (int, error) {
	total := 0
	for {
		n := 0
		err := h.Store.Note(ctx, func(tx NoteTx) error {
			var err error
			n, err = tx.Sweep(h.Clock.Now(), sweepBatch)
			return err
		})
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}
