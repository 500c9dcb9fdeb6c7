package access_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// deafStore is a real store that cannot record: every InsertEvent fails, as on a
// full disk, after what came before it in the transaction.
type deafStore struct{ access.Store }

type deafTx struct{ access.Tx }

var errDeaf = errors.New("the event cannot be written")

func (deafTx) InsertEvent(access.Event) error { return errDeaf }

func (deafTx) AddTally(access.Tally) error { return errDeaf }

func (s deafStore) Update(ctx context.Context, write func(access.Tx) error) error {
	return s.Store.Update(ctx, func(tx access.Tx) error { return write(deafTx{tx}) })
}

type deafNoteTx struct{ access.NoteTx }

func (deafNoteTx) InsertEvent(access.Event) error { return errDeaf }

func (deafNoteTx) AddTally(access.Tally) error { return errDeaf }

func (s deafStore) Note(ctx context.Context, write func(access.NoteTx) error) error {
	return s.Store.Note(ctx, func(tx access.NoteTx) error { return write(deafNoteTx{tx}) })
}

// deaf returns the office's services over a store that cannot record.
func (o *office) deaf() *office {
	d := o.Registry.Deps
	d.Store = deafStore{o.Store}
	site := *o.Site
	site.Registry, site.Accounts, site.Verifier = access.NewRegistry(d), access.NewAccounts(d), access.NewVerifier(d, o.Uses)
	site.Authority = access.NewAuthority(d, site.Accounts, site.Verifier)
	return &office{&site, o.t, o.ids}
}

