package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// This file is the decision's table of the product's contract as data. Every
// combination of what is presented, what is the matter with it, the application,
// the endpoint and the method is a cell; every cell is claimed by exactly one row.

// What is presented with a request.
const (
	nothing      = "nothing"
	malformed    = "malformed"
	twice        = "the same credential twice"
	twoMethods   = "two methods at once"
	basic        = "basic"
	token        = "token"
	tokenInQuery = "token in the query"
	client       = "application's client"
	orgClient    = "organization's client"
	personal     = "personal token"
	personalPair = "personal token as password"
	personalURL  = "personal token in the query"

	clientAccess    = "access token of an application's client"
	clientAccessURL = "access token of an application's client in the query"
	orgAccess       = "access token of an organization's client"
	userAccess      = "access token of a user, for one application"
	userAccessURL   = "access token of a user in the query"
	freeAccess      = "access token of a user, for nothing in particular"
)

// What is the matter with it, or with what it is presented for.
const (
	fine           = "nothing is the matter"
	expired        = "expired"
	revoked        = "revoked"
	paused         = "paused"
	basicDisabled  = "Basic is disabled"
	userDisabled   = "its user is disabled"
	notMember      = "its user is no member"
	viewerOnly     = "its user is a viewer"
	grantOff       = "the password grant is off"
	clientExpired  = "its client has expired"
	clientRevoked  = "its client is revoked"
	clientPaused   = "its client is paused"
	clientReads    = "its client may only read"
	wrongSecret    = "another secret of the same kind"
	noSecret       = "no secret of ours"
	wrongName      = "another name beside the secret"
	wrongWay       = "presented in a way of another kind"
	otherApp       = "of another application"
	otherOrg       = "of another organization"
	queryOff       = "query credentials are off"
	readOnly       = "may only read"
	writeOnly      = "may only write"
	otherAPIOnly   = "may only use another API"
	listed         = "from a listed address"
	notListed      = "from an address that is not listed"
	unknownAddress = "from an unknown address"
	spent          = "its limit is used up"
	unknownAPI     = "for an unknown API"
	defaultAPI     = "for an unknown API, there is a default one"
	unknownApp     = "for an unknown application"
	unknownOrg     = "for an unknown organization"
)

const (
	secured = "secured"
	open    = "open"

	verifyApp   = "/verify/{org}/{app}"
	verifyAPI   = "/verify/{org}/{app}/{api}"
	verifyEnvoy = "/verify/{org}/{app}/{api}/…"
	gateway     = "/{org}/{app}/{api}/…"

	read  = http.MethodGet
	write = http.MethodPost
)

type set []string

func (s set) and(more ...string) set { return append(slices.Clone(s), more...) }

func (s set) without(less ...string) set {
	return slices.DeleteFunc(slices.Clone(s), func(x string) bool { return slices.Contains(less, x) })
}

// has reports whether x is in the set; the nil set holds everything.
func (s set) has(x string) bool { return s == nil || slices.Contains(s, x) }

var (
	people      = set{personal, personalPair, personalURL}
	named       = set{basic, client, orgClient, personalPair}
	ofClient    = set{clientAccess, clientAccessURL, orgAccess}
	ofUser      = set{userAccess, userAccessURL, freeAccess}
	ofPeople    = people.and(ofUser...)
	ofNoApp     = people.and(orgClient, orgAccess, freeAccess)
	accessToken = ofClient.and(ofUser...)
	inQuery     = set{tokenInQuery, client, orgClient, personalURL, clientAccessURL, userAccessURL}
	credentials = set{basic, token, tokenInQuery, client, orgClient, personal, personalPair, personalURL}.and(accessToken...)
	broken      = set{malformed, twice, twoMethods}

	ofCredential = set{
		expired, revoked, paused, userDisabled, notMember, viewerOnly, grantOff, clientExpired, clientRevoked, clientPaused, clientReads, wrongSecret, noSecret, wrongName, wrongWay, otherApp, otherOrg,
		queryOff, readOnly, writeOnly, otherAPIOnly, listed, notListed, unknownAddress, spent,
	}
	ofTarget  = set{fine, basicDisabled, unknownAPI, defaultAPI, unknownApp, unknownOrg}
	noSuchApp = set{unknownApp, unknownOrg}
	noSuchAPI = set{unknownAPI, defaultAPI}

	endpoints = set{verifyApp, verifyAPI, verifyEnvoy, gateway}
	withAPI   = endpoints.without(verifyApp)
)

