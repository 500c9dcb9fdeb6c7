package web_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// issue makes the access token of a cell, with the client or the user that it was
// issued to.
func (w *world) issue(c cell, m *made) (user access.User) {
	w.t.Helper()
	now := w.site.Clock.Now()
	m.text = secret.Generate(secret.Access)
	prefix, last4 := secret.Shown(m.text)
	m.issued = access.AccessToken{
		ID: w.id("act"), OrganizationID: w.org.ID, ApplicationID: m.app.ID, Grant: access.ClientCredentials, Prefix: prefix, Last4: last4,
		Digest: w.site.Keys.Digest(m.text), IssuedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	if ofUser.has(c.presented) {
		user = w.user()
		m.email, m.credential = user.Email, access.Credential{}
		m.issued.UserID, m.issued.Grant = user.ID, access.PasswordGrant
		if c.presented == freeAccess {
			m.issued.OrganizationID, m.issued.ApplicationID = "", ""
		}
		return user
	}
	m.credential, _ = w.credential(access.KindClient, m.app)
	m.issued.CredentialID = m.credential.ID
	if c.presented == orgAccess {
		m.credential.ApplicationID, m.issued.ApplicationID = "", ""
	}
	return user
}

// spoilIssued does to an access token, or to its client, what is the matter with it,
// as far as that can be done before they are stored.
func (w *world) spoilIssued(c cell, m *made) {
	now := w.site.Clock.Now()
	scopes := func(text string) access.Scopes {
		out, err := access.ParseScopes(text)
		if err != nil {
			w.t.Fatal(err)
		}
		return out
	}
	switch c.matter {
	case expired:
		m.issued.ExpiresAt = now
	case readOnly:
		m.issued.Scopes = scopes("backend:read oplog:write")
	case writeOnly:
		m.issued.Scopes = scopes("backend:write")
	case otherAPIOnly:
		m.issued.Scopes = scopes("oplog:read oplog:write")
	case clientReads:
		m.credential.Restriction = scopes("*:read")
	case clientExpired:
		m.credential.ExpiresAt = now
	case clientRevoked:
		m.credential.RevokedAt = now
	case clientPaused:
		m.credential.PausedAt = now
	case listed:
		m.credential.Allowed = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	case notListed, unknownAddress:
		m.credential.Allowed = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	case otherApp:
		w.issuedElsewhere(m, w.org.ID)
	case otherOrg:
		w.issuedElsewhere(m, w.rival.ID)
	}
}

// issuedElsewhere binds an access token, and its client, to another application, or
// to another organization.
func (w *world) issuedElsewhere(m *made, organizationID string) {
	other := *m
	w.elsewhere(&other, organizationID)
	m.credential.OrganizationID = organizationID
	if m.credential.ApplicationID != "" {
		m.credential.ApplicationID = other.credential.ApplicationID
	}
	m.issued.OrganizationID = organizationID
	if m.issued.ApplicationID == "" {
		return
	}
	m.issued.ApplicationID = other.credential.ApplicationID
	if m.issued.ApplicationID == "" { // a user's has no client to say of which
		m.issued.ApplicationID = w.rivalApp.ID
	}
}

// insertAccessToken stores the access token of a cell, if it has one, and revokes it.
func (w *world) insertAccessToken(tx access.Tx, c cell, t access.AccessToken) error {
	if t.ID == "" {
		return nil
	}
	if err := tx.InsertAccessToken(t); err != nil || c.matter != revoked {
		return err
	}
	_, err := tx.RevokeAccessToken(t.ID, w.site.Clock.Now(), "test", "test")
	return err
}

// issuedTo is the identity that an access token gives.
func (p prepared) issuedTo() (kind, id, shown, subject string) {
	if slices.Contains(ofUser, p.presented) {
		return "access-token", p.issued.ID, "Some%20One", p.email
	}
	return "access-token", p.issued.ID, encodedLabel, p.credential.ID
}

// TestDecisionByIntrospection: what opens an application is active for a client of
// that one, whatever it may do there and wherever it may be used from, and nothing
// else is.
func TestDecisionByIntrospection(t *testing.T) {
	w := newWorld(t)
	bearers, seen := set{token, personal, clientAccess, orgAccess, userAccess, freeAccess}, map[bool]int{}
	for _, c := range cells() {
		i := slices.IndexFunc(decision, func(r row) bool { return r.claims(c) })
		if c.endpoint != verifyApp || c.method != read || !bearers.and(basic, client, orgClient).has(c.presented) || i < 0 || decision[i].want == impossible {
			continue
		}
		if c.matter == wrongWay || noSuchApp.has(c.matter) {
			continue // introspection knows one way, and applications that there are
		}
		m := w.prepare(c).made
		text := m.text.Expose()
		if _, header := w.present(c, m); bearers.has(c.presented) {
			text = strings.TrimPrefix(header[0], "Bearer ")
		}
		caller, key := w.credential(access.KindClient, m.app)
		w.update(func(tx access.Tx) error { return tx.InsertCredential(caller) })
		r := form(t, w.site.ConsoleURL+"/oauth/introspect", "token", text, "client_id", caller.ID, "client_secret", key.Expose())
		want := bearers.has(c.presented) && decision[i].want.status != 401 && len(m.credential.Allowed) == 0
		if active := r.JSON["active"] == true; active != want || r.Status != 200 || !active && r.Body != `{"active":false}` {
			t.Errorf("%s: status %d, want active %v: %s", c, r.Status, want, r.Body)
		}
		seen[want]++
	}
	if seen[true] < 50 || seen[false] < 50 {
		t.Errorf("%v asked: the table has shrunk", seen)
	}
}
