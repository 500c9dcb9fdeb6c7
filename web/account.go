package web

import (
	"net/http"
	"net/url"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/templates"
)

// home leads to where one's work is: the set-up, the sign-in, or one's organization.
func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	visit := visitOf(r)
	switch {
	case visit == nil:
		return seeOther(w, r, "/sign-in")
	case len(visit.Organizations) == 1:
		return seeOther(w, r, "/orgs/"+visit.Organizations[0].Slug)
	}
	return seeOther(w, r, "/orgs")
}

// setupForm shows the page of the one-time set-up link.
func (s *Server) setupForm(w http.ResponseWriter, r *http.Request) error {
	if err := s.setupOpen(r); err != nil {
		return err
	}
	return s.show(w, r, templates.Setup(s.setupView(r)))
}

func (s *Server) setupOpen(r *http.Request) error {
	open, err := s.Accounts.SetupOpen(r.Context(), secret.New(r.PathValue("token")))
	if err != nil {
		return err
	}
	if !open {
		return &access.Error{Kind: access.NotFound, Message: "This set-up link is used up or over. When there is no owner yet, start the server again: it prints a new one."}
	}
	return nil
}

func (s *Server) setupView(r *http.Request) templates.SetupView {
	return templates.SetupView{
		Frame: s.frame(r, "Set up Claviger", access.Standing{}), Action: "/setup/" + r.PathValue("token"),
		Organization: r.PostForm.Get("organization"), Slug: r.PostForm.Get("slug"), Name: r.PostForm.Get("name"), Email: r.PostForm.Get("email"),
	}
}

// setup makes the first organization and its owner and signs them in.
func (s *Server) setup(w http.ResponseWriter, r *http.Request) error {
	if err := s.setupOpen(r); err != nil {
		return err
	}
	form := r.PostForm
	d := access.SetupDraft{
		Organization: access.OrganizationDraft{Slug: form.Get("slug"), Name: form.Get("organization")}, Name: form.Get("name"),
		Owner: access.Credentials{Email: form.Get("email"), Password: secret.New(form.Get("password")), Caller: s.caller(r, false), Agent: agent(r)},
	}
	org, in, err := s.Accounts.SetUp(r.Context(), secret.New(r.PathValue("token")), d)
	if fields, ok := fieldErrors(err); ok {
		view := s.setupView(r)
		view.Errors = fields
		return s.showErrors(w, r, templates.Setup(view))
	}
	if err != nil {
		return err
	}
	s.sessions.setToken(w, in.Token)
	s.sessions.setDevice(w, in.Device)
	return seeOther(w, r, "/orgs/"+org.Slug+"/apps/sandbox")
}

// signInForm shows the sign-in, or leads on somebody who is signed in already.
func (s *Server) signInForm(w http.ResponseWriter, r *http.Request) error {
	if visitOf(r) != nil {
		return seeOther(w, r, s.next(r.Form.Get("next"), "/"))
	}
	view := s.signInView(r)
	unowned, err := s.Accounts.NeedsSetup(r.Context())
	if err != nil {
		return err
	}
	if unowned {
		view.Notice = &templates.Notice{Text: "Nobody can sign in yet: open the set-up link that the server printed when it started. It also stands in the file setup-link of the data directory. When it is over, start the server again, or add an owner with claviger user add."}
	}
	return s.show(w, r, templates.SignIn(view))
}

func (s *Server) signInView(r *http.Request) templates.SignInView {
	return templates.SignInView{Frame: s.frame(r, "Sign in", access.Standing{}), Email: r.PostForm.Get("email"), Next: r.Form.Get("next")}
}

// signIn opens a session.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	in, err := s.Accounts.SignIn(r.Context(), access.Credentials{
		Previous: previousSession(r),
		Email:    r.PostForm.Get("email"), Password: secret.New(r.PostForm.Get("password")), Device: s.sessions.deviceOf(r),
		Caller: s.caller(r, false), Agent: agent(r),
	})
	switch e := access.AsError(err); {
	case err == nil:
	case e.Kind == access.Unauthenticated:
		return s.signInAgain(w, r, http.StatusUnprocessableEntity, e.Message)
	case e.Kind == access.RateLimited:
		w.Header().Set("Retry-After", retryAfter(e.RetryAfter))
		return s.signInAgain(w, r, http.StatusTooManyRequests, e.Message)
	default:
		return err
	}
	s.sessions.setToken(w, in.Token)
	s.sessions.setDevice(w, in.Device)
	return seeOther(w, r, s.next(r.PostForm.Get("next"), "/"))
}

// previousSession returns the id of the session that the browser has already, which
// ends with a new one; "" where it has none.
func previousSession(r *http.Request) string {
	if visit := visitOf(r); visit != nil {
		return visit.Session.ID
	}
	return ""
}

func (s *Server) signInAgain(w http.ResponseWriter, r *http.Request, status int, message string) error {
	view := s.signInView(r)
	view.Errors = []templates.FieldError{{Message: message}}
	s.render(w, r, status, templates.SignIn(view))
	return nil
}

// signOut ends the session, if there is one.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	if visit := visitOf(r); visit != nil {
		if err := s.Accounts.SignOut(r.Context(), s.actor(r)); err != nil {
			return err
		}
	}
	s.sessions.clearToken(w)
	return seeOther(w, r, "/sign-in")
}

// chooseTheme remembers, in this browser, how pages are to look.
func (s *Server) chooseTheme(w http.ResponseWriter, r *http.Request) error {
	theme := r.PostForm.Get("theme")
	if theme != "auto" && theme != "light" && theme != "dark" {
		return &access.Error{Kind: access.Invalid, Message: "The theme is one of auto, light and dark."}
	}
	http.SetCookie(w, &http.Cookie{
		Name: s.sessions.theme, Value: theme, Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
		HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode,
	})
	return seeOther(w, r, s.next(r.PostForm.Get("next"), "/"))
}

// toSignIn leads a stranger to the sign-in, and from there back to the page.
func (s *Server) toSignIn(w http.ResponseWriter, r *http.Request) {
	query := url.Values{}
	if next := s.here(r); next != "" && r.URL.Path != "/" {
		query.Set("next", next)
	}
	path := "/sign-in"
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
}