// cell is one combination.
type cell struct{ presented, matter, application, endpoint, method string }

func (c cell) String() string {
	return strings.Join([]string{c.presented, c.matter, c.application, c.endpoint, c.method}, " | ")
}

// row claims the cells that are in all of its sets and says how they are answered.
type row struct {
	says                                             string
	presented, matter, application, endpoint, method set
	want                                             outcome
}

func (r row) claims(c cell) bool {
	return r.presented.has(c.presented) && r.matter.has(c.matter) && r.application.has(c.application) && r.endpoint.has(c.endpoint) && r.method.has(c.method)
}

// outcome is the answer to a cell. The zero status says that there is no such cell.
type outcome struct {
	status      int
	code        string // of RFC 6750 §3.1
	problemType string
	detail      string // part of the description
	scope       string // that the challenge names: "read" or "write" of the API
}

var (
	impossible = outcome{}
	accepted   = outcome{status: 200}
	needed     = outcome{status: 401, problemType: "credential-needed", detail: "A credential is needed."}
	invalid    = outcome{status: 401, code: "invalid_token", problemType: "invalid-token", detail: "The credential is not valid for this application."}
	elsewhere  = outcome{status: 403, problemType: "address-not-allowed", detail: "may not be used from this address"}
	forbidden  = outcome{status: 403, problemType: "unknown-api", detail: "no such API"}
	notFound   = outcome{status: 404, problemType: "unknown-api", detail: "no such API"}
	tooMany    = outcome{status: 429, problemType: "rate-limited", detail: "limited to 1 a second, bursts of 1"}
	held       = outcome{status: 403, problemType: "rate-limited", detail: "limited to 1 a second, bursts of 1"}
	mayNotRead = outcome{status: 403, code: "insufficient_scope", problemType: "insufficient-scope", detail: "may not read", scope: "read"}
	mayNot     = outcome{status: 403, code: "insufficient_scope", problemType: "insufficient-scope", detail: "may not write", scope: "write"}
)

// because is 401 invalid_token with the precise reason.
func because(detail string) outcome {
	return outcome{status: 401, code: "invalid_token", problemType: "invalid-token", detail: detail}
}

