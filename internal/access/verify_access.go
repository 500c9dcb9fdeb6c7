package access

import (
	"context"
	"time"

	"claviger/internal/secret"
)

// findAccessToken looks for an access token, and reports whether it is genuine for
// this target: presented as a bearer token or in the query, and bound to nothing
// else.
func (v *Verifier) findAccessToken(tx ReadTx, p Presented, t Target, f *found) (bool, error) {
	if p.Way != WayBearer && p.Way != WayQueryToken {
		return false, nil
	}
	var err error
	f.access, err = bySecret(v.deps.Keys, p.Secret, tx.AccessTokenByDigests)
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	f.applicationID = t.Application.ID
	a := f.access
	if a.OrganizationID != "" && a.OrganizationID != t.Organization.ID || a.ApplicationID != "" && a.ApplicationID != t.Application.ID {
		return false, nil
	}
	if client := a.CredentialID + a.AskedBy; client != "" { // one of them is empty
		if f.credential, err = tx.Credential(client); err != nil || a.CredentialID != "" {
			return err == nil, err
		}
	}
	if f.user, err = tx.User(a.UserID); err != nil {
		return false, err
	}
	f.membership, err = tx.Membership(t.Organization.ID, a.UserID)
	if missing(err) {
		return a.OrganizationID != "", nil // of this organization once; of another one, not at all
	}
	return err == nil, err
}

// accessState refuses an access token that is over or revoked, whose client or user
// may no longer come in, or that was got by a grant that is off here.
func (f *found) accessState(t *Target, now time.Time) Verdict {
	const layout = "2 January 2006 at 15:04 UTC"
	switch f.access.StateAt(now) {
	case Expired:
		return refusal(CredentialExpired, "The access token expired on "+f.access.ExpiresAt.UTC().Format(layout)+".")
	case Revoked:
		return refusal(CredentialRevoked, "The access token was revoked on "+f.access.RevokedAt.UTC().Format(layout)+".")
	}
	if f.credential.ID != "" {
		switch f.credential.StateAt(now) {
		case Expired:
			return refusal(CredentialExpired, "The client of this access token has expired.")
		case Revoked:
			return refusal(CredentialRevoked, "The client of this access token was revoked.")
		case Paused:
			return refusal(CredentialPaused, "The client of this access token is paused.")
		}
	}
	if f.access.CredentialID != "" {
		return Verdict{}
	}
	if bad := f.userState(); bad.Reason != Accepted {
		return bad
	}
	if f.access.Grant == PasswordGrant && !t.Application.Switches.PasswordGrant {
		return refusal(WayOff, "The password grant is switched off for this application: its tokens do not open it.")
	}
	return Verdict{}
}

// accessPrincipal names an access token's client or user, with the scopes of the
// token within those that the client, or the user's role, has now.
func (f *found) accessPrincipal() Principal {
	p := Principal{Kind: KindAccessToken, Credential: f.access.ID, Scopes: f.access.Scopes.Effective()}
	if f.access.CredentialID != "" {
		p.Label, p.Subject = f.credential.Label, f.credential.ID
		p.Scopes = p.Scopes.Intersect(f.credential.Restriction.Effective())
		return p
	}
	p.Label, p.Subject = f.user.Name, f.user.Email
	p.Scopes = p.Scopes.Intersect(f.membership.Role.Scopes())
	if f.access.AskedBy != "" {
		p.Scopes = p.Scopes.Intersect(f.credential.Restriction.Effective())
	}
	return p
}

// candidate is an application that a client opens and a token is genuine for.
type candidate struct {
	target Target
	found  *found
}

// introspect judges a token for a client: active where it opens what the client is
// of, the client's application, or any of the client's organization.
func (v *Verifier) introspect(ctx context.Context, client Credential, token secret.Secret) (Introspection, error) {
	now := v.deps.Clock.Now()
	inactive := Introspection{Reason: InvalidCredential}
	if _, err := secret.Parse(token.Expose()); err != nil {
		return inactive, nil
	}
	candidates, err := v.candidates(ctx, client, token)
	if err != nil {
		return Introspection{}, err
	}
	for i := range candidates {
		t, f := &candidates[i].target, candidates[i].found
		// Where the token may be used from is for whoever asks us to see: we cannot.
		if inactive.Reason = f.state(t, now).Reason; inactive.Reason != Accepted {
			continue
		}
		if len(f.credential.Allowed) > 0 {
			inactive.Reason = AddressNotAllowed
			continue
		}
		out := Introspection{Active: true, Principal: f.who, Token: f.access, IssuedAt: f.credential.CreatedAt, ExpiresAt: f.credential.ExpiresAt}
		if f.access.ID != "" {
			out.IssuedAt, out.ExpiresAt = f.access.IssuedAt, f.access.ExpiresAt
		}
		return out, nil
	}
	return inactive, nil
}

