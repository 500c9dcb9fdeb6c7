package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/gorilla/sessions"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// sessionStore is a gorilla/sessions Store over the domain's sessions. The cookie
// holds a random token and nothing else. Who is signed in and what is elevated are
// columns of the session's row, judged by access.Accounts at each request; the map
// of values holds only what pages remember: a flash, a form that was not sent.
type sessionStore struct {
	accounts *access.Accounts
	options  sessions.Options
	name     string
	device   string
	theme    string
}

// newSessionStore returns the store. On https the cookies carry the __Host- prefix,
// which keeps other hosts of the domain from setting them.
func newSessionStore(accounts *access.Accounts, secure bool) *sessionStore {
	st := &sessionStore{
		accounts: accounts, name: "claviger", device: "claviger-device", theme: themeCookie,
		options: sessions.Options{Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode},
	}
	if secure {
		st.name, st.device, st.theme = "__Host-claviger", "__Host-claviger-device", "__Host-claviger-theme"
	}
	return st
}

type contextKey int

const (
	visitKey contextKey = iota
	routeKey
)

// visitOf returns who is signed in, or nil.
func visitOf(r *http.Request) *access.Visit {
	v, _ := r.Context().Value(visitKey).(*access.Visit)
	return v
}

// authenticate finds out who is signed in and puts it into the request's context.
// The database's errors are returned; a token that stands for nobody is no error.
func (st *sessionStore) authenticate(r *http.Request) (*http.Request, error) {
	cookie, err := r.Cookie(st.name)
	if err != nil || cookie.Value == "" {
		return r, nil
	}
	visit, err := st.accounts.Authenticate(r.Context(), secret.New(cookie.Value))
	if access.KindOf(err) == access.Unauthenticated {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	return r.WithContext(context.WithValue(r.Context(), visitKey, &visit)), nil
}

// Get returns the request's session, the same one at each call.
func (st *sessionStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(st, name)
}

// New returns the session of who is signed in, with its values; without anybody
// it is new and cannot be saved. It never takes up an id that a client chose.
func (st *sessionStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(st, name)
	options := st.options
	session.Options = &options
	visit := visitOf(r)
	session.IsNew = visit == nil
	if visit == nil {
		return session, nil
	}
	session.ID = visit.Session.ID
	var values map[string]string
	if visit.Session.Data != "" {
		if err := json.Unmarshal([]byte(visit.Session.Data), &values); err != nil {
			return session, nil // written by another version: nothing of it matters
		}
	}
	for k, v := range values {
		session.Values[k] = v
	}
	return session, nil
}

// Save writes the values of a session that has not ended; it neither brings back an
// ended one nor touches a cookie.
func (st *sessionStore) Save(r *http.Request, _ http.ResponseWriter, session *sessions.Session) error {
	if session.ID == "" {
		return nil
	}
	values := map[string]string{}
	for k, v := range session.Values {
		key, ok1 := k.(string)
		text, ok2 := v.(string)
		if ok1 && ok2 {
			values[key] = text
		}
	}
	data, err := json.Marshal(values)
	if err != nil {
		return err
	}
	_, err = st.accounts.SaveData(r.Context(), session.ID, string(data))
	return err
}

// setToken gives the browser a session's token, until it closes.
func (st *sessionStore) setToken(w http.ResponseWriter, token secret.Secret) {
	http.SetCookie(w, sessions.NewCookie(st.name, token.Expose(), &st.options))
}

// clearToken takes the session's token from the browser.
func (st *sessionStore) clearToken(w http.ResponseWriter) {
	options := st.options
	options.MaxAge = -1
	http.SetCookie(w, sessions.NewCookie(st.name, "", &options))
}

// setDevice marks a browser that has signed in, for a year.
func (st *sessionStore) setDevice(w http.ResponseWriter, device string) {
	options := st.options
	options.MaxAge = 365 * 24 * 60 * 60
	http.SetCookie(w, sessions.NewCookie(st.device, device, &options))
}

// deviceOf returns the mark that setDevice left, or "".
func (st *sessionStore) deviceOf(r *http.Request) string {
	cookie, err := r.Cookie(st.device)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// The names under which pages remember things in a session.
const (
	flashKind  = "flash.kind"
	flashText  = "flash.text"
	draftPath  = "draft.path"
	draftForm  = "draft.form"
	maxDraft   = 8 << 10 // bytes
	maxFlashed = 500     // bytes
)

// remember changes what the session of a request remembers.
func (s *Server) remember(w http.ResponseWriter, r *http.Request, change func(map[any]any)) error {
	if visitOf(r) == nil {
		return nil
	}
	session, err := s.sessions.Get(r, s.sessions.name)
	if err != nil {
		return err
	}
	change(session.Values)
	return session.Save(r, w)
}

// flash says, on the next page, how an act ended.
func (s *Server) flash(w http.ResponseWriter, r *http.Request, kind, text string) error {
	return s.remember(w, r, func(values map[any]any) { values[flashKind], values[flashText] = kind, text })
}

// recall returns a value that the session remembers.
func (s *Server) recall(r *http.Request, key string) string {
	if visitOf(r) == nil {
		return ""
	}
	session, err := s.sessions.Get(r, s.sessions.name)
	if err != nil {
		return ""
	}
	text, _ := session.Values[key].(string)
	return text
}

// keepDraft remembers the form that was sent to path without its secrets, so that
// it stands there again after an elevation. What is pasted to be inspected may be a
// secret in any disguise, and is never kept.
func (s *Server) keepDraft(w http.ResponseWriter, r *http.Request, path string) error {
	form := url.Values{}
	for name, values := range r.PostForm {
		if name != "password" && name != "nonce" && name != "pasted" && !slices.ContainsFunc(values, secret.Contained) {
			form[name] = values
		}
	}
	encoded := form.Encode()
	if len(form) == 0 || len(encoded) > maxDraft {
		return nil
	}
	return s.remember(w, r, func(values map[any]any) { values[draftPath], values[draftForm] = path, encoded })
}

// takeDraft returns the form that keepDraft remembered for this page, once.
func (s *Server) takeDraft(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if s.recall(r, draftPath) != r.URL.EscapedPath() {
		return nil, nil
	}
	form, err := url.ParseQuery(s.recall(r, draftForm))
	if err != nil {
		form = nil // ours, and yet unreadable: the form is empty then
	}
	err = s.remember(w, r, func(values map[any]any) {
		delete(values, draftPath)
		delete(values, draftForm)
	})
	return form, err
}
