package web

import (
	"net/http"

	"claviger/internal/access"
)

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
	org     = "/orgs/{org}"
	apps    = org + "/apps"
	app     = apps + "/{app}"
	manage  = app + "/manage-api"
	tokens  = manage + "/tokens"
	members = org + "/members"
)

// routes is every page and form of the console.
func (s *Server) routes() []route {
	list := []route{
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
		{"GET " + org, signedIn, s.settled(s.organization), ""},
		{"GET " + org + "/activity", signedIn, s.activity, ""},
		{"GET " + org + "/activity/export", signedIn, s.activityExport, ""},
		{"GET " + org + "/nodes", signedIn, s.nodes, ""},
		{"GET " + apps + "/new", signedIn, s.newApplicationForm, ""},
		{"POST " + apps, signedIn, s.createApplication, apps + "/new"},
		{"GET " + app, signedIn, s.settled(s.application), ""},
		{"POST " + app, signedIn, s.updateApplication, app + "/edit"},
		{"GET " + app + "/edit", signedIn, s.editApplicationForm, ""},
		{"GET " + app + "/calls", signedIn, s.firstCall, ""},
		{"GET " + app + "/apis/new", signedIn, s.newAPIForm, ""},
		{"POST " + app + "/apis", signedIn, s.createAPI, app + "/apis/new"},
		{"GET " + app + "/apis/{api}/edit", signedIn, s.editAPIForm, ""},
		{"POST " + app + "/apis/{api}", signedIn, s.updateAPI, app + "/apis/{api}/edit"},

		{"GET " + app + "/settings", signedIn, s.settled(s.settingsForm), ""},
		{"POST " + app + "/settings", signedIn, s.settings, app + "/settings"},
		{"GET " + org + "/inspect", signedIn, s.inspectForm, ""},
		{"POST " + org + "/inspect", signedIn, s.settled(s.inspect), org + "/inspect"},
		{"GET " + manage, signedIn, s.settled(s.manageAPI), ""},
		{"POST " + manage + "/basic/reveal", signedIn, s.revealBasic, manage},
		{"GET " + manage + "/basic", signedIn, s.settled(s.basicUse), ""},
		{"GET " + manage + "/basic/restrict", signedIn, s.settled(s.restrictForm), ""},
		{"POST " + manage + "/basic/restrict", signedIn, s.settled(s.restrict), manage + "/basic/restrict"},
		{"POST " + manage + "/basic/confirm", signedIn, s.confirmBasic, manage},
		{"GET " + manage + "/basic/disable", signedIn, s.settled(s.disableBasicForm), ""},
		{"POST " + manage + "/basic/disable", signedIn, s.disableBasic, manage + "/basic/disable"},
	}
	list = append(list, s.memberRoutes()...)
	for _, shelf := range []string{tokens, app + "/clients", org + "/clients"} {
		list = append(list, s.shelfRoutes(shelf)...)
	}
	return list
}

// shelfRoutes is the pages of the credentials that stand under a path: an
// application's tokens, its clients, an organization's clients.
func (s *Server) shelfRoutes(shelf string) []route {
	one := shelf + "/{id}"
	list := []route{
		{"GET " + shelf + "/new", signedIn, s.newCredentialForm, ""},
		{"POST " + shelf, signedIn, s.createCredential, shelf + "/new"},
		{"GET " + one, signedIn, s.settled(s.credential), ""},
		{"GET " + one + "/rename", signedIn, s.renameForm, ""},
		{"POST " + one + "/rename", signedIn, s.rename, one + "/rename"},
		{"GET " + one + "/restrict", signedIn, s.settled(s.restrictForm), ""},
		{"POST " + one + "/restrict", signedIn, s.settled(s.restrict), one + "/restrict"},
		{"POST " + one + "/pause", signedIn, s.changeOne(access.PauseThem), one},
		{"POST " + one + "/resume", signedIn, s.changeOne(access.ResumeThem), one},
		{"POST " + one + "/confirm", signedIn, s.changeOne(access.ConfirmThem), one},
		{"GET " + one + "/replace", signedIn, s.settled(s.replaceForm), ""},
		{"POST " + one + "/replace", signedIn, s.replace, one + "/replace"},
		{"GET " + one + "/calls", signedIn, s.credentialCalls, ""},
	}
	for _, verb := range []access.Verb{access.RevokeThem, access.PauseThem, access.ResumeThem, access.ConfirmThem} {
		path := shelf + "/" + string(verb)
		list = append(list, route{"GET " + path, signedIn, s.settled(s.confirm(verb)), ""}, route{"POST " + path, signedIn, s.change(verb), path})
	}
	if shelf == tokens {
		return list
	}
	for _, path := range []string{one + "/access-tokens/revoke", one + "/access-tokens/{token}/revoke"} {
		list = append(list, route{"GET " + path, signedIn, s.confirmAccessTokens, ""}, route{"POST " + path, signedIn, s.revokeAccessTokens, path})
	}
	return list
}

