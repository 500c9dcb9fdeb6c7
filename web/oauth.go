package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// oauth serves the OAuth endpoints, which both listeners have. It reports whether
// the path was one of theirs.
func (s *Server) oauth(w http.ResponseWriter, r *http.Request, first, rest string) bool {
	var serve func(http.ResponseWriter, *http.Request)
	switch {
	case first == "oauth" && rest == "/token":
		serve = s.oauthToken
	case first == "oauth" && rest == "/introspect":
		serve = s.introspect
	case first == "oauth" && rest == "/revoke":
		serve = s.revokeToken
	case first == "authorization" && rest == "":
		serve = s.authorization
	case first == "management" && rest == "/token":
		serve = s.managementToken
	case first == ".well-known" && rest == "/oauth-authorization-server":
		r.Pattern = oauthPattern
		s.metadata(w, r)
		return true
	case isTokenPath(first, rest):
		serve = s.applicationToken
	default:
		return false
	}
	r.Pattern = oauthPattern
	noStore(w)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		s.writeOAuth(w, r, http.StatusMethodNotAllowed, &access.OAuthError{Code: access.InvalidRequest, Description: "send a POST: a GET would leave secrets in addresses"})
		return true
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	defer s.limitReading(w)()
	serve(w, r)
	return true
}

// isTokenPath reports whether a path is /{org}/{app}/token.
func isTokenPath(first, rest string) bool {
	app, rest := cutSegment(strings.TrimPrefix(rest, "/"))
	return first != "" && app != "" && rest == "/token" && !slices.Contains(access.ReservedSlugs(), first)
}

func noStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache") // RFC 6749 §5.1
}

// parameters are what an OAuth request carries: each at most once (RFC 6749 §3.2).
type parameters map[string]string

// readForm reads a form body. A parameter that comes twice is refused.
func readForm(body string) (parameters, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, badRequest("the body is no application/x-www-form-urlencoded form")
	}
	return once(values)
}

func once(values url.Values) (parameters, error) {
	p := parameters{}
	for name, v := range values {
		if len(v) > 1 {
			return nil, badRequest("a parameter is repeated")
		}
		p[name] = v[0]
	}
	return p, nil
}

func badRequest(description string) error {
	return &access.OAuthError{Code: access.InvalidRequest, Description: description}
}

// readParameters reads a request's body: a form, or, where that is allowed, JSON.
func readParameters(r *http.Request, jsonToo bool) (parameters, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, badRequest("the body is larger than 64 KiB, or broke off")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case len(body) == 0:
		return parameters{}, nil
	case err == nil && kind == "application/json" && jsonToo:
		return readJSON(body)
	case err == nil && kind == "application/x-www-form-urlencoded":
		return readForm(string(body))
	case jsonToo:
		return nil, badRequest("send application/json or application/x-www-form-urlencoded")
	}
	return nil, badRequest("send application/x-www-form-urlencoded")
}

// readJSON reads a JSON object of texts and whole numbers. Members that we do not
// know may be anything.
func readJSON(body []byte) (parameters, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, badRequest("the body is no JSON object")
	}
	p := parameters{}
	for name, raw := range object {
		var text string
		var number json.Number
		if json.Unmarshal(raw, &text) == nil {
			p[name] = text
		} else if json.Unmarshal(raw, &number) == nil {
			p[name] = number.String()
		} else if slices.Contains(knownParameters, name) && string(raw) != "null" {
			return nil, badRequest(name + " must be a text")
		}
	}
	return p, nil
}

var knownParameters = []string{"grant_type", "username", "password", "client_id", "client_secret", "scope", "ttl"}

