package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"claviger/internal/access"
	"claviger/templates"
)

// This file says the domain's values in the pages' words.

// clockText prints a rest of time as mm:ss, or h:mm:ss from an hour on.
func clockText(d time.Duration) string {
	total := max(int(d/time.Second), 0)
	hours, minutes, seconds := total/3600, total/60%60, total%60
	if hours > 0 {
		return fmt.Sprintf("%d:%02d:%02d", hours, minutes, seconds)
	}
	return fmt.Sprintf("%d:%02d", minutes, seconds)
}

// grouped prints a number with commas between groups of three digits.
func grouped[N int | int64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// ago returns a moment as seen from now: "2 min ago".
func (s *Server) ago(at time.Time) templates.When {
	if !at.IsZero() {
		at = at.In(s.Zone)
	}
	return templates.Ago(at, s.now())
}

// dated returns a moment as a date: "3 Mar", with the year when it is another one.
func (s *Server) dated(at time.Time) templates.When {
	at = at.In(s.Zone)
	layout := "2 Jan 2006"
	if at.Year() == s.now().Year() {
		layout = "2 Jan"
	}
	return templates.When{At: at, Text: at.Format(layout), Fixed: true}
}

// expires returns when a credential expires, and whether that is soon: within
// seven days it is told by the distance.
func (s *Server) expires(c access.Credential) (templates.When, bool) {
	if c.ExpiresAt.IsZero() {
		return templates.When{Text: "never"}, false
	}
	now := s.now()
	if left := c.ExpiresAt.Sub(now); left > 0 && left <= soon {
		return s.ago(c.ExpiresAt), true
	}
	w := s.dated(c.ExpiresAt)
	w.Text = w.At.Format("2 Jan 2006")
	return w, false
}

// soon is how long before its expiry a credential turns amber.
const soon = 7 * 24 * time.Hour

// How dates and times of day stand in sentences.
const (
	longDate = "2 January 2006"
	longTime = "2 January 2006, 15:04"
)

// scopesInWords says what a credential may do: "read, write", "read on Backend
// API", "read; write on Oplog".
func scopesInWords(restriction access.Scopes, apis []access.API) string {
	var every []string
	var byAPI map[string][]string // most are for every API
	var order []string
	for _, scope := range restriction.Effective() {
		if scope.API == access.AnyAPI {
			every = append(every, string(scope.Action))
			continue
		}
		if byAPI == nil {
			byAPI = map[string][]string{}
		}
		if byAPI[scope.API] == nil {
			order = append(order, scope.API)
		}
		byAPI[scope.API] = append(byAPI[scope.API], string(scope.Action))
	}
	var parts []string
	if len(every) > 0 {
		parts = append(parts, strings.Join(every, ", "))
	}
	for _, slug := range order {
		parts = append(parts, strings.Join(byAPI[slug], ", ")+" on "+apiName(slug, apis))
	}
	return strings.Join(parts, "; ")
}

func apiName(slug string, apis []access.API) string {
	for _, api := range apis {
		if api.Slug == slug {
			return api.Name
		}
	}
	return slug
}

// baseURLs returns where each API is called on the gateway.
func (s *Server) baseURLs(st access.Standing, apis []access.API) []templates.BaseURL {
	out := make([]templates.BaseURL, len(apis))
	for i, api := range apis {
		out[i] = templates.BaseURL{Name: api.Name, URL: s.apiURL(st, api)}
	}
	return out
}

func (s *Server) apiURL(st access.Standing, api access.API) string {
	return s.GatewayURL + "/" + st.Organization.Slug + "/" + st.Application.Slug + "/" + api.Slug
}

// shortAgent returns a user agent's first product: "curl/8.5.0".
func shortAgent(agent string) string {
	first, _, _ := strings.Cut(agent, " ")
	if runes := []rune(first); len(runes) > 32 {
		return string(runes[:32]) + "…"
	}
	return first
}

// plural prints "1 token", "3 tokens".
func plural[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// counted prints a number that was counted up to 1,000 only.
func counted(n int) string {
	if n > 1000 {
		return "1,000+"
	}
	return grouped(n)
}

// sentences say what each act did; %s is the target's name.
var sentences = map[access.Act]string{
	access.ActPrepareKey:        "prepared the server key %s",
	access.ActRotateKeys:        "made %s the server's primary key",
	access.ActRetireKey:         "retired the server key %s",
	access.ActSetUp:             "completed the set-up of %s",
	access.ActSignIn:            "signed in",
	access.ActSignInFailed:      "failed to sign in: wrong password",
	access.ActSignOut:           "signed out",
	access.ActElevate:           "elevated permissions for %s",
	access.ActElevateFailed:     "failed to elevate: wrong password",
	access.ActDrop:              "dropped the elevation for %s",
	access.ActCreateOrg:         "created the organization %s",
	access.ActCreateApplication: "created the application %s",
	access.ActUpdateApplication: "changed the application %s",
	access.ActCreateAPI:         "created the API %s",
	access.ActUpdateAPI:         "changed the API %s",
	access.ActCreateUser:        "created the user %s",
	access.ActDisableUser:       "disabled the user %s",
	access.ActEnableUser:        "enabled the user %s again",
	access.ActAddMember:         "added the member %s",
	access.ActRevealBasic:       "revealed the Basic password",
	access.ActDisableBasic:      "disabled Basic for good",
	access.ActRestrictBasic:     "changed the bounds of Basic",
	access.ActCreateToken:       "created the token “%s”",
	access.ActRenameToken:       "renamed the token “%s”",
	access.ActRestrictToken:     "changed the bounds of the token “%s”",
	access.ActPauseToken:        "paused the token “%s”",
	access.ActResumeToken:       "resumed the token “%s”",
	access.ActRevokeToken:       "revoked the token “%s”",
	access.ActReplaceToken:      "replaced the token “%s”",
	access.ActCreateClient:      "created the client “%s”",
	access.ActRenameClient:      "renamed the client “%s”",
	access.ActRestrictClient:    "changed the bounds of the client “%s”",
	access.ActPauseClient:       "paused the client “%s”",
	access.ActResumeClient:      "resumed the client “%s”",
	access.ActRevokeClient:      "revoked the client “%s”",
	access.ActReplaceClient:     "replaced the client “%s”",
	access.ActCreatePersonal:    "created the personal token “%s”",
	access.ActPausePersonal:     "paused the personal token “%s”",
	access.ActResumePersonal:    "resumed the personal token “%s”",
	access.ActRevokePersonal:    "revoked the personal token “%s”",
	access.ActIssueAccessToken:  "got an access token",
	access.ActRevokeAccessToken: "revoked an access token of %s",
	access.ActSwitch:            "changed how %s may be opened",
	access.ActInvite:            "invited %s",
	access.ActWithdrawInvite:    "withdrew the invitation of %s",
	access.ActJoin:              "joined by invitation: %s",
	access.ActChangeRole:        "changed the role of %s",
	access.ActRemoveMember:      "removed the member %s",
	access.ActRevokeEverything:  "signed out and revoked everything of %s",
	access.ActResetPassword:     "reset the password of %s",
	access.ActChangePassword:    "changed their password",
	access.ActChangeFailed:      "failed to change their password: wrong password",
	access.ActEndFailed:         "failed to end sessions: wrong password",
	access.ActEndSession:        "ended a session of theirs",
	access.ActConfirmBasic:      "confirmed Basic after a restore",
	access.ActConfirmToken:      "confirmed the token “%s” after a restore",
	access.ActConfirmClient:     "confirmed the client “%s” after a restore",
	access.ActConfirmPersonal:   "confirmed the personal token “%s” after a restore",
	access.ActBackup:            "made a backup",
	access.ActRestore:           "restored the backup %s",
	access.ActAcceptLoss:        "accepted that acts are missing from the database",
	access.ActMoveStore:         "moved the database to PostgreSQL",
	access.ActAcceptClock:       "accepted a clock that is behind the last event",
	access.ActPrune:             "moved old events out of the database",
}

// The details of events that a sentence tells: as they are, or with their names.
var (
	plainDetails = []string{"name", "label", "upstream", "access", "role", "scope", "from"}
	namedDetails = []string{"limit", "timeout", "query credentials", "password grant", "default_ttl", "max_ttl", "default API", "personal tokens", "access tokens"}
)

// sentence says what an event records, with the details that matter.
func sentence(e access.Event) string {
	text, ok := sentences[e.Act]
	if !ok {
		text = string(e.Act)
	}
	text = strings.Replace(text, "%s", e.TargetName, 1)
	var details []string
	for _, key := range plainDetails {
		if value := e.Detail[key]; value != "" {
			details = append(details, value)
		}
	}
	for _, key := range namedDetails {
		if value := e.Detail[key]; value != "" {
			details = append(details, strings.ReplaceAll(key, "_", " ")+" "+value)
		}
	}
	if until, err := time.Parse(time.RFC3339, e.Detail["expires"]); err == nil {
		details = append(details, "expires "+until.Format("2 Jan 2006"))
	}
	if len(details) == 0 {
		return text
	}
	return text + " (" + strings.Join(details, ", ") + ")"
}

// actWords names an act in the filter of Activity.
func actWords(act access.Act) string {
	text := strings.NewReplacer(" “%s”", "", " of %s", "", " for %s", "", ": %s", "", " %s may be", " it may be", " %s", "").Replace(sentences[act])
	return strings.ToUpper(text[:1]) + text[1:]
}

// eventRow returns an event as Activity and a token's history show it.
func (s *Server) eventRow(e access.Event, apps map[string]string) templates.EventRow {
	row := templates.EventRow{At: s.ago(e.At), Who: e.ActorName, What: sentence(e), Application: apps[e.ApplicationID], Reason: e.Reason, From: e.Address}
	if e.Count > 1 {
		row.Count = "×" + grouped(e.Count)
	}
	return row
}

// firstCallView returns the region that waits for the first call.
func (s *Server) firstCallView(use access.LastUse) templates.FirstCallView {
	if use.At.IsZero() {
		return templates.FirstCallView{}
	}
	return templates.FirstCallView{Seen: true, At: s.ago(use.At), From: use.Address}
}
