package web_test

import (
	"net/url"

	"claviger/internal/testkit"
)

// scenario is one route, how it is asked for, and what each audience is answered:
// a status, or where a 303 leads: "in" = the sign-in, "up" = the elevation, "on" =
// onwards.
type scenario struct {
	pattern string
	query   string
	form    string
	want    string
}

// One column an audience: stranger, non-member, viewer, member, admin, admin elevated
// for acme/orders, owner, owner elevated for acme.
const (
	everybody = "in on on on on on on on"
	theirOwn  = "in 200 200 200 200 200 200 200"
	nobody    = "404 404 404 404 404 404 404 404"
	visible   = "in 404 200 200 200 200 200 200" // to members of any role
	writers   = "in 404 403 200 200 200 200 200"
	admins    = "in 404 403 403 200 200 200 200"
	adminActs = "in 404 403 403 on on on on"
	lifted    = "in 404 403 403 up 200 up 200"
	liftActs  = "in 404 403 403 up on up on"
	wide      = "in 404 403 403 up up up 200" // an elevation for the whole organization
	wideActs  = "in 404 403 403 up up up on"
	owners    = "in 404 403 403 403 403 up 200"
	ownerActs = "in 404 403 403 403 403 up on"
)

// The patterns of the table.
const (
	orgAt    = "/orgs/{org}"
	appAt    = orgAt + "/apps/{app}"
	manageAt = appAt + "/manage-api"
	peopleAt = orgAt + "/members"
)

func scenarios() []scenario {
	list := []scenario{
		{"GET /{$}", "", "", everybody},
		{"GET /setup/{token}", "", "", nobody},
		{"POST /setup/{token}", "", "organization=A&slug=a&name=N&email=a@example.com&password=correct+horse+battery", nobody},
		{"GET /sign-in/invite/{token}", "", "", nobody},
		{"POST /sign-in/invite/{token}", "", "name=N&password=correct+horse+battery", nobody},
		{"GET /sign-in", "", "", "200 on on on on on on on"},
		{"POST /sign-in", "", "email=nobody@example.com&password=x", "422 422 422 422 422 422 422 422"},
		{"POST /profile/theme", "", "theme=dark", "on on on on on on on on"},
		{"GET /elevate", "scope=acme/orders", "", admins},
		{"GET /orgs", "", "", theirOwn},
		{"GET " + orgAt, "", "", visible},
		{"GET " + orgAt + "/activity", "", "", admins},
		{"GET " + orgAt + "/activity/export", "format=csv", "", admins},
		{"GET " + orgAt + "/nodes", "", "", admins},
		{"GET " + orgAt + "/apps/new", "", "", admins},
		{"POST " + orgAt + "/apps", "", "name=New&slug=new", adminActs},
		{"GET " + orgAt + "/inspect", "", "", wide},
		{"POST " + orgAt + "/inspect", "", "pasted=clavt_nothing+of+ours", wide},
		{"GET " + appAt, "", "", writers},
		{"POST " + appAt, "", "name=Another+name", adminActs},
		{"GET " + appAt + "/edit", "", "", admins},
		{"GET " + appAt + "/calls", "", "", writers},
		{"GET " + appAt + "/apis/new", "", "", admins},
		{"POST " + appAt + "/apis", "", "name=Oplog&slug=oplog&upstream=builtin:echo", adminActs},
		{"GET " + appAt + "/apis/{api}/edit", "", "", admins},
		{"POST " + appAt + "/apis/{api}", "", "name=Backend+API&upstream=http://127.0.0.1:9", liftActs},
		{"GET " + appAt + "/settings", "", "", lifted},
		{"POST " + appAt + "/settings", "", "query_credentials=on", liftActs},
		{"GET " + manageAt, "", "", lifted},
		{"POST " + manageAt + "/basic/reveal", "", "nonce=n1", lifted},
		{"GET " + manageAt + "/basic", "", "", lifted},
		{"POST " + manageAt + "/basic/confirm", "", "", liftActs},
		{"GET " + manageAt + "/basic/restrict", "", "", lifted},
		{"POST " + manageAt + "/basic/restrict", "", "rate=10", liftActs},
		{"GET " + manageAt + "/basic/disable", "", "", lifted},
		{"POST " + manageAt + "/basic/disable", "", "confirm=orders", liftActs},
	}
	list = append(list, shelfScenarios(manageAt+"/tokens", lifted, liftActs)...)
	list = append(list, shelfScenarios(appAt+"/clients", lifted, liftActs)...)
	list = append(list, shelfScenarios(orgAt+"/clients", owners, ownerActs)...)
	list = append(list, peopleScenarios()...)
	return append(list, sessionScenarios()...)
}

