package web

import (
	"net/http"
	"time"

	"claviger/internal/access"
	"claviger/templates"
)

// basicUse is the page on the use of an application's Basic credentials: who still
// needs them, before they are disabled and after.
func (s *Server) basicUse(w http.ResponseWriter, r *http.Request) error {
	b, err := s.Registry.Basic(r.Context(), s.actor(r), r.PathValue("org"), r.PathValue("app"))
	if err != nil {
		return err
	}
	st := b.Standing
	view := templates.BasicUseView{
		Frame:       s.frame(r, "Basic credentials", st, crumb("Manage API", managePath(st)), crumb("Basic credentials", "")),
		Application: st.Application.Name, Disabled: b.Basic.State == access.Disabled, StateDetail: s.stateDetail(b.Basic),
		Username: st.Application.ID, Use: s.useLine(b.Basic), Usage: s.usageView(b.Usage),
	}
	if !view.Disabled {
		view.DisableURL = managePath(st) + "/basic/disable"
	}
	for _, e := range b.Events {
		view.Events = append(view.Events, s.eventRow(e, nil))
	}
	return s.show(w, r, templates.BasicUse(view))
}

// usageView says how a credential was used: hours by the zone of the pages, days by UTC.
func (s *Server) usageView(u access.Usage) templates.UsageView {
	view := templates.UsageView{
		Hours: chartView("hours", "By the hour", "Hour", " an hour", u.Hours, func(at time.Time) string { return at.In(s.Zone).Format("15:04") }),
		Days:  chartView("days", "By the day", "Day (UTC)", " a day", u.Days, func(at time.Time) string { return at.UTC().Format("2 Jan") }),
	}
	view.Any = acceptedCalls(u.Days)+refusedCalls(u.Days) > 0
	for _, c := range u.Addresses {
		view.Addresses = append(view.Addresses, s.addressRow(c))
	}
	for _, c := range u.Agents {
		row := s.callerRow(c, c.Agent)
		if c.Agent == "" {
			row.From, row.Plain = "none was given", true
		}
		view.Agents = append(view.Agents, row)
	}
	for _, why := range u.Refusals {
		view.Refusals = append(view.Refusals, templates.RefusalRow{Reason: refusalWords(why.Reason), Count: grouped(why.Count), Last: s.withinHour(why.Hour)})
	}
	return view
}

func chartView(id, title, unit, each string, spans []access.UseSpan, label func(time.Time) string) templates.ChartView {
	view := templates.ChartView{ID: id, Title: title, Unit: unit}
	view.Summary = callsInWords(acceptedCalls(spans), refusedCalls(spans)) + " since " + label(spans[0].Start)
	var most int64
	for _, span := range spans {
		most = max(most, span.Accepted+span.Refused)
		bar := templates.Bar{Label: label(span.Start), Accepted: span.Accepted, Refused: span.Refused}
		bar.Text = bar.Label + ": " + callsInWords(span.Accepted, span.Refused)
		view.Bars = append(view.Bars, bar)
	}
	view.Peak = "up to " + grouped(most) + each
	return view
}

func callsInWords(accepted, refused int64) string {
	return grouped(accepted) + " accepted, " + grouped(refused) + " refused"
}

func acceptedCalls(spans []access.UseSpan) (n int64) {
	for _, span := range spans {
		n += span.Accepted
	}
	return n
}

func refusedCalls(spans []access.UseSpan) (n int64) {
	for _, span := range spans {
		n += span.Refused
	}
	return n
}

func (s *Server) callerRow(c access.UseCaller, from string) templates.CallerRow {
	return templates.CallerRow{From: from, Calls: grouped(c.Accepted), Refused: grouped(c.Refused), Last: s.ago(c.At)}
}

func (s *Server) addressRow(c access.UseCaller) templates.CallerRow {
	row := s.callerRow(c, c.Address)
	switch c.Address {
	case access.OtherCallers:
		row.From, row.Plain = "other addresses, too many to name", true
	case "":
		row.From, row.Plain = "an unknown address", true
	}
	return row
}

// withinHour tells a time of which the hour is known.
func (s *Server) withinHour(hour time.Time) templates.When {
	if now := s.now(); now.Before(hour.Add(time.Hour)) {
		return templates.When{Text: "within the hour"}
	}
	when := s.dated(hour)
	when.Text += ", " + when.At.Format("15:04") + "–" + when.At.Add(time.Hour).Format("15:04")
	return when
}

// refusals say why a credential was refused.
var refusals = map[access.Reason]string{
	access.NoCredential:      "No credential was sent",
	access.InvalidCredential: "The credential was not valid",
	access.CredentialExpired: "It had expired",
	access.CredentialRevoked: "It was revoked",
	access.CredentialPaused:  "It was paused",
	access.UserGone:          "Its person was disabled, or no longer a member",
	access.BasicDisabled:     "Basic is disabled for the application",
	access.WayOff:            "It came in a way that is switched off",
	access.AddressNotAllowed: "It came from an address that is not allowed",
	access.InsufficientScope: "It may not do what was asked for",
	access.UnknownAPI:        "The application has no such API",
	access.OverLimit:         "It was above its limit of requests",
}

// refusalWords says a reason's name in words.
func refusalWords(name string) string {
	for reason, words := range refusals {
		if reason.String() == name {
			return words
		}
	}
	return name
}

// useLine says how a credential was used of late.
func (s *Server) useLine(u access.UsedCredential) templates.UseLine {
	line := templates.UseLine{Calls: grouped(u.Calls), InUse: u.Calls > 0, LastUsed: s.ago(u.LastUse.At), LastFrom: u.LastUse.Address, LastAgent: shortAgent(u.LastUse.Agent)}
	switch {
	case u.Addresses.More:
		line.Addresses = "more than " + grouped(u.Addresses.Count) + " addresses"
	case u.Addresses.Count == 1:
		line.Addresses = "1 address"
	case u.Addresses.Count > 1:
		line.Addresses = grouped(u.Addresses.Count) + " addresses"
	}
	return line
}

// together says how several credentials were used of late, all in all. From how many
// addresses is told of each alone: one address may have used several.
func (s *Server) together(list []access.UsedCredential) templates.UseLine {
	var all access.UsedCredential
	for _, u := range list {
		all.Calls += u.Calls
		if u.LastUse.At.After(all.LastUse.At) {
			all.LastUse = u.LastUse
		}
	}
	return s.useLine(all)
}

// usedTimes says how often something was used.
func usedTimes(calls int64) string {
	switch calls {
	case 0:
		return "Not used in the last 24 hours"
	case 1:
		return "Used once in the last 24 hours"
	}
	return "Used " + grouped(calls) + " times in the last 24 hours"
}