// clientOf returns the client that a request names: by Basic, whose two halves are
// form-encoded (RFC 6749 §2.3.1), or in the body, never both. Basic with nothing
// in it names none: some libraries send that.
func clientOf(r *http.Request, p parameters) (id string, password secret.Secret, basic bool, err error) {
	id, password = p["client_id"], secret.New(p["client_secret"])
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return id, password, false, nil
	}
	presented := parseAuthorization(headers)
	if presented.Way != access.WayBasic {
		return "", secret.Secret{}, true, &access.OAuthError{Code: access.InvalidClient, Description: "the Authorization header holds no Basic credentials"}
	}
	name, err1 := url.QueryUnescape(presented.Name)
	text, err2 := url.QueryUnescape(presented.Secret.Expose())
	if err1 != nil || err2 != nil {
		return "", secret.Secret{}, true, &access.OAuthError{Code: access.InvalidClient, Description: "client id and secret must be form-encoded before they are joined (RFC 6749 section 2.3.1)"}
	}
	if name == "" && text == "" {
		return id, password, false, nil
	}
	if !password.IsZero() || id != "" && id != name {
		return "", secret.Secret{}, true, badRequest("the client authenticates twice: by Basic and in the body")
	}
	return name, secret.New(text), true, nil
}

// ask makes a request for a token of parameters.
func (s *Server) ask(r *http.Request, p parameters, target access.TokenTarget) (a access.Ask, basic bool, err error) {
	a = access.Ask{
		Grant: access.Grant(p["grant_type"]), Username: p["username"], Password: secret.New(p["password"]), Scope: p["scope"],
		Target: target, Caller: s.caller(r, false), Agent: agent(r),
	}
	if a.ClientID, a.ClientSecret, basic, err = clientOf(r, p); err != nil {
		return a, basic, err
	}
	if text := p["ttl"]; text != "" { // without a value it counts as left out (RFC 6749 §3.2)
		a.HasTTL = true
		if a.TTL, err = strconv.ParseInt(text, 10, 64); err != nil {
			return a, basic, badRequest("ttl is in whole seconds")
		}
	}
	return a, basic, nil
}

// tokenAnswer is the answer to a granted request (RFC 6749 §5.1).
type tokenAnswer struct {
	AccessToken string     `json:"access_token"`
	TokenType   string     `json:"token_type"`
	ExpiresIn   int64      `json:"expires_in"` // seconds
	Scope       string     `json:"scope"`
	User        *tokenUser `json:"user,omitempty"`
}

// tokenUser is who a token was issued to, for the clients of description B.
type tokenUser struct {
	UUID     string `json:"uuid"`
	Username string `json:"username"`
	Email    string `json:"email"`
	Name     string `json:"name"`
}

// grant carries out a request for a token and answers it; described says that it is
// answered by the words of description B, where every refusal of who asks is
// invalid_grant, and the answer names the user. err is what was wrong with the
// request before.
func (s *Server) grant(w http.ResponseWriter, r *http.Request, a access.Ask, basic bool, err error, described bool) {
	var granted access.Granted
	if err == nil {
		granted, err = s.Authority.Grant(r.Context(), a)
	}
	if e := access.AsOAuthError(err); described && e != nil && e.Code == access.InvalidClient {
		err = &access.OAuthError{Code: access.InvalidGrant, Description: e.Description}
	}
	if err != nil {
		s.refuseOAuth(w, r, err, basic)
		return
	}
	answer := tokenAnswer{AccessToken: granted.Secret.Expose(), TokenType: "Bearer", ExpiresIn: granted.ExpiresIn, Scope: granted.Scope}
	if described && granted.User.ID != "" {
		u := granted.User
		answer.User = &tokenUser{UUID: u.ID, Username: u.Email, Email: u.Email, Name: u.Name}
	}
	s.writeJSON(w, r, http.StatusOK, answer)
}

// oauthToken is POST /oauth/token (RFC 6749 §3.2).
func (s *Server) oauthToken(w http.ResponseWriter, r *http.Request) {
	p, err := readParameters(r, false)
	var a access.Ask
	basic := false
	if err == nil {
		a, basic, err = s.ask(r, p, access.TokenTarget{})
	}
	s.grant(w, r, a, basic, err, false)
}

