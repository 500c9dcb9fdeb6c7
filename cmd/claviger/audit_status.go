package main

import (
	"strconv"
	"time"

	"claviger/internal/access"
)

type auditStatus struct{ jsonFlag }

// Help shows how it is used.
func (*auditStatus) Help() string {
	return `How far each target of [audit] ship_to has got: the last event that it has acknowledged, how many wait, when it
last acknowledged one, and on PostgreSQL which server ships there. Why one is behind is in that server's log.

Examples:
  claviger audit status
  claviger audit status --json | jq '.targets[] | select(.waiting > 0)'`
}

// Run tells of the chain and how far it has been shipped.
func (c *auditStatus) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (*auditStatus) onlyLooks() bool { return true }

// shipRow is a target as audit status prints it.
type shipRow struct {
	Target       string `json:"target"`
	Acknowledged int64  `json:"acknowledged"` // number of its last event; 0 = none
	Waiting      int64  `json:"waiting"`
	Last         string `json:"last,omitempty"`
	Node         string `json:"node,omitempty"`
}

func (c *auditStatus) act(d *desk) error {
	head, err := d.auditor.Head(d.ctx)
	if err != nil {
		return err
	}
	targets, err := d.auditor.Shipping(d.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		list := []shipRow{}
		for _, p := range targets {
			row := shipRow{Target: p.Target, Acknowledged: p.Seq, Waiting: p.Waiting, Node: p.Node}
			if !p.ShippedAt.IsZero() {
				row.Last = p.ShippedAt.Format(time.RFC3339Nano)
			}
			list = append(list, row)
		}
		return d.printJSON(map[string]any{"head": rowOf(head), "targets": list})
	}
	return c.tell(d, head, targets)
}

func (c *auditStatus) tell(d *desk, head access.EventHead, targets []access.ShipProgress) error {
	d.say("The chain ends at %s.", head)
	if len(targets) == 0 {
		d.say("Events are shipped nowhere: [audit] ship_to names no target.")
		return nil
	}
	rows := [][]string{{"TARGET", "ACKNOWLEDGED", "WAITING", "LAST"}}
	if d.shared() {
		rows[0] = append(rows[0], "SHIPPED BY")
	}
	for _, p := range targets {
		row := []string{p.Target, "none", strconv.FormatInt(p.Waiting, 10), moment(p.ShippedAt)}
		if p.Seq > 0 {
			row[1] = "event " + strconv.FormatInt(p.Seq, 10)
		}
		switch {
		case d.shared() && p.Node == "":
			row = append(row, "nobody")
		case d.shared():
			row = append(row, p.Node)
		}
		rows = append(rows, row)
	}
	return d.table(rows)
}
