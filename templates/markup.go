package templates

import (
	"io"
	"sync"

	"github.com/a-h/templ"

	"claviger/static"
)

// markup writes HTML until a write fails; err is how it did. It is for the few parts that
// a table draws in each of its rows: for each of its parts, a template makes a context and
// joins errors that there are none of, and that was most of the time of a page of fifty
// rows. What is drawn once or twice a page stands in a template, where it reads better.
type markup struct {
	w   io.Writer
	err error
}

// html writes constants of this package as they are. Nothing else may go through it.
func (m *markup) html(constants ...string) {
	for _, text := range constants {
		if m.err == nil {
			_, m.err = io.WriteString(m.w, text)
		}
	}
}

// text writes a text, or the value of an attribute between double quotes. Of nearly all
// there is nothing to escape, and to see that here costs half of having it found out.
func (m *markup) text(text string) {
	for i := range len(text) {
		switch text[i] {
		case '&', '<', '>', '"', '\'':
			m.html(templ.EscapeString(text))
			return
		}
	}
	m.html(text)
}

// url writes an address into an attribute, under the rules of a template: what would run a
// script leads nowhere.
func (m *markup) url(address string) { m.text(string(templ.URL(address))) }

// icon draws a symbol. Its name is a constant, so that nothing has to be escaped.
func (m *markup) icon(symbol icon) { m.html(iconStart(), string(symbol), `"></use></svg>`) }

var iconStart = sync.OnceValue(func() string {
	return `<svg class="icon" width="16" height="16" aria-hidden="true"><use href="` + static.Path("icons.svg") + `#`
})