// authorization is POST /authorization (description C): a user's token for a
// username and password. The query of the POST counts as long as one application
// takes credentials there.
func (s *Server) authorization(w http.ResponseWriter, r *http.Request) {
	p, err := readParameters(r, true)
	if err == nil && r.URL.RawQuery != "" {
		err = s.addQuery(r, p, access.TokenTarget{})
	}
	var a access.Ask
	basic := false
	if err == nil {
		p["grant_type"] = string(access.PasswordGrant)
		a, basic, err = s.ask(r, p, access.TokenTarget{})
	}
	s.grant(w, r, a, basic, err, false)
}

// managementToken is POST /management/token (description B).
func (s *Server) managementToken(w http.ResponseWriter, r *http.Request) {
	s.describedToken(w, r, access.TokenTarget{Management: true})
}

// applicationToken is POST /{org}/{app}/token (description B).
func (s *Server) applicationToken(w http.ResponseWriter, r *http.Request) {
	org, rest := firstSegment(r)
	app, _ := cutSegment(strings.TrimPrefix(rest, "/"))
	s.describedToken(w, r, access.TokenTarget{Organization: org, Application: app})
}

// describedToken answers by the words of description B: JSON or form, and every
// refusal of who asks is 400 invalid_grant.
func (s *Server) describedToken(w http.ResponseWriter, r *http.Request, target access.TokenTarget) {
	p, err := readParameters(r, true)
	if err == nil && r.URL.RawQuery != "" && target.Organization != "" {
		err = s.addQuery(r, p, target)
	}
	var a access.Ask
	if err == nil {
		a, _, err = s.ask(r, p, target)
	}
	s.grant(w, r, a, false, err, true)
}

// addQuery adds the parameters of the query, where the application takes
// credentials there.
func (s *Server) addQuery(r *http.Request, p parameters, target access.TokenTarget) error {
	on, err := s.Authority.QueryCredentials(r.Context(), target.Organization, target.Application)
	if err != nil || !on {
		return err
	}
	query, err := readForm(r.URL.RawQuery)
	if err != nil {
		return err
	}
	for name, value := range query {
		if _, twice := p[name]; twice {
			return badRequest("a parameter is repeated")
		}
		p[name] = value
	}
	return nil
}

