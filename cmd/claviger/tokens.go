package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"claviger/internal/access"
)

type tokenCreate struct {
	Place   string `arg:"" name:"org/app" help:"Organization and application."`
	Label   string `required:"" help:"What uses it." placeholder:"TEXT"`
	Scope   words  `help:"What it may do: backend:read, backend:write, *:read … Without one, everything." placeholder:"SCOPE"`
	Expires string `help:"Days such as 90d, a date such as 2027-02-19, or never." default:"${expiry}"`
	Allow   words  `help:"Network or address it may be used from; repeatable." placeholder:"CIDR"`
	limitFlags
	reasonFlag
	jsonFlag
}

// Run makes a token.
func (c *tokenCreate) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *tokenCreate) act(d *desk) error {
	p, err := place(c.Place, 2, "ORG/APP")
	if err != nil {
		return err
	}
	scopes, err := access.ParseScopes(strings.Join(c.Scope, " "))
	if err != nil {
		return err
	}
	issued, err := d.registry.IssueToken(d.ctx, d.operator(c.Reason), p[0], p[1], access.Draft{Label: c.Label, Scopes: scopes, Expires: c.Expires, Allow: c.Allow, Limit: c.draft()})
	if err != nil {
		return err
	}
	made := issued.Credential
	if c.JSON {
		row := tokenJSON(access.UsedCredential{Credential: made, State: access.Active})
		row.Token = issued.Secret.Expose()
		return d.printJSON(row)
	}
	d.say("Token %q made: %s, %s, expires %s. It is shown this once.", made.Label, made.ID, made.Restriction.Effective(), moment(made.ExpiresAt))
	_, err = fmt.Fprintln(d.stdout, issued.Secret.Expose())
	return err
}

// tokenRow is a token as programs read it.
type tokenRow struct {
	ID      string     `json:"id"`
	Of      string     `json:"of,omitempty"`
	Token   string     `json:"token,omitempty"`
	Label   string     `json:"label"`
	Masked  string     `json:"masked"`
	State   string     `json:"state"`
	Scope   string     `json:"scope"`
	Allow   []string   `json:"allow"`
	Limit   *limitRow  `json:"limit"`
	Created time.Time  `json:"created"`
	By      string     `json:"created_by"`
	Expires *time.Time `json:"expires"`
	Used    *time.Time `json:"last_used"`
	From    string     `json:"last_used_from,omitempty"`
	Agent   string     `json:"last_used_by,omitempty"`
}

func tokenJSON(u access.UsedCredential) tokenRow {
	c := u.Credential
	row := tokenRow{
		ID: c.ID, Label: c.Label, Masked: c.Masked(), State: string(u.State), Scope: c.Restriction.Effective().String(), Allow: []string{},
		Created: c.CreatedAt, By: c.CreatedBy, From: u.LastUse.Address, Agent: u.LastUse.Agent,
	}
	for _, network := range c.Allowed {
		row.Allow = append(row.Allow, network.String())
	}
	if !c.Limit.None() {
		row.Limit = &limitRow{c.Limit.PerSecond, c.Limit.Burst}
	}
	if !c.ExpiresAt.IsZero() {
		row.Expires = &c.ExpiresAt
	}
	if !u.LastUse.At.IsZero() {
		row.Used = &u.LastUse.At
	}
	return row
}

type tokenList struct {
	Place string `arg:"" name:"org/app" help:"Organization and application."`
	jsonFlag
}

// Run lists an application's tokens.
func (c *tokenList) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *tokenList) act(d *desk) error {
	p, err := place(c.Place, 2, "ORG/APP")
	if err != nil {
		return err
	}
	d.uses.Settle(d.ctx) // so that the last use is the last use
	tokens, err := d.registry.AllTokens(d.ctx, d.operator(""), p[0], p[1])
	if err != nil {
		return err
	}
	list := []tokenRow{}
	rows := [][]string{{"ID", "LABEL", "TOKEN", "STATE", "SCOPE", "EXPIRES", "LAST USED"}}
	for _, u := range tokens {
		row := tokenJSON(u)
		list = append(list, row)
		rows = append(rows, []string{row.ID, row.Label, row.Masked, row.State, row.Scope, moment(u.Credential.ExpiresAt), moment(u.LastUse.At)})
	}
	if c.JSON {
		return d.printJSON(list)
	}
	return d.table(rows)
}

// tokenID is embedded by acts on one token.
type tokenID struct {
	ID string `arg:"" help:"Id of the token, as token list shows it."`
	reasonFlag
}

// on finds where the token belongs, runs an act on it and says what became of it.
func (c *tokenID) on(d *desk, done string, do func(ctx context.Context, a access.Actor, org, app string) error) error {
	org, app, err := d.registry.Whereabouts(d.ctx, c.ID)
	if err != nil {
		return err
	}
	if err := do(d.ctx, d.operator(c.Reason), org, app); err != nil {
		return err
	}
	of := org
	if app != "" {
		of += "/" + app
	}
	noun := "Token"
	if strings.HasPrefix(c.ID, "cli_") {
		noun = "Client"
	}
	d.say("%s %s of %s is %s.", noun, c.ID, of, done)
	return nil
}

type tokenRevoke struct{ tokenID }

// Run revokes a token for good.
func (c *tokenRevoke) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *tokenRevoke) act(d *desk) error {
	return c.on(d, "revoked", func(ctx context.Context, a access.Actor, org, app string) error {
		_, err := d.registry.Each(ctx, a, org, app, access.RevokeThem, []string{c.ID})
		return err
	})
}

type tokenPause struct{ tokenID }

// Run pauses a token.
func (c *tokenPause) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *tokenPause) act(d *desk) error {
	return c.on(d, "paused", func(ctx context.Context, a access.Actor, org, app string) error {
		_, err := d.registry.Each(ctx, a, org, app, access.PauseThem, []string{c.ID})
		return err
	})
}

type tokenResume struct{ tokenID }

// Run resumes a token.
func (c *tokenResume) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *tokenResume) act(d *desk) error {
	return c.on(d, "active again", func(ctx context.Context, a access.Actor, org, app string) error {
		_, err := d.registry.Each(ctx, a, org, app, access.ResumeThem, []string{c.ID})
		return err
	})
}
