package templates_test

import (
	"strings"
	"time"

	"claviger/templates"
)

const (
	sampleInvite       = "https://claviger.example.com/sign-in/invite/Qh3mV8sTz1kLpW5xYb9nRc2d"
	samplePersonal     = "clavp_7hTn2bXq9wLs4vKd8mRf1cZp6gYj3uEa5oHi0Q2rTt"
	sampleClientSecret = "clavc_Vb5nM1kQ8zXw3rTy6uPo9iLs2dFg4hJa7cEe0R5wQq"
)

func inAcme(title string, more ...templates.Link) templates.Frame {
	f := frame(title, append([]templates.Link{{Text: "Acme", Href: "/orgs/acme"}}, more...)...)
	f.ManageAPI, f.Application = nil, nil
	f.MembersURL, f.InspectURL, f.InspectLocked = "/orgs/acme/members", "/orgs/acme/inspect", true
	return f
}

func inMembers(title string) templates.Frame {
	return inAcme(title, templates.Link{Text: "Members", Href: "/orgs/acme/members"}, templates.Link{Text: title})
}

func roleChoices() []templates.RoleChoice {
	return []templates.RoleChoice{
		{Value: "viewer", Text: "Viewer", Detail: "sees the overview; reads through the API"},
		{Value: "member", Text: "Member", Detail: "also Getting started; reads and writes through the API", Checked: true},
		{Value: "admin", Text: "Admin", Detail: "also elevates: applications, credentials, members, activity"},
		{Value: "owner", Text: "Owner", Detail: "also owners, organization clients, opening an application"},
	}
}

func memberRows() []templates.MemberRow {
	rows := []templates.MemberRow{
		{ID: "m1", Name: "Mara Lane", Email: "mara@example.com", Role: "owner", You: true, LastSignIn: ago(12 * time.Minute), PersonalTokens: "2", AccessTokens: "0", State: templates.StateActive},
		{ID: "m2", Name: "Jon Wu", Email: "jon@example.com", Role: "admin", LastSignIn: ago(26 * time.Hour), PersonalTokens: "1", AccessTokens: "14", State: templates.StateActive},
		{ID: "m3", Name: "Ada Example-Of-A-Rather-Long-Name", Email: "ada.example.of.a.rather.long.name@subsidiary.example.com", Role: "viewer", LastSignIn: templates.When{Text: "never"}, PersonalTokens: "0", AccessTokens: "0", State: templates.StateDisabled},
	}
	for i := range rows {
		row := &rows[i]
		at := "/orgs/acme/members/" + row.ID
		row.TokensURL = "/orgs/acme/members/tokens?q=" + row.Email
		if row.You {
			continue
		}
		row.RoleURL, row.RevokeURL, row.RemoveURL = at+"/role", at+"/revoke", at+"/remove"
		if row.State == templates.StateActive {
			row.DisableURL = at + "/disable"
		}
	}
	rows[1].AccessTokensURL = "/orgs/acme/members/m2/access-tokens"
	return rows
}