// TestNoActWithoutItsRecord (S13): where the Event cannot be written, nothing of
// the act has happened, and nothing comes back from it.
func TestNoActWithoutItsRecord(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	token, paused := o.stock(), o.Token("acme", "orders", "paused", "").Credential.ID
	owner := o.hire("ann@example.com", access.Owner)
	owner.elevate("acme")
	if _, err := o.Registry.Each(t.Context(), o.Operator(), "acme", "orders", access.PauseThem, []string{paused}); err != nil {
		t.Fatal(err)
	}
	client, err := o.Registry.IssueClient(t.Context(), o.Operator(), "acme", "", access.Draft{Label: "paused"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Registry.Each(t.Context(), o.Operator(), "acme", "", access.PauseThem, []string{client.Credential.ID}); err != nil {
		t.Fatal(err)
	}
	before, deaf := state(t, o.Store), o.deaf()
	running := o.ids["org client"]
	for _, act := range allChanging() {
		o.ids["org client"] = running
		if act.name == "ResumeClients" {
			o.ids["org client"] = client.Credential.ID
		}
		a, id := owner.actor(), token
		if act.needs >= byOperators {
			a = o.Operator()
		}
		if act.name == "ResumeToken" {
			id = paused
		}
		if err := act.do(t.Context(), deaf, a, id); !errors.Is(err, errDeaf) {
			t.Errorf("%s: %v", act.name, err)
		}
		if after := state(t, o.Store); after != before {
			t.Fatalf("%s happened without its record", act.name)
		}
	}
	issued, err := deaf.Registry.IssueToken(t.Context(), owner.actor(), "acme", "orders", access.Draft{Label: "x"})
	if err == nil {
		t.Errorf("IssueToken gives a secret away: %v", issued)
	}
	revealed, err := deaf.Registry.RevealBasic(t.Context(), owner.actor(), "acme", "orders", "")
	if err == nil || !revealed.Password.IsZero() || revealed.Username != "" {
		t.Errorf("RevealBasic gives the password away: %v, %v", revealed, err)
	}
}

// TestNoComingInWithoutItsRecord is the same for sessions and elevations.
func TestNoComingInWithoutItsRecord(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	deaf := o.deaf()
	ctx := t.Context()
	if in, err := deaf.Accounts.SignIn(ctx, credentials("ann@example.com", testkit.Password)); !errors.Is(err, errDeaf) {
		t.Errorf("SignIn: %v, %v", in, err)
	}
	v := p.visit()
	draft := access.ElevationDraft{Organization: "acme", Reason: testkit.Reason, Minutes: 15}
	if _, err := deaf.Accounts.Elevate(ctx, v, p.actor(), draft); !errors.Is(err, errDeaf) {
		t.Errorf("Elevate: %v", err)
	}
	if after := p.visit(); after.Elevation.ID != "" || after.Replaced || string(after.Session.TokenHash) != string(v.Session.TokenHash) {
		t.Error("an elevation, or a new token, without its record")
	}
	p.elevate("acme")
	if _, err := deaf.Accounts.Drop(ctx, p.visit(), p.actor()); !errors.Is(err, errDeaf) {
		t.Errorf("Drop: %v", err)
	}
	if p.visit().Elevation.ID == "" {
		t.Error("an elevation was dropped without its record")
	}
	if err := deaf.Accounts.SignOut(ctx, p.actor()); !errors.Is(err, errDeaf) {
		t.Errorf("SignOut: %v", err)
	}
	if p.visit().User.Email != "ann@example.com" {
		t.Error("a session ended without its record")
	}
}

// TestOneEventAnAct: what each act of the matrix records, in order.
func TestOneEventAnAct(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	token := o.stock()
	p := o.hire("ann@example.com", access.Owner)
	p.elevate("acme")
	elevation := p.visit().Elevation
	wants := map[string]string{
		"CreateApplication": "application.create", "RenameApplication": "application.update", "CreateAPI": "api.create", "UpdateAPI": "api.update",
		"IssueToken": "token.create", "RenameToken": "token.rename", "RestrictToken": "token.restrict", "RestrictBasic": "basic.restrict", "RestrictClient": "client.restrict", "PauseToken": "token.pause", "ResumeToken": "token.resume",
		"RevokeTokens": "token.revoke", "RevealBasic": "basic.reveal", "DisableBasic": "basic.disable", "ConfirmBasic": "basic.confirm",
		"CreateOrganization": "organization.create application.create api.create", "AddMember": "user.create member.add", "DisableUser": "user.disable", "EnableUser": "user.enable",
		"ResetPassword": "user.reset-password", "Switch": "application.switch",
		"IssueClient": "client.create", "RenameClient": "client.rename", "PauseClients": "client.pause", "ResumeClients": "client.resume",
		"RevokeClients": "client.revoke", "Replace": "token.revoke token.replace", "ReplaceClient": "client.replace",
		"RevokeAccessToken": "access-token.revoke", "RevokeAccessTokens": "access-token.revoke", "RevokeMemberAccess": "access-token.revoke",
		"Invite": "member.invite", "WithdrawInvite": "member.withdraw-invite", "ChangeRole": "member.role", "RemoveMember": "member.remove",
		"DisableMember": "user.disable", "EnableMember": "user.enable", "RevokeEverything": "personal.revoke personal.revoke user.revoke-everything", "IssuePersonal": "personal.create",
		"EachPersonal": "personal.revoke", "PrepareKey": "keys.prepare", "RetireKey": "keys.retire", "RotateKeys": "keys.prepare keys.rotate",
	}
	for _, act := range allChanging() {
		a := p.actor()
		if act.needs >= byOperators {
			a = o.Operator()
		}
		events := o.count()
		if err := act.do(t.Context(), o, a, token); err != nil {
			t.Fatalf("%s: %v", act.name, err)
		}
		var did []string
		for _, e := range o.since(events) {
			did = append(did, string(e.Act))
			if !e.At.Equal(o.Clock.Now()) || e.Count != 1 || e.TargetID == "" || e.TargetName == "" {
				t.Errorf("%s: event %+v", act.name, e)
			}
			if act.needs >= byOperators {
				if e.ActorID != "" || e.ActorName != "tester (command line)" || e.Reason != testkit.Reason {
					t.Errorf("%s: by %q %q because %q", act.name, e.ActorID, e.ActorName, e.Reason)
				}
				continue
			}
			if e.ActorID != a.UserID || e.ActorName != a.Name || e.Address != "192.0.2.10" || e.Agent != "test/1" {
				t.Errorf("%s: by %+v", act.name, e)
			}
			if e.ElevationID != elevation.ID || e.Reason != testkit.Reason {
				t.Errorf("%s: under elevation %q because %q", act.name, e.ElevationID, e.Reason)
			}
		}
		if got := strings.Join(did, " "); got != wants[act.name] {
			t.Errorf("%s records %q, want %q", act.name, got, wants[act.name])
		}
	}
}

// TestActsThatChangeNothingAreNotRecorded: the second of two like acts is none.
func TestActsThatChangeNothingAreNotRecorded(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	o.User("leaver@example.com", "acme", access.Viewer)
	id := o.Token("acme", "orders", "its label", "").Credential.ID
	for name, again := range map[string]func() error{
		"RenameToken":       func() error { return o.Registry.Rename(ctx, op, "acme", "orders", id, " its label ") },
		"RenameApplication": func() error { return o.Registry.RenameApplication(ctx, op, "acme", "orders", "orders") },
		"UpdateAPI": func() error {
			return o.Registry.UpdateAPI(ctx, op, "acme", "orders", "backend", access.APIDraft{Name: "backend", Upstream: access.EchoUpstream})
		},
		"ResumeToken": func() error {
			_, err := o.Registry.Each(ctx, op, "acme", "orders", access.ResumeThem, []string{id})
			return err
		},
	} {
		before := state(t, o.Store)
		if err := again(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if state(t, o.Store) != before {
			t.Errorf("%s, which changes nothing, is recorded", name)
		}
	}
	twice := map[string]func() error{
		"PauseToken": func() error {
			_, err := o.Registry.Each(ctx, op, "acme", "orders", access.PauseThem, []string{id})
			return err
		},
		"RevokeTokens": func() error {
			_, err := o.Registry.Each(ctx, op, "acme", "orders", access.RevokeThem, []string{id})
			return err
		},
		"DisableUser": func() error { _, err := o.Accounts.DisableUser(ctx, op, "Leaver@example.com "); return err },
	}
	for _, name := range []string{"PauseToken", "RevokeTokens", "DisableUser"} {
		if err := twice[name](); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		before := state(t, o.Store)
		if err := twice[name](); err != nil {
			t.Errorf("%s again: %v", name, err)
		}
		if state(t, o.Store) != before {
			t.Errorf("%s again changes something", name)
		}
	}
}

// TestRevokeTokensIsAllOrNone: one event a token, and nothing at all where one of
// the ids is no token of the application.
func TestRevokeTokensIsAllOrNone(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	var ids []string
	for i := range 3 {
		ids = append(ids, o.Token("acme", "orders", fmt.Sprintf("t%d", i), "").Credential.ID)
	}
	foreign := o.Token("acme", "billing", "theirs", "").Credential.ID
	var basic string
	if err := o.Store.View(ctx, func(tx access.ReadTx) error {
		org, err := tx.Organization("acme")
		if err != nil {
			return err
		}
		app, err := tx.Application(org.ID, "orders")
		if err != nil {
			return err
		}
		c, err := tx.BasicOf(app.ID)
		basic = c.ID
		return err
	}); err != nil {
		t.Fatal(err)
	}
	before := state(t, o.Store)
	for _, wrong := range []string{foreign, basic, "tok_none", ""} {
		if _, err := o.Registry.Each(ctx, op, "acme", "orders", access.RevokeThem, append([]string{ids[0]}, wrong)); access.KindOf(err) != access.NotFound {
			t.Errorf("with %q: %v", wrong, err)
		}
	}
	if _, err := o.Registry.Each(ctx, op, "acme", "orders", access.RevokeThem, nil); access.KindOf(err) != access.Invalid {
		t.Errorf("none at all: %v", err)
	}
	if state(t, o.Store) != before {
		t.Fatal("something was revoked by an act that failed")
	}
	events := o.count()
	done, err := o.Registry.Each(ctx, op, "acme", "orders", access.RevokeThem, append(ids, ids[0]))
	if err != nil || len(done) != 3 || len(o.since(events)) != 3 {
		t.Errorf("revoked %d of 3, %d events: %v", len(done), len(o.since(events)), err)
	}
	if done, err := o.Registry.Each(ctx, op, "acme", "orders", access.RevokeThem, ids); err != nil || len(done) != 0 {
		t.Errorf("again: %d, %v", len(done), err)
	}
}

// TestFinalStatesAreFinal: what is over cannot be paused, resumed or shown.
func TestFinalStatesAreFinal(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	id := o.Token("acme", "orders", "t", "").Credential.ID
	if _, err := o.Registry.Each(ctx, op, "acme", "orders", access.RevokeThem, []string{id}); err != nil {
		t.Fatal(err)
	}
	if err := o.Registry.DisableBasic(ctx, op, "acme", "orders", "orders"); err != nil {
		t.Fatal(err)
	}
	before := state(t, o.Store)
	_, pause := o.Registry.Each(ctx, op, "acme", "orders", access.PauseThem, []string{id})
	_, resume := o.Registry.Each(ctx, op, "acme", "orders", access.ResumeThem, []string{id})
	revealed, reveal := o.Registry.RevealBasic(ctx, op, "acme", "orders", "")
	disable := o.Registry.DisableBasic(ctx, op, "acme", "orders", "orders")
	for name, err := range map[string]error{"pause": pause, "resume": resume, "reveal": reveal, "disable": disable} {
		if access.KindOf(err) != access.Conflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !revealed.Password.IsZero() || state(t, o.Store) != before {
		t.Error("something changed, or was shown")
	}
}

// TestDisableBasicErases: digest and sealed copy are gone from the row.
func TestDisableBasicErases(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, op := t.Context(), o.Operator()
	username, password := o.Basic("acme", "orders")
	for _, wrong := range []string{"", "Orders", "orders ", "billing"} {
		if err := o.Registry.DisableBasic(ctx, op, "acme", "orders", wrong); access.KindOf(err) != access.Invalid {
			t.Errorf("confirmed by %q: %v", wrong, err)
		}
	}
	if err := o.Registry.DisableBasic(ctx, op, "acme", "orders", "orders"); err != nil {
		t.Fatal(err)
	}
	if err := o.Store.View(ctx, func(tx access.ReadTx) error {
		c, err := tx.BasicOf(username)
		if err == nil && (len(c.Digest.Sum) != 0 || c.Digest.KeyID != "" || len(c.Sealed) != 0 || c.RevokedReason != testkit.Reason) {
			t.Errorf("still there: %+v", c)
		}
		if _, err := tx.CredentialByDigests(o.Keys.Digests(secret.New(password))); !errors.Is(err, access.ErrNoRow) {
			t.Errorf("the password still finds something: %v", err)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
