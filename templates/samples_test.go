package templates_test

import (
	"time"

	"claviger/templates"

	"github.com/a-h/templ"
)

// The secrets of the samples; each must stand in its page exactly once.
const (
	sampleToken    = "clavt_8fK2mZQ0vT5yWn3JcR7LxhB1dPe9sGaU4kXq2Vd7x9Qa"
	samplePassword = "clavb_Qw8rTz1yUi4oPa5sDf7gHj0kLz3xCv6bN9mQeWr2Ty"
)

var sampleNow = time.Date(2026, time.November, 21, 14, 8, 0, 0, time.UTC)

func ago(d time.Duration) templates.When {
	return templates.Ago(sampleNow.Add(-d), sampleNow)
}

func on(text string, at time.Time) templates.When {
	return templates.When{At: at, Text: text, Fixed: true}
}

func frame(title string, crumbs ...templates.Link) templates.Frame {
	return templates.Frame{
		Title: title,
		Theme: "light",
		Now:   sampleNow,
		User:  &templates.UserMenu{Name: "Mara Lane", Email: "mara@example.com", Initials: "ML"},
		Organizations: []templates.Link{
			{Text: "Acme", Href: "/orgs/acme", Current: true},
			{Text: "Northwind Trading", Href: "/orgs/northwind"},
		},
		Crumbs:      crumbs,
		Here:        "/orgs/acme/apps/orders",
		CanElevate:  true,
		ElevateURL:  "/elevate?scope=acme/orders",
		ManageAPI:   &templates.Link{Text: "Manage API", Href: "/orgs/acme/apps/orders/manage-api"},
		Locked:      true,
		ActivityURL: "/orgs/acme/activity",
	}
}

func inOrders(title string, more ...templates.Link) templates.Frame {
	crumbs := []templates.Link{{Text: "Acme", Href: "/orgs/acme"}, {Text: "Orders", Href: "/orgs/acme/apps/orders"}}
	return frame(title, append(crumbs, more...)...)
}

func elevated(f templates.Frame) templates.Frame {
	f.Locked = false
	f.Elevation = &templates.ElevationBar{
		Scope:      "Acme / Orders",
		Until:      sampleNow.Add(24*time.Minute + 10*time.Second),
		Left:       "24:10",
		Reason:     "Rotate partner keys, ticket 4711",
		DropAction: "/elevation/drop",
		Here:       "/orgs/acme/apps/orders",
	}
	return f
}

func inManage(title string, more ...templates.Link) templates.Frame {
	links := append([]templates.Link{{Text: "Manage API", Href: "/orgs/acme/apps/orders/manage-api"}}, more...)
	return elevated(inOrders(title, links...))
}

// sample is one page with a representative view.
type sample struct {
	name   string
	page   templ.Component
	secret string
}

func samples() []sample {
	all := accountSamples()
	all = append(all, organizationSamples()...)
	all = append(all, applicationSamples()...)
	all = append(all, manageSamples()...)
	all = append(all, tokenSamples()...)
	all = append(all, peopleSamples()...)
	all = append(all, nodeSamples()...)
	all = append(all, personalSamples()...)
	all = append(all, clientSamples()...)
	all = append(all, usageSamples()...)
	all = append(all, restrictSamples()...)
	return append(all, settingsSamples()...)
}

