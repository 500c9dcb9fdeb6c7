package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// ownersConsole is a console with an owner who is elevated for the organization.
func ownersConsole(t *testing.T) (*console, *testkit.Visitor) {
	t.Helper()
	c := newConsole(t)
	c.User(ann, "acme", access.Owner)
	return c, c.Elevated(ann, "acme")
}

// TestWideFormsAreKept: the forms of members, clients and settings over an elevation
// that has run out: nothing is done, and what was typed stands there again, once.
func TestWideFormsAreKept(t *testing.T) {
	c, v := ownersConsole(t)
	o, a := c.place("acme", "orders")
	bob := c.memberCalled("usr_bob", o, access.Member).ID
	client := c.credential(access.Credential{Kind: access.KindClient, OrganizationID: o.ID, ApplicationID: a.ID})
	personal := c.credential(access.Credential{Kind: access.KindPersonal, OrganizationID: o.ID, UserID: bob})
	people, soon := "/orgs/acme/members", c.Clock.Now().UTC().AddDate(0, 1, 0).Format(time.DateOnly)
	for _, form := range []struct {
		path string
		sent url.Values
		page string
		kept []string
	}{
		{people + "/invites", values("email", "new@example.com", "role", "admin"), people + "/invites/new", []string{"email", "role"}},
		{people + "/" + bob + "/role", values("role", "viewer"), people + "/" + bob + "/role", []string{"role"}},
		{people + "/" + bob + "/remove", nil, people + "/" + bob + "/remove", nil},
		{people + "/" + bob + "/disable", nil, people + "/" + bob + "/disable", nil},
		{people + "/" + bob + "/enable", nil, people + "/" + bob + "/enable", nil},
		{people + "/" + bob + "/revoke", nil, people + "/" + bob + "/revoke", nil},
		{people + "/tokens/revoke", values("id", personal), people + "/tokens/revoke?id=" + personal, []string{"id"}},
		{people + "/tokens/pause", values("id", personal), people + "/tokens/pause?id=" + personal, []string{"id"}},
		{"/orgs/acme/clients", values("label", "Sync", "scope", "*:write", "expires", "7d", "allow", "10.0.0.0/8"), "/orgs/acme/clients/new", []string{"label", "scope", "expires", "allow"}},
		{ordersPath + "/clients", values("label", "Sync", "scope", "backend:read", "expires", "custom", "expires_date", soon), ordersPath + "/clients/new", []string{"label", "scope", "expires", "expires_date"}},
		{ordersPath + "/clients/" + client + "/replace", values("end", "date", "end_date", soon), ordersPath + "/clients/" + client + "/replace", []string{"end", "end_date"}},
		{ordersPath + "/clients/" + client + "/rename", values("label", "Other"), ordersPath + "/clients/" + client + "/rename", []string{"label"}},
		{
			ordersPath + "/settings", values("access", "open", "query_credentials", "on", "password_grant", "on", "default_ttl", "60", "max_ttl", "120", "default_api", "backend"),
			ordersPath + "/settings",
			[]string{"access", "query_credentials", "password_grant", "default_ttl", "max_ttl", "default_api"},
		},
	} {
		c.Clock.Advance(31 * time.Minute)
		before := c.state()
		refused := v.Send(form.path, form.sent)
		if answered(refused) != "up" || c.state() != before {
			t.Errorf("%s: %d %s, changed %v", form.path, refused.Status, refused.Location, c.state() != before)
			continue
		}
		landed := elevateFrom(t, v, refused.Location)
		if landed.Location != form.page || c.Events("acme")[0].Act != access.ActElevate {
			t.Errorf("%s: landed at %d %s, the last act is %s", form.path, landed.Status, landed.Location, c.Events("acme")[0].Act)
			continue
		}
		v.Elevate("acme") // for the pages of the whole organization, whatever was asked
		page := v.Get(landed.Location).Page(t)
		for _, name := range form.kept {
			if got := page.Form("form.form").Get(name); strings.TrimSpace(got) != form.sent.Get(name) {
				t.Errorf("%s: %s is %q, was %q", form.path, name, got, form.sent.Get(name))
			}
		}
		if again := v.Get(landed.Location).Page(t); len(form.kept) > 0 && !strings.Contains(form.page, "?id=") && again.Form("form.form").Get(form.kept[0]) == form.sent.Get(form.kept[0]) {
			t.Errorf("%s: the draft is there for ever", form.path)
		}
	}
}

