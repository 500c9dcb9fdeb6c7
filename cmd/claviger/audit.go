package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"claviger/internal/access"
)

type auditCommands struct {
	Verify auditVerify `cmd:"" help:"Verify that no event was changed, deleted, inserted or swapped, and that none is missing at the end."`
	Status auditStatus `cmd:"" help:"Show where the chain of events ends, and how far it has been shipped to each target."`
	Export auditExport `cmd:"" help:"Print events as JSON, one a line, so that they can be verified by themselves."`
}

type auditVerify struct {
	File string `help:"Verify an export instead; it needs no installation." placeholder:"FILE"`
	jsonFlag
}

// Help shows how it is used.
func (*auditVerify) Help() string {
	return `Exit code 0: the chain of events holds. 1: it does not; each place is printed.

Examples:
  claviger audit verify
  claviger audit verify --file events-2026.jsonl`
}

// Run verifies the chain.
func (c *auditVerify) Run(t *terminal, cli *commandLine) error {
	if c.File == "" {
		return perform(t, cli.Config, c)
	}
	chain, err := readExport(c.File)
	if err != nil {
		return err
	}
	d := &desk{ctx: t.ctx, stdout: t.stdout, stderr: t.stderr}
	return c.tell(d, access.ChainReport{
		Count: chain.Count, First: chain.First, Head: chain.Head, Breaks: chain.Breaks, Broken: chain.Broken,
	})
}

func (*auditVerify) onlyLooks() bool { return true }

func (c *auditVerify) act(d *desk) error {
	known, damaged := d.ledger.known(), d.ledger.damaged
	if d.ledger.anchor == nil { // another process has it
		m, err := readMarks(d.cfg.Server.DataDir)
		damaged = errors.Is(err, errDamaged)
		if err != nil && !damaged {
			return err
		}
		known = m.head
	}
	report, err := d.auditor.Verify(d.ctx, known)
	if err != nil {
		return err
	}
	if damaged {
		report.Broken++
		report.Breaks = append(report.Breaks, access.ChainBreak{What: "the anchor is damaged: whether the end of the chain was cut off cannot be told"})
	}
	return c.tell(d, report)
}

// headRow is a head of the chain as --json prints it.
type headRow struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
	Time string `json:"time,omitempty"`
}

func rowOf(h access.EventHead) *headRow {
	if h.Seq == 0 {
		return nil
	}
	row := &headRow{Seq: h.Seq, Hash: hex.EncodeToString(h.Hash)}
	if !h.At.IsZero() {
		row.Time = h.At.Format(time.RFC3339Nano)
	}
	return row
}

// verified is what --json prints.
type verified struct {
	OK         bool                `json:"ok"`
	Events     int64               `json:"events"`
	First      *headRow            `json:"first,omitempty"`
	Head       *headRow            `json:"head,omitempty"`
	Checkpoint *headRow            `json:"checkpoint,omitempty"`
	Anchored   bool                `json:"anchored"`
	Broken     int                 `json:"broken"`
	Breaks     []access.ChainBreak `json:"breaks,omitempty"`
}

// tell prints a report; one that found something is exit code 1.
func (c *auditVerify) tell(d *desk, r access.ChainReport) error {
	if c.JSON {
		err := d.printJSON(verified{
			OK: r.Broken == 0, Events: r.Count, First: rowOf(r.First), Head: rowOf(r.Head), Checkpoint: rowOf(r.Checkpoint.Head),
			Anchored: r.Anchored, Broken: r.Broken, Breaks: r.Breaks,
		})
		if err == nil && r.Broken > 0 {
			err = exitError(1)
		}
		return err
	}
	if r.Broken > 0 {
		for _, b := range r.Breaks {
			d.say("claviger: %s", b.What)
		}
		if more := r.Broken - len(r.Breaks); more > 0 {
			d.say("claviger: and %d more", more)
		}
		d.say("claviger: the chain of %d events does not hold", r.Count)
		return exitError(1)
	}
	if r.Checkpoint.Head.Seq > 0 {
		d.say("It goes on from the checkpoint at %s.", r.Checkpoint.Head)
	}
	switch {
	case c.File != "":
		d.say("Whether this is the chain of an installation, its first and last hash tell: first event %d, last hash %s.", r.First.Seq, hex.EncodeToString(r.Head.Hash))
	case !r.Anchored:
		d.say("There is no anchor: whether the end was cut off cannot be told.")
	}
	_, err := fmt.Fprintf(d.stdout, "ok: %d events, up to %s\n", r.Count, r.Head)
	return err
}
