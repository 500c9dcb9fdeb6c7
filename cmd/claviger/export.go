package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"claviger/internal/access"
)

// readExport follows the chain of an export.
func readExport(path string) (*access.Chain, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	chain := access.PartOfChain()
	reader := bufio.NewReader(file)
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if len(line) == 0 && errors.Is(err, io.EOF) {
			return chain, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		e, err := access.ParseEventLine(line)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, number, err)
		}
		chain.Follow(e)
	}
}

type auditExport struct {
	Since  string `help:"From a date (2026-11-21) or time (2026-11-21T08:00:00Z) on." placeholder:"T"`
	Until  string `help:"Up to a date or time, exclusive." placeholder:"T"`
	Output string `help:"Write to a new file, of mode 0600, instead of standard output." placeholder:"FILE"`
	Prune  bool   `help:"Then delete what was written from the database, and leave a signed checkpoint from which the chain goes on. Needs --until, --output and --reason, and no --since."`
	reasonFlag
	Through int64  `hidden:"" help:"Of the second half of --prune: the number of the last event that was written."`
	Hash    string `hidden:"" help:"And its hash."`
}

// Help shows how it is used.
func (*auditExport) Help() string {
	return `The lines are in order and leave nothing out between the first and the last one.

Examples:
  claviger audit export --since 2026-11-01
  claviger audit export --until 2026-01-01 --output events-2025.jsonl
  claviger audit export --until 2026-01-01 --output events-2025.jsonl --prune --reason "moved to the archive"`
}

// Run exports events, to a file of the caller's own where one is named.
func (c *auditExport) Run(t *terminal, cli *commandLine) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Output == "" {
		return perform(t, cli.Config, c)
	}
	chain, err := c.toFile(t, cli)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.stderr, "%d events written to %s, up to %s.\n", chain.Count, c.Output, chain.Head)
	if !c.Prune {
		return nil
	}
	if chain.Count == 0 {
		fmt.Fprintln(t.stderr, "There is nothing to delete.")
		return nil
	}
	// What was written is on the disk, and holds: only now the other half.
	c.Through, c.Hash = chain.Head.Seq, hex.EncodeToString(chain.Head.Hash)
	half := *t
	half.args = append(slices.Clone(t.args), fmt.Sprintf("--through=%d", c.Through), "--hash="+c.Hash)
	return perform(&half, cli.Config, c)
}

func (c *auditExport) check() error {
	if _, err := c.period(); err != nil {
		return err
	}
	if c.Prune && (c.Until == "" || c.Output == "" || c.Since != "") {
		return usageError{errors.New("--prune needs --until, and --output for what is deleted, and takes no --since: the oldest events go first")}
	}
	if c.Prune {
		return c.given()
	}
	return nil
}

// toFile writes the export into a new file and reads it back.
func (c *auditExport) toFile(t *terminal, cli *commandLine) (*access.Chain, error) {
	file, err := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already, and is not overwritten: name another file", c.Output)
	}
	if err != nil {
		return nil, err
	}
	first := *t
	first.stdout = file
	written := &auditExport{Since: c.Since, Until: c.Until}
	err = perform(&first, cli.Config, written)
	if err := errors.Join(err, file.Sync(), file.Close(), syncDir(filepath.Dir(c.Output))); err != nil {
		return nil, errors.Join(err, os.Remove(c.Output))
	}
	chain, err := readExport(c.Output)
	if err == nil && chain.Broken > 0 {
		err = fmt.Errorf("the export does not hold together (%s), and nothing was deleted: run claviger audit verify", chain.Breaks[0].What)
	}
	return chain, err
}

func (c *auditExport) period() (access.Period, error) {
	var p access.Period
	var err error
	if p.Since, err = parseMoment("--since", c.Since); err != nil {
		return p, err
	}
	p.Until, err = parseMoment("--until", c.Until)
	return p, err
}

// parseMoment reads a date, which begins at midnight UTC, or a time.
func parseMoment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usageError{fmt.Errorf("%s: %q is no date such as 2026-11-21, nor a time such as 2026-11-21T08:00:00Z", flag, text)}
}

func (c *auditExport) onlyLooks() bool { return c.Through == 0 }

func (c *auditExport) act(d *desk) error {
	if c.Through > 0 {
		return c.prune(d)
	}
	p, err := c.period()
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(d.stdout, 32<<10)
	err = d.auditor.Export(d.ctx, p, func(e access.Event) error {
		line, err := e.Line()
		if err == nil {
			_, err = out.Write(line)
		}
		return err
	})
	return errors.Join(err, out.Flush())
}

func (c *auditExport) prune(d *desk) error {
	hash, err := hex.DecodeString(c.Hash)
	if err != nil {
		return usageError{fmt.Errorf("--hash: %w", err)}
	}
	through := access.EventHead{Seq: c.Through, Hash: hash}
	deleted, err := d.auditor.Prune(d.ctx, d.operator(c.Reason), through)
	if err != nil {
		return err
	}
	d.say("%d events were deleted from the database; the chain goes on from a signed checkpoint at event %d.", deleted, c.Through)
	return nil
}