func accountSamples() []sample {
	elevate := templates.ElevateView{
		Frame: inOrders("Elevate permissions", templates.Link{Text: "Elevate"}),
		Scopes: []templates.ElevateScope{
			{Value: "acme/orders", Title: "Acme / Orders", Detail: "this application", Checked: true},
			{Value: "acme", Title: "All of Acme", Detail: "7 applications"},
		},
		RecentReasons: []string{"Rotate partner keys, ticket 4711", "Onboard Northwind"},
		Minutes: []templates.ElevateMinutes{
			{Minutes: 15, Until: "14:23"},
			{Minutes: 30, Until: "14:38", Checked: true},
			{Minutes: 60, Until: "15:08"},
		},
		AskPassword: true,
		Next:        "/orgs/acme/apps/orders/manage-api",
		NextTitle:   "Manage API of Orders",
		CancelURL:   "/orgs/acme/apps/orders",
	}
	wrong := elevate
	wrong.Reason = "keys"
	wrong.Errors = []templates.FieldError{
		{Field: "reason", Message: "A reason has at least 10 characters."},
		{Field: "password", Message: "The password is wrong."},
	}
	stranger := templates.Frame{Title: "Sign in", Theme: "auto", Now: sampleNow}
	return []sample{
		{name: "setup", page: templates.Setup(templates.SetupView{
			Frame: templates.Frame{Title: "Set up", Theme: "auto"}, Action: "/setup/abc", Slug: "ACME", Expires: "28:10",
			Errors: []templates.FieldError{{Field: "slug", Message: "Small letters, digits and hyphens only."}},
		})},
		{name: "sign-in", page: templates.SignIn(templates.SignInView{
			Frame: stranger, Email: "mara@example.com", Next: "/orgs/acme",
			Errors: []templates.FieldError{{Message: "Email or password is wrong."}},
		})},
		{name: "elevate", page: templates.Elevate(elevate)},
		{name: "elevate-wrong", page: templates.Elevate(wrong)},
		{name: "cannot-elevate", page: templates.CannotElevate(templates.CannotElevateView{
			Frame: frame("You cannot elevate"), Organization: "Acme", Role: "member",
			Admins: []string{"Jon Wu", "Mara Lane"}, Back: templates.Link{Text: "Back to Orders", Href: "/orgs/acme/apps/orders"},
		})},
		{name: "error", page: templates.ErrorPage(templates.ErrorPageView{
			Frame: frame("There is nothing here"), Status: 404, Text: "The page does not exist, or you are not a member of its organization.",
			Reference: "0193-7c2e", Back: &templates.Link{Text: "Your organizations", Href: "/orgs"},
		})},
		{name: "first-call-waiting", page: templates.FirstCall(templates.FirstCallView{})},
		{name: "first-call-seen", page: templates.FirstCall(seenCall())},
		{name: "elevation-ended", page: templates.ElevationStatus(&templates.ElevationBar{Ended: true}, "/elevate")},
	}
}

func seenCall() templates.FirstCallView {
	return templates.FirstCallView{Seen: true, At: ago(12 * time.Second), From: "127.0.0.1", Status: "200"}
}

func organizationSamples() []sample {
	events := sampleEvents()
	empty := frame("Acme", templates.Link{Text: "Acme"})
	activity := frame("Activity", templates.Link{Text: "Acme", Href: "/orgs/acme"}, templates.Link{Text: "Activity"})
	return []sample{
		{name: "organizations", page: templates.Organizations(templates.OrganizationsView{
			Frame: frame("Organizations"),
			Organizations: []templates.OrganizationRow{
				{Name: "Acme", Slug: "acme", Href: "/orgs/acme", Role: "owner", Applications: "7"},
				{Name: "Northwind Trading", Slug: "northwind", Href: "/orgs/northwind", Role: "viewer", Applications: "2"},
			},
		})},
		{name: "organization", page: templates.Organization(templates.OrganizationView{
			Frame: frame("Acme", templates.Link{Text: "Acme"}), Name: "Acme", Slug: "acme", NewApplicationURL: "/orgs/acme/apps/new",
			Applications: []templates.ApplicationRow{
				{Name: "Orders", Slug: "orders", Href: "/orgs/acme/apps/orders", Credentials: "213", Calls: "18,420", LastCall: ago(2 * time.Second)},
				{Name: "Sandbox", Slug: "sandbox", Href: "/orgs/acme/apps/sandbox", Open: true, Credentials: "1", Calls: "0", LastCall: templates.Ago(time.Time{}, sampleNow)},
			},
		})},
		{name: "organization-empty", page: templates.Organization(templates.OrganizationView{Frame: empty, Name: "Acme", Slug: "acme"})},
		{name: "activity", page: templates.Activity(templates.ActivityView{
			Frame: activity, Organization: "Acme", NodesURL: "/orgs/acme/nodes", CSVURL: "/orgs/acme/activity/export?format=csv", JSONURL: "/orgs/acme/activity/export?format=jsonl", FormURL: "/orgs/acme/activity", Events: events, Filtered: true, From: "2026-11-01",
			Actors:       []templates.Option{{Text: "Anybody"}, {Value: "mara@example.com", Text: "Mara Lane", Selected: true}},
			Actions:      []templates.Option{{Text: "Anything"}, {Value: "token.revoked", Text: "Token revoked"}},
			Applications: []templates.Option{{Text: "Any"}, {Value: "orders", Text: "Orders"}},
			Range:        "1–50", OlderURL: "/orgs/acme/activity?before=9",
		})},
		{name: "activity-empty", page: templates.Activity(templates.ActivityView{Frame: activity, Organization: "Acme", FormURL: "/orgs/acme/activity"})},
	}
}