// memberRoutes is the pages of people: an organization's members and their tokens,
// and one's own profile.
func (s *Server) memberRoutes() []route {
	one, peoples := members+"/{user}", members+"/tokens"
	list := []route{
		{"GET " + members, signedIn, s.members, ""},
		{"GET " + members + "/invites/new", signedIn, s.inviteForm, ""},
		{"POST " + members + "/invites", signedIn, s.invite, members + "/invites/new"},
		{"POST " + members + "/invites/{id}/withdraw", signedIn, s.withdrawInvite, members},
		{"GET /sign-in/invite/{token}", anybody, s.acceptForm, ""},
		{"POST /sign-in/invite/{token}", anybody, s.accept, ""},
		{"GET " + one + "/role", signedIn, s.roleForm, ""},
		{"POST " + one + "/role", signedIn, s.changeRole, one + "/role"},
		{"GET " + one + "/remove", signedIn, s.settled(s.confirmMember("remove")), ""},
		{"POST " + one + "/remove", signedIn, s.removeMember, one + "/remove"},
		{"GET " + one + "/disable", signedIn, s.settled(s.confirmMember("disable")), ""},
		{"POST " + one + "/disable", signedIn, s.disableMember, one + "/disable"},
		{"GET " + one + "/enable", signedIn, s.settled(s.confirmMember("enable")), ""},
		{"POST " + one + "/enable", signedIn, s.enableMember, one + "/enable"},
		{"GET " + one + "/revoke", signedIn, s.settled(s.confirmMember("revoke")), ""},
		{"POST " + one + "/revoke", signedIn, s.revokeMember, one + "/revoke"},
		{"GET " + one + "/access-tokens", signedIn, s.memberAccess, ""},
		{"GET " + peoples, signedIn, s.settled(s.peoplesTokens), ""},

		{"GET /profile", signedIn, s.settled(s.profile), ""},
		{"GET /profile/tokens/new", signedIn, s.personalForm, ""},
		{"POST /profile/tokens", signedIn, s.createPersonal, ""},
		{"GET /profile/tokens/revoke", signedIn, s.confirmOwn, ""},
		{"POST /profile/tokens/revoke", signedIn, s.revokeOwn, ""},
		{"GET /profile/sessions", signedIn, s.ownSessions, ""},
		{"POST /profile/sessions/end", signedIn, s.endSessions, ""},
		{"GET /profile/password", signedIn, s.passwordForm, ""},
		{"POST /profile/password", signedIn, s.changePassword, ""},
		{"GET /profile/revoke", signedIn, s.confirmOwnEverything, ""},
		{"POST /profile/revoke", signedIn, s.revokeOwnEverything, ""},
	}
	for _, verb := range []access.Verb{access.RevokeThem, access.PauseThem, access.ResumeThem, access.ConfirmThem} {
		path := peoples + "/" + string(verb)
		list = append(list, route{"GET " + path, signedIn, s.settled(s.confirmPeoples(verb)), ""}, route{"POST " + path, signedIn, s.changePeoples(verb), path})
	}
	for _, path := range []string{one + "/access-tokens/revoke", one + "/access-tokens/{token}/revoke"} {
		list = append(list, route{"GET " + path, signedIn, s.confirmMemberAccess, ""}, route{"POST " + path, signedIn, s.revokeMemberAccess, path})
	}
	return list
}
