package templates_test

import (
	"strings"
	"time"

	"claviger/templates"
)

func sampleClients() templates.ClientsView {
	view := templates.ClientsView{
		Lead: "A client of the organization opens every application of Acme.", Total: "2", CreateURL: "/orgs/acme/clients/new", ActsLocked: true,
		RevokeURL: "/orgs/acme/clients/revoke", PauseURL: "/orgs/acme/clients/pause", ResumeURL: "/orgs/acme/clients/resume",
	}
	for i, row := range sampleRows()[2:] {
		row.Masked, row.ReplaceURL = strings.Replace(row.Masked, "clavt", "clavc", 1), "/orgs/acme/clients/"+row.ID+"/replace"
		id := []string{"cli_01jq7d3v9m2xk4t8e6w5r7k2f", "cli_01jq8aa0c2x9kqmw4z1e7y3tbd"}[i]
		view.Rows = append(view.Rows, templates.ClientRow{TokenRow: row, ClientID: id, AccessTokens: []string{"1,204", "0"}[i]})
	}
	return view
}

func sampleOld(ended bool) *templates.ReplacedView {
	return &templates.ReplacedView{
		Label: "Warehouse sync", Masked: "clavc_Qq7e…0LmB", Href: "/orgs/acme/clients/03", Until: on("28 November 2026, 14:08", sampleNow.AddDate(0, 0, 7)), Ended: ended,
		LastUsed: ago(2 * time.Minute), LastFrom: "10.0.9.12", LastAgent: "okhttp/4",
	}
}

func clientForm() templates.ClientFormView {
	form := tokenForm()
	form.Frame, form.Application, form.Action, form.CancelURL = elevated(inAcme("Create client", templates.Link{Text: "Create client"})), "Acme", "/orgs/acme/clients", "/orgs/acme"
	form.Scopes = form.Scopes[:1]
	return templates.ClientFormView{TokenFormView: form, OfOrganization: true}
}

func clientSamples() []sample {
	clients := sampleClients()
	none := templates.ClientsView{Lead: "A client of Orders opens this application only.", CreateURL: "/orgs/acme/apps/orders/clients/new"}
	organization := templates.OrganizationView{
		Frame: inAcme("Acme"), Name: "Acme", Slug: "acme", NewApplicationURL: "/orgs/acme/apps/new", Clients: &clients,
		Applications: []templates.ApplicationRow{{Name: "Orders", Slug: "orders", Href: "/orgs/acme/apps/orders", Credentials: "213", Calls: "18,420", LastCall: ago(2 * time.Second)}},
	}
	application := templates.ApplicationView{
		Frame: inOrders("Orders"), Name: "Orders", Open: true, Summary: "Open. 3 tokens.", BaseURLs: sampleURLs(), SettingsURL: "/orgs/acme/apps/orders/settings",
		Curl: "curl -H \"Authorization: Bearer $TOKEN\" https://api.example.com/acme/orders/backend/", HasToken: true, FirstCall: seenCall(), Clients: &none,
	}
	application.OpenBanner = "Orders is open: anybody can read and write through its APIs without a credential."
	use := []templates.Snippet{
		{Language: "Access token", Text: "curl --user \"cli_01jq7d3v9m2xk4t8e6w5r7k2f:$CLIENT_SECRET\" \\\n     -d grant_type=client_credentials https://claviger.example.com/oauth/token"},
		{Language: "Query string", Text: "curl \"https://api.example.com/acme/orders/backend/?client_id=cli_01jq7d3v9m2xk4t8e6w5r7k2f&client_secret=$CLIENT_SECRET\""},
	}
	token := templates.TokenView{
		Frame: elevated(inAcme("Warehouse sync", templates.Link{Text: "Warehouse sync"})), Label: "Warehouse sync", Masked: "clavc_Nw3e…4bTz", State: templates.StateActive,
		Scopes: "read and write on any API", Created: on("21 November 2026", sampleNow), CreatedBy: "Mara Lane", Expires: on("21 November 2027", sampleNow.AddDate(1, 0, 0)),
		LastUsed: ago(40 * time.Second), LastFrom: "10.0.9.12", LastAgent: "okhttp/4", Calls: "12", Calls30: "12", Replaces: sampleOld(false), Events: sampleEvents()[:1],
		RenameURL: "/rename", PauseAction: "/pause", ReplaceURL: "/replace", RevokeURL: "/revoke?id=9",
	}
	replaced := token
	replaced.Replaces, replaced.ReplacedBy = nil, sampleOld(true)
	created := templates.ClientCreatedView{
		Frame: elevated(inAcme("Client created")), Label: "Warehouse sync", ClientID: "cli_01jq7d3v9m2xk4t8e6w5r7k2f", Secret: sampleClientSecret,
		Scopes: "read and write on any API", Expires: "21 November 2027, in 365 days", Allow: "any address", Use: use, Old: sampleOld(false), DoneURL: "/orgs/acme",
	}
	tokenAgain := templates.TokenCreatedView{
		Frame: inManage("Token created"), Label: "Northwind nightly", Secret: sampleToken, Scopes: "read", Expires: "19 February 2027", Allow: "any address",
		Curl: "curl -H \"Authorization: Bearer $TOKEN\" https://api.example.com/acme/orders/backend/", Old: sampleOld(true), DoneURL: sampleBase,
	}
	return []sample{
		{name: "organization-clients", page: templates.Organization(organization)},
		{name: "application-open", page: templates.Application(application)},
		{name: "client-form", page: templates.ClientForm(clientForm())},
		{name: "client-created", secret: sampleClientSecret, page: templates.ClientCreated(created)},
		{name: "client", page: templates.Client(templates.ClientView{TokenView: token, ClientID: "cli_01jq7d3v9m2xk4t8e6w5r7k2f", AccessTokens: sampleAccessTokens()})},
		{name: "client-without-access-tokens", page: templates.Client(templates.ClientView{TokenView: replaced, ClientID: "cli_01jq7d3v9m2xk4t8e6w5r7k2f"})},
		{name: "token-replaced", secret: sampleToken, page: templates.TokenCreated(tokenAgain)},
		{name: "replace", page: templates.ReplaceForm(replaceForm())},
	}
}

