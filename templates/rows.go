package templates

import (
	"time"

	"github.com/a-h/templ"
)

// tokenRows are the rows of a table of tokens.
func tokenRows(rows []TokenRow, selectable bool) templ.Component {
	return part(func(m *markup) {
		for i := range rows {
			rows[i].draw(m, selectable)
		}
	})
}

func (row *TokenRow) draw(m *markup, selectable bool) {
	m.html(`<tr>`)
	if selectable {
		row.drawBox(m)
	}
	row.drawLabel(m)
	m.html(`<td data-label="Token" class="mono">`)
	m.text(row.Masked)
	m.html(`</td><td data-label="May">`)
	m.text(row.Scopes)
	m.html(`</td>`)
	row.drawCreated(m)
	m.html(`<td data-label="Last used">`)
	drawLastUse(m, row.LastUsed, row.LastFrom, row.LastAgent)
	m.html(`</td><td data-label="24 hours" class="number">`)
	m.text(row.Calls)
	drawSpark(m, row.Spark)
	m.html(`</td><td data-label="Expires" class="tight">`)
	drawExpiry(m, row.Expires, row.ExpiresSoon)
	m.html(`</td><td class="end">`)
	row.drawMenu(m, false)
	m.html(`</td></tr>`)
}

// selectRow is the box by which bulkActs knows a row.
func selectRow(row *TokenRow) templ.Component { return part(row.drawBox) }

func (row *TokenRow) drawBox(m *markup) {
	m.html(`<td class="box"><input type="checkbox" name="id" value="`)
	m.text(row.ID)
	m.html(`" form="revoke-selected" aria-label="Select `)
	m.text(row.Label)
	m.html(`"></td>`)
}

// labelCell leads to the credential's page, where it has one.
func labelCell(row *TokenRow) templ.Component { return part(row.drawLabel) }

func (row *TokenRow) drawLabel(m *markup) {
	m.html(`<th scope="row" class="leads">`)
	if row.Href != "" {
		m.html(`<a href="`)
		m.url(row.Href)
		m.html(`">`)
	}
	m.text(row.Label)
	if row.Href != "" {
		m.html(`</a>`)
	}
	if row.State != StateActive {
		m.html(` `)
		drawState(m, row.State)
	}
	if row.Replaced {
		m.html(` `)
		m.mark(`mark`, iconReplace(), `Replaced`)
	}
	if row.Unconfirmed {
		m.html(` `)
		m.mark(`mark amber`, iconWarning(), `Unconfirmed`)
	}
	m.html(`</th>`)
}

// stateMark says what state something is in.
func stateMark(state string) templ.Component {
	return part(func(m *markup) { drawState(m, state) })
}

func drawState(m *markup, state string) {
	switch state {
	case StateActive:
		m.mark(`mark good`, iconCheck(), `Active`)
	case StatePaused:
		m.mark(`mark amber`, iconPause(), `Paused`)
	case StateExpired:
		m.mark(`mark`, iconClock(), `Expired`)
	case StateRevoked:
		m.mark(`mark bad`, iconBan(), `Revoked`)
	case StateDisabled:
		m.mark(`mark bad`, iconBan(), `Disabled`)
	}
}

// mark is a word with a symbol; class and word are constants.
func (m *markup) mark(class string, symbol icon, word string) {
	m.html(`<span class="`, class, `">`)
	m.icon(symbol)
	m.html(word, `</span>`)
}

// moment prints a When.
func moment(when When) templ.Component { return part(when.draw) }

func (when When) draw(m *markup) {
	if when.At.IsZero() {
		m.text(when.Text)
		return
	}
	m.html(`<time datetime="`)
	m.drawn = when.At.UTC().AppendFormat(m.drawn, time.RFC3339) // no byte of it needs an escape
	m.html(`" title="`)
	m.text(absolute(when.At))
	m.html(`"`)
	if !when.Fixed {
		m.html(` data-relative`)
	}
	m.html(`>`)
	m.text(when.Text)
	m.html(`</time>`)
}

func createdCell(row *TokenRow) templ.Component { return part(row.drawCreated) }

func (row *TokenRow) drawCreated(m *markup) {
	m.html(`<td data-label="Created">`)
	row.Created.draw(m)
	if row.CreatedBy != "" {
		m.html(`<span class="sub">`)
		m.text(row.CreatedBy)
		m.html(`</span>`)
	}
	m.html(`</td>`)
}

// lastUse is when, and below it from where and by what.
func lastUse(when When, from, agent string) templ.Component {
	return part(func(m *markup) { drawLastUse(m, when, from, agent) })
}

