package web_test

import (
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// pageForm is a form of the console, filled in rightly.
type pageForm struct {
	path string
	good url.Values
	id   string // the first part of its fields' ids
	kept []string
	as   string // "setup", "stranger", or an owner elevated for acme
}

const ordersPath = "/orgs/acme/apps/orders"

func values(pairs ...string) url.Values {
	out := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Add(pairs[i], pairs[i+1])
	}
	return out
}

// pageForms are all forms that one types something into; token and client are ids of
// ones, soon is a date within a year.
func pageForms(token, client, setup, invite, soon string) map[string]pageForm {
	made := clientForms(client, soon)
	maps.Copy(made, peopleForms(invite, soon))
	maps.Copy(made, map[string]pageForm{
		"setup": {
			"/setup/" + setup, values("organization", "Beta", "slug", "beta", "name", "Bob", "email", "bob@example.com", "password", testkit.Password),
			"setup",
			[]string{"organization", "slug", "name", "email"},
			"setup",
		},
		"new application":  {"/orgs/acme/apps", values("name", "New", "slug", "new"), "application", []string{"name", "slug"}, ""},
		"edit application": {ordersPath, values("name", "Other"), "application", []string{"name"}, ""},
		"new API":          {ordersPath + "/apis", values("name", "New", "slug", "new", "upstream", "http://127.0.0.1:9", "timeout", "30"), "api", []string{"name", "slug", "upstream", "timeout"}, ""},
		"edit API":         {ordersPath + "/apis/backend", values("name", "Other", "upstream", "http://127.0.0.1:9", "timeout", "30"), "api", []string{"name", "upstream", "timeout"}, ""},
		"new token": {
			ordersPath + "/manage-api/tokens", values("label", "CI", "scope", "backend:read", "expires", "custom", "expires_date", "2999-01-01", "allow", "10.0.0.0/8", "rate", "10", "burst", "20", "nonce", "n1"),
			"token",
			[]string{"label", "scope", "expires", "expires_date", "allow", "rate", "burst", "nonce"},
			"",
		},
		"rename":        {ordersPath + "/manage-api/tokens/" + token + "/rename", values("label", "Other"), "rename", []string{"label"}, ""},
		"edit token":    {ordersPath + "/manage-api/tokens/" + token + "/restrict", values("allow", "10.0.0.0/8", "rate", "10", "burst", "20"), "restrict", []string{"allow", "rate", "burst"}, ""},
		"edit Basic":    {ordersPath + "/manage-api/basic/restrict", values("allow", "10.0.0.0/8", "rate", "10", "burst", "20"), "restrict", []string{"allow", "rate", "burst"}, ""},
		"disable Basic": {ordersPath + "/manage-api/basic/disable", values("confirm", "orders"), "disable", []string{"confirm"}, ""},
		"elevate":       {"/elevate", values("scope", "acme/orders", "reason", "quite long enough", "minutes", "15"), "elevate", []string{"scope", "reason", "minutes"}, ""},
	})
	return made
}

func clientForms(client, soon string) map[string]pageForm {
	label := []string{"label", "scope", "expires", "expires_date", "allow", "nonce"}
	good := values("label", "Sync", "scope", "*:read", "expires", "custom", "expires_date", soon, "allow", "10.0.0.0/8", "nonce", "n5")
	return map[string]pageForm{
		"new client":              {ordersPath + "/clients", good, "client", label, ""},
		"new organization client": {"/orgs/acme/clients", good, "client", label, ""},
		"rename client":           {ordersPath + "/clients/" + client + "/rename", values("label", "Other"), "rename", []string{"label"}, ""},
		"replace client":          {ordersPath + "/clients/" + client + "/replace", values("end", "date", "end_date", soon, "nonce", "n6"), "replace", []string{"end", "end_date"}, ""},
		"settings": {
			ordersPath + "/settings",
			values("access", "open", "query_credentials", "on", "password_grant", "on", "default_ttl", "3600", "max_ttl", "7200", "default_api", "backend"),
			"settings",
			[]string{"access", "query_credentials", "password_grant", "default_ttl", "max_ttl", "default_api"},
			"",
		},
		"inspect": {"/orgs/acme/inspect", values("pasted", "Authorization: Bearer something"), "inspect", nil, "reader"},
	}
}