func sampleEvents() []templates.EventRow {
	reason := "Rotate partner keys, ticket 4711"
	return []templates.EventRow{
		{At: ago(3 * time.Minute), Who: "Mara Lane", What: "revoked the token “Old importer”", Application: "Orders", Reason: reason, From: "10.0.0.4"},
		{At: ago(9 * time.Minute), Who: "Mara Lane", What: "elevated for 30 minutes", Application: "Orders", Reason: reason, From: "10.0.0.4"},
		{At: ago(26 * time.Hour), Who: "jon@example.com", What: "failed to sign in", From: "203.0.113.9", Count: "×12"},
	}
}

func sampleSnippets() []templates.Snippet {
	url := "https://api.example.com/acme/orders/backend/objects"
	list := []templates.Snippet{
		{Language: "curl", Method: "Token", Text: "curl -H \"Authorization: Bearer $TOKEN\" \\\n     " + url},
		{Language: "curl", Method: "Basic", Text: "curl --user \"$USERNAME:$PASSWORD\" \\\n     " + url},
		{Language: "JavaScript", Method: "Token", Text: "await fetch(\"" + url + "\", {\n  headers: { Authorization: `Bearer ${token}` },\n});"},
		{Language: "JavaScript", Method: "Basic", Text: "await fetch(\"" + url + "\", {\n  headers: { Authorization: \"Basic \" + btoa(username + \":\" + password) },\n});"},
		{Language: "Python", Method: "Token", Text: "requests.get(\"" + url + "\",\n             headers={\"Authorization\": f\"Bearer {token}\"})"},
		{Language: "Python", Method: "Basic", Text: "requests.get(\"" + url + "\", auth=(username, password))"},
	}
	for _, language := range []string{"Go", "PowerShell"} {
		for _, method := range []string{"Token", "Basic"} {
			list = append(list, templates.Snippet{Language: language, Method: method, Text: "… " + url})
		}
	}
	for _, method := range []string{"Client", "Query"} {
		for _, language := range []string{"curl", "JavaScript", "Python", "Go", "PowerShell"} {
			list = append(list, templates.Snippet{Language: language, Method: method, Text: "… " + url})
		}
	}
	return list
}

func sampleURLs() []templates.BaseURL {
	return []templates.BaseURL{
		{Name: "Backend API", URL: "https://api.example.com/acme/orders/backend"},
		{Name: "Oplog API", URL: "https://api.example.com/acme/orders/oplog"},
	}
}