func peopleSamples() []sample {
	members := templates.MembersView{
		Frame: inAcme("Members", templates.Link{Text: "Members"}), Organization: "Acme", ActsLocked: true, InviteURL: "/orgs/acme/members/invite",
		TokensURL: "/orgs/acme/members/tokens", Members: memberRows(),
		Invites: []templates.InviteRow{
			{ID: "i1", Email: "lea@example.com", Role: "member", InvitedBy: "Mara Lane", Expires: ago(-70 * time.Hour), WithdrawAction: "/orgs/acme/members/invites/i1/withdraw"},
			{ID: "i2", Email: "kim@example.com", Role: "viewer", InvitedBy: "Jon Wu", Expires: ago(-3 * time.Hour), ExpiresSoon: true, WithdrawAction: "/orgs/acme/members/invites/i2/withdraw"},
		},
	}
	plain := members
	plain.Frame, plain.ActsLocked, plain.Invites = elevated(members.Frame), false, nil
	back := "/orgs/acme/members"
	invite := templates.InviteFormView{
		Frame: elevated(inMembers("Invite")), Organization: "Acme", Action: back + "/invites", Email: "lea@", Roles: roleChoices(), CancelURL: back,
		Errors: []templates.FieldError{{Field: "email", Message: "lea@ is no email address."}, {Field: "role", Message: "Choose a role that you may give."}},
	}
	accept := templates.AcceptInviteView{
		Frame: templates.Frame{Title: "Join Acme", Theme: "auto", Now: sampleNow}, Action: "/sign-in/invite/x", Organization: "Acme", Role: "member",
		RoleDetail: "Members read and write through its APIs.", InvitedBy: "Mara Lane", Email: "lea@example.com", Expires: "71 h",
	}
	known := accept
	known.Existing, known.Errors = true, []templates.FieldError{{Field: "password", Message: "The password is wrong."}}
	return []sample{
		{name: "members", page: templates.Members(members)},
		{name: "members-elevated", page: templates.Members(plain)},
		{name: "invite-form", page: templates.InviteForm(invite)},
		{name: "invite-created", secret: sampleInvite, page: templates.InviteCreated(templates.InviteCreatedView{
			Frame: elevated(inMembers("Invitation")), Organization: "Acme", Email: "lea@example.com", Role: "member", Link: sampleInvite,
			Expires: "24 November 2026, 14:08, in 72 hours", DoneURL: back,
		})},
		{name: "member-role", page: templates.MemberRole(templates.MemberRoleView{
			Frame: elevated(inMembers("Role")), Organization: "Acme", Name: "Jon Wu", Action: back + "/m2/role", Roles: roleChoices(), CancelURL: back,
		})},
		{name: "member-remove", page: templates.MemberConfirm(templates.MemberConfirmView{
			Frame: elevated(inMembers("Remove")), Heading: "Remove Jon Wu from Acme?", Action: back + "/m2/remove", Verb: "Remove Jon Wu", CancelURL: back,
			Consequence: "From the moment you confirm, Jon Wu cannot see Acme, and every request with these is refused. Their account and other organizations stay.",
			Affected: []templates.AffectedRow{
				{What: "1 API token", Use: sampleUse("12", "", 3*time.Minute, "10.0.0.4")},
				{What: "14 access tokens"},
				{What: "2 sessions", Use: templates.UseLine{LastUsed: ago(26 * time.Hour)}},
			},
		})},
		{name: "sessions-end", page: templates.MemberConfirm(templates.MemberConfirmView{
			Frame: frame("End 2 sessions?"), Heading: "End 2 sessions?", Action: "/profile/sessions/end", Verb: "End 2 sessions", CancelURL: "/profile/sessions",
			Consequence: "Whoever is signed in there is signed out at once. Type your password to show that it is you.",
			IDs:         []string{"ses_1", "ses_2"}, AskPassword: true, Email: "mara@example.com",
			Errors: []templates.FieldError{{Field: "password", Message: "The password is wrong. Type the one that you sign in with."}},
		})},
		{name: "member-enable", page: templates.MemberConfirm(templates.MemberConfirmView{
			Frame: elevated(inMembers("Enable")), Heading: "Enable Jon Wu again?", Action: back + "/m2/enable", Verb: "Enable Jon Wu", CancelURL: back, Gives: true,
			Consequence: "They can sign in again, and what they hold that was neither revoked nor has expired is accepted again.",
			Affected:    []templates.AffectedRow{{What: "1 personal token", Use: sampleUse("12", "", 3*time.Minute, "10.0.0.4")}},
		})},
		{name: "invite-accept", page: templates.AcceptInvite(accept)},
		{name: "invite-accept-known", page: templates.AcceptInvite(known)},
		{name: "member-access-tokens", page: templates.MemberAccessTokens(templates.MemberAccessTokensView{
			Frame: elevated(inMembers("Access tokens")), Name: "Jon Wu", AccessTokens: sampleAccessTokens(),
		})},
	}
}

func sampleAccessTokens() templates.AccessTokensView {
	return templates.AccessTokensView{
		Total: "14", RevokeAllURL: "/revoke-all", Range: "1–2 of 14", OlderURL: "?after=2",
		Rows: []templates.AccessTokenRow{
			{ID: "a1", Masked: "clava_8fK2…x9Qa", Scopes: "read, write", Issued: ago(3 * time.Hour), LastUsed: ago(2 * time.Minute), LastFrom: "10.0.3.7", LastAgent: "curl/8.5", Expires: ago(-165 * time.Hour), RevokeURL: "/revoke?id=a1"},
			{ID: "a2", Masked: "clava_Zp0c…aa1B", Scopes: "read", Issued: ago(50 * time.Hour), LastUsed: templates.When{Text: "never"}, Expires: ago(-118 * time.Hour), RevokeURL: "/revoke?id=a2"},
		},
	}
}

func personalRows() []templates.PersonalRow {
	rows := []templates.PersonalRow{}
	for i, row := range sampleRows()[:3] {
		row.Masked, row.CreatedBy, row.Href, row.RenameURL, row.PauseAction = strings.Replace(row.Masked, "clavt", "clavp", 1), "", "", "", ""
		row.Label = []string{"Backup script on my laptop", "Report generator", "Phone"}[i]
		rows = append(rows, templates.PersonalRow{TokenRow: row, Organization: "Acme", Whose: "Jon Wu", WhoseEmail: "jon@example.com"})
	}
	return rows
}

func personalForm() templates.PersonalFormView {
	form := tokenForm()
	form.Frame = frame("Create API token", templates.Link{Text: "My API tokens", Href: "/profile"}, templates.Link{Text: "Create"})
	form.Action, form.Label, form.CancelURL, form.Allow = "/profile/tokens", "", "/profile", ""
	form.Expires, form.Scopes = form.Expires[:5], form.Scopes[:1]
	form.Scopes[0].Detail, form.Scopes[0].Write.Checked = "never more than your role", true
	form.Expires[2].Checked, form.Expires[3].Checked = false, true
	return templates.PersonalFormView{TokenFormView: form, Organizations: []templates.Option{{Value: "acme", Text: "Acme · owner", Selected: true}, {Value: "northwind", Text: "Northwind Trading · viewer"}}}
}

