package templates_test

import (
	"time"

	"claviger/templates"
)

const sampleBase = "/orgs/acme/apps/orders/manage-api"

func sampleRows() []templates.TokenRow {
	year := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 9, 0, 0, 0, time.UTC) }
	rows := []templates.TokenRow{
		{
			ID: "01", Label: "Northwind nightly", Masked: "clavt_8fK2…x9Qa", Scopes: "read", Created: on("3 Mar", year(2026, 3, 3)), CreatedBy: "Mara Lane",
			LastUsed: ago(2 * time.Minute), LastFrom: "10.0.3.7", LastAgent: "curl/8.5", Calls: "1,180", Spark: []int64{23: 40, 22: 1, 9: 1139},
			Expires: templates.Ago(sampleNow.Add(6*24*time.Hour+time.Hour), sampleNow), ExpiresSoon: true, State: templates.StateActive,
		},
		{
			ID: "02", Label: "CI smoke test", Masked: "clavt_1mPz…44Tt", Scopes: "read, write", Created: on("1 Feb", year(2026, 2, 1)), CreatedBy: "Mara Lane",
			LastUsed: templates.When{Text: "never"}, Calls: "0", Expires: on("1 Feb 2027", year(2027, 2, 1)), State: templates.StateActive,
		},
		{
			ID: "03", Label: "Warehouse scanner", Masked: "clavt_Qq7e…0LmB", Scopes: "write on Oplog", Created: on("12 Jan", year(2026, 1, 12)), CreatedBy: "Jon Wu",
			LastUsed: ago(time.Second), LastFrom: "10.0.9.12", LastAgent: "okhttp/4", Calls: "2,093", Expires: ago(-250 * 24 * time.Hour), State: templates.StateActive,
		},
		{
			ID: "04", Label: "Old importer", Masked: "clavt_Zp0c…aa1B", Scopes: "read, write", Created: on("2024", year(2024, 5, 2)), CreatedBy: "Jon Wu",
			LastUsed: ago(250 * 24 * time.Hour), LastFrom: "172.16.4.2", LastAgent: "python", Calls: "0", Expires: templates.When{Text: "never"}, State: templates.StatePaused,
		},
	}
	for i := range rows {
		row := &rows[i]
		at := sampleBase + "/tokens/" + row.ID
		row.Href, row.RenameURL, row.RevokeURL = at, at+"/rename", sampleBase+"/tokens/revoke?id="+row.ID
		if row.State == templates.StatePaused {
			row.ResumeAction = at + "/resume"
		} else {
			row.PauseAction = at + "/pause"
		}
	}
	return rows
}

func sampleManage() templates.ManageAPIView {
	gone := sampleRows()[:2]
	for i := range gone {
		gone[i].ID = "gone-" + gone[i].ID
		gone[i].State, gone[i].PauseAction, gone[i].RevokeURL, gone[i].ExpiresSoon = templates.StateRevoked, "", "", false
	}
	gone[1].State = templates.StateExpired
	return templates.ManageAPIView{
		Frame: inManage("Manage API"), Application: "Orders", BaseURLs: sampleURLs(),
		Basic: templates.BasicView{
			Username: "app_01jq7d3v9m2xk4t8e6w5r7k2f", RevealAction: sampleBase + "/basic/reveal", Nonce: "n-1", HideURL: sampleBase,
			Used: "Used 1,204 times in the last 24 hours", UseURL: sampleBase + "/basic", LastUsed: ago(40 * time.Second), LastFrom: "10.0.3.7", LastAgent: "curl/8.5",
			Allow: []string{"10.0.0.0/8"}, Limit: "at most 100 requests a second, bursts of 200 · on each node", RestrictURL: sampleBase + "/basic/restrict",
		},
		Tokens: templates.TokensView{
			FormURL: sampleBase, Total: "212", Rows: sampleRows(), Folded: gone, FoldedText: "14 revoked and expired",
			States:    []templates.Option{{Value: "active", Text: "Active", Selected: true}, {Value: "paused", Text: "Paused"}, {Value: "expiring", Text: "Expiring"}},
			Scopes:    []templates.Option{{Text: "Any scope"}, {Value: "backend:read", Text: "Backend: read"}},
			RevokeURL: sampleBase + "/tokens/revoke", Range: "1–50 of 212", NewerURL: sampleBase + "?before=1", OlderURL: sampleBase + "?after=4",
		},
		Snippets: sampleSnippets(), CreateTokenURL: sampleBase + "/tokens/new", DisableBasicURL: sampleBase + "/basic/disable",
	}
}