// TestPastedIsNotKept: what is pasted under an elevation that has run out is neither
// in the database nor in the form that one comes back to.
func TestPastedIsNotKept(t *testing.T) {
	c, v := ownersConsole(t)
	username, password := c.Basic("acme", "orders")
	header := pair(username, password)
	c.Clock.Advance(31 * time.Minute)
	refused := v.Post("/orgs/acme/inspect", "pasted", header)
	if answered(refused) != "up" {
		t.Fatalf("%d %s", refused.Status, refused.Location)
	}
	data, origin := "", &url.URL{Scheme: "http", Host: strings.TrimPrefix(c.ConsoleURL, "http://")}
	c.update(func(tx access.Tx) error {
		for _, cookie := range v.Jar.Cookies(origin) {
			if session, err := tx.SessionByToken(access.HashToken(secret.New(cookie.Value))); err == nil {
				data = session.UserID + session.Data
			}
		}
		return nil
	})
	if data == "" {
		t.Error("the session was not found")
	}
	landed := elevateFrom(t, v, refused.Location)
	if page := v.Get(landed.Location); landed.Location != "/orgs/acme/inspect" || strings.Contains(page.Body, header[10:40]) || strings.Contains(data, header[10:40]) {
		t.Errorf("landed at %s, or what was pasted was kept: %q", landed.Location, data)
	}
}

// TestSecretsOfPeopleAndClients: shown once, on the POST's own answer; the same form
// again makes nothing.
func TestSecretsOfPeopleAndClients(t *testing.T) {
	c, v := ownersConsole(t)
	token := c.Token("acme", "orders", "old one", "").Credential.ID
	o, a := c.place("acme", "orders")
	client := c.credential(access.Credential{Kind: access.KindClient, OrganizationID: o.ID, ApplicationID: a.ID})
	for _, shelf := range []struct{ form, path, back string }{
		{ordersPath + "/clients/new", ordersPath + "/clients", ordersPath},
		{"/orgs/acme/clients/new", "/orgs/acme/clients", "/orgs/acme"},
		{"/profile/tokens/new", "/profile/tokens", "/profile"},
		{managePage + "/tokens/" + token + "/replace", managePage + "/tokens/" + token + "/replace", managePage},
		{ordersPath + "/clients/" + client + "/replace", ordersPath + "/clients/" + client + "/replace", ordersPath},
	} {
		form := v.Get(shelf.form).Page(t).Form("form.form")
		if form.Has("label") {
			form.Set("label", "made by "+shelf.path[len(shelf.path)-8:])
		}
		text := shownOnce(t, v.Send(shelf.path, form))
		before := c.state()
		again := v.Send(shelf.path, form)
		if again.Status != http.StatusOK || !strings.Contains(again.Body, "Already created") || again.Page(t).Has("[data-secret]") || c.state() != before {
			t.Errorf("%s again: %d, changed %v", shelf.path, again.Status, c.state() != before)
		}
		id := c.Events("acme")[0].TargetID
		for _, path := range []string{shelf.back, shelf.path, shelf.path + "/" + id, "/orgs/acme/activity", "/orgs/acme/members/tokens"} {
			if page := v.Get(path); strings.Contains(page.Body, text[10:40]) {
				t.Errorf("%s shows the secret", path)
			}
		}
		if strings.Contains(c.Log.String(), text[10:40]) {
			t.Errorf("%s: the secret is logged", shelf.path)
		}
	}
}

