package access_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// loweredStore is a real store in which every membership has another role than
// when people elevated; in which it has none where role is empty.
type loweredStore struct {
	access.Store
	role access.Role
}

type loweredTx struct {
	access.Tx
	role access.Role
}

type loweredReadTx struct {
	access.ReadTx
	role access.Role
}

func (s loweredStore) View(ctx context.Context, read func(access.ReadTx) error) error {
	return s.Store.View(ctx, func(tx access.ReadTx) error { return read(loweredReadTx{tx, s.role}) })
}

func (s loweredStore) Update(ctx context.Context, write func(access.Tx) error) error {
	return s.Store.Update(ctx, func(tx access.Tx) error { return write(loweredTx{tx, s.role}) })
}

func lower(m access.Membership, err error, role access.Role) (access.Membership, error) {
	if role == "" {
		return access.Membership{}, access.ErrNoRow
	}
	m.Role = role
	return m, err
}

func (t loweredTx) Membership(organization, user string) (access.Membership, error) {
	m, err := t.Tx.Membership(organization, user)
	return lower(m, err, t.role)
}

func (t loweredReadTx) Membership(organization, user string) (access.Membership, error) {
	m, err := t.ReadTx.Membership(organization, user)
	return lower(m, err, t.role)
}

// TestElevationIsJudgedAnewAtEachAct: an elevation that runs carries nobody whose
// role has been lowered, or whose membership has ended, since.
func TestElevationIsJudgedAnewAtEachAct(t *testing.T) {
	t.Parallel()
	for role, want := range map[access.Role]string{access.Viewer: "forbidden", access.Member: "forbidden", "": "not found", access.Admin: "done"} {
		o := newOffice(t)
		p := o.hire("ann@example.com", access.Owner)
		p.elevate("acme")
		a := p.actor()
		token := o.stock()
		d := o.Registry.Deps
		d.Store = loweredStore{o.Store, role}
		site := *o.Site
		site.Registry, site.Accounts = access.NewRegistry(d), access.NewAccounts(d)
		lowered := &office{&site, t, o.ids}
		before := state(t, o.Store)
		for _, act := range acts() {
			if act.needs != byElevated {
				continue
			}
			if err := act.do(t.Context(), lowered, a, token); kindName(err) != want {
				t.Errorf("%s as %q now: %v, want %s", act.name, role, err, want)
			}
		}
		if changed := state(t, o.Store) != before; changed != (want == "done") {
			t.Errorf("as %q now, something changed: %v", role, changed)
		}
		v, err := lowered.Accounts.Authenticate(t.Context(), p.token)
		if err != nil || (v.Elevation.ID != "") != (role == access.Admin) {
			t.Errorf("as %q now, the visit is elevated: %v, %v", role, v.Elevation.ID != "", err)
		}
	}
}

func TestElevateByRole(t *testing.T) {
	t.Parallel()
	for role, want := range map[access.Role]string{access.Viewer: "forbidden", access.Member: "forbidden", access.Admin: "done", access.Owner: "done"} {
		o := newOffice(t)
		p := o.hire("ann@example.com", role)
		for scope, want := range map[string]string{"acme/orders": want, "acme": want, "beta": "not found", "none": "not found", "": "not found", "beta/orders": "not found"} {
			events := o.count()
			token, err := p.tryElevate(scope)
			if kindName(err) != want || token.IsZero() != (err != nil) {
				t.Errorf("%s for %q: %v, want %s", role, scope, err, want)
			}
			if err == nil {
				p.token = token
			}
			if made := len(o.since(events)); (made == 1) != (err == nil) {
				t.Errorf("%s for %q: %d events", role, scope, made)
			}
		}
		if _, err := o.Accounts.ElevationForm(t.Context(), p.actor(), "acme", "none"); access.KindOf(err) != access.NotFound && want == "done" {
			t.Errorf("an application that is not there: %v", err)
		}
	}
}