var decision = []row{
	// Cells that do not exist.
	{"what is not there has no state", broken.and(nothing), ofCredential, nil, nil, nil, impossible},
	{"only people's tokens have a user", credentials.without(ofPeople...), set{userDisabled, notMember, viewerOnly}, nil, nil, nil, impossible},
	{"only access tokens of clients have a client", credentials.without(ofClient...), set{clientExpired, clientRevoked, clientPaused, clientReads}, nil, nil, nil, impossible},
	{"only a password gets one by the password grant", credentials.without(ofUser...), set{grantOff}, nil, nil, nil, impossible},
	{"an access token is not paused, its client is", accessToken, set{paused}, nil, nil, nil, impossible},
	{"a user has no list of addresses and no limit", ofUser, set{listed, notListed, unknownAddress, spent}, nil, nil, nil, impossible},
	{"what is bound to no organization is of no other one", set{freeAccess}, set{otherOrg}, nil, nil, nil, impossible},
	{"Basic does not expire, and is disabled, not revoked", set{basic}, set{expired, revoked}, nil, nil, nil, impossible},
	{"a bearer has no name", credentials.without(named...), set{wrongName}, nil, nil, nil, impossible},
	{"not in the query", credentials.without(inQuery...), set{queryOff}, nil, nil, nil, impossible},
	{"an organization's client is of all its applications, and so are people's tokens", ofNoApp, set{otherApp}, nil, nil, nil, impossible},
	{"no API is named", nil, noSuchAPI, nil, set{verifyApp}, nil, impossible},
	{"what does not exist is not open", nil, noSuchApp, set{open}, nil, nil, impossible},

	// Nothing presented.
	{"nothing, secured application", set{nothing}, set{fine, basicDisabled}, set{secured}, nil, nil, needed},
	{"nothing, secured application, whatever the API", set{nothing}, noSuchAPI, set{secured}, withAPI, nil, needed},
	{"nothing, open application", set{nothing}, set{fine, basicDisabled}, set{open}, nil, nil, accepted},
	{"nothing, open application, unknown API", set{nothing}, noSuchAPI, set{open}, set{verifyAPI, verifyEnvoy}, nil, forbidden},
	{"nothing, open application, unknown API, gateway", set{nothing}, set{unknownAPI}, set{open}, set{gateway}, nil, notFound},
	{"nothing, open application, default API, gateway", set{nothing}, set{defaultAPI}, set{open}, set{gateway}, nil, accepted},

	// Malformed, twice, two methods, no match, unknown, for another one.
	{"unknown organization or application", nil, noSuchApp, set{secured}, nil, nil, invalid},
	{"malformed, twice, two methods", broken, set{fine, basicDisabled}, nil, nil, nil, invalid},
	{"malformed, twice, two methods, whatever the API", broken, noSuchAPI, nil, withAPI, nil, invalid},
	{"no match", credentials, set{wrongSecret, noSecret, wrongWay}, nil, nil, nil, invalid},
	{"genuine for another organization", credentials.without(freeAccess), set{otherOrg}, nil, nil, nil, invalid},
	{"of a user who is no member here, and bound to nothing", set{freeAccess}, set{notMember}, nil, nil, nil, invalid},
	{"no match with the name", named, set{wrongName}, nil, nil, nil, invalid},
	{"genuine for another application", credentials.without(ofNoApp...), set{otherApp}, nil, nil, nil, invalid},

	// Genuine, but not now.
	{"expired", credentials.without(basic), set{expired}, nil, nil, nil, because("expired on ")},
	{"revoked", credentials.without(basic), set{revoked}, nil, nil, nil, because("revoked on ")},
	{"paused", credentials.without(accessToken...), set{paused}, nil, nil, nil, because("paused")},
	{"its client has expired", ofClient, set{clientExpired}, nil, nil, nil, because("client of this access token has expired")},
	{"its client is revoked", ofClient, set{clientRevoked}, nil, nil, nil, because("client of this access token was revoked")},
	{"its client is paused", ofClient, set{clientPaused}, nil, nil, nil, because("client of this access token is paused")},
	{"the password grant is off", ofUser, set{grantOff}, nil, nil, nil, because("password grant is switched off for this application")},
	{"user disabled", ofPeople, set{userDisabled}, nil, nil, nil, because("user of this token is disabled")},
	{"no longer a member", ofPeople.without(freeAccess), set{notMember}, nil, nil, nil, because("no longer a member")},
	{"Basic is disabled", set{basic}, set{basicDisabled}, nil, nil, nil, because("Basic is disabled for this application: use a token")},
	{"a way that is switched off", inQuery, set{queryOff}, nil, nil, nil, because("query string are switched off")},

	// Genuine.
	{"genuine", credentials, set{fine}, nil, nil, nil, accepted},
	{"an address that is allowed", credentials.without(ofUser...), set{listed}, nil, nil, nil, accepted},
	{"genuine, Basic disabled beside it", credentials.without(basic), set{basicDisabled}, nil, nil, nil, accepted},
	{"an address that is not allowed", credentials.without(ofUser...), set{notListed, unknownAddress}, nil, nil, nil, elsewhere},
	{"its limit is used up, verify", credentials.without(ofUser...), set{spent}, nil, endpoints.without(gateway), nil, held},
	{"its limit is used up, gateway", credentials.without(ofUser...), set{spent}, nil, set{gateway}, nil, tooMany},
	{"unknown API, verify", credentials, noSuchAPI, nil, set{verifyAPI, verifyEnvoy}, nil, forbidden},
	{"unknown API, gateway", credentials, set{unknownAPI}, nil, set{gateway}, nil, notFound},
	{"default API, gateway", credentials, set{defaultAPI}, nil, set{gateway}, nil, accepted},
	{"without an API scopes are reported, not enforced", credentials, set{readOnly, writeOnly, otherAPIOnly}, nil, set{verifyApp}, nil, accepted},
	{"the same by role", ofPeople, set{viewerOnly}, nil, set{verifyApp}, nil, accepted},
	{"the same by client", ofClient, set{clientReads}, nil, set{verifyApp}, nil, accepted},
	{"client reads, reads", ofClient, set{clientReads}, nil, withAPI, set{read}, accepted},
	{"client reads, writes", ofClient, set{clientReads}, nil, withAPI, set{write}, mayNot},
	{"may read, reads", credentials, set{readOnly}, nil, withAPI, set{read}, accepted},
	{"may read, writes", credentials, set{readOnly}, nil, withAPI, set{write}, mayNot},
	{"viewer reads", ofPeople, set{viewerOnly}, nil, withAPI, set{read}, accepted},
	{"viewer writes", ofPeople, set{viewerOnly}, nil, withAPI, set{write}, mayNot},
	{"may write, reads", credentials, set{writeOnly}, nil, withAPI, set{read}, mayNotRead},
	{"may write, writes", credentials, set{writeOnly}, nil, withAPI, set{write}, accepted},
	{"API beyond its scope, reads", credentials, set{otherAPIOnly}, nil, withAPI, set{read}, mayNotRead},
	{"API beyond its scope, writes", credentials, set{otherAPIOnly}, nil, withAPI, set{write}, mayNot},
}

