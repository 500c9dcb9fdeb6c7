package web

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"claviger/internal/access"
	"claviger/templates"
)

// organizations lists the organizations of who is signed in.
func (s *Server) organizations(w http.ResponseWriter, r *http.Request) error {
	view := templates.OrganizationsView{Frame: s.frame(r, "Your organizations", access.Standing{})}
	for _, o := range visitOf(r).Organizations {
		overview, err := s.Registry.Overview(r.Context(), s.actor(r), o.Slug)
		if err != nil {
			return err
		}
		view.Organizations = append(view.Organizations, templates.OrganizationRow{
			Name: o.Name, Slug: o.Slug, Href: "/orgs/" + o.Slug, Role: string(overview.Standing.Role),
			Applications: plural(len(overview.Applications), "application"),
		})
	}
	return s.show(w, r, templates.Organizations(view))
}

// organization is the overview of one.
func (s *Server) organization(w http.ResponseWriter, r *http.Request) error {
	overview, err := s.Registry.Overview(r.Context(), s.actor(r), r.PathValue("org"))
	if err != nil {
		return err
	}
	st := overview.Standing
	view := templates.OrganizationView{Frame: s.frame(r, st.Organization.Name, st), Name: st.Organization.Name, Slug: st.Organization.Slug}
	if st.Role.Reaches(access.Admin) {
		view.NewApplicationURL = orgPath(st) + "/apps/new"
	}
	for _, a := range overview.Applications {
		use := overview.Uses[a.ID]
		row := templates.ApplicationRow{
			Name: a.Name, Slug: a.Slug, Open: a.Switches.Open, Credentials: counted(use.Credentials), Calls: grouped(use.Calls), LastCall: s.ago(use.LastAt),
		}
		if st.Role.Reaches(access.Member) {
			row.Href = orgPath(st) + "/apps/" + a.Slug
		}
		view.Applications = append(view.Applications, row)
	}
	if view.Clients, err = s.clientsView(r, st); err != nil {
		return err
	}
	return s.show(w, r, templates.Organization(view))
}

// activity lists what was done, with filters that stand in the address.
func (s *Server) activity(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	filter, fields := s.eventFilter(query)
	if len(fields) > 0 {
		return &access.Error{Kind: access.Invalid, Message: fields[0].Message, Fields: fields}
	}
	page, err := s.Registry.Activity(r.Context(), s.actor(r), r.PathValue("org"), query.Get("app"), filter)
	if err != nil {
		return err
	}
	st := page.Standing
	path := orgPath(st) + "/activity"
	view := templates.ActivityView{
		Frame: s.frame(r, "Activity", st, crumb("Activity", path)), Organization: st.Organization.Name, FormURL: path, NodesURL: orgPath(st) + "/nodes",
		From: query.Get("from"), To: query.Get("to"),
		Actors: []templates.Option{{Text: "Anybody"}}, Actions: []templates.Option{{Text: "Any act"}}, Applications: []templates.Option{{Text: "Any application"}},
	}
	for _, name := range []string{"actor", "action", "app", "from", "to"} {
		view.Filtered = view.Filtered || query.Get(name) != ""
	}
	exported := path + "/export?"
	view.CSVURL, view.JSONURL = exported+withValue(query, "format", "csv", "before", "after"), exported+withValue(query, "format", "jsonl", "before", "after")
	names := activityOptions(&view, page, query)
	for _, e := range page.Events {
		view.Events = append(view.Events, s.eventRow(e, names))
	}
	if n := len(page.Events); n > 0 {
		view.Range = plural(n, "act")
		if page.Newer {
			view.NewerURL = path + "?" + withValue(query, "before", strconv.FormatInt(page.Events[0].Seq, 10), "after")
		}
		if page.More {
			view.OlderURL = path + "?" + withValue(query, "after", strconv.FormatInt(page.Events[n-1].Seq, 10), "before")
		}
	}
	return s.show(w, r, templates.Activity(view))
}

// commandLine is the actor filter's value for acts of operators.
const commandLine = "command-line"

// activityOptions fills in the choices of the filters and returns the names of
// applications by their ids.
func activityOptions(view *templates.ActivityView, page access.Activity, query url.Values) map[string]string {
	names := map[string]string{}
	for _, m := range page.Members {
		view.Actors = append(view.Actors, templates.Option{Value: m.User.ID, Text: m.User.Name, Selected: query.Get("actor") == m.User.ID})
	}
	view.Actors = append(view.Actors, templates.Option{Value: commandLine, Text: "Command line", Selected: query.Get("actor") == commandLine})
	for _, act := range access.Acts() {
		view.Actions = append(view.Actions, templates.Option{Value: string(act), Text: actWords(act), Selected: query.Get("action") == string(act)})
	}
	for _, a := range page.Applications {
		names[a.ID] = a.Name
		view.Applications = append(view.Applications, templates.Option{Value: a.Slug, Text: a.Name, Selected: query.Get("app") == a.Slug})
	}
	return names
}

// eventFilter reads the filters of Activity; dates are days in the console's zone,
// both included.
func (s *Server) eventFilter(query url.Values) (access.EventFilter, []access.FieldError) {
	f := access.EventFilter{Act: access.Act(query.Get("action"))}
	var wrong []access.FieldError
	if actor := query.Get("actor"); actor == commandLine {
		f.Operators = true
	} else {
		f.ActorID = actor
	}
	date := func(name string, days int) time.Time {
		text := query.Get(name)
		if text == "" {
			return time.Time{}
		}
		day, err := time.ParseInLocation(time.DateOnly, text, s.Zone)
		if err != nil {
			wrong = append(wrong, access.FieldError{Field: name, Message: "A date is written as " + s.now().Format(time.DateOnly) + "."})
		}
		return day.AddDate(0, 0, days)
	}
	f.From, f.To = date("from", 0), date("to", 1)
	sequence := func(name string) int64 {
		n, err := strconv.ParseInt(query.Get(name), 10, 64)
		if query.Get(name) != "" && (err != nil || n < 1) {
			wrong = append(wrong, access.FieldError{Field: name, Message: "This page's address is damaged. Open Activity again."})
		}
		return n
	}
	f.AfterSeq, f.BeforeSeq = sequence("after"), sequence("before")
	return f, wrong
}

// withValue returns a query with one value set and others removed.
func withValue(query url.Values, name, value string, remove ...string) string {
	out := url.Values{}
	for k, v := range query {
		if len(v) > 0 && v[0] != "" {
			out[k] = v
		}
	}
	for _, k := range remove {
		out.Del(k)
	}
	out.Set(name, value)
	return out.Encode()
}
