package journey

import (
	"time"

	"claviger/internal/access"
)

// habit is how a credential is called in the course of the days.
type habit struct {
	credential     string
	api            string
	since          int     // days
	most           float64 // calls in its busiest hour
	busiest, width int     // the hour of the day, UTC, and how many hours before and after it there are calls
	callers        []access.UseCaller
	refused        int // every so many hours one call is refused; 0: none is
	why            access.Reason
}

// aMonth writes how credentials were called in the last thirty days: more by day than by
// night, less at the weekend, and the same in every run.
func (h *history) aMonth(habits ...habit) {
	h.t.Helper()
	app, _ := h.orders()
	var uses []access.Use
	end := h.now.Add(-2 * time.Hour).Truncate(time.Hour)
	for _, of := range habits {
		for at := end.Add(-time.Duration(of.since) * day); at.Before(end); at = at.Add(time.Hour) {
			uses = append(uses, of.at(app, at)...)
		}
	}
	must(h.t, h.store.Note(h.t.Context(), func(tx access.NoteTx) error { return tx.AddUses(uses) }))
}

// at is the use in the hour that begins then; none at most of them.
func (of habit) at(app string, then time.Time) []access.Use {
	n := int(then.Unix() / 3600)
	apart := (then.Hour() - of.busiest + 36) % 24
	apart = max(apart-12, 12-apart)
	if apart > of.width {
		return nil
	}
	calls := of.most * (1 - float64(apart)/float64(of.width+1)) * (.75 + float64(n*7919%50)/100)
	if weekday := then.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
		calls *= .3
	}
	who := of.callers[n%len(of.callers)]
	use := access.Use{
		CredentialID: of.credential, ApplicationID: app, Minute: then, Accepted: int64(calls) + 1, At: then.Add(40 * time.Minute),
		Address: who.Address, Agent: who.Agent, API: of.api, Method: "GET",
	}
	if of.refused > 0 && n%of.refused == 0 {
		use.Refused = 1 + int64(calls/3)
		use.Refusals = []access.UseRefusal{{Reason: of.why.String(), Count: use.Refused, Hour: then}}
	}
	who.Accepted, who.Refused, who.At = use.Accepted, use.Refused, use.At
	use.Callers = []access.UseCaller{who}
	return []access.Use{use}
}

// orders returns the ids of the application and of its Basic credentials.
func (h *history) orders() (app, basic string) {
	h.t.Helper()
	must(h.t, h.store.View(h.t.Context(), func(tx access.ReadTx) error {
		org, err := tx.Organization("acme")
		if err != nil {
			return err
		}
		orders, err := tx.Application(org.ID, "orders")
		if err != nil {
			return err
		}
		credential, err := tx.BasicOf(orders.ID)
		app, basic = orders.ID, credential.ID
		return err
	}))
	return app, basic
}

// from are callers with one user agent; an address that comes twice calls twice as often.
func from(agent string, addresses ...string) []access.UseCaller {
	var out []access.UseCaller
	for _, address := range addresses {
		out = append(out, access.UseCaller{Address: address, Agent: agent})
	}
	return out
}