// shelfScenarios are those of the credentials below a path.
func shelfScenarios(shelf, page, act string) []scenario {
	one := shelf + "/{id}"
	list := []scenario{
		{"GET " + shelf + "/new", "", "", page},
		{"POST " + shelf, "", "label=CI&expires=90d&scope=*:read&nonce=n2", page},
		{"GET " + one, "", "", page},
		{"GET " + one + "/calls", "", "", page},
		{"GET " + one + "/rename", "", "", page},
		{"POST " + one + "/rename", "", "label=Renamed", act},
		{"GET " + one + "/restrict", "", "", page},
		{"POST " + one + "/restrict", "", "allow=10.0.0.0/8&rate=10&burst=20", act},
		{"POST " + one + "/pause", "", "", act},
		{"POST " + one + "/resume", "", "", act},
		{"POST " + one + "/confirm", "", "", act},
		{"GET " + one + "/replace", "", "", page},
		{"POST " + one + "/replace", "", "end=24h&nonce=n3", page},
	}
	for _, verb := range []string{"/revoke", "/pause", "/resume", "/confirm"} {
		list = append(list, scenario{"GET " + shelf + verb, "id={id}", "", page}, scenario{"POST " + shelf + verb, "", "id={id}", act})
	}
	if shelf == manageAt+"/tokens" {
		return list
	}
	for _, path := range []string{one + "/access-tokens/revoke", one + "/access-tokens/{token}/revoke"} {
		list = append(list, scenario{"GET " + path, "", "", page}, scenario{"POST " + path, "", "", act})
	}
	return list
}

// peopleScenarios are those of members, their tokens, and one's own.
func peopleScenarios() []scenario {
	const one = peopleAt + "/{user}"
	list := []scenario{
		{"GET " + peopleAt, "", "", admins},
		{"GET " + peopleAt + "/invites/new", "", "", wide},
		{"POST " + peopleAt + "/invites", "", "email=new@example.com&role=member", wide},
		{"POST " + peopleAt + "/invites/{id}/withdraw", "", "", wideActs},
		{"GET " + one + "/role", "", "", wide},
		{"POST " + one + "/role", "", "role=viewer", wideActs},
		{"GET " + one + "/access-tokens", "", "", wide},
		{"GET " + peopleAt + "/tokens", "", "", admins},
		{"GET /profile", "", "", theirOwn},
		{"GET /profile/tokens/new", "", "", theirOwn},
		{"POST /profile/tokens", "", "label=CI&organization=acme&expires=365d&scope=*:read&nonce=n4", "in 422 200 200 200 200 200 200"},
		{"GET /profile/tokens/revoke", "id={id}", "", theirOwn},
		{"POST /profile/tokens/revoke", "", "id={id}", everybody},
		{"GET /profile/revoke", "", "", theirOwn},
		{"GET /profile/sessions", "", "", theirOwn},
		{"POST /profile/sessions/end", "", "id=ses_none", "in 404 404 404 404 404 404 404"},
		{"GET /profile/password", "", "", theirOwn},
		{"POST /profile/password", "", "password=wrong&new=short", "in 422 422 422 422 422 422 422"},
	}
	for _, verb := range []string{"/revoke", "/pause", "/resume", "/confirm"} {
		list = append(list, scenario{"GET " + peopleAt + "/tokens" + verb, "id={id}", "", wide}, scenario{"POST " + peopleAt + "/tokens" + verb, "", "id={id}", wideActs})
	}
	for _, path := range []string{"/access-tokens/{token}/revoke", "/access-tokens/revoke", "/revoke", "/remove"} {
		list = append(list, scenario{"GET " + one + path, "", "", wide}, scenario{"POST " + one + path, "", "", wideActs})
	}
	// To disable somebody takes an owner; the page before says so only when it is sent.
	for _, path := range []string{"/disable", "/enable"} {
		list = append(list, scenario{"GET " + one + path, "", "", wide}, scenario{"POST " + one + path, "", "", wideActs})
	}
	return list
}

// sessionScenarios change who the visitor is, and so come last.
func sessionScenarios() []scenario {
	return []scenario{
		{"POST /elevate", "", "scope=acme/orders&minutes=15&reason=" + url.QueryEscape(testkit.Reason), adminActs},
		{"POST /elevation/drop", "", "", everybody},
		{"POST /profile/revoke", "", "", "in in in in in in in in"},
		{"POST /sign-out", "", "", "in in in in in in in in"},
	}
}
