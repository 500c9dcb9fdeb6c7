package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/templates"
)

// This file is the only one that writes errors. Three writers do: a page for
// people, a problem (RFC 9457) for programs, and a refusal with its challenges.

// statusOf maps the kinds of the domain's errors to statuses.
func statusOf(kind access.ErrorKind) int {
	switch kind {
	case access.Invalid:
		return http.StatusUnprocessableEntity
	case access.Unauthenticated:
		return http.StatusUnauthorized
	case access.ElevationRequired, access.Forbidden:
		return http.StatusForbidden
	case access.NotFound:
		return http.StatusNotFound
	case access.Conflict:
		return http.StatusConflict
	case access.RateLimited:
		return http.StatusTooManyRequests
	case access.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// problem is an error for programs.
type problem struct {
	Status    int    `json:"status"`
	Type      string `json:"type"`
	Title     string `json:"title"`
	Detail    string `json:"detail,omitempty"`
	Reference string `json:"reference,omitempty"`
	Error     string `json:"error,omitempty"` // the code of RFC 6750 §3.1, where there is one
}

// problemBase precedes a problem's type: a URN, so that nothing is to be fetched.
const problemBase = "urn:claviger:problem:"

func (s *Server) writeProblem(w http.ResponseWriter, r *http.Request, p problem) {
	body, err := p.encode()
	if err != nil {
		s.Log.Error("problem not encoded", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	sendProblem(w, r, p.Status, body, []string{strconv.Itoa(len(body))})
}

func (p problem) encode() ([]byte, error) {
	p.Type = problemBase + p.Type
	return json.Marshal(p)
}

// The headers of every problem, shared by all answers.
var (
	problemType     = []string{"application/problem+json"}
	noSniffValue    = []string{"nosniff"}
	barePolicyValue = []string{barePolicy}
)

func sendProblem(w http.ResponseWriter, r *http.Request, status int, body []byte, length []string) {
	h := w.Header()
	h["Content-Type"], h["Cache-Control"], h["Content-Length"] = problemType, noStoreValue, length
	h["X-Content-Type-Options"], h["Content-Security-Policy"] = noSniffValue, barePolicyValue
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that went away needs no answer
	}
}

// refusalStatus maps the reasons of refusals to statuses, as the gateway answers.
func refusalStatus(reason access.Reason) int {
	switch reason {
	case access.InsufficientScope, access.AddressNotAllowed:
		return http.StatusForbidden
	case access.UnknownAPI:
		return http.StatusNotFound
	case access.OverLimit:
		return http.StatusTooManyRequests
	}
	return http.StatusUnauthorized
}

// refusalGrounds are what the answer to a request that is not let in depends on.
type refusalGrounds struct {
	status      int
	reason      access.Reason
	description string
	needed      access.Scope
	basicWorks  bool
}

// refusal is such an answer, ready to be sent. Nobody changes it once it is made, so that
// all requests can share it.
type refusal struct {
	of         refusalGrounds
	body       []byte
	length     []string
	challenges []string
}

// latestRefusals are the latest answers of each reason, with and without Basic: most are always
// the same, and making one costs more than the decision does.
type latestRefusals [access.OverLimit + 1][2]atomic.Pointer[refusal]

// writeRefusal answers a request that is not let in: a problem, and on 401 and for
// missing scopes the challenges of RFC 6750 §3 and RFC 7617 §2.
func (s *Server) writeRefusal(w http.ResponseWriter, r *http.Request, status int, v access.Verdict) {
	of := refusalGrounds{status, v.Reason, v.Description, v.NeededScope, v.BasicWorks}
	latest := &s.refused[v.Reason][0]
	if v.BasicWorks {
		latest = &s.refused[v.Reason][1]
	}
	answer := latest.Load()
	if answer == nil || answer.of != of {
		var err error
		if answer, err = newRefusal(of); err != nil {
			s.Log.Error("refusal not encoded", "error", err)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		latest.Store(answer)
	}
	if v.Reason == access.OverLimit {
		w.Header().Set("Retry-After", retryAfter(max(v.Limit.RetryAfter, 1)))
	}
	if len(answer.challenges) > 0 {
		w.Header()["Www-Authenticate"] = answer.challenges
	}
	sendProblem(w, r, status, answer.body, answer.length)
}

func newRefusal(of refusalGrounds) (*refusal, error) {
	p := problem{Status: of.status, Title: "The request is refused", Detail: of.description}
	switch of.reason {
	case access.NoCredential:
		p.Type, p.Title = "credential-needed", "A credential is needed"
	case access.InsufficientScope:
		p.Type, p.Error = "insufficient-scope", "insufficient_scope"
	case access.AddressNotAllowed:
		p.Type = "address-not-allowed"
	case access.UnknownAPI:
		p.Type = "unknown-api"
	case access.OverLimit:
		p.Type, p.Title = "rate-limited", "Too many requests"
	default:
		p.Type, p.Error = "invalid-token", "invalid_token"
	}
	body, err := p.encode()
	if err != nil {
		return nil, err
	}
	answer := &refusal{of: of, body: body, length: []string{strconv.Itoa(len(body))}}
	if of.status == http.StatusUnauthorized || of.reason == access.InsufficientScope {
		answer.challenges = challenges(p.Error, of)
	}
	return answer, nil
}

// challenges returns the values of WWW-Authenticate: Bearer always, and Basic where it
// still works and would help.
func challenges(code string, of refusalGrounds) []string {
	const realm = `realm="Claviger"`
	bearer := "Bearer " + realm
	if code != "" {
		bearer += `, error="` + code + `", error_description="` + quotable(of.description) + `"`
	}
	if of.needed.API != "" {
		bearer += `, scope="` + of.needed.String() + `"`
	}
	if of.basicWorks && code != "insufficient_scope" {
		return []string{bearer, "Basic " + realm + `, charset="UTF-8"`}
	}
	return []string{bearer}
}

// quotable returns a description in the characters that RFC 6750 §3 allows.
func quotable(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return '\''
		}
		return c
	}, text)
}

// abortIfGone ends a request whose caller has gone while the database was asked: an answer
// would reach nobody, and be counted as a failure that anybody can cause at will. It panics
// with [http.ErrAbortHandler], which ends the connection.
func abortIfGone(r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
}

// refuseUnavailable answers where the decision could not be taken: never a 200,
// and never a false 401.
func (s *Server) refuseUnavailable(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Retry-After", "1")
	s.writeProblem(w, r, problem{
		Status: http.StatusServiceUnavailable, Type: "unavailable", Title: "Credentials cannot be checked now",
		Detail: "Claviger cannot reach its database. Try again in a moment.", Reference: s.report(r, "verification failed", err),
	})
}

// report logs an error, and what it is about, under a reference that the answer repeats. Secrets cannot
// be in it: errors of the domain and the store hold none.
func (s *Server) report(r *http.Request, what string, err error, about ...any) string {
	reference := secret.RandomText(10)
	if errors.Is(err, context.Canceled) {
		s.Log.Debug(what, "reference", reference, "error", inShort(err.Error()))
		return reference
	}
	s.Log.Error(what, append([]any{"reference", reference, "method", inShort(r.Method), "error", inShort(err.Error())}, about...)...)
	return reference
}

// mostSaid bounds how much of an error is logged, in bytes.
const mostSaid = 1000

// inShort cuts a text for the log. What an API answers stands in some errors, word for
// word, and can be a megabyte; who chooses the method can make that long, too.
func inShort(text string) string {
	if len(text) <= mostSaid {
		return text
	}
	text = secret.Redact(text[:mostSaid]) // before it is cut: half a secret would not be known for one
	return strings.ToValidUTF8(text[:max(0, len(text)-secret.Len)], "") + "…"
}

// logRefused logs what somebody who is signed in was refused in an organization: no Event
// tells of what was not done. Strangers, who could fill a log, are counted only.
func (s *Server) logRefused(r *http.Request, visit *access.Visit, status int) {
	caller := s.caller(r, false)
	s.Log.Info("refused", "user", visit.User.ID, "session", visit.Session.ID, "address", caller.String(), "method", r.Method, "route", r.Pattern, "status", status)
}

// writePageError answers an error of a page: by leading to the sign-in or the
// elevation where that is the way on, else by a page in words.
func (s *Server) writePageError(w http.ResponseWriter, r *http.Request, err error) {
	abortIfGone(r, err)
	e := access.AsError(err)
	switch e.Kind {
	case access.Forbidden, access.NotFound:
		if visit := visitOf(r); visit != nil && r.PathValue("org") != "" {
			s.logRefused(r, visit, statusOf(e.Kind))
		}
	case access.Unauthenticated:
		s.toSignIn(w, r)
		return
	case access.ElevationRequired:
		s.toElevation(w, r)
		return
	case access.RateLimited:
		w.Header().Set("Retry-After", retryAfter(e.RetryAfter))
	}
	view := templates.ErrorPageView{Status: statusOf(e.Kind), Text: e.Message}
	title := map[access.ErrorKind]string{
		access.NotFound: "Not found", access.Forbidden: "Not for you", access.RateLimited: "Too many attempts",
		access.Conflict: "That cannot be done now", access.Invalid: "That did not work", access.Unavailable: "Claviger cannot reach its database",
	}[e.Kind]
	switch {
	case e.Done:
		title = "Done, but not noted"
	case title == "":
		title = "Something went wrong"
	}
	if e.Kind == access.Invalid && len(e.Fields) > 0 {
		view.Text = e.Fields[0].Message
	}
	if e.Kind == access.Unavailable && !e.Done {
		view.Text = "Nothing was changed. Try again in a moment; the operator finds the cause in the log under the reference below."
	}
	if e.Kind == access.Internal || e.Kind == access.Unavailable {
		view.Reference = s.report(r, "page failed", err)
	}
	view.Frame = s.frame(r, title, access.Standing{})
	view.Back = &templates.Link{Text: "Go to your organizations", Href: "/orgs"}
	if visitOf(r) == nil {
		view.Back = &templates.Link{Text: "Sign in", Href: "/sign-in"}
	}
	s.render(w, r, view.Status, templates.ErrorPage(view))
}

// fieldErrors returns the field errors of an error that belongs to a form, and
// whether it is one: what is wrong with the input, or what it collides with.
func fieldErrors(err error) ([]templates.FieldError, bool) {
	e := access.AsError(err)
	if len(e.Fields) == 0 || e.Kind != access.Invalid && e.Kind != access.Conflict {
		return nil, false
	}
	out := make([]templates.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		out[i] = templates.FieldError{Field: f.Field, Message: f.Message}
	}
	return out, true
}
