package templates

import (
	"context"
	"io"
	"strconv"
	"sync"

	"github.com/a-h/templ"

	"claviger/static"
)

// markup gathers HTML. It is for the few parts that a table draws in each of its rows: for
// each of its parts, a template makes a context and joins errors that there are none of,
// and that was most of the time of a page of fifty rows. What is drawn once or twice a page
// stands in a template, where it reads better.
type markup struct{ drawn []byte }

// part is something that is drawn by markup.
type part func(m *markup)

// Render writes the part, all at once.
func (draw part) Render(_ context.Context, w io.Writer) error {
	m := markups.Get().(*markup)
	defer m.free()
	draw(m)
	_, err := w.Write(m.drawn)
	return err
}

// markups are used again: a table of fifty rows is 140 KB.
var markups = sync.Pool{New: func() any { return new(markup) }}

// free gives a markup back. Nothing of what it drew stays behind.
func (m *markup) free() {
	if cap(m.drawn) <= 1<<20 {
		clear(m.drawn)
		m.drawn = m.drawn[:0]
		markups.Put(m)
	}
}

// html adds constants of this package as they are. Nothing else may go through it.
func (m *markup) html(constants ...string) {
	for _, text := range constants {
		m.drawn = append(m.drawn, text...)
	}
}

// text adds a text, or the value of an attribute between double quotes. Of nearly all
// there is nothing to escape, and to see that here costs half of having it found out.
func (m *markup) text(text string) {
	for i := range len(text) {
		if escaped[text[i]] {
			text = templ.EscapeString(text)
			break
		}
	}
	m.drawn = append(m.drawn, text...)
}

func (m *markup) number(n int64) { m.drawn = strconv.AppendInt(m.drawn, n, 10) }

// escaped are the bytes that are no text in HTML.
var escaped = [256]bool{'&': true, '<': true, '>': true, '"': true, '\'': true}

// url adds an address to an attribute, under the rules of a template: what would run a
// script leads nowhere.
func (m *markup) url(address string) { m.text(string(templ.URL(address))) }

// icon draws a symbol. Its name is a constant, so that nothing has to be escaped.
func (m *markup) icon(symbol icon) { m.html(iconStart(), string(symbol), `"></use></svg>`) }

var iconStart = sync.OnceValue(func() string {
	return `<svg class="icon" width="16" height="16" aria-hidden="true"><use href="` + static.Path("icons.svg") + `#`
})