func applicationSamples() []sample {
	view := templates.ApplicationView{
		Frame: inOrders("Orders"), Name: "Orders", Summary: "Secured. 212 tokens, Basic active, 18,420 calls in 24 hours.",
		BaseURLs: sampleURLs(),
		APIs: []templates.APIRow{
			{Name: "Backend API", Slug: "backend", Upstream: "http://127.0.0.1:9000", EditURL: "/orgs/acme/apps/orders/apis/backend/edit"},
			{Name: "Oplog API", Slug: "oplog", Upstream: "builtin:echo", EditURL: "/orgs/acme/apps/orders/apis/oplog/edit"},
		},
		EditURL: "/orgs/acme/apps/orders/edit", NewAPIURL: "/orgs/acme/apps/orders/apis/new", CreateTokenURL: "/orgs/acme/apps/orders/manage-api/tokens/new",
		Curl:         "curl -H \"Authorization: Bearer $TOKEN\" \\\n     https://api.example.com/acme/orders/backend/",
		FirstCallURL: "/orgs/acme/apps/orders/first-call",
		Proxies: []templates.ProxyView{
			{Name: "nginx", Files: []templates.ProxyFile{{Name: "nginx.conf", Text: "location / {\n    auth_request /_claviger;\n    proxy_set_header X-Auth-Subject $claviger_subject;\n}"}}, Notes: []string{"Needs ngx_http_auth_request_module.", "Where Claviger cannot be reached nginx answers 500."}},
			{Name: "Caddy", Files: []templates.ProxyFile{{Name: "Caddyfile", Text: "forward_auth 127.0.0.1:8080 {\n    uri /verify/acme/orders/backend\n}"}}, Notes: []string{"route keeps this order, and the order matters."}},
			{Name: "HAProxy", Files: []templates.ProxyFile{{Name: "haproxy.cfg", Text: "http-request lua.claviger http://127.0.0.1:8080/verify/acme/orders/backend"}, {Name: "claviger.lua", Text: "core.register_action(\"claviger\", { \"http-req\" }, claviger, 1)"}}, Notes: []string{"Needs HAProxy 2.6 or later with Lua."}},
			{Name: "Traefik", Files: []templates.ProxyFile{{Name: "dynamic configuration", Text: "http:\n  middlewares:\n    claviger:\n      forwardAuth:"}, {Name: "static configuration", Text: "aliasHeadersStrategy: delete"}}},
			{Name: "Envoy", Files: []templates.ProxyFile{{Name: "HTTP connection manager", Text: "path_prefix: \"/verify/acme/orders/backend\""}}, Notes: []string{"Name Envoy’s own address in trusted_proxies too."}},
		},
	}
	done := view
	done.Frame = elevated(view.Frame)
	done.Open, done.HasToken, done.FirstCall = true, true, seenCall()
	taken := []templates.FieldError{{Field: "slug", Message: "Acme has an application “orders” already."}}
	return []sample{
		{name: "application", page: templates.Application(view)},
		{name: "application-done", page: templates.Application(done)},
		{name: "application-new", page: templates.ApplicationForm(templates.ApplicationFormView{
			Frame: frame("New application"), New: true, Action: "/orgs/acme/apps", Name: "Orders", Slug: "orders", CancelURL: "/orgs/acme", Errors: taken,
		})},
		{name: "application-edit", page: templates.ApplicationForm(templates.ApplicationFormView{
			Frame: inOrders("Edit application"), Action: "/orgs/acme/apps/orders", Name: "Orders", Slug: "orders", CancelURL: "/orgs/acme/apps/orders",
		})},
		{name: "api-new", page: templates.APIForm(templates.APIFormView{
			Frame: inOrders("New API"), New: true, Application: "Orders", Action: "/orgs/acme/apps/orders/apis", CancelURL: "/orgs/acme/apps/orders",
		})},
		{name: "api-edit", page: templates.APIForm(templates.APIFormView{
			Frame: inOrders("Edit API"), Application: "Orders", Action: "/orgs/acme/apps/orders/apis/oplog", Name: "Oplog API", Slug: "oplog",
			Upstream: "builtin:echo", Timeout: "300", CancelURL: "/orgs/acme/apps/orders",
		})},
	}
}