func peopleForms(invite, soon string) map[string]pageForm {
	return map[string]pageForm{
		"invite": {"/orgs/acme/members/invites", values("email", "new@example.com", "role", "admin"), "invite", []string{"email", "role"}, ""},
		"role":   {"/orgs/acme/members/usr_bob/role", values("role", "viewer"), "role", []string{"role"}, ""},
		"join":   {"/sign-in/invite/" + invite, values("name", "Guest", "password", testkit.Password), "join", []string{"name"}, "stranger"},
		"new personal token": {
			"/profile/tokens",
			values("label", "Laptop", "organization", "acme", "scope", "*:read", "expires", "custom", "expires_date", soon, "nonce", "n7"),
			"personal",
			[]string{"label", "organization", "scope", "expires", "expires_date", "nonce"},
			"",
		},
	}
}

// formOrder is all forms in an order in which each can be sent.
var formOrder = []string{
	"setup", "new application", "edit application", "new API", "edit API", "new token", "rename", "edit token", "edit Basic", "new client", "new organization client", "rename client",
	"replace client", "settings", "inspect", "invite", "role", "join", "new personal token", "disable Basic", "elevate",
}

// choiceFields are those whose value is one of several: another one cannot be kept.
var choiceFields = []string{"scope", "minutes", "expires", "role", "access", "query_credentials", "password_grant", "default_api", "organization", "end"}