func drawLastUse(m *markup, when When, from, agent string) {
	when.draw(m)
	if from == "" {
		return
	}
	m.html(`<span class="sub mono">`)
	m.text(from)
	m.html(` `)
	if agent != "" {
		m.html(` · `)
		m.text(agent)
	}
	m.html(`</span>`)
}

func expiry(when When, soon bool) templ.Component {
	return part(func(m *markup) { drawExpiry(m, when, soon) })
}

func drawExpiry(m *markup, when When, soon bool) {
	if !soon {
		when.draw(m)
		return
	}
	m.html(`<span class="soon">`)
	m.icon(iconWarning())
	when.draw(m)
	m.html(`</span>`)
}

// drawSpark draws calls by the hour, beside their number: the table of them stands on the
// credential's own page.
func drawSpark(m *markup, hours []int64) {
	most := int64(0)
	for _, calls := range hours {
		most = max(most, calls)
	}
	if most == 0 {
		return
	}
	m.html(`<svg class="spark" viewBox="0 0 `)
	m.number(int64(len(hours) * sparkStep))
	m.html(` `)
	m.number(sparkHeight)
	m.html(`" aria-hidden="true"><path d="`)
	for i, calls := range hours { // an upright line for each hour with calls
		if calls > 0 {
			m.html(`M`)
			m.number(int64(i*sparkStep + 1))
			m.html(` `)
			m.number(sparkHeight)
			m.html(`v-`)
			m.number(max(leastBar, sparkHeight*calls/most))
		}
	}
	m.html(`"></path></svg>`)
}

// tokenMenu is what can be done with the credential of a row; nothing with one
// that has neither a page nor an act.
func tokenMenu(row *TokenRow, locked bool) templ.Component {
	return part(func(m *markup) { row.drawMenu(m, locked) })
}

// drawMenu writes what menuButton and act would, byte for byte.
func (row *TokenRow) drawMenu(m *markup, locked bool) {
	if row.Href == "" && row.RenameURL == "" && row.RevokeURL == "" {
		return
	}
	m.html(`<button type="button" class="more" popovertarget="menu-`)
	m.text(row.ID)
	m.html(`" aria-label="Acts on `)
	m.text(row.Label)
	m.html(`" aria-haspopup="true">`)
	m.icon(iconMore())
	m.html(`</button> <div id="menu-`)
	m.text(row.ID)
	m.html(`" class="menu row-menu" popover>`)
	if row.Href != "" {
		m.html(`<a class="menu-item" href="`)
		m.url(row.Href)
		m.html(`">`)
		m.icon(iconOpen())
		m.html(`Open</a> `)
	}
	m.menuLink(locked, `menu-item`, row.RenameURL, true, iconPencil(), `Rename…`)
	m.menuPost(locked, row.ConfirmAction, iconCheck(), `Confirm`)
	m.menuPost(locked, row.PauseAction, iconPause(), `Pause`)
	m.menuPost(locked, row.ResumeAction, iconPlay(), `Resume`)
	m.menuLink(locked, `menu-item`, row.ReplaceURL, false, iconReplace(), `Replace…`)
	m.menuLink(locked, `menu-item danger`, row.RevokeURL, true, iconBan(), `Revoke…`)
	m.html(`</div>`)
}

// menuLink is act; class and verb are constants.
func (m *markup) menuLink(locked bool, class, href string, dialog bool, symbol icon, verb string) {
	if href == "" {
		return
	}
	m.html(`<a class="`, class, `" href="`)
	m.url(href)
	m.html(`"`)
	if locked || dialog {
		m.html(` data-dialog`)
	}
	m.html(`>`)
	m.icon(lockedIcon(locked, symbol))
	m.html(`<span>`, verb, `</span> `)
	if locked {
		m.html(`<span class="hidden">, asks for an elevation first</span>`)
	}
	m.html(`</a>`)
}

// menuPost is a form of one button; verb is a constant.
func (m *markup) menuPost(locked bool, action string, symbol icon, verb string) {
	if action == "" {
		return
	}
	m.html(`<form method="post" action="`)
	m.url(action)
	m.html(`"><button class="menu-item">`)
	m.icon(lockedIcon(locked, symbol))
	m.html(verb, `</button></form>`)
}

// lockedIcon is a lock while the act asks for an elevation first.
func lockedIcon(locked bool, symbol icon) icon {
	if locked {
		return iconLock()
	}
	return symbol
}