func TestElevateDraft(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	for name, c := range map[string]struct {
		reason  string
		minutes int
		field   string
	}{
		"short":           {"too short", 30, "reason"},
		"short but wide":  {"   padded    ", 30, "reason"},
		"empty":           {"", 30, "reason"},
		"long":            {strings.Repeat("x", 501), 30, "reason"},
		"two lines":       {"the first line\nthe second", 30, "reason"},
		"NUL":             {"nothing to see\x00here", 30, "reason"},
		"no minutes":      {testkit.Reason, 0, "minutes"},
		"odd minutes":     {testkit.Reason, 29, "minutes"},
		"for ever":        {testkit.Reason, 1 << 30, "minutes"},
		"before it began": {testkit.Reason, -15, "minutes"},
	} {
		v := p.visit()
		_, err := o.Accounts.Elevate(t.Context(), v, v.Actor(desk, ""), access.ElevationDraft{Organization: "acme", Reason: c.reason, Minutes: c.minutes})
		if access.KindOf(err) != access.Invalid || !cmp.Equal(fields(err), []string{c.field}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if v := p.visit(); v.Elevation.ID != "" || v.Replaced {
		t.Error("elevated all the same")
	}
	for _, reason := range []string{strings.Repeat("ü", 10), strings.Repeat("ü", 500)} {
		v := p.visit()
		token, err := o.Accounts.Elevate(t.Context(), v, v.Actor(desk, ""), access.ElevationDraft{Organization: "acme", Reason: reason, Minutes: 15})
		if err != nil {
			t.Fatalf("a reason of %d characters: %v", len([]rune(reason)), err)
		}
		p.token = token
		if e := p.visit().Elevation; e.Reason != reason || !e.Until.Equal(o.Clock.Now().Add(15*time.Minute)) {
			t.Errorf("elevation %+v", e)
		}
	}
}

// TestElevationHasAFixedEnd: using it does not prolong it.
func TestElevationHasAFixedEnd(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	p.elevate("acme/orders")
	for range 29 {
		o.Clock.Advance(time.Minute)
		if _, _, err := o.Registry.StandElevated(t.Context(), p.actor(), "acme", "orders"); err != nil {
			t.Fatal(err)
		}
	}
	o.Clock.Advance(time.Minute - time.Microsecond)
	if p.visit().Elevation.ID == "" {
		t.Error("over before its end")
	}
	o.Clock.Advance(time.Microsecond)
	if p.visit().Elevation.ID != "" {
		t.Error("still running at its end")
	}
	if token, err := o.Accounts.Drop(t.Context(), p.visit(), p.actor()); err != nil || !token.IsZero() {
		t.Errorf("dropping what is over: %v", err)
	}
}

// TestOneElevationASession: a new one ends the old one; another session has its own.
func TestOneElevationASession(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	other := o.signIn("ann@example.com")
	p.elevate("acme/orders")
	p.elevate("acme/billing")
	stands := func(p *person, app string) string {
		_, _, err := o.Registry.StandElevated(t.Context(), p.actor(), "acme", app)
		return kindName(err)
	}
	if stands(p, "orders") != "elevate" || stands(p, "billing") != "done" {
		t.Error("the elevation before is still there, or the new one is not")
	}
	if stands(other, "billing") != "elevate" {
		t.Error("another session is elevated too")
	}
	p.drop()
	if stands(p, "orders") != "elevate" || stands(p, "billing") != "elevate" {
		t.Error("an elevation came back at the drop")
	}
}

func TestElevationAsksThePassword(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	asks := func() bool {
		t.Helper()
		form, err := o.Accounts.ElevationForm(t.Context(), p.actor(), "acme", "orders")
		if err != nil {
			t.Fatal(err)
		}
		return form.AskPassword
	}
	o.Clock.Advance(5 * time.Minute)
	if asks() {
		t.Error("asked within five minutes of signing in")
	}
	o.Clock.Advance(time.Microsecond)
	if !asks() {
		t.Error("not asked after five minutes")
	}
	v := p.visit()
	draft := access.ElevationDraft{Organization: "acme", Reason: testkit.Reason, Minutes: 15}
	if _, err := o.Accounts.Elevate(t.Context(), v, p.actor(), draft); access.KindOf(err) != access.Invalid || !cmp.Equal(fields(err), []string{"password"}) {
		t.Errorf("without the password: %v", err)
	}
	draft.Password = secret.New(testkit.Password)
	token, err := o.Accounts.Elevate(t.Context(), v, p.actor(), draft)
	if err != nil {
		t.Fatal(err)
	}
	p.token = token
	if asks() {
		t.Error("asked again right after it was given")
	}
}

func TestElevationOffersReasons(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("ann@example.com", access.Admin)
	for i := range 5 {
		o.Clock.Advance(time.Second)
		v := p.visit()
		token, err := o.Accounts.Elevate(t.Context(), v, v.Actor(desk, ""), access.ElevationDraft{Organization: "acme", Reason: fmt.Sprintf("reason number %d", i%4), Minutes: 15})
		if err != nil {
			t.Fatal(err)
		}
		p.token = token
	}
	bob := o.hire("bob@example.com", access.Admin)
	form, err := o.Accounts.ElevationForm(t.Context(), p.actor(), "acme", "")
	if want := []string{"reason number 0", "reason number 3", "reason number 2"}; err != nil || !slices.Equal(form.Reasons, want) {
		t.Errorf("offered %v, %v, want %v", form.Reasons, err, want)
	}
	if form, err := o.Accounts.ElevationForm(t.Context(), bob.actor(), "acme", ""); err != nil || len(form.Reasons) != 0 {
		t.Errorf("bob is offered %v, %v", form.Reasons, err)
	}
}

func TestElevationChoices(t *testing.T) {
	t.Parallel()
	for most, want := range map[time.Duration][]int{time.Hour: {15, 30, 60}, 59 * time.Minute: {15, 30}, 15 * time.Minute: {15}, 5 * time.Minute: {5}, 8 * time.Hour: {15, 30, 60}} {
		d := access.Deps{Limits: access.Limits{ElevationMax: most}}
		if got := access.NewAccounts(d).ElevationChoices(); !slices.Equal(got, want) {
			t.Errorf("at most %s: %v, want %v", most, got, want)
		}
	}
}

// TestWhoCanElevate names those whom a member can ask, and nobody who has left.
func TestWhoCanElevate(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.hire("vera@example.com", access.Viewer)
	for email, role := range map[string]access.Role{"ann@example.com": access.Admin, "olga@example.com": access.Owner, "mia@example.com": access.Member, "gone@example.com": access.Admin} {
		o.User(email, "acme", role)
	}
	if _, err := o.Accounts.DisableUser(t.Context(), o.Operator(), "gone@example.com"); err != nil {
		t.Fatal(err)
	}
	_, names, err := o.Accounts.WhoCanElevate(t.Context(), p.actor(), "acme")
	if slices.Sort(names); err != nil || !slices.Equal(names, []string{"ann", "olga"}) {
		t.Errorf("%v, %v", names, err)
	}
}
