package access_test

import (
	"fmt"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// TestSwitchLifetimes: seconds from 1 to a year, and never a default above the maximum.
func TestSwitchLifetimes(t *testing.T) {
	t.Parallel()
	o := newOffice(t, testkit.Limits(func(l *access.Limits) { l.DefaultTTL, l.MaxTTL = time.Hour, 2*time.Hour }))
	for _, c := range []struct {
		usual, most int64 // -1 = as it is
		want        string
	}{
		{0, -1, "default_ttl"},
		{-1, 0, "max_ttl"},
		{-5, -1, "default_ttl"},
		{31536001, -1, "default_ttl"},
		{-1, 31536001, "max_ttl"},
		{0, 0, "default_ttl max_ttl"},
		{7201, -1, "default_ttl"},
		{7200, -1, ""},
		{-1, 7199, "max_ttl"},
		{60, 59, "default_ttl"},
		{60, 60, ""},
		{-1, 31536000, ""},
		{31536000, -1, ""},
		{1, 1, ""},
	} {
		var d access.SwitchDraft
		if c.usual != -1 {
			d.DefaultTTL = &c.usual
		}
		if c.most != -1 {
			d.MaxTTL = &c.most
		}
		before := state(t, o.Store)
		err := o.Registry.Switch(t.Context(), o.Operator(), "acme", "orders", d)
		got := ""
		for i, f := range fields(err) {
			got += map[bool]string{true: " "}[i > 0] + f
		}
		if got != c.want || (err != nil) != (c.want != "") {
			t.Errorf("default %d, maximum %d: %v, want complaints of %q", c.usual, c.most, err, c.want)
		}
		if changed := state(t, o.Store) != before; changed != (err == nil) {
			t.Errorf("default %d, maximum %d: changed: %v", c.usual, c.most, changed)
		}
	}
	settings, err := o.Registry.Settings(t.Context(), o.Operator(), "acme", "orders")
	if err != nil || settings.DefaultTTL != time.Second || settings.MaxTTL != time.Second {
		t.Errorf("in force: %s, %s, %v", settings.DefaultTTL, settings.MaxTTL, err)
	}
	other, err := o.Registry.Settings(t.Context(), o.Operator(), "acme", "billing")
	if err != nil || other.DefaultTTL != time.Hour || other.MaxTTL != 2*time.Hour {
		t.Errorf("of the other one: %s, %s, %v", other.DefaultTTL, other.MaxTTL, err)
	}
}

// TestSwitchesTakeEffect at the next request, each recorded by what it changed.
func TestSwitchesTakeEffect(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	token := o.Token("acme", "orders", "t", "")
	call := func(p access.Presented, api string) access.Verdict {
		t.Helper()
		v, err := o.Verifier.Verify(t.Context(), access.Request{
			Organization: "acme", Application: "orders", API: api, WantAPI: true, DefaultAPI: true, Method: "GET", Presented: p, Caller: desk,
		})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	query := access.Presented{Way: access.WayQueryToken, Secret: token.Secret}
	for _, c := range []struct {
		draft  access.SwitchDraft
		detail string
		open   access.Reason // nothing presented
		query  access.Reason
		api    access.Reason // an API that there is not
	}{
		{access.SwitchDraft{}, "", access.NoCredential, access.WayOff, access.UnknownAPI},
		{access.SwitchDraft{Open: to(false), QueryCredentials: to(false), PasswordGrant: to(false), DefaultAPI: to("")}, "", access.NoCredential, access.WayOff, access.UnknownAPI},
		{access.SwitchDraft{QueryCredentials: to(true)}, "map[query credentials:on]", access.NoCredential, access.Accepted, access.UnknownAPI},
		{access.SwitchDraft{Open: to(true)}, "map[access:open]", access.Accepted, access.Accepted, access.UnknownAPI},
		{access.SwitchDraft{DefaultAPI: to("backend")}, "map[default API:backend]", access.Accepted, access.Accepted, access.Accepted},
		{access.SwitchDraft{DefaultAPI: to("backend"), Open: to(true)}, "", access.Accepted, access.Accepted, access.Accepted},
		{
			access.SwitchDraft{DefaultAPI: to(""), Open: to(false), QueryCredentials: to(false), PasswordGrant: to(true)},
			"map[access:secured default API:none password grant:on query credentials:off]", access.NoCredential, access.WayOff, access.UnknownAPI,
		},
	} {
		events := o.count()
		o.switches("orders", c.draft)
		made := o.since(events)
		if c.detail == "" && len(made) != 0 || c.detail != "" && (len(made) != 1 || made[0].Act != access.ActSwitch || fmt.Sprint(made[0].Detail) != c.detail) {
			t.Errorf("want %q, recorded %+v", c.detail, made)
		}
		if v := call(access.Presented{}, "backend"); v.Reason != c.open {
			t.Errorf("%q: nothing presented: %d, want %d", c.detail, v.Reason, c.open)
		}
		if v := call(query, "backend"); v.Reason != c.query {
			t.Errorf("%q: in the query: %d, want %d", c.detail, v.Reason, c.query)
		}
		if v := call(access.Presented{Way: access.WayBearer, Secret: token.Secret}, "v2"); v.Reason != c.api || v.Accepted() && !v.ByDefault {
			t.Errorf("%q: an unknown API: %+v, want %d", c.detail, v, c.api)
		}
	}
	err := o.Registry.Switch(t.Context(), o.Operator(), "acme", "orders", access.SwitchDraft{DefaultAPI: to("nothing")})
	if access.KindOf(err) != access.Invalid || fields(err)[0] != "default_api" {
		t.Errorf("a default API that there is not: %v", err)
	}
}