func manageSamples() []sample {
	view := sampleManage()
	revealed := sampleManage()
	revealed.Basic.Password, revealed.Basic.CopyOnLoad = samplePassword, true
	revealed.Flash = &templates.Flash{Kind: templates.FlashInfo, Text: "The password is shown. This was recorded."}
	bare := sampleManage()
	bare.Basic = templates.BasicView{Disabled: true, DisabledAt: ago(72 * time.Hour), DisabledBy: "Jon Wu", DisabledReason: "Leaked in a public repository", UseURL: sampleBase + "/basic"}
	bare.Tokens = templates.TokensView{FormURL: sampleBase}
	bare.DisableBasicURL, bare.Snippets = "", nil
	bare.Flash = &templates.Flash{Kind: templates.FlashSuccess, Text: "Token “CI” was paused.", Undo: &templates.Undo{Text: "Resume", Action: sampleBase + "/tokens/01/resume"}}
	bare.Warnings = []string{"trusted_proxies is not set: addresses behind your proxy are unknown, and credentials with an address list are refused."}
	bare.Notice = &templates.Notice{Text: "Your elevation ran out before this was sent.", Link: &templates.Link{Text: "Elevate again…", Href: "/elevate"}, Elevate: true}
	nothing := sampleManage()
	nothing.Basic.Unconfirmed = "A backup was restored on 21 November 2026, 14:08, and nobody knows whether this was revoked before that. It works. Confirm that it should, or disable it below."
	nothing.Basic.ConfirmAction = sampleBase + "/basic/confirm"
	nothing.Tokens.Rows, nothing.Tokens.Folded, nothing.Tokens.Filtered, nothing.Tokens.Range = nil, nil, true, ""
	disable := templates.DisableBasicView{
		Frame: inManage("Disable Basic", templates.Link{Text: "Disable Basic"}), Application: "Orders", Match: "orders", Action: sampleBase + "/basic/disable",
		Use: sampleUse("1,204", "3 addresses", 40*time.Second, "10.0.3.7"), CancelURL: sampleBase,
		Callers: []templates.CallerRow{
			{From: "10.0.3.7", Calls: "1,180", Last: ago(40 * time.Second)},
			{From: "10.0.9.12", Calls: "21", Last: ago(3 * time.Hour)},
			{From: "other addresses, too many to name", Plain: true, Calls: "3", Last: ago(19 * time.Hour)},
		},
		Confirm: "order", Errors: []templates.FieldError{{Field: "confirm", Message: "Type orders, the slug of the application."}},
	}
	return []sample{
		{name: "manage-api", page: templates.ManageAPI(view)},
		{name: "manage-api-revealed", page: templates.ManageAPI(revealed), secret: samplePassword},
		{name: "manage-api-bare", page: templates.ManageAPI(bare)},
		{name: "manage-api-nothing", page: templates.ManageAPI(nothing)},
		{name: "disable-basic", page: templates.DisableBasic(disable)},
	}
}

func tokenForm() templates.TokenFormView {
	return templates.TokenFormView{
		Frame: inManage("Create token", templates.Link{Text: "Create token"}), Application: "Orders", Action: sampleBase + "/tokens", Label: "Northwind nightly",
		Scopes: []templates.ScopeRow{
			{Name: "Any API", Detail: "also those to come", Read: templates.ScopeBox{Value: "*:read", Checked: true}, Write: templates.ScopeBox{Value: "*:write"}},
			{Name: "Backend API", Read: templates.ScopeBox{Value: "backend:read"}, Write: templates.ScopeBox{Value: "backend:write"}},
			{Name: "Oplog API", Read: templates.ScopeBox{Value: "oplog:read"}, Write: templates.ScopeBox{Value: "oplog:write"}},
		},
		Expires: []templates.ExpiryChoice{
			{Value: "7d", Text: "7 days", Date: "28 November 2026"},
			{Value: "30d", Text: "30 days", Date: "21 December 2026"},
			{Value: "90d", Text: "90 days", Date: "19 February 2027", Checked: true},
			{Value: "365d", Text: "A year", Date: "21 November 2027"},
			{Value: "custom", Text: "Custom"},
			{Value: "never", Text: "Never"},
		},
		MinDate: "2026-11-22", MaxDate: "2031-11-21", Allow: "10.0.3.0/24\n2001:db8::/32", Nonce: "n-2", CancelURL: sampleBase,
	}
}

