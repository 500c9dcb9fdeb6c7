package testkit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axeVersion is the one that `.ci/deps` installs.
const axeVersion = "4.14.1"

// axeTags are the rules that a page is held to: WCAG 2.0 to 2.2, levels A and AA, and axe's best practices.
const axeTags = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]`

// axeRun reduces axe's report to what a message needs.
const axeRun = `axe.run(document, {runOnly: ` + axeTags + `, resultTypes: ["violations"]}).then(report => ({
	Passes: report.passes.length,
	Violations: report.violations.map(v => ({
		ID: v.id, Impact: v.impact, Help: v.help,
		Nodes: v.nodes.map(n => ({Target: n.target.flat().join(" "), HTML: n.html, Summary: n.failureSummary})),
	})),
}))`

type axeReport struct {
	Passes     int
	Violations []axeViolation
}

type axeViolation struct {
	ID, Impact, Help string
	Nodes            []struct{ Target, HTML, Summary string }
}

// Axe fails t, listing rule, element and remedy, if the page as it stands now breaks a rule of axe-core.
//
// axe runs in a world of its own beside the page, which the page's content security policy does not bind: the policy stays in
// force for the page, and one need not load the page again, which would lose the answer to a POST.
func (b *Tab) Axe(t testing.TB) {
	t.Helper()
	if b.settings.scriptless {
		t.Fatal("axe needs scripts; use a browser without NoJavaScript")
	}
	source := axeSource(t)
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	var report axeReport
	err := chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		tree, err := page.GetFrameTree().Do(ctx)
		if err != nil {
			return err
		}
		world, err := page.CreateIsolatedWorld(tree.Frame.ID).WithWorldName("axe").Do(ctx)
		if err != nil {
			return err
		}
		return b.runAxe(ctx, source, world, &report)
	}))
	if err != nil {
		t.Fatalf("run axe: %v", err)
	}
	if report.Passes == 0 {
		t.Fatal("axe checked nothing")
	}
	for _, violation := range report.Violations {
		t.Errorf("%s", violation)
	}
}

func (b *Tab) runAxe(ctx context.Context, source string, world runtime.ExecutionContextID, report *axeReport) error {
	var loaded bool // the world lives as long as the page, and axe takes its time to load
	if err := evaluate(ctx, `typeof axe === "object"`, &loaded, world); err != nil {
		return fmt.Errorf("look for axe: %w", err)
	}
	if !loaded {
		if err := evaluate(ctx, source+"\n;undefined", nil, world); err != nil {
			return fmt.Errorf("load axe: %w", err)
		}
	}
	return evaluate(ctx, axeRun, report, world)
}

func axeSource(t testing.TB) string {
	t.Helper()
	cache, err := cacheDir()
	if err != nil {
		t.Fatalf("find the cache directory: %v", err)
	}
	source, err := os.ReadFile(filepath.Join(cache, "axe-"+axeVersion, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		unavailable(t, "axe-core "+axeVersion+" is not there; .ci/deps installs it")
	}
	return string(source)
}

func (v axeViolation) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "axe %s (%s): %s", v.ID, v.Impact, v.Help)
	for _, node := range v.Nodes {
		fmt.Fprintf(&text, "\n  %s\n    %.200s\n    %s", node.Target, node.HTML, strings.ReplaceAll(node.Summary, "\n", "\n    "))
	}
	return text.String()
}
