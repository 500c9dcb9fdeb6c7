package access_test

import (
	"context"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

func readingActs() []act {
	return []act{
		{"Overview", byMembers, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Overview(ctx, a, "acme")
			return err
		}, true},
		{"WhoCanElevate", byMembers, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, _, err := o.Accounts.WhoCanElevate(ctx, a, "acme")
			return err
		}, true},
		{"GettingStarted", byWriters, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.GettingStarted(ctx, a, "acme", "orders")
			return err
		}, true},
		{"APIOf", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, _, err := o.Registry.APIOf(ctx, a, "acme", "orders", "backend")
			return err
		}, true},
		{"Stand", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Stand(ctx, a, "acme", "orders", access.Admin)
			return err
		}, true},
		{"Nodes", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Nodes(ctx, a, "acme")
			return err
		}, true},
		{"Activity", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Activity(ctx, a, "acme", "", access.EventFilter{})
			return err
		}, true},
		{"ExportActivity", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.ExportActivity(ctx, a, "acme", "", access.EventFilter{}, func(access.Standing, map[string]string, []access.Event) error { return nil })
		}, true},
		{"StandElevated", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, _, err := o.Registry.StandElevated(ctx, a, "acme", "orders")
			return err
		}, true},
		{"Basic", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Basic(ctx, a, "acme", "orders")
			return err
		}, true},
		{"ManageAPI", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.ManageAPI(ctx, a, "acme", "orders", access.CredentialFilter{})
			return err
		}, true},
		{"Token", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			_, err := o.Registry.Token(ctx, a, "acme", "orders", token)
			return err
		}, true},
		{"Tokens", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			_, _, err := o.Registry.Tokens(ctx, a, "acme", "orders", []string{token})
			return err
		}, true},
		{"AllTokens", byOperators, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.AllTokens(ctx, a, "acme", "orders")
			return err
		}, true},
		{"AllClients", byOperators, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.AllClients(ctx, a, "acme", "")
			return err
		}, true},
		{"Show", byOperators, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.Show(ctx, a, "acme", "orders")
			return err
		}, true},
		{"KeyUses", byOperators, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.KeyUses(ctx, a)
			return err
		}, true},
	}
}

func changingActs() []act {
	named := func(name string) access.APIDraft {
		return access.APIDraft{Slug: "oplog", Name: name, Upstream: access.EchoUpstream}
	}
	return []act{
		{"CreateApplication", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.CreateApplication(ctx, a, "acme", access.ApplicationDraft{Slug: "new"})
			return err
		}, false},
		{"CreateApplication", byOwners, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.CreateApplication(ctx, a, "acme", access.ApplicationDraft{Slug: "wide", Open: true})
			return err
		}, false},
		{"RenameApplication", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.RenameApplication(ctx, a, "acme", "orders", "Orders "+a.Name)
		}, false},
		{"CreateAPI", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.CreateAPI(ctx, a, "acme", "orders", named("Oplog"))
			return err
		}, false},
		{"UpdateAPI", byAdmins, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.UpdateAPI(ctx, a, "acme", "orders", "backend", named("Another name"))
		}, false},
		{"UpdateAPI", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.UpdateAPI(ctx, a, "acme", "orders", "backend", access.APIDraft{Name: "Another name", Upstream: "http://127.0.0.1:9"})
		}, false},
		{"IssueToken", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.IssueToken(ctx, a, "acme", "orders", access.Draft{Label: "made by " + a.Name})
			return err
		}, false},
		{"RenameToken", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			return o.Registry.Rename(ctx, a, "acme", "orders", token, "renamed")
		}, false},
		{"RestrictToken", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			return o.Registry.Restrict(ctx, a, "acme", "orders", token, narrower())
		}, false},
		{"RestrictBasic", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.RestrictBasic(ctx, a, "acme", "orders", narrower())
		}, false},
		{"PauseToken", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			_, err := o.Registry.Each(ctx, a, "acme", "orders", access.PauseThem, []string{token})
			return err
		}, false},
		{"ResumeToken", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			_, err := o.Registry.Each(ctx, a, "acme", "orders", access.ResumeThem, []string{token})
			return err
		}, false},
		{"RevokeTokens", byElevated, func(ctx context.Context, o *office, a access.Actor, token string) error {
			_, err := o.Registry.Each(ctx, a, "acme", "orders", access.RevokeThem, []string{token})
			return err
		}, false},
		{"RevealBasic", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.RevealBasic(ctx, a, "acme", "orders", "")
			return err
		}, false},
		{"ConfirmBasic", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.ConfirmBasic(ctx, a, "acme", "orders")
		}, false},
		{"DisableBasic", byElevated, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			return o.Registry.DisableBasic(ctx, a, "acme", "orders", "orders")
		}, false},
		{"CreateOrganization", byOperators, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.CreateOrganization(ctx, a, access.OrganizationDraft{Slug: "gamma"})
			return err
		}, false},
		{"AddMember", byOperators, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, _, err := o.Accounts.AddMember(ctx, a, "acme", access.UserDraft{Email: "late@example.com"}, access.Viewer,
				func() (secret.Secret, error) { return secret.New(testkit.Password), nil })
			return err
		}, false},
		{"DisableUser", byOpsExplain, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Accounts.DisableUser(ctx, a, "leaver@example.com")
			return err
		}, false},
		{"EnableUser", byOpsExplain, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Accounts.EnableUser(ctx, a, "resting@example.com")
			return err
		}, false},
	}
}

// changingKeys are acts on the server's keys. What is retired is the prepared key, by which nothing lives.
func changingKeys() []act {
	return []act{
		{"PrepareKey", byOpsExplain, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.PrepareKey(ctx, a)
			return err
		}, false},
		{"RetireKey", byOpsExplain, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, err := o.Registry.RetireKey(ctx, a, o.Keys.Next())
			return err
		}, false},
		{"RotateKeys", byOpsExplain, func(ctx context.Context, o *office, a access.Actor, _ string) error {
			_, _, err := o.Registry.RotateKeys(ctx, a)
			return err
		}, false},
	}
}