// TestInvitationLink is shown once, and works once.
func TestInvitationLink(t *testing.T) {
	c, v := ownersConsole(t)
	a := v.Post("/orgs/acme/members/invites", "email", "guest@example.com", "role", "member")
	link := a.Page(t).One("input[readonly][data-secret]").Attr("value")
	path, ours := strings.CutPrefix(link, c.ConsoleURL)
	token := path[strings.LastIndex(path, "/")+1:]
	if !ours || strings.Count(a.Body, token) != 1 || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("the link %q stands there %d times", link, strings.Count(a.Body, token))
	}
	for _, page := range []string{"/orgs/acme/members", "/orgs/acme/activity"} {
		if strings.Contains(v.Get(page).Body, token) {
			t.Errorf("%s shows the link", page)
		}
	}
	if strings.Contains(c.Log.String(), token) || strings.Contains(c.state(), token) {
		t.Error("the link is kept in clear")
	}
	guest := c.Visitor()
	if text := guest.Get(path).Page(t).One("main").Text(); !strings.Contains(text, "ann invites you as member") || !strings.Contains(text, "works for another 3 days") && !strings.Contains(text, "works for another 2 days") {
		t.Errorf("the invitation says %q", text)
	}
	joined := guest.Post(path, "name", "Grace", "password", testkit.Password)
	if joined.Status != http.StatusSeeOther || joined.Location != "/orgs/acme" || guest.Get("/orgs/acme").Status != http.StatusOK {
		t.Errorf("joined: %d %s", joined.Status, joined.Location)
	}
	for what, late := range map[string]testkit.Answer{"the page": c.Visitor().Get(path), "the form": c.Visitor().Post(path, "name", "Eve", "password", testkit.Password)} {
		if late.Status != http.StatusNotFound {
			t.Errorf("%s again: %d", what, late.Status)
		}
	}
	if text := v.Get("/orgs/acme/members").Page(t).One("main").Text(); !strings.Contains(text, "Grace guest@example.com member") || strings.Contains(text, "Withdraw") {
		t.Errorf("the members' page says %q", text)
	}
}

// TestBulk: several at once, named on the page that confirms it with their last use;
// all or none.
func TestBulk(t *testing.T) {
	c, v := ownersConsole(t)
	o, a := c.place("acme", "orders")
	bob := c.member(o, access.Member)
	for shelf, make := range map[string]func(label string) string{
		managePage + "/tokens": func(label string) string { return c.Token("acme", "orders", label, "").Credential.ID },
		ordersPath + "/clients": func(label string) string {
			return c.credential(access.Credential{Kind: access.KindClient, OrganizationID: o.ID, ApplicationID: a.ID, Label: label})
		},
		"/orgs/acme/clients": func(label string) string {
			return c.credential(access.Credential{Kind: access.KindClient, OrganizationID: o.ID, Label: label})
		},
		"/orgs/acme/members/tokens": func(label string) string {
			return c.credential(access.Credential{Kind: access.KindPersonal, OrganizationID: o.ID, UserID: bob.ID, Label: label})
		},
	} {
		one, two, spare := make("first of two"), make("second of two"), make("spare")
		for _, verb := range []struct{ path, says string }{{"/pause", "paused"}, {"/resume", "resumed"}, {"/revoke", "revoked"}} {
			page := v.Get(shelf + verb.path + "?id=" + one + "&id=" + two).Page(t)
			text := page.One("main").Text()
			form := page.Form("form.form")
			if !slices.Equal(form["id"], []string{one, two}) || !strings.Contains(text, "first of two") || !strings.Contains(text, "second of two") || !strings.Contains(text, "Never used") || strings.Contains(text, "spare") {
				t.Errorf("%s%s: %v %s", shelf, verb.path, form, text)
			}
			before := len(c.Events("acme"))
			done := v.Send(shelf+verb.path, form)
			said := v.Get(done.Location).Page(t).One("[role=status] .message").Text()
			if done.Status != http.StatusSeeOther || !strings.HasPrefix(said, "2 ") || !strings.Contains(said, verb.says) || len(c.Events("acme")) != before+2 {
				t.Errorf("%s%s: %d %q, %d events", shelf, verb.path, done.Status, said, len(c.Events("acme"))-before)
			}
		}
		before := c.state()
		if a := v.Post(shelf+"/pause", "id", spare, "id", one); a.Status != http.StatusConflict || c.state() != before {
			t.Errorf("%s: pausing one that is revoked with one that is not: %d, changed %v", shelf, a.Status, c.state() != before)
		}
		if a := v.Get(shelf + "/revoke"); a.Status != http.StatusSeeOther || !strings.Contains(v.Get(a.Location).Body, "Nothing was chosen") {
			t.Errorf("%s: nothing chosen: %d", shelf, a.Status)
		}
		if a := v.Post(shelf + "/revoke"); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: nothing sent: %d", shelf, a.Status)
		}
	}
}