func personalSamples() []sample {
	gone := personalRows()[:1]
	gone[0].ID, gone[0].State, gone[0].RevokeURL, gone[0].ExpiresSoon = "gone", templates.StateRevoked, "", false
	profile := templates.ProfileView{
		Frame: frame("Profile", templates.Link{Text: "My API tokens"}), Name: "Mara Lane", Email: "mara@example.com", CreateURL: "/profile/tokens/new", RevokeAllURL: "/profile/revoke",
		Organizations: []templates.OrganizationRow{
			{Name: "Acme", Slug: "acme", Href: "/orgs/acme", Role: "owner", Applications: "7"},
			{Name: "Northwind Trading", Slug: "northwind", Href: "/orgs/northwind", Role: "viewer", Applications: "2"},
		},
		Tokens: templates.PersonalTokensView{Total: "3", Rows: personalRows(), Folded: gone, FoldedText: "1 revoked and expired", RevokeURL: "/profile/tokens/revoke", PauseURL: "/profile/tokens/pause", ResumeURL: "/profile/tokens/resume"},
	}
	empty := templates.ProfileView{Frame: profile.Frame, Name: "Lea Novak", Email: "lea@example.com", CreateURL: "/profile/tokens/new"}
	wrong := personalForm()
	wrong.Errors = []templates.FieldError{{Field: "label", Message: "A token needs a label."}, {Field: "organization", Message: "You are no member of it."}, {Field: "expires_date", Message: "At most 365 days."}}
	list := "/orgs/acme/members/tokens"
	theirs := templates.MembersTokensView{Frame: inMembers("API tokens"), Organization: "Acme", Tokens: templates.PersonalTokensView{
		FormURL: list, Query: "jon", States: []templates.Option{{Value: "active", Text: "Active", Selected: true}, {Value: "paused", Text: "Paused"}}, Filtered: true,
		Total: "3", Rows: personalRows(), RevokeURL: list + "/revoke", ActsLocked: true, Range: "1–3 of 3",
	}}
	url := "https://api.example.com/acme/orders/backend/"
	use := []templates.Snippet{
		{Language: "curl", Method: "Basic", Text: "curl --user \"mara@example.com:$TOKEN\" \\\n     " + url},
		{Language: "curl", Method: "Bearer", Text: "curl -H \"Authorization: Bearer $TOKEN\" \\\n     " + url},
		{Language: "PowerShell", Method: "Basic", Text: "$pair = \"mara@example.com:$TOKEN\"\nInvoke-RestMethod " + url + " -Headers @{ Authorization = \"Basic …\" }"},
		{Language: "PowerShell", Method: "Bearer", Text: "Invoke-RestMethod " + url + " -Headers @{ Authorization = \"Bearer $TOKEN\" }"},
	}
	base64 := []templates.Snippet{
		{Language: "Linux and macOS", Text: "printf '%s' \"mara@example.com:$TOKEN\" | base64 | tr -d '\\n'"},
		{Language: "PowerShell", Text: "[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes(\"mara@example.com:$TOKEN\"))"},
	}
	revoke := templates.RevokeConfirmView{Frame: inMembers("Revoke"), Noun: "personal token", Application: "Acme", Action: list + "/revoke", CancelURL: list}
	for i, row := range personalRows()[:2] {
		revoke.Tokens = append(revoke.Tokens, templates.RevokeRow{ID: row.ID, Label: row.Label, Whose: row.Whose, Masked: row.Masked, Use: templates.UseLine{LastUsed: row.LastUsed, LastFrom: row.LastFrom, Calls: row.Calls, InUse: i == 0}})
	}
	pause := revoke
	pause.Act, pause.Noun, pause.Tokens = templates.ActPause, "client", revoke.Tokens[:1]
	resume, confirm := pause, pause
	confirm.Act = templates.ActConfirm
	resume.Act = templates.ActResume
	return []sample{
		{name: "profile", page: templates.Profile(profile)},
		{name: "profile-empty", page: templates.Profile(empty)},
		{name: "personal-form", page: templates.PersonalForm(personalForm())},
		{name: "personal-form-wrong", page: templates.PersonalForm(wrong)},
		{name: "personal-created", secret: samplePersonal, page: templates.PersonalCreated(templates.PersonalCreatedView{
			Frame: frame("Created"), Label: "Backup script", Secret: samplePersonal, Organization: "Acme", Scopes: "read and write, by your role", Expires: "21 November 2027, in 365 days",
			Use: use, Base64: base64, DoneURL: "/profile",
		})},
		{name: "members-tokens", page: templates.MembersTokens(theirs)},
		{name: "revoke-personal", page: templates.RevokeConfirm(revoke)},
		{name: "pause-client", page: templates.RevokeConfirm(pause)},
		{name: "resume-client", page: templates.RevokeConfirm(resume)},
		{name: "confirm-client", page: templates.RevokeConfirm(confirm)},
	}
}