func tokenSamples() []sample {
	wrong := tokenForm()
	wrong.Label, wrong.Allow, wrong.ExpiresDate = "", "10.0.3.300", "2020-01-01"
	wrong.Rate, wrong.Burst = "many", "0"
	wrong.Expires[2].Checked, wrong.Expires[4].Checked = false, true
	wrong.Errors = []templates.FieldError{
		{Field: "label", Message: "A token needs a label."},
		{Field: "scope", Message: "Choose at least one scope."},
		{Field: "expires", Message: "Choose when it expires."},
		{Field: "expires_date", Message: "The date is in the past."},
		{Field: "allow", Message: "10.0.3.300 is no address and no network."},
		{Field: "rate", Message: "Enter a whole number from 1 to 100,000."},
		{Field: "burst", Message: "Enter a whole number from 1 to 1,000,000."},
	}
	row := templates.RevokeRow{ID: "01", Label: "Northwind nightly", Masked: "clavt_8fK2…x9Qa", Use: sampleUse("1,180", "1 address", 3*time.Minute, "10.0.0.4")}
	other := templates.RevokeRow{ID: "02", Label: "CI smoke test", Masked: "clavt_1mPz…44Tt", Use: templates.UseLine{Calls: "0", LastUsed: templates.When{Text: "never"}}}
	confirm := templates.RevokeConfirmView{Frame: inManage("Revoke", templates.Link{Text: "Revoke"}), Application: "Orders", Action: sampleBase + "/tokens/revoke", CancelURL: sampleBase}
	one, two := confirm, confirm
	one.Tokens, two.Tokens = []templates.RevokeRow{row}, []templates.RevokeRow{row, other}
	two.Together = sampleUse("1,180", "", 3*time.Minute, "10.0.0.4")
	at := sampleBase + "/tokens/01"
	return []sample{
		{name: "token-form", page: templates.TokenForm(tokenForm())},
		{name: "token-form-wrong", page: templates.TokenForm(wrong)},
		{name: "token-created", secret: sampleToken, page: templates.TokenCreated(templates.TokenCreatedView{
			Frame: inManage("Token created"), Label: "Northwind nightly", Secret: sampleToken, Scopes: "read on Backend API", Expires: "19 February 2027, in 90 days", Allow: "any address",
			Curl: "curl -H \"Authorization: Bearer $TOKEN\" \\\n     https://api.example.com/acme/orders/backend/", FirstCallURL: at + "/first-call", DoneURL: sampleBase,
		})},
		{name: "token-already-created", page: templates.AlreadyCreated(templates.AlreadyCreatedView{
			Frame: inManage("Already created"), Label: "Northwind nightly", TokenURL: at, BackURL: sampleBase,
		})},
		{name: "token", page: templates.Token(templates.TokenView{
			Frame: inManage("Northwind nightly", templates.Link{Text: "Northwind nightly"}), Label: "Northwind nightly", Masked: "clavt_8fK2…x9Qa", State: templates.StatePaused,
			StateDetail: "since yesterday, by Mara Lane", Scopes: "read on Backend API", Created: on("3 March 2026", sampleNow.AddDate(0, -8, 0)), CreatedBy: "Mara Lane",
			Expires: ago(-6 * 24 * time.Hour), ExpiresSoon: true, Allow: []string{"10.0.3.0/24", "2001:db8::/32"}, LastUsed: ago(2 * time.Minute), LastFrom: "10.0.3.7", LastAgent: "curl/8.5",
			Calls: "1,180", Calls30: "35,112", Usage: sampleUsage(), Events: sampleEvents()[:2], Limit: "at most 10 requests a second, bursts of 20 · on each node", RenameURL: at + "/rename", RestrictURL: at + "/restrict", ResumeAction: at + "/resume", RevokeURL: sampleBase + "/tokens/revoke?id=01",
		})},
		{name: "token-unconfirmed", page: templates.Token(templates.TokenView{
			Frame: inManage("Northwind nightly", templates.Link{Text: "Northwind nightly"}), Label: "Northwind nightly", Masked: "clavt_8fK2…x9Qa", State: templates.StateActive,
			Unconfirmed: "A backup was restored on 21 November 2026, 09:30, and nobody knows whether this was revoked before that. It works. Confirm that it should, or revoke it.",
			Scopes:      "read on Backend API", Created: on("3 March 2026", sampleNow.AddDate(0, -8, 0)), CreatedBy: "Mara Lane", Expires: ago(-6 * 24 * time.Hour),
			LastUsed: ago(2 * time.Minute), LastFrom: "10.0.3.7", LastAgent: "curl/8.5", Calls: "1,180", RenameURL: at + "/rename", ConfirmAction: at + "/confirm",
			PauseAction: at + "/pause", RevokeURL: sampleBase + "/tokens/revoke?id=01",
		})},
		{name: "token-rename", page: templates.RenameToken(templates.RenameTokenView{
			Frame: inManage("Rename", templates.Link{Text: "Rename"}), Was: "Northwind nightly", Label: "Northwind nightly", Action: at + "/rename", CancelURL: sampleBase,
		})},
		{name: "revoke-one", page: templates.RevokeConfirm(one)},
		{name: "revoke-two", page: templates.RevokeConfirm(two)},
	}
}