func replaceForm() templates.ReplaceFormView {
	return templates.ReplaceFormView{
		Frame: inManage("Replace", templates.Link{Text: "Replace"}), Noun: "token", Label: "Northwind nightly", Masked: "clavt_8fK2…x9Qa",
		Use: sampleUse("1,180", "2 addresses", 2*time.Minute, "10.0.3.7"), MinDate: "2026-11-22", MaxDate: "2027-11-21",
		Ends: []templates.ExpiryChoice{
			{Value: "now", Text: "Now"},
			{Value: "24h", Text: "In 24 hours", Date: "22 November, 14:08"},
			{Value: "7d", Text: "In 7 days", Date: "28 November, 14:08"},
			{Value: "date", Text: "On a date", Checked: true},
		},
		Action: sampleBase + "/tokens/01/replace", Nonce: "n-3", CancelURL: sampleBase + "/tokens/01",
		Errors: []templates.FieldError{{Field: "end_date", Message: "The date is in the past."}},
	}
}

func settingsSamples() []sample {
	view := templates.SettingsView{
		Frame: inManage("Settings", templates.Link{Text: "Settings"}), Application: "Orders", Action: "/orgs/acme/apps/orders/settings", MayOpen: true,
		QueryCredentials: true, QueryUses: "Used 1,204 times in 24 hours, last 3 min ago.", DefaultTTL: "604800", DefaultTTLWords: "7 days", MaxTTL: "2592000", MaxTTLWords: "30 days",
		APIs: []templates.Option{{Text: "None"}, {Value: "backend", Text: "Backend API", Selected: true}, {Value: "oplog", Text: "Oplog API"}}, CancelURL: "/orgs/acme/apps/orders",
	}
	open := view
	open.Open, open.OpenBanner = true, "Orders is open: anybody can read and write through its APIs without a credential."
	wrong := view
	wrong.MayOpen, wrong.DefaultTTL, wrong.DefaultTTLWords = false, "0", ""
	wrong.Errors = []templates.FieldError{{Field: "access", Message: "Only an owner can open an application."}, {Field: "default_ttl", Message: "At least one second."}, {Field: "max_ttl", Message: "Not below the default."}, {Field: "default_api", Message: "There is no such API."}}
	inspect := templates.InspectView{Frame: elevated(inAcme("Paste a credential", templates.Link{Text: "Paste a credential"})), Organization: "Acme", Action: "/orgs/acme/inspect"}
	nothing, found, bad := inspect, inspect, inspect
	nothing.Asked, found.Asked = true, true
	bad.Errors = []templates.FieldError{{Field: "pasted", Message: "Paste something."}}
	found.Results = []templates.InspectResult{{
		Kind: "Personal API token", Label: "Backup script on my laptop", Href: "/orgs/acme/members/tokens?q=jon", Masked: "clavp_8fK2…x9Qa", Owner: "Jon Wu (jon@example.com)",
		State: templates.StatePaused, StateDetail: "since yesterday, by Mara Lane", LastUsed: ago(3 * time.Minute), LastFrom: "10.0.0.4",
		Verdicts: []templates.Verdict{{Application: "Orders", Because: "It is paused."}, {Application: "Sandbox", Accepted: true, Because: "read and write on any API"}},
	}}
	return []sample{
		{name: "settings", page: templates.Settings(view)},
		{name: "settings-open", page: templates.Settings(open)},
		{name: "settings-wrong", page: templates.Settings(wrong)},
		{name: "inspect", page: templates.Inspect(inspect)},
		{name: "inspect-wrong", page: templates.Inspect(bad)},
		{name: "inspect-nothing", page: templates.Inspect(nothing)},
		{name: "inspect-found", page: templates.Inspect(found)},
	}
}