// TestPagesOfPeoplesTokens: each token once, forward and back, under the filters.
func TestPagesOfPeoplesTokens(t *testing.T) {
	c, v := ownersConsole(t)
	o, _ := c.place("acme", "orders")
	people := []access.User{c.member(o, access.Member), c.member(o, access.Viewer)}
	var want []string
	for i := range 120 {
		if i%3 == 0 {
			c.Clock.Advance(time.Second)
		}
		label := fmt.Sprintf("laptop %03d", i)
		c.credential(access.Credential{Kind: access.KindPersonal, OrganizationID: o.ID, UserID: people[i%2].ID, Label: label})
		want = append(want, label)
	}
	const path = "/orgs/acme/members/tokens"
	rows := func(page *testkit.HTML) (out []string) {
		for _, label := range page.All("#tokens > table th.leads") {
			out = append(out, label.Text())
		}
		return out
	}
	older, last := walk(t, v, path, "next", rows)
	if len(older) != 3 || len(older[2]) != 20 || !slices.Equal(slices.Sorted(slices.Values(slices.Concat(older...))), want) {
		t.Errorf("%d pages, or a token is missing or there twice", len(older))
	}
	newer, _ := walk(t, v, last, "prev", rows)
	slices.Reverse(newer)
	if got := slices.Concat(newer...); !slices.Equal(got[len(got)-70:], slices.Concat(older...)[50:]) {
		t.Error("back, the rows are others")
	}
	for query, n := range map[string]int{
		"member=" + people[0].ID: 60, "member=" + people[0].ID + "&q=laptop+01": 5, "q=LAPTOP": 120, "state=paused": 0, "member=usr_none": 0, "member=%00": 0, "state=active": 120,
	} {
		pages, _ := walk(t, v, path+"?"+query, "next", rows)
		if got := len(slices.Concat(pages...)); got != n {
			t.Errorf("%s: %d rows, want %d", query, got, n)
		}
	}
	page := v.Get(path + "?member=" + people[0].ID).Page(t)
	if got := page.Form("form[role=search]").Get("member"); got != people[0].ID {
		t.Errorf("a search within one member's tokens forgets the member: %q", got)
	}
	if text := page.One("main").Text(); !strings.Contains(text, people[0].Name) || strings.Contains(text, people[1].Email) {
		t.Error("the tokens of one member are not that member's")
	}
}

// TestEnableAgain: an owner disables a member and enables them again, from the menu of the row that offers just the one of the two.
func TestEnableAgain(t *testing.T) {
	c, v := ownersConsole(t)
	o, _ := c.place("acme", "orders")
	ben := c.memberCalled("usr_ben", o, access.Member)
	people := "/orgs/acme/members"
	for _, act := range []string{"disable", "enable", "disable", "enable"} {
		page := v.Get(people).Page(t)
		if other := map[string]string{"disable": "enable", "enable": "disable"}[act]; page.Has("a[href$='"+ben.ID+"/"+other+"']") || !page.Has("a[href$='"+ben.ID+"/"+act+"']") {
			t.Errorf("%s is not the one that is offered", act)
		}
		ask := v.Get(people + "/" + ben.ID + "/" + act).Page(t)
		if gives := ask.Has("form.form button.primary"); gives != (act == "enable") {
			t.Errorf("%s: %s", act, ask.One("main").Text())
		}
		if a := v.Post(people + "/" + ben.ID + "/" + act); a.Location != people || c.Events("acme")[0].Act != access.Act("user."+act) {
			t.Errorf("%s: %d %s, %s", act, a.Status, a.Location, c.Events("acme")[0].Act)
		}
	}
}
