package templates

import (
	"context"
	"io"
)

// icon is a symbol of static/icons.svg, which browsers keep: drawn in place, the
// icons were half of a page with fifty rows. They are drawn in the manner of Lucide,
// most of them after it; see static/LICENSE-lucide. They are decoration: a word
// always stands beside them.
//
// It is written in Go and not as a template, because a page of fifty rows draws 350 of
// them, and a template makes a context for each.
type icon string

// Render writes the icon.
func (symbol icon) Render(ctx context.Context, w io.Writer) error {
	return part(func(m *markup) { m.icon(symbol) }).Render(ctx, w)
}

func iconKey() icon       { return icon("key") }
func iconDown() icon      { return icon("down") }
func iconCopy() icon      { return icon("copy") }
func iconEye() icon       { return icon("eye") }
func iconEyeOff() icon    { return icon("eye-off") }
func iconPlus() icon      { return icon("plus") }
func iconCheck() icon     { return icon("check") }
func iconPause() icon     { return icon("pause") }
func iconPlay() icon      { return icon("play") }
func iconClock() icon     { return icon("clock") }
func iconBan() icon       { return icon("ban") }
func iconSearch() icon    { return icon("search") }
func iconShield() icon    { return icon("shield") }
func iconLock() icon      { return icon("lock") }
func iconUnlocked() icon  { return icon("unlocked") }
func iconWarning() icon   { return icon("warning") }
func iconInfo() icon      { return icon("info") }
func iconMore() icon      { return icon("more") }
func iconPencil() icon    { return icon("pencil") }
func iconOpen() icon      { return icon("open") }
func iconSignOut() icon   { return icon("sign-out") }
func iconUser() icon      { return icon("user") }
func iconUserOff() icon   { return icon("user-off") }
func iconSettings() icon  { return icon("settings") }
func iconReplace() icon   { return icon("replace") }
func iconClipboard() icon { return icon("clipboard") }
