package access_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// evidence is an office with one credential of each kind, and an admin of acme.
type evidence struct {
	*office
	admin                      *person
	token, app, wide, personal access.Issued
	clients, users             access.Granted
	username, password, annID  string
}

func newEvidence(t *testing.T) *evidence {
	t.Helper()
	o := newOffice(t)
	o.switches("orders", access.SwitchDraft{PasswordGrant: to(true)})
	e := &evidence{office: o, admin: o.hire("bob@example.com", access.Admin)}
	ann := o.hire("ann@example.com", access.Viewer)
	e.annID = ann.actor().UserID
	e.token, e.app, e.wide = o.Token("acme", "orders", "ci", "*:read"), o.client("orders", access.Draft{Label: "app"}), o.client("", access.Draft{Label: "wide"})
	e.personal = ann.personal("acme", access.Draft{Label: "laptop"})
	e.clients, e.users = o.granted(as(e.wide)), o.granted(by("ann@example.com", testkit.Password))
	e.username, e.password = o.Basic("acme", "orders")
	e.admin.elevate("acme")
	return e
}

func (e *evidence) inspect(org, text string) access.Inspected {
	e.t.Helper()
	found, err := e.Verifier.Inspect(e.t.Context(), e.admin.actor(), org, text)
	if err != nil {
		e.t.Fatalf("inspect: %v", err)
	}
	return found
}

