package web

import (
	"net/http"
	"strings"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/templates"
)

// ownSessions lists where one is signed in.
func (s *Server) ownSessions(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Accounts.OwnSessions(r.Context(), s.actor(r))
	if err != nil {
		return err
	}
	view := templates.SessionsView{Frame: s.frame(r, "My sessions", access.Standing{}), EndAction: "/profile/sessions/end"}
	for _, own := range list {
		row := templates.SessionRow{
			ID: own.Session.ID, Browser: browserName(own.Session.Agent), From: own.Session.Address, Opened: s.ago(own.Session.CreatedAt),
			Seen: s.ago(own.Session.SeenAt), Here: own.Here, Elevated: own.Elevated.ID != "",
		}
		if !own.Here {
			view.Others = append(view.Others, own.Session.ID)
		}
		view.Rows = append(view.Rows, row)
	}
	return s.show(w, r, templates.Sessions(view))
}

// endSessions signs one out elsewhere.
func (s *Server) endSessions(w http.ResponseWriter, r *http.Request) error {
	ids := r.PostForm["id"]
	ended, token, err := s.Accounts.EndSessions(r.Context(), *visitOf(r), s.actor(r), ids, s.proof(r))
	if err != nil {
		verb := "End " + plural(len(ids), "session")
		return s.proveAgain(w, r, err, templates.MemberConfirmView{
			Frame: s.frame(r, verb+"?", access.Standing{}), Heading: verb + "?", Verb: verb,
			Consequence: "Whoever is signed in there is signed out at once. Type your password to show that it is you.",
			Action:      "/profile/sessions/end", CancelURL: "/profile/sessions", IDs: ids,
		})
	}
	if !token.IsZero() {
		s.sessions.setToken(w, token)
	}
	text := "Nothing was changed: it had ended before."
	if ended > 0 {
		text = plural(ended, "session") + " ended."
	}
	return s.flashAndGo(w, r, text, "/profile/sessions")
}

// proof is how the visitor shows anew that it is they.
func (s *Server) proof(r *http.Request) access.Proof {
	return access.Proof{Password: secret.New(r.PostForm.Get("password")), Device: s.sessions.deviceOf(r)}
}

// proveAgain shows the page that asks for the password, where err says that it is
// missing, wrong or was tried too often; any other error it returns. Who was not asked
// yet has done nothing wrong, and is not told so.
func (s *Server) proveAgain(w http.ResponseWriter, r *http.Request, err error, view templates.MemberConfirmView) error {
	view.AskPassword, view.Email = true, visitOf(r).User.Email
	fields, isForm := fieldErrors(err)
	switch e := access.AsError(err); {
	case isForm && !r.PostForm.Has("password"):
		s.render(w, r, http.StatusUnprocessableEntity, templates.MemberConfirm(view))
	case isForm:
		view.Errors = fields
		return s.showErrors(w, r, templates.MemberConfirm(view))
	case e.Kind == access.RateLimited:
		w.Header().Set("Retry-After", retryAfter(e.RetryAfter))
		view.Errors = []templates.FieldError{{Field: "password", Message: e.Message}}
		s.render(w, r, http.StatusTooManyRequests, templates.MemberConfirm(view))
	default:
		return err
	}
	return nil
}

func (s *Server) passwordForm(w http.ResponseWriter, r *http.Request) error {
	return s.show(w, r, templates.Password(s.passwordView(r)))
}

func (s *Server) passwordView(r *http.Request) templates.PasswordView {
	return templates.PasswordView{
		Frame: s.frame(r, "Change password", access.Standing{}), Email: visitOf(r).User.Email, Action: "/profile/password", CancelURL: "/profile",
	}
}

// changePassword gives one another password and this browser another session token.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) error {
	in, err := s.Accounts.ChangePassword(r.Context(), *visitOf(r), s.actor(r), access.PasswordDraft{
		Password: secret.New(r.PostForm.Get("password")), New: secret.New(r.PostForm.Get("new")), Device: s.sessions.deviceOf(r),
	})
	view := s.passwordView(r)
	switch e := access.AsError(err); {
	case err == nil:
	case e.Kind == access.RateLimited:
		w.Header().Set("Retry-After", retryAfter(e.RetryAfter))
		view.Errors = []templates.FieldError{{Message: e.Message}}
		s.render(w, r, http.StatusTooManyRequests, templates.Password(view))
		return nil
	default:
		if fields, ok := fieldErrors(err); ok {
			view.Errors = fields
			return s.showErrors(w, r, templates.Password(view))
		}
		return err
	}
	s.sessions.setToken(w, in.Token)
	s.sessions.setDevice(w, in.Device)
	return s.flashAndGo(w, r, "Your password is changed. Your other sessions have ended.", "/profile")
}

// browserName says what a browser calls itself, in words: "Firefox on Linux". What it
// does not know it shows as it came.
func browserName(agent string) string {
	name, system := "", ""
	for _, known := range [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}} {
		if strings.Contains(agent, known[0]) {
			name = known[1]
			break
		}
	}
	for _, known := range [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"}} {
		if strings.Contains(agent, known[0]) {
			system = known[1]
			break
		}
	}
	switch {
	case name != "" && system != "":
		return name + " on " + system
	case name != "":
		return name
	case agent == "":
		return "Unknown browser"
	}
	return shortAgent(agent)
}
