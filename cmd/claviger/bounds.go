package main

import (
	"context"
	"errors"

	"claviger/internal/access"
)

// limitFlags are embedded by commands that make a credential.
type limitFlags struct {
	Rate  given `help:"Requests a second that are let in at most, on each node; more are answered 429 (403 on /verify)." placeholder:"N"`
	Burst given `help:"How many may come at once; as many as --rate without it." placeholder:"N"`
}

func (l limitFlags) draft() access.LimitDraft {
	return access.LimitDraft{Rate: string(l.Rate), Burst: string(l.Burst)}
}

// limitRow is a limit as programs read it.
type limitRow struct {
	PerSecond int `json:"per_second"`
	Burst     int `json:"burst"`
}

// boundsFlags are embedded by commands that change from where and how often a credential
// may be used.
type boundsFlags struct {
	Allow      words `help:"Networks or addresses it may be used from, in place of those that it has; repeatable." placeholder:"CIDR" xor:"from"`
	AnyAddress bool  `help:"It may be used from anywhere." xor:"from"`
	limitFlags
	NoLimit bool `help:"It may be used as often as one likes."`
}

// bounds is what the flags change. They do not ask back as the console does where the
// address of the last use is left out: a script has nobody to ask.
func (b boundsFlags) bounds() (access.BoundsDraft, error) {
	d := access.BoundsDraft{Sure: true}
	limited := b.limitFlags != (limitFlags{})
	switch {
	case limited && b.NoLimit:
		return d, usageError{errors.New("--no-limit and --rate exclude each other")}
	case b.Burst != "" && b.Rate == "":
		return d, usageError{errors.New("--burst needs --rate")}
	case limited || b.NoLimit:
		limit := b.limitFlags.draft()
		d.Limit = &limit
	}
	if b.AnyAddress || len(b.Allow) > 0 {
		d.Allow = (*[]string)(&b.Allow)
	}
	if d.Limit == nil && d.Allow == nil {
		return d, usageError{errors.New("nothing to set: give --allow, --any-address, --rate or --no-limit")}
	}
	return d, nil
}

type tokenSet struct {
	tokenID
	boundsFlags
}

// Run changes from where and how often a token may be used.
func (c *tokenSet) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *tokenSet) act(d *desk) error {
	draft, err := c.bounds()
	if err != nil {
		return err
	}
	return c.on(d, "set", func(ctx context.Context, a access.Actor, org, app string) error {
		return d.registry.Restrict(ctx, a, org, app, c.ID, draft)
	})
}

type clientSet struct{ tokenSet }

// Run changes from where and how often a client may be used.
func (c *clientSet) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }
