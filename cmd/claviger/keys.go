package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"claviger/internal/access"
)

type keysList struct{ jsonFlag }

// keyRow is a key as keys list prints it.
type keyRow struct {
	ID           string `json:"id"`
	State        string `json:"state"`
	Fingerprint  string `json:"fingerprint"`
	Credentials  int    `json:"credentials"`
	AccessTokens int    `json:"access_tokens"`
	Servers      int    `json:"servers,omitempty"` // that share the database and run; of those:
	ReadBy       int    `json:"read_by,omitempty"`
}

// Run lists the keys.
func (c *keysList) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *keysList) act(d *desk) error {
	uses, err := d.registry.KeyUses(d.ctx, d.operator(""))
	if err != nil {
		return err
	}
	list := make([]keyRow, len(uses))
	rows := [][]string{{"ID", "STATE", "CREDENTIALS", "ACCESS TOKENS", "FINGERPRINT"}}
	if d.shared() {
		rows[0] = append(rows[0], "READ BY")
	}
	for i, u := range uses {
		list[i] = keyRow{u.ID, string(u.State), u.Fingerprint, u.Credentials, u.AccessTokens, u.Servers, u.ReadBy}
		row := []string{u.ID, list[i].State, strconv.Itoa(u.Credentials), strconv.Itoa(u.AccessTokens), u.Fingerprint}
		if d.shared() {
			row = append(row, fmt.Sprintf("%d of %d servers", u.ReadBy, u.Servers))
		}
		rows = append(rows, row)
	}
	if c.JSON {
		return d.printJSON(list)
	}
	return d.table(rows)
}

type keysPrepare struct {
	reasonFlag
	jsonFlag
}

// Run adds a key that is not used yet.
func (c *keysPrepare) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *keysPrepare) act(d *desk) error {
	id, err := d.registry.PrepareKey(d.ctx, d.operator(c.Reason))
	if err != nil {
		return err
	}
	if c.JSON {
		return d.printJSON(map[string]string{"next": id})
	}
	d.say("Key %s is prepared. Copy %s to every other node; each reads it within %s.", id, d.cfg.Security.KeyFile, lookInterval)
	d.say("When claviger keys list says that all servers have read it, rotate.")
	return nil
}

type keysRotate struct {
	reasonFlag
	jsonFlag
}

// Run makes another key the primary one.
func (c *keysRotate) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *keysRotate) act(d *desk) error {
	if d.shared() && d.keys.Next() == "" {
		return errors.New("several nodes may serve from this database, and one that does not know the new key would refuse what others make with it. " +
			"Run claviger keys prepare, copy the key file to every node, and rotate then")
	}
	if err := d.awaitServers(d.keys.Next()); err != nil {
		return err
	}
	now, before, err := d.registry.RotateKeys(d.ctx, d.operator(c.Reason))
	if err != nil {
		return err
	}
	if c.JSON {
		return d.printJSON(map[string]string{"primary": now, "before": before})
	}
	d.say("Key %s is the primary one. Basic credentials hang on it already; everything else moves to it when it is next presented.", now)
	d.say("Back up the key file %s now. Keep key %s until claviger keys list shows that nothing lives by it; then claviger keys retire %s.", d.cfg.Security.KeyFile, before, before)
	return nil
}

// awaitServers waits until every server has read a key, for as long as one that has the
// file may take to do so and to say it. Whether they all have is RotateKeys's to judge.
func (d *desk) awaitServers(id string) error {
	for end := time.Now().Add(lookInterval + 2*time.Second); time.Now().Before(end) && d.ctx.Err() == nil; pause(d.ctx, 100*time.Millisecond) {
		names, err := d.registry.ServersWithout(d.ctx, id)
		if err != nil || len(names) == 0 {
			return err
		}
	}
	return nil
}

type keysRetire struct {
	ID string `arg:"" help:"Id of the key, as keys list shows it."`
	reasonFlag
	jsonFlag
}

// Run takes an older key out of the key file.
func (c *keysRetire) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *keysRetire) act(d *desk) error {
	d.uses.Settle(d.ctx) // what was presented a moment ago moves now
	use, err := d.registry.RetireKey(d.ctx, d.operator(c.Reason), c.ID)
	if err != nil {
		return named(err, use)
	}
	if c.JSON {
		return d.printJSON(map[string]string{"retired": c.ID})
	}
	d.say("Key %s is retired: it is no longer in the key file. Copies of that file in backups still hold it.", c.ID)
	return nil
}

// named adds to why a key is kept which credentials keep it.
func named(err error, use access.InUse) error {
	if len(use.Some) == 0 || access.KindOf(err) != access.Conflict {
		return err
	}
	text := access.AsError(err).Message
	for _, u := range use.Some {
		text += fmt.Sprintf("\n  %s  %s  %s, last used %s", u.Credential.ID, u.Credential.Masked(), u.Credential.Label, moment(u.LastUse.At))
	}
	if more := use.Credentials - len(use.Some); more > 0 {
		text += fmt.Sprintf("\n  and %d more", more)
	}
	return &access.Error{Kind: access.Conflict, Message: text, Err: err}
}
