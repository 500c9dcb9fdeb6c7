package web_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"

	"claviger/internal/access"
)

// TestActivityExport: all that the filters choose, beyond a page, in both formats, and nothing of another organization.
func TestActivityExport(t *testing.T) {
	c, v := elevatedConsole(t)
	c.Organization("beta")
	c.Application("beta", "secrets")
	for i := range 120 {
		c.Token("acme", "orders", fmt.Sprint("=cmd|' /C calc'!A", i), "")
	}
	path := "/orgs/acme/activity"
	page := v.Get(path + "?action=token.create").Page(t)
	links := page.All("a[download]")
	if len(links) != 2 {
		t.Fatalf("%d links to exports", len(links))
	}
	csvAnswer, lines := v.Get(links[0].Attr("href")), v.Get(links[1].Attr("href"))
	if got := csvAnswer.Header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="activity-acme-`) || csvAnswer.Header.Get("Cache-Control") != "no-store" || csvAnswer.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers: %v", csvAnswer.Header)
	}
	rows, err := csv.NewReader(strings.NewReader(csvAnswer.Body)).ReadAll()
	if err != nil || len(rows) != 121 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	target := slices.Index(rows[0], "target")
	if rows[1][target] != "'=cmd|' /C calc'!A119" || rows[120][target] != "'=cmd|' /C calc'!A0" || rows[1][2] != "token.create" || rows[1][5] != "orders" {
		t.Errorf("first %q, last %q", rows[1], rows[120])
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("a spreadsheet takes %q for a formula", cell)
			}
		}
	}
	n := 0
	for line := range bytes.Lines([]byte(lines.Body)) {
		e, err := access.ParseEventLine(line)
		if err != nil || e.Act != access.ActCreateToken || !bytes.Equal(e.Hash, e.ChainHash()) {
			t.Fatalf("%v: %s", err, line)
		}
		n++
	}
	if n != 120 {
		t.Errorf("%d lines", n)
	}
	all := v.Get(path + "/export?format=jsonl").Body
	if strings.Contains(all, "secrets") || strings.Contains(all, `"beta"`) || strings.Count(all, "\n") <= 120 {
		t.Error("everything holds what is another organization's, or not all")
	}
	for query, want := range map[string]int{"": 422, "?format=xml": 422, "?format=csv&from=never": 422, "?format=csv&app=none": 404, "?format=csv&action=nothing": 200} {
		if a := v.Get(path + "/export" + query); a.Status != want {
			t.Errorf("%q: %d, want %d", query, a.Status, want)
		}
	}
	if a := v.Get(path + "/export?format=csv&action=nothing"); strings.Count(a.Body, "\n") != 1 {
		t.Errorf("nothing chosen: %q", a.Body)
	}
}
