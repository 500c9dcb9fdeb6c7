package main

import (
	"context"
	"fmt"
	"strings"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// holder is an argument ORG or ORG/APP.
func holder(text string) (org, app string, err error) {
	org, app, _ = strings.Cut(text, "/")
	if org == "" || strings.Contains(app, "/") || strings.HasSuffix(text, "/") {
		return "", "", usageError{fmt.Errorf("%q is not of the form ORG or ORG/APP", text)}
	}
	return org, app, nil
}

type clientCreate struct {
	Place   string `arg:"" name:"org[/app]" help:"Organization, or organization and application."`
	Label   string `help:"What uses it." default:"client" placeholder:"TEXT"`
	Scope   words  `help:"What it may do: backend:read, *:write … Without one, everything." placeholder:"SCOPE"`
	Expires string `help:"Days such as 90d, a date such as 2027-02-19, or never. Without one, as long as the configuration allows." placeholder:"D"`
	Allow   words  `help:"Network or address it may be used from; repeatable." placeholder:"CIDR"`
	limitFlags
	reasonFlag
	jsonFlag
}

// Run makes a client.
func (c *clientCreate) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *clientCreate) act(d *desk) error {
	org, app, err := holder(c.Place)
	if err != nil {
		return err
	}
	scopes, err := access.ParseScopes(strings.Join(c.Scope, " "))
	if err != nil {
		return err
	}
	issued, err := d.registry.IssueClient(d.ctx, d.operator(c.Reason), org, app, access.Draft{Label: c.Label, Scopes: scopes, Expires: c.Expires, Allow: c.Allow, Limit: c.draft()})
	if err != nil {
		return err
	}
	made := issued.Credential
	if c.JSON {
		row := tokenJSON(access.UsedCredential{Credential: made, State: access.Active})
		return d.printJSON(map[string]any{"client_id": made.ID, "client_secret": issued.Secret.Expose(), "label": row.Label, "scope": row.Scope, "expires": row.Expires})
	}
	d.say("Client %q of %s made: %s, expires %s. Its secret is shown this once.", made.Label, c.Place, made.Restriction.Effective(), moment(made.ExpiresAt))
	_, err = fmt.Fprintln(d.stdout, made.ID+":"+issued.Secret.Expose())
	return err
}

type clientList struct {
	Place string `arg:"" optional:"" name:"org[/app]" help:"Organization, or organization and application; without one, all clients."`
	jsonFlag
}

// Run lists clients.
func (c *clientList) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *clientList) act(d *desk) error {
	places := []string{c.Place}
	if c.Place == "" {
		var err error
		if places, err = allPlaces(d); err != nil {
			return err
		}
	}
	d.uses.Settle(d.ctx) // so that the last use is the last use
	list := []tokenRow{}
	rows := [][]string{{"CLIENT ID", "OF", "LABEL", "STATE", "SCOPE", "EXPIRES", "LAST USED"}}
	for _, p := range places {
		org, app, err := holder(p)
		if err != nil {
			return err
		}
		clients, err := d.registry.AllClients(d.ctx, d.operator(""), org, app)
		if err != nil {
			return err
		}
		for _, u := range clients {
			row := tokenJSON(u)
			row.Of = p
			list = append(list, row)
			rows = append(rows, []string{row.ID, p, row.Label, row.State, row.Scope, moment(u.Credential.ExpiresAt), moment(u.LastUse.At)})
		}
	}
	if c.JSON {
		return d.printJSON(list)
	}
	return d.table(rows)
}

// allPlaces returns every organization and application.
func allPlaces(d *desk) ([]string, error) {
	dir, err := d.registry.Directory(d.ctx)
	var out []string
	for _, o := range dir.Organizations {
		out = append(out, o.Slug)
		for _, a := range dir.Applications[o.ID] {
			out = append(out, o.Slug+"/"+a.Slug)
		}
	}
	return out, err
}

type clientRevoke struct{ tokenID }

// Run revokes a client for good.
func (c *clientRevoke) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *clientRevoke) act(d *desk) error {
	return c.on(d, "revoked", func(ctx context.Context, a access.Actor, org, app string) error {
		_, err := d.registry.Each(ctx, a, org, app, access.RevokeThem, []string{c.ID})
		return err
	})
}