// introspected is the answer of introspection (RFC 7662 §2.2).
type introspected struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	Username  string `json:"username,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	ExpiresAt int64  `json:"exp,omitempty"`
	IssuedAt  int64  `json:"iat,omitempty"`
	Subject   string `json:"sub,omitempty"`
	Issuer    string `json:"iss,omitempty"`
	ID        string `json:"jti,omitempty"`
	Kind      string `json:"kind,omitempty"` // of the credential, as in X-Auth-Kind
}

// introspect is POST /oauth/introspect (RFC 7662).
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	client, token, basic, err := s.tokenOfClient(r, true)
	if err != nil {
		s.refuseOAuth(w, r, err, basic)
		return
	}
	found, err := s.Authority.Introspect(r.Context(), client, token)
	s.meter.decided(doorIntrospect, found.Reason, err)
	if err != nil {
		s.refuseOAuth(w, r, err, basic)
		return
	}
	answer := introspected{Active: found.Active}
	if found.Active {
		p := found.Principal
		answer = introspected{
			Active: true, Scope: p.ScopeList(), TokenType: "Bearer", IssuedAt: found.IssuedAt.Unix(), Subject: p.Subject, Issuer: s.ConsoleURL,
			ID: p.Credential, Kind: string(p.Kind), ClientID: found.Token.CredentialID,
		}
		if strings.Contains(p.Subject, "@") {
			answer.Username = p.Subject
		}
		if !found.ExpiresAt.IsZero() {
			answer.ExpiresAt = found.ExpiresAt.Unix()
		}
	}
	s.writeJSON(w, r, http.StatusOK, answer)
}

// revokeToken is POST /oauth/revoke (RFC 7009). Its answer to what was revoked, was
// revoked before, or is unknown is one and the same.
func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request) {
	client, token, basic, err := s.tokenOfClient(r, false)
	if err == nil {
		err = s.Authority.RevokeToken(r.Context(), client, token, s.caller(r, false), agent(r))
	}
	if err != nil {
		s.refuseOAuth(w, r, err, basic)
		return
	}
	s.writeJSON(w, r, http.StatusOK, struct{}{})
}

// tokenOfClient reads the token that a request is about and authenticates its
// client, which must be there where needed says so.
func (s *Server) tokenOfClient(r *http.Request, needed bool) (client access.Credential, token secret.Secret, basic bool, err error) {
	p, err := readParameters(r, false)
	if err != nil {
		return client, token, false, err
	}
	id, password, basic, err := clientOf(r, p)
	if err != nil {
		return client, token, basic, err
	}
	if id != "" || !password.IsZero() || needed {
		if client, err = s.Authority.Client(r.Context(), id, password, s.caller(r, false)); err != nil {
			return client, token, basic, err
		}
	}
	if p["token"] == "" {
		return client, token, basic, badRequest("token is missing")
	}
	return client, secret.New(p["token"]), basic, nil
}

// metadata is GET /.well-known/oauth-authorization-server (RFC 8414).
func (s *Server) metadata(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.writeProblem(w, r, problem{Status: http.StatusMethodNotAllowed, Type: "method", Title: "Send a GET"})
		return
	}
	on, err := s.Authority.PasswordGrantOffered(r.Context())
	if err != nil {
		s.refuseUnavailable(w, r, err)
		return
	}
	grants := []string{string(access.ClientCredentials)}
	if on {
		grants = append(grants, string(access.PasswordGrant))
	}
	methods := []string{"client_secret_basic", "client_secret_post"}
	s.writeJSON(w, r, http.StatusOK, map[string]any{
		"issuer": s.ConsoleURL, "token_endpoint": s.ConsoleURL + "/oauth/token", "introspection_endpoint": s.ConsoleURL + "/oauth/introspect",
		"revocation_endpoint": s.ConsoleURL + "/oauth/revoke", "grant_types_supported": grants, "response_types_supported": []string{},
		"token_endpoint_auth_methods_supported": methods, "introspection_endpoint_auth_methods_supported": methods,
		"revocation_endpoint_auth_methods_supported": append(slices.Clone(methods), "none"),
	})
}

// refuseOAuth answers a refusal in OAuth's words (RFC 6749 §5.2). A client that
// authenticated by Basic is answered 401 with a challenge; a throttled one is told
// when to come again.
func (s *Server) refuseOAuth(w http.ResponseWriter, r *http.Request, err error, basic bool) {
	e := access.AsOAuthError(err)
	if e == nil {
		var tooLarge *http.MaxBytesError
		if access.KindOf(err) == access.Unavailable || !errors.As(err, &tooLarge) {
			s.refuseUnavailable(w, r, err)
			return
		}
		e = &access.OAuthError{Code: access.InvalidRequest, Description: "the body is larger than 64 KiB"}
	}
	status := http.StatusBadRequest
	switch {
	case e.RetryAfter > 0:
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", retryAfter(e.RetryAfter))
	case e.Code == access.InvalidClient:
		status = http.StatusUnauthorized
		if basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="Claviger", charset="UTF-8"`)
		}
	}
	s.writeOAuth(w, r, status, e)
}

func (s *Server) writeOAuth(w http.ResponseWriter, r *http.Request, status int, e *access.OAuthError) {
	s.writeJSON(w, r, status, map[string]string{"error": e.Code, "error_description": quotable(e.Description)})
}

// writeJSON writes an answer for programs.
func (s *Server) writeJSON(w http.ResponseWriter, r *http.Request, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		s.writeProblem(w, r, problem{Status: http.StatusInternalServerError, Type: "internal", Title: "The answer could not be made", Reference: s.report(r, "encode", err)})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", barePolicy)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that went away needs no answer
	}
}
