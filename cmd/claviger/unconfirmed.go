package main

type unconfirmedCommand struct{ jsonFlag }

// Run lists what a restore left unconfirmed.
func (c *unconfirmedCommand) Run(t *terminal, cli *commandLine) error {
	return perform(t, cli.Config, c)
}

func (c *unconfirmedCommand) act(d *desk) error {
	d.uses.Settle(d.ctx)
	all, err := d.auditor.Unconfirmed(d.ctx, d.operator(""))
	if err != nil {
		return err
	}
	list := []unconfirmedRow{}
	rows := [][]string{{"ID", "KIND", "OF", "LABEL", "SINCE", "LAST USED"}}
	for _, u := range all {
		x := u.Credential
		r := unconfirmedRow{x.ID, string(x.Kind), u.Place, x.Label, moment(x.UnconfirmedAt), moment(u.LastUse.At)}
		list = append(list, r)
		rows = append(rows, []string{r.ID, r.Kind, r.Of, r.Label, r.Since, r.LastUse})
	}
	if c.JSON {
		return d.printJSON(list)
	}
	return d.table(rows)
}

// unconfirmedRow is what --json prints of one.
type unconfirmedRow struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Of      string `json:"of"`
	Label   string `json:"label"`
	Since   string `json:"since"`
	LastUse string `json:"last_used"`
}

type confirmCommand struct {
	ID []string `arg:"" help:"Ids of credentials."`
	reasonFlag
}

// Help shows how it is used.
func (*confirmCommand) Help() string {
	return `After a restore without the file of revocations nobody knows which credentials had been revoked
meanwhile: they work, and claviger unconfirmed lists them. Look at each: confirm it, or revoke it.

Examples:
  claviger unconfirmed
  claviger confirm tok_01… tok_02… --reason "both are in the partner's contract"`
}

// Run confirms credentials.
func (c *confirmCommand) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *confirmCommand) act(d *desk) error {
	done, err := d.auditor.Confirm(d.ctx, d.operator(c.Reason), c.ID)
	if err != nil {
		return err
	}
	d.say("%d confirmed.", len(done))
	return nil
}
