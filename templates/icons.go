package templates

import (
	"context"
	"io"

	"github.com/a-h/templ"

	"claviger/static"
)

// icon is a symbol of static/icons.svg, which browsers keep: drawn in place, the
// icons were half of a page with fifty rows. They are drawn in the manner of Lucide,
// most of them after it; see static/LICENSE-lucide. They are decoration: a word
// always stands beside them.
//
// It is written in Go and not as a template, because a page of fifty rows draws 350 of
// them, and a template makes a context for each.
type icon string

// Render writes the icon. Its name is a constant, so that nothing has to be escaped.
func (symbol icon) Render(_ context.Context, w io.Writer) error {
	for _, text := range [...]string{
		`<svg class="icon" width="16" height="16" aria-hidden="true"><use href="`, static.Path("icons.svg"), `#`, string(symbol), `"></use></svg>`,
	} {
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

func iconKey() templ.Component       { return icon("key") }
func iconDown() templ.Component      { return icon("down") }
func iconCopy() templ.Component      { return icon("copy") }
func iconEye() templ.Component       { return icon("eye") }
func iconEyeOff() templ.Component    { return icon("eye-off") }
func iconPlus() templ.Component      { return icon("plus") }
func iconCheck() templ.Component     { return icon("check") }
func iconPause() templ.Component     { return icon("pause") }
func iconPlay() templ.Component      { return icon("play") }
func iconClock() templ.Component     { return icon("clock") }
func iconBan() templ.Component       { return icon("ban") }
func iconSearch() templ.Component    { return icon("search") }
func iconShield() templ.Component    { return icon("shield") }
func iconLock() templ.Component      { return icon("lock") }
func iconUnlocked() templ.Component  { return icon("unlocked") }
func iconWarning() templ.Component   { return icon("warning") }
func iconInfo() templ.Component      { return icon("info") }
func iconMore() templ.Component      { return icon("more") }
func iconPencil() templ.Component    { return icon("pencil") }
func iconOpen() templ.Component      { return icon("open") }
func iconSignOut() templ.Component   { return icon("sign-out") }
func iconUser() templ.Component      { return icon("user") }
func iconUserOff() templ.Component   { return icon("user-off") }
func iconSettings() templ.Component  { return icon("settings") }
func iconReplace() templ.Component   { return icon("replace") }
func iconClipboard() templ.Component { return icon("clipboard") }