// badInputs are what each form must refuse, by field.
var badInputs = map[string]map[string][]string{
	"setup": {
		"organization": {"a\x00b", "a\nb", "a\xffb", strings.Repeat("ü", 81)}, "slug": {"", "A", "orgs", "verify", strings.Repeat("a", 64)},
		"name": {"a\x00b", strings.Repeat("x", 5000)}, "email": {"", "x", "a@b\x00.c", "Bob <bob@example.com>"}, "password": {"", "short", strings.Repeat("x", 300)},
	},
	"new application":  {"name": {"a\x00b", "a\u202eb", strings.Repeat("x", 81)}, "slug": {"", "A B", "../x", "orders", "a\x00"}},
	"edit application": {"name": {"", "  ", "a\x00b", "\xff", strings.Repeat("x", 81)}},
	"new API": {
		"name": {"a\x00b", strings.Repeat("x", 81)}, "slug": {"", "token", "A", "backend"}, "upstream": {"", "x", "javascript:alert(1)", "http://u:p@x", "http://x?y", "http://x\x00"},
		"timeout": {"0", "-1", "x", "3601", "1.5", "99999999999999999999", "9\x00"},
	},
	"edit API": {"name": {"", "a\x00b"}, "upstream": {"", "ftp://x", "http://u:p@x", "http://x#y", "//x"}, "timeout": {"0", "3601", "x"}},
	"new token": {
		"label":   {"", "a\x00b", "\xff", strings.Repeat("x", 101), strings.Repeat("é", 9000)},
		"scope":   {"", "read", "none:read", "backend:admin", "backend:read\x00"},
		"expires": {"0d", "-1d", "36501d", "soon", "2001-01-01", "9d\x00"}, "expires_date": {"", "2001-01-01", "x", "9999-12-31", "2999-02-30"},
		"allow": {"x", "10.0.0.0/40", "10.0.0.1\x00", strings.Repeat("10.0.0.1 ", 101)}, "rate": {"", "0", "-1", "x", "100001", "1.5", "9\x00"}, "burst": {"0", "x", "1000001"},
	},
	"edit token":    {"allow": {"x", "10.0.0.0/40"}, "rate": {"", "0", "x", "100001"}, "burst": {"0", "x", "1000001"}},
	"edit Basic":    {"allow": {"x"}, "rate": {"", "0"}, "burst": {"0", "x"}},
	"rename":        {"label": {"", "a\x00b", "a\nb", strings.Repeat("x", 101)}},
	"rename client": {"label": {"", "a\x00b", strings.Repeat("x", 101)}},
	"new client": {
		"label": {"", "a\x00b", strings.Repeat("x", 101)}, "scope": {"", "read", "none:read"}, "expires": {"0d", "soon", "2001-01-01"},
		"expires_date": {"", "2001-01-01", "x"}, "allow": {"x", "10.0.0.0/40"},
	},
	"new organization client": {"label": {"", "\xff"}, "scope": {"", "backend:read", "x"}, "expires": {"0d"}, "expires_date": {""}, "allow": {"x"}},
	"replace client": {
		"end": {"never", "x", "-1d", "0d", "2001-01-01", "7d\x00"}, "end_date": {"", "x", "2001-01-01", "2999-02-30", "never"},
	},
	"settings": {
		"access": {"", "maybe", "OPEN"}, "query_credentials": {"", "yes", "on\x00"}, "password_grant": {"1"},
		"default_ttl": {"", "0", "-1", "x", "1.5", "7201", "31536001", "99999999999999999999", "3600\x00"}, "max_ttl": {"", "0", "x", "31536001"}, "default_api": {"none", "oplog\x00"},
	},
	"inspect": {"pasted": {"", " \n", strings.Repeat("x ", 17<<10)}},
	"invite":  {"email": {"", "x", "a@b\x00.c", "Bob <bob@example.com>", "ANN@example.com"}, "role": {"", "boss", "Owner", "admin\x00"}},
	"role":    {"role": {"", "boss", "Owner", "admin\x00"}},
	"join":    {"name": {" ", "a\x00b", strings.Repeat("x", 81)}, "password": {"", "short", strings.Repeat("x", 300)}},
	"new personal token": {
		"label": {"", "a\x00b", strings.Repeat("x", 101)}, "organization": {"", "none", "rival", "acme\x00"}, "scope": {"", "backend:read", "x"},
		"expires": {"0d", "366d", "never", "soon"}, "expires_date": {"", "2001-01-01", "2999-01-01"},
	},
	"disable Basic": {"confirm": {"", "Orders", "orders\x00", "billing", strings.Repeat("orders", 1000)}},
	"elevate": {
		"reason": {"", "short", "quite long\x00enough", strings.Repeat("x", 501)}, "minutes": {"29", "-15", "x", "99999999999999999999"},
	},
}

// formConsole is a console with an owner elevated, and one that was not set up yet.
func formConsole(t *testing.T) (c, fresh *console, v *testkit.Visitor, forms map[string]pageForm) {
	t.Helper()
	c = newConsole(t)
	c.User(ann, "acme", access.Owner)
	c.Organization("rival")
	c.Organization("beta")
	c.User(ann, "beta", access.Viewer)
	fresh = &console{testkit.Server(t), t}
	setup, _, err := fresh.Accounts.OfferSetup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	invited, err := c.Registry.Invite(t.Context(), c.Operator(), "acme", "guest@example.com", access.Member)
	if err != nil {
		t.Fatal(err)
	}
	o, a := c.place("acme", "orders")
	c.memberCalled("usr_bob", o, access.Member)
	token := c.Token("acme", "orders", "its label", "").Credential.ID
	client := c.credential(access.Credential{Kind: access.KindClient, OrganizationID: o.ID, ApplicationID: a.ID})
	soon := c.Clock.Now().UTC().AddDate(0, 3, 0).Format(time.DateOnly)
	return c, fresh, c.Elevated(ann, "acme"), pageForms(token, client, setup.Expose(), invited.Token.Expose(), soon)
}

// who sends a form, and where.
func who(form pageForm, c, fresh *console, elevated *testkit.Visitor) (*console, *testkit.Visitor) {
	switch form.as {
	case "setup":
		return fresh, fresh.Visitor()
	case "stranger":
		return c, c.Visitor()
	}
	return c, elevated
}