// mostCandidates bounds what is remembered of one token. A token that opens more
// applications is asked for again each time.
const mostCandidates = 4

// candidates returns what a token is genuine for among what a client opens, from
// memory or from the store. State and time are not judged yet.
func (v *Verifier) candidates(ctx context.Context, client Credential, token secret.Secret) ([]candidate, error) {
	epoch, sure := v.deps.Store.Epoch() // before anything is read
	key := introspectionKey{client.ID, v.deps.Keys.Sum(token)}
	if sure {
		if out, ok := v.memory.introspections.get(&key, uint64(key.digest[0]), epoch); ok {
			return out, nil
		}
	}
	var out []candidate
	err := v.deps.Store.View(ctx, func(tx ReadTx) error {
		out = nil
		targets, err := v.targets(tx, client, token)
		if err != nil {
			return err
		}
		for _, t := range targets {
			f, err := v.search(tx, Presented{Way: WayBearer, Secret: token}, t)
			if err != nil {
				return err
			}
			if f != nil {
				out = append(out, candidate{t, f.slim()})
			}
		}
		return nil
	})
	if err == nil && sure && len(out) <= mostCandidates {
		v.memory.introspections.put(key, uint64(key.digest[0]), out, epoch)
	}
	return out, err
}

// client returns the client that has a secret, in whatever state, or [ErrNoRow].
func (v *Verifier) client(ctx context.Context, password secret.Secret) (Credential, error) {
	epoch, sure := v.deps.Store.Epoch() // before anything is read
	digest := v.deps.Keys.Sum(password)
	if sure {
		if c, ok := v.memory.clients.get(&digest, uint64(digest[0]), epoch); ok {
			return *c, nil
		}
	}
	var f found
	err := v.deps.Store.Lookup(ctx, func(tx ReadTx) error {
		var err error
		f.credential, err = bySecret(v.deps.Keys, password, tx.CredentialByDigests)
		return err
	})
	if err == nil && sure {
		v.memory.clients.put(digest, uint64(digest[0]), &f.slim().credential, epoch)
	}
	return f.credential, err
}

// targets returns the applications that a client opens and the token could: one, if
// either belongs to an application.
func (v *Verifier) targets(tx ReadTx, client Credential, token secret.Secret) ([]Target, error) {
	org, err := tx.OrganizationByID(client.OrganizationID)
	if err != nil {
		return nil, err
	}
	bound, known, err := v.boundTo(tx, token)
	if err != nil || !known {
		return nil, err
	}
	if bound == "" {
		bound = client.ApplicationID
	}
	if bound != "" {
		app, err := tx.ApplicationByID(bound)
		if err != nil || client.ApplicationID != "" && app.ID != client.ApplicationID {
			return nil, err
		}
		return []Target{{Organization: org, Application: app}}, nil
	}
	apps, err := tx.Applications(org.ID)
	out := make([]Target, len(apps))
	for i, app := range apps {
		out[i] = Target{Organization: org, Application: app}
	}
	return out, err
}

// boundTo returns the id of the application that a token belongs to, empty where it
// is not bound to one; known is false where there is no such token.
func (v *Verifier) boundTo(tx ReadTx, token secret.Secret) (applicationID string, known bool, err error) {
	class, err := secret.Parse(token.Expose())
	if err != nil {
		return "", false, nil
	}
	if class == secret.Access {
		a, err := bySecret(v.deps.Keys, token, tx.AccessTokenByDigests)
		return a.ApplicationID, err == nil, ignoreMissing(err)
	}
	c, err := bySecret(v.deps.Keys, token, tx.CredentialByDigests)
	return c.ApplicationID, err == nil, ignoreMissing(err)
}