// cells returns the whole cross product.
func cells() []cell {
	var out []cell
	for _, presented := range append(broken.and(nothing), credentials...) {
		for _, matter := range append(slices.Clone(ofTarget), ofCredential...) {
			for _, application := range []string{secured, open} {
				for _, endpoint := range endpoints {
					for _, method := range []string{read, write} {
						out = append(out, cell{presented, matter, application, endpoint, method})
					}
				}
			}
		}
	}
	return out
}

// TestDecisionTableIsComplete asks that every combination is claimed by exactly one
// row, and that no row claims nothing.
func TestDecisionTableIsComplete(t *testing.T) {
	claimed := make([]int, len(decision))
	for _, c := range cells() {
		var by []string
		for i, r := range decision {
			if r.claims(c) {
				claimed[i]++
				by = append(by, r.says)
			}
		}
		if len(by) != 1 {
			t.Errorf("%s: claimed by %d rows, want 1: %q", c, len(by), by)
		}
	}
	for i, r := range decision {
		if claimed[i] == 0 {
			t.Errorf("row %q claims nothing", r.says)
		}
	}
}

// TestDecision sends a request for every cell and compares the answer with its row.
func TestDecision(t *testing.T) {
	w := newWorld(t)
	sent := 0
	for _, c := range cells() {
		i := slices.IndexFunc(decision, func(r row) bool { return r.claims(c) })
		if i < 0 || decision[i].want == impossible {
			continue
		}
		w.check(c, decision[i].want)
		sent++
	}
	if sent < 2000 {
		t.Errorf("%d requests sent: the table has shrunk", sent)
	}
	t.Logf("%d combinations", sent)
}

// TestDecisionDatabaseGone asks that without its database nothing is let in and
// nothing is called invalid.
func TestDecisionDatabaseGone(t *testing.T) {
	w := newWorld(t)
	var requests []prepared
	for _, c := range cells() {
		if (c.matter == fine || c.matter == unknownOrg) && c.presented != malformed {
			requests = append(requests, w.prepare(c))
		}
	}
	if err := w.site.Store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		a := w.send(r)
		if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || !strings.Contains(a.Body, `"type":"urn:claviger:problem:unavailable"`) {
			t.Errorf("%s: status %d, Retry-After %q, body %s", r.cell, a.Status, a.Header.Get("Retry-After"), a.Body)
		}
		w.noIdentity(r.cell, a)
	}
}