type appSet struct {
	Place            string  `arg:"" name:"org/app" help:"Organization and application."`
	Open             bool    `help:"Let requests in without a credential." xor:"access"`
	Secured          bool    `help:"Ask every request for a credential." xor:"access"`
	QueryCredentials string  `help:"Accept credentials in the query string: on or off. They end up in logs; off is the default." placeholder:"on|off"`
	PasswordGrant    string  `help:"Issue and accept access tokens for a user's password: on or off." placeholder:"on|off"`
	DefaultTTL       *int64  `name:"default-ttl" help:"Default life of new access tokens, in seconds." placeholder:"S"`
	MaxTTL           *int64  `name:"max-ttl" help:"Longest life of new access tokens, in seconds." placeholder:"S"`
	DefaultAPI       *string `name:"default-api" help:"API that takes what names no API; empty for none." placeholder:"API"`
	reasonFlag
}

// Run changes an application's switches.
func (c *appSet) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *appSet) act(d *desk) error {
	p, err := place(c.Place, 2, "ORG/APP")
	if err != nil {
		return err
	}
	draft := access.SwitchDraft{DefaultTTL: c.DefaultTTL, MaxTTL: c.MaxTTL, DefaultAPI: c.DefaultAPI}
	if c.Open || c.Secured {
		draft.Open = &c.Open
	}
	if draft.QueryCredentials, err = onOff("--query-credentials", c.QueryCredentials); err != nil {
		return err
	}
	if draft.PasswordGrant, err = onOff("--password-grant", c.PasswordGrant); err != nil {
		return err
	}
	if draft == (access.SwitchDraft{}) {
		return usageError{fmt.Errorf("nothing to set; see claviger app set --help")}
	}
	if err := d.registry.Switch(d.ctx, d.operator(c.Reason), p[0], p[1], draft); err != nil {
		return err
	}
	d.say("Set for %s.", c.Place)
	return nil
}

func onOff(flag, text string) (*bool, error) {
	on := text == "on"
	switch text {
	case "":
		return nil, nil
	case "on", "off":
		return &on, nil
	}
	return nil, usageError{fmt.Errorf("%s is on or off", flag)}
}

// memberOf is embedded by acts on a member.
type memberOf struct {
	Email string `arg:"" help:"Email of the user."`
	Org   string `required:"" help:"Organization." placeholder:"SLUG"`
	reasonFlag
}

type userSet struct {
	memberOf
	Role string `required:"" help:"viewer, member, admin or owner."`
}

// Run changes a member's role.
func (c *userSet) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *userSet) act(d *desk) error {
	role, err := access.ParseRole(c.Role)
	if err != nil {
		return err
	}
	user, err := d.accounts.ChangeRole(d.ctx, d.operator(c.Reason), c.Org, c.Email, role)
	if err != nil {
		return err
	}
	d.say("%s is now %s of %s.", user.Email, role, c.Org)
	return nil
}

type userRemove struct{ memberOf }

// Run ends a membership.
func (c *userRemove) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *userRemove) act(d *desk) error {
	user, err := d.accounts.RemoveMember(d.ctx, d.operator(c.Reason), c.Org, c.Email)
	if err != nil {
		return err
	}
	d.say("%s is no longer a member of %s; their API tokens for it are revoked.", user.Email, c.Org)
	return nil
}

type userResetPassword struct {
	Email string `arg:"" help:"Email of the user."`
	reasonFlag
}

// Run gives a user a new password.
func (c *userResetPassword) Run(t *terminal, cli *commandLine) error {
	return perform(t, cli.Config, c)
}

func (c *userResetPassword) act(d *desk) error {
	user, err := d.accounts.ResetPassword(d.ctx, d.operator(c.Reason), c.Email, func() (secret.Secret, error) {
		text, err := d.readInput()
		return secret.New(text), err
	})
	if err != nil {
		return err
	}
	d.say("%s has a new password; their sessions have ended.", user.Email)
	return nil
}
