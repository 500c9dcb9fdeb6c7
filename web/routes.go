package web

import "net/http"

// audience says who gets to a route's handler; what they may do there is the
// domain's to say.
type audience int

const (
	anybody  audience = iota
	signedIn          // others are led to the sign-in, whether or not the thing exists
)

// handler serves one route. The error it returns is answered in errors.go.
type handler func(http.ResponseWriter, *http.Request) error

// route is one line of the console's site map. A POST that can need an elevation
// names the page that its form stands on: one comes back there, with the form
// filled in. "{…}" in it stands for the request's own path values.
type route struct {
	pattern  string
	audience audience
	handle   handler
	form     string
}

const (
	org    = "/orgs/{org}"
	apps   = org + "/apps"
	app    = apps + "/{app}"
	manage = app + "/manage-api"
	tokens = manage + "/tokens"
	token  = tokens + "/{id}"
)

// routes is every page and form of the console.
func (s *Server) routes() []route {
	return []route{
		{"GET /{$}", anybody, s.home, ""},
		{"GET /setup/{token}", anybody, s.setupForm, ""},
		{"POST /setup/{token}", anybody, s.setup, ""},
		{"GET /sign-in", anybody, s.signInForm, ""},
		{"POST /sign-in", anybody, s.signIn, ""},
		{"POST /sign-out", anybody, s.signOut, ""},
		{"POST /profile/theme", anybody, s.chooseTheme, ""},
		{"GET /elevate", signedIn, s.elevateForm, ""},
		{"POST /elevate", signedIn, s.elevate, ""},
		{"POST /elevation/drop", signedIn, s.drop, ""},

		{"GET /orgs", signedIn, s.organizations, ""},
		{"GET " + org, signedIn, s.organization, ""},
		{"GET " + org + "/activity", signedIn, s.activity, ""},
		{"GET " + apps + "/new", signedIn, s.newApplicationForm, ""},
		{"POST " + apps, signedIn, s.createApplication, apps + "/new"},
		{"GET " + app, signedIn, s.application, ""},
		{"POST " + app, signedIn, s.updateApplication, app + "/edit"},
		{"GET " + app + "/edit", signedIn, s.editApplicationForm, ""},
		{"GET " + app + "/calls", signedIn, s.firstCall, ""},
		{"GET " + app + "/apis/new", signedIn, s.newAPIForm, ""},
		{"POST " + app + "/apis", signedIn, s.createAPI, app + "/apis/new"},
		{"GET " + app + "/apis/{api}/edit", signedIn, s.editAPIForm, ""},
		{"POST " + app + "/apis/{api}", signedIn, s.updateAPI, app + "/apis/{api}/edit"},

		{"GET " + manage, signedIn, s.manageAPI, ""},
		{"POST " + manage + "/basic/reveal", signedIn, s.revealBasic, manage},
		{"GET " + manage + "/basic/disable", signedIn, s.disableBasicForm, ""},
		{"POST " + manage + "/basic/disable", signedIn, s.disableBasic, manage + "/basic/disable"},
		{"GET " + tokens + "/new", signedIn, s.newTokenForm, ""},
		{"POST " + tokens, signedIn, s.createToken, tokens + "/new"},
		{"GET " + tokens + "/revoke", signedIn, s.revokeForm, ""},
		{"POST " + tokens + "/revoke", signedIn, s.revokeTokens, tokens + "/revoke"},
		{"GET " + token, signedIn, s.token, ""},
		{"GET " + token + "/rename", signedIn, s.renameForm, ""},
		{"POST " + token + "/rename", signedIn, s.renameToken, token + "/rename"},
		{"POST " + token + "/pause", signedIn, s.pauseToken, token},
		{"POST " + token + "/resume", signedIn, s.resumeToken, token},
		{"GET " + token + "/calls", signedIn, s.tokenCalls, ""},
	}
}
