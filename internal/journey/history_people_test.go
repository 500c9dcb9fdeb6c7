package journey

import (
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// people is what was made when clients and people's own tokens came.
type people struct{ sync, billing, phone, jira access.Issued }

// fortyDaysAgo: clients of Orders and of Acme, and personal tokens.
func (h *history) fortyDaysAgo() people {
	h.t.Helper()
	h.ago(40 * day)
	var p people
	m := h.elevatedFor(maria, "Warehouse and billing get clients, ticket 4390")
	p.sync = h.client(m, "orders", "Warehouse sync", "365d")
	h.client(m, "orders", "Label printer", "30d")
	p.billing = h.client(m, "", "Billing run", "never")
	h.personal(lea, "Backup script on my laptop", "365d", "*:read")
	p.phone = h.personal(lea, "Old phone", "365d", "*:read", "*:write")
	p.jira = h.personal(jonas, "Jira automation", "90d", "*:read", "*:write")
	h.personal(jonas, "Nightly report", "365d", "*:read")
	return p
}

// sixDaysAgo: Lea revokes a token of hers.
func (h *history) sixDaysAgo(p people) {
	h.t.Helper()
	h.ago(6 * day)
	_, err := h.accounts.RevokeOwn(h.t.Context(), h.signedIn(lea).Actor(caller("10.0.3.9"), "Firefox"), []string{p.phone.Credential.ID})
	must(h.t, err)
}

// yesterday: an invitation, and a token that is being replaced.
func (h *history) yesterday() {
	h.t.Helper()
	h.ago(26 * time.Hour)
	m := h.elevatedFor(maria, "A new colleague, and Contoso’s new key, ticket 4702")
	_, err := h.registry.Invite(h.t.Context(), m, "acme", "noor.haddad@acme.example", access.Member)
	must(h.t, err)
	shop := h.token(m, "Contoso shop", "90d", "backend:read", "backend:write")
	h.calls(shop, "backend", "198.51.100.24", "contoso-shop/3.0", 12)
	h.clock.Advance(time.Minute)
	_, err = h.registry.Replace(h.t.Context(), m, "acme", "orders", shop.Credential.ID, access.ReplaceDraft{End: "7d"})
	must(h.t, err)
}

// anHourAgo: calls with a personal token and with access tokens.
func (h *history) anHourAgo(p people) {
	h.t.Helper()
	h.ago(50 * time.Minute)
	h.present(access.Presented{Way: access.WayBearer, Secret: p.jira.Secret}, "GET", "backend", "10.0.3.21", "jira-cloud/1001", 9)
	for i := range 3 {
		h.clock.Advance(time.Minute)
		h.present(access.Presented{Way: access.WayBearer, Secret: h.grant(p.sync)}, "GET", "backend", "10.0.8.4", "wms/7.2", 5+i)
	}
	h.grant(p.billing)
}

// elevatedFor signs somebody in and elevates for all of Acme.
func (h *history) elevatedFor(email, why string) access.Actor {
	h.t.Helper()
	visit := h.signedIn(email)
	token, err := h.accounts.Elevate(h.t.Context(), visit, visit.Actor(caller("10.0.3.2"), "Firefox"), access.ElevationDraft{Organization: "acme", Reason: why, Minutes: 30})
	must(h.t, err)
	h.clock.Advance(40 * time.Second)
	visit, err = h.accounts.Authenticate(h.t.Context(), token)
	must(h.t, err)
	return visit.Actor(caller("10.0.3.2"), "Firefox")
}

// client makes a client of an application of Acme, or of Acme itself.
func (h *history) client(who access.Actor, app, label, expires string) access.Issued {
	h.t.Helper()
	h.clock.Advance(50 * time.Second)
	issued, err := h.registry.IssueClient(h.t.Context(), who, "acme", app, access.Draft{Label: label, Expires: expires})
	must(h.t, err)
	return issued
}

// personal makes a personal token of somebody.
func (h *history) personal(email, label, expires string, scopes ...string) access.Issued {
	h.t.Helper()
	h.clock.Advance(45 * time.Second)
	draft := access.Draft{Label: label, Expires: expires}
	for _, text := range scopes {
		scope, err := access.ParseScopes(text)
		must(h.t, err)
		draft.Scopes = append(draft.Scopes, scope...)
	}
	visit := h.signedIn(email)
	issued, err := h.accounts.IssuePersonal(h.t.Context(), visit.Actor(caller("10.0.3.9"), "Firefox"), "acme", draft)
	must(h.t, err)
	return issued
}

// grant gets an access token for a client.
func (h *history) grant(client access.Issued) secret.Secret {
	h.t.Helper()
	granted, err := h.authority.Grant(h.t.Context(), access.Ask{
		Grant: access.ClientCredentials, ClientID: client.Credential.ID, ClientSecret: client.Secret, Caller: caller("10.0.8.4"), Agent: "wms/7.2",
	})
	must(h.t, err)
	return granted.Secret
}
