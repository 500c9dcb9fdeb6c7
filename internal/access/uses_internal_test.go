package access

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"
)

// notebook is a store that keeps how many uses came with each write.
type notebook struct {
	Store
	NoteTx
	writes []int
	calls  int64
	tokens map[string]time.Time
}

func (n *notebook) Note(_ context.Context, write func(NoteTx) error) error { return write(n) }

func (n *notebook) AddUses(uses []Use) error {
	n.writes = append(n.writes, len(uses))
	for _, u := range uses {
		n.calls += u.Accepted
	}
	return nil
}

func (n *notebook) UsedAccessTokens(last map[string]time.Time) error {
	for id, at := range last {
		n.tokens[id] = at
	}
	return nil
}

// TestUsesAreWrittenInParts: where many uses wait, each write takes a part of them, and
// five take all, each use once. A few are written at once.
func TestUsesAreWrittenInParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ uses, writes int }{{1000, useParts}, {fewUses, 1}} {
		book := &notebook{tokens: map[string]time.Time{}}
		log := NewUseLog(book, slog.New(slog.DiscardHandler))
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		for i := range c.uses {
			id := fmt.Sprintf("tok_%d", i)
			log.note(counted{credentialID: id, applicationID: "app_1", accessID: "at_" + id}, &Request{Method: "GET"}, &Verdict{}, now)
		}
		for range useParts {
			if err := log.flush(t.Context(), (*UseLog).next); err != nil {
				t.Fatal(err)
			}
		}
		if len(book.writes) < c.writes || c.writes == 1 && len(book.writes) != 1 || book.writes[0] > c.uses/c.writes*2 {
			t.Errorf("%d uses were written by %v, want %d writes of about the same size", c.uses, book.writes, c.writes)
		}
		if stats := log.Stats(); book.calls != int64(c.uses) || len(book.tokens) != c.uses || stats.Pending != 0 || log.callers != 0 {
			t.Errorf("%d calls and %d access tokens were written, %d uses and %d callers wait; want %d, all, none, none", book.calls, len(book.tokens), stats.Pending, log.callers, c.uses)
		}
	}
}

// TestPagesAreSettledForWhatTheyShow: where few uses wait a page has all written, else those
// of the credentials that it is about; the others, and what is counted of them, go on waiting.
func TestPagesAreSettledForWhatTheyShow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		uses    int
		ids     []string
		written []int
	}{
		{someUses, nil, []int{someUses}},
		{2 * someUses, nil, nil},
		{2 * someUses, []string{"tok_7", "tok_8", "tok_none"}, []int{2}},
		{2 * someUses, []string{EveryBasic}, []int{1}},
	} {
		book := &notebook{tokens: map[string]time.Time{}}
		log := NewUseLog(book, slog.New(slog.DiscardHandler))
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		for i := range c.uses {
			id := fmt.Sprintf("tok_%d", i)
			if i == 0 {
				id = EveryBasic + "1"
			}
			log.note(counted{credentialID: id, applicationID: "app_1"}, &Request{Method: "GET"}, &Verdict{}, now)
		}
		log.SettleFor(t.Context(), c.ids...)
		if !slices.Equal(book.writes, c.written) {
			t.Errorf("with %d uses a page about %v had %v written, want %v", c.uses, c.ids, book.writes, c.written)
		}
		if err := log.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if stats := log.Stats(); book.calls != int64(c.uses) || stats.Pending != 0 || log.callers != 0 {
			t.Errorf("%d calls were written, %d uses and %d callers wait; want %d, none, none", book.calls, stats.Pending, log.callers, c.uses)
		}
	}
}