func basicHeader(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// verdicts prints what each application would answer.
func verdicts(found access.Inspected) string {
	var out []string
	for _, v := range found.Verdicts {
		out = append(out, fmt.Sprintf("%s:%d", v.Application.Slug, v.Verdict.Reason))
	}
	return strings.Join(out, " ")
}

// TestInspect: every kind, in every form in which people meet it, with what each
// application would say.
func TestInspect(t *testing.T) {
	t.Parallel()
	e := newEvidence(t)
	s := func(i access.Issued) string { return i.Secret.Expose() }
	all := func(reason access.Reason) string {
		return fmt.Sprintf("billing:%d orders:%d sandbox:%d", reason, reason, reason)
	}
	orders := func(reason access.Reason) string { return fmt.Sprintf("orders:%d", reason) }
	for name, c := range map[string]struct{ text, id, verdicts string }{
		"token":                     {s(e.token), e.token.Credential.ID, orders(access.Accepted)},
		"token, header":             {"Authorization: Bearer " + s(e.token), e.token.Credential.ID, orders(access.Accepted)},
		"token, curl":               {"curl -sS -H 'authorization: bearer " + s(e.token) + "' https://api.example.com/x?a=b", e.token.Credential.ID, orders(access.Accepted)},
		"token, log line":           {`10.0.0.1 - - "GET /x?access_token=` + s(e.token) + `&page=2 HTTP/1.1" 200 17`, e.token.Credential.ID, orders(access.Accepted)},
		"token, JSON":               {`{"token":"` + s(e.token) + `","n":1}`, e.token.Credential.ID, orders(access.Accepted)},
		"token as a Basic password": {basicHeader("me", s(e.token)), e.token.Credential.ID, orders(access.InvalidCredential)},
		"basic, header":             {"Authorization: " + basicHeader(e.username, e.password), "basic", orders(access.Accepted)},
		"basic, unpadded":           {strings.TrimRight(basicHeader(e.username, e.password), "="), "basic", orders(access.Accepted)},
		"basic, wrong username":     {basicHeader("app_00000000000000000000000000", e.password), "basic", orders(access.InvalidCredential)},
		"basic, curl":               {"curl --user '" + e.username + ":" + e.password + "' https://x", "basic", orders(access.Accepted)},
		"basic, password alone":     {e.password, "basic", orders(access.Accepted)},
		"basic, username alone":     {"user " + e.username + " failed", "basic", orders(access.InvalidCredential)},
		"application's client":      {"client_id=" + e.app.Credential.ID + "&client_secret=" + s(e.app), e.app.Credential.ID, orders(access.WayOff)},
		"organization's client":     {s(e.wide), e.wide.Credential.ID, all(access.WayOff)},
		"personal":                  {s(e.personal), e.personal.Credential.ID, all(access.Accepted)},
		"personal, Basic":           {basicHeader("ann@example.com", s(e.personal)), e.personal.Credential.ID, all(access.Accepted)},
		"personal, another's email": {basicHeader("bob@example.com", s(e.personal)), e.personal.Credential.ID, all(access.InvalidCredential)},
		"personal, curl":            {"curl --user 'ann@example.com:" + s(e.personal) + "'", e.personal.Credential.ID, all(access.Accepted)},
		"access, client's":          {"Bearer " + e.clients.Secret.Expose(), e.clients.Token.ID, all(access.Accepted)},
		"access, user's":            {e.users.Secret.Expose(), e.users.Token.ID, fmt.Sprintf("billing:%d orders:%d sandbox:%d", access.WayOff, access.Accepted, access.WayOff)},
		"after something unknown":   {secret.Generate(secret.Token).Expose() + "\n" + s(e.token), e.token.Credential.ID, orders(access.Accepted)},
	} {
		found := e.inspect("acme", c.text)
		id := found.Credential.ID
		if found.Access.ID != "" {
			id = found.Access.ID
		}
		if found.Credential.Kind == access.KindBasic && found.Credential.ApplicationID == e.username {
			id = "basic"
		}
		if !found.Found || !found.Recognised || id != c.id || found.State != access.Active || verdicts(found) != c.verdicts {
			t.Errorf("%s: found %v, %q, %s, %s, want %s, %s", name, found.Found, id, found.State, verdicts(found), c.id, c.verdicts)
		}
	}
	if found := e.inspect("acme", s(e.personal)); found.User.ID != e.annID {
		t.Errorf("whose: %+v", found.User)
	}
	for name, text := range map[string]string{"prose": "it does not work!", "broken": s(e.token)[:43], "changed": strings.Replace(s(e.token), "clavt", "clavp", 1), "base64 of nothing": "Basic aGVsbG8gd29ybGQ="} {
		if found := e.inspect("acme", text); found.Found || found.Recognised {
			t.Errorf("%s: %+v", name, found)
		}
	}
	if found := e.inspect("acme", secret.Generate(secret.Personal).Expose()); found.Found || !found.Recognised {
		t.Errorf("of our format, and unknown: %+v", found)
	}
	for name, text := range map[string]string{"nothing": " \n ", "too much": strings.Repeat("x", 33<<10)} {
		if _, err := e.Verifier.Inspect(t.Context(), e.admin.actor(), "acme", text); access.KindOf(err) != access.Invalid || fields(err)[0] != "pasted" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestInspectStates: the state, and why it would be refused.
func TestInspectStates(t *testing.T) {
	t.Parallel()
	e := newEvidence(t)
	ctx, op := t.Context(), e.Operator()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(name, text string, state access.State, reason access.Reason) {
		t.Helper()
		found := e.inspect("acme", text)
		if !found.Found || found.State != state || len(found.Verdicts) == 0 {
			t.Errorf("%s: %+v", name, found)
			return
		}
		for _, v := range found.Verdicts {
			if v.Verdict.Reason != reason || v.Verdict.Description == "" {
				t.Errorf("%s: %s: reason %d (%s), want %d", name, v.Application.Slug, v.Verdict.Reason, v.Verdict.Description, reason)
			}
		}
	}
	token := e.token.Secret.Expose()
	must(second(e.Registry.Each(ctx, op, "acme", "orders", access.PauseThem, []string{e.token.Credential.ID})))
	check("paused", token, access.Paused, access.CredentialPaused)
	must(second(e.Registry.Each(ctx, op, "acme", "orders", access.RevokeThem, []string{e.token.Credential.ID})))
	check("revoked", token, access.Revoked, access.CredentialRevoked)
	must(e.Registry.DisableBasic(ctx, op, "acme", "orders", "orders"))
	check("disabled", basicHeader(e.username, e.password), access.Disabled, access.BasicDisabled)
	must(second(e.Registry.Each(ctx, op, "acme", "", access.PauseThem, []string{e.wide.Credential.ID})))
	check("of a paused client", e.clients.Secret.Expose(), access.Active, access.CredentialPaused)
	bound := e.granted(at(by("ann@example.com", testkit.Password), "acme", "orders"))
	must(second(e.Accounts.RemoveMember(ctx, op, "acme", "ann@example.com")))
	check("of a user who left", bound.Secret.Expose(), access.Active, access.UserGone)
	if found := e.inspect("acme", e.users.Secret.Expose()); found.Found {
		t.Errorf("of a user who is none of ours any more: %+v", found)
	}
	listed, err := e.Registry.IssueToken(ctx, op, "acme", "orders", access.Draft{Label: "listed", Allow: []string{"10.0.0.0/8"}, Expires: "7d"})
	must(err)
	found := e.inspect("acme", listed.Secret.Expose())
	if d := found.Verdicts[0].Verdict.Description; d != "It is accepted only from 10.0.0.0/8." {
		t.Errorf("an address list: %q", d)
	}
	e.Clock.Advance(7 * 24 * time.Hour)
	e.admin = e.signIn("bob@example.com")
	e.admin.elevate("acme")
	check("expired", listed.Secret.Expose(), access.Expired, access.CredentialExpired)
}

// TestInspectIsOfOneOrganization: secrets of another one are not recognised as
// anybody's, and nothing that is pasted is stored, recorded, logged or returned.
func TestInspectIsOfOneOrganization(t *testing.T) {
	t.Parallel()
	e := newEvidence(t)
	e.User("bob@example.com", "beta", access.Admin)
	e.admin.elevate("beta")
	if _, err := e.Verifier.Inspect(t.Context(), e.admin.actor(), "acme", "x"); access.KindOf(err) != access.ElevationRequired {
		t.Errorf("elevated for beta, asks in acme: %v", err)
	}
	for name, text := range map[string]string{
		"token": e.token.Secret.Expose(), "basic": basicHeader(e.username, e.password), "username": e.username, "client": e.wide.Secret.Expose(),
		"personal": e.personal.Secret.Expose(), "client's access": e.clients.Secret.Expose(), "user's access": e.users.Secret.Expose(),
	} {
		found := e.inspect("beta", text)
		if found.Found || found.Credential.ID != "" || found.Access.ID != "" || found.User.ID != "" || len(found.Verdicts) != 0 {
			t.Errorf("%s of another organization: %+v", name, found)
		}
	}
	e.admin.elevate("acme")
	logged := e.Log.String()
	events := e.count()
	unknown := secret.Generate(secret.Token).Expose()
	text := "curl -H 'Authorization: Bearer " + unknown + "' -d " + e.token.Secret.Expose()
	found := e.inspect("acme", text)
	if strings.Contains(fmt.Sprintf("%+v", found), unknown) || strings.Contains(fmt.Sprintf("%+v", found), e.token.Secret.Expose()) {
		t.Error("what was pasted comes back")
	}
	e.FlushUses()
	if e.count() != events || e.Log.String() != logged {
		t.Error("an inspection is recorded or logged")
	}
	if uses := e.inspect("acme", text); !uses.LastUse.At.IsZero() {
		t.Error("an inspection counts as a use")
	}
	if strings.Contains(state(t, e.Store), unknown) {
		t.Error("what was pasted is stored")
	}
}
