package store

import (
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// openEmpty opens an empty store for tests that look inside it.
func openEmpty(t testing.TB) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: t.TempDir() + "/claviger.db"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// plan returns SQLite's plan of a question, one step a line.
func plan(t *testing.T, s *Store, text string, args []any) string {
	t.Helper()
	rows, err := s.read.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatalf("explain: %v\n%s", err, text)
	}
	defer func() { _ = rows.Close() }()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "\n")
}

// question is one of the store's, as SQL.
type question struct {
	text string
	args []any
	uses string // the index that has to be used
}

func ask(text string, args []any, uses string) question { return question{text, args, uses} }

// check asserts that a question uses its index, sorts nothing and walks no table; what
// a subquery has found, which is no more than its LIMIT, may be walked.
func (q question) check(t *testing.T, s *Store, name string) {
	t.Helper()
	got := plan(t, s, q.text, q.args)
	if strings.Contains(q.text, "c.kind = $") || strings.Contains(q.text, "LIMIT $") && strings.Contains(q.text, " credentials ") {
		t.Errorf("%s has a parameter by whose value SQLite plans each time: %s", name, q.text)
	}
	if !strings.Contains(got+" ", q.uses) {
		t.Errorf("%s does not use %s:\n%s", name, q.uses, got)
	}
	for step := range strings.Lines(got) {
		found, walks := strings.CutPrefix(strings.TrimSpace(step), "SCAN ")
		byIndex := strings.Contains(step, "INDEX") || found == "CONSTANT ROW" || walks && strings.Contains(got, "CO-ROUTINE "+found+"\n")
		if strings.Contains(step, "TEMP B-TREE") || (walks && !byIndex) {
			t.Errorf("%s sorts or walks a table: %s%s", name, step, got)
		}
	}
}

// TestPlans asserts that what requests and pages wait for is found by indexes,
// in its order: nothing is sorted, and no table is walked from end to end.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	now := time.Now()
	cursor := access.Cursor{At: now, ID: "tok_1"}
	credentials := func(f access.CredentialFilter) (string, []any) {
		f.ApplicationID, f.Now, f.Limit = "app_1", now, 50
		text, args, err := selectCredentials(f)
		if err != nil {
			t.Fatal(err)
		}
		return text, args
	}
	page := func(f access.CredentialFilter, uses string) question {
		text, args := credentials(f)
		return ask(text, args, uses)
	}
	events := func(f access.EventFilter, uses string) question {
		f.Limit = 50
		text, args := selectEvents(f)
		return ask(text, args, uses)
	}
	several, digests := selectByDigests(selectByDigest, "c", []secret.Digest{{KeyID: "key1", Sum: []byte{1}}, {KeyID: "key2", Sum: []byte{2}}})
	uses, usesArgs := selectApplicationUses("org_1", now, now)
	for name, q := range map[string]question{
		"target":             ask(selectTarget, []any{"acme", "orders"}, "apis_in_order"),
		"target's basic":     ask(selectTarget, []any{"acme", "orders"}, "credentials_basic"),
		"by digest":          ask(selectByDigest, []any{[]byte{1}, "key1"}, "sqlite_autoindex_credentials_2 (digest=?)"),
		"by digests":         ask(several, digests, "sqlite_autoindex_credentials_2 (digest=?)"),
		"session":            ask(selectSessionByToken, []any{[]byte{1}}, "sessions_by_previous"),
		"session's token":    ask(selectSessionByToken, []any{[]byte{1}}, "sqlite_autoindex_sessions_2 (token_hash=?)"),
		"elevation":          ask(selectCurrentElevation, []any{"ses_1"}, "elevations_of_session"),
		"reasons":            ask(selectReasons, []any{"usr_1"}, "elevations_of_user"),
		"head":               ask(selectHead, nil, "sqlite_autoindex_events_1"),
		"latest use":         ask(selectLatestUse, []any{"app_1"}, "sqlite_autoindex_latest_uses_1 (application_id=?)"),
		"overview":           ask(uses, usesArgs, "credentials_expiry"),
		"overview's calls":   ask(uses, usesArgs, "sqlite_autoindex_application_uses_1 (application_id=? AND resolution=? AND start>?"),
		"tokens":             page(access.CredentialFilter{}, "credentials_newest "),
		"tokens that live":   page(access.CredentialFilter{Kind: access.KindToken, Live: true}, "credentials_newest_unrevoked"),
		"older live ones":    page(access.CredentialFilter{Live: true, After: cursor}, "credentials_newest_unrevoked (application_id=? AND (created_at,id)<(?,?))"),
		"newer live ones":    page(access.CredentialFilter{Live: true, Before: cursor}, "credentials_newest_unrevoked (application_id=? AND (created_at,id)>(?,?))"),
		"active ones":        page(access.CredentialFilter{State: access.Active, After: cursor}, "credentials_newest_unrevoked"),
		"paused ones":        page(access.CredentialFilter{Kind: access.KindToken, State: access.Paused, After: cursor}, "credentials_newest_paused (application_id=? AND (created_at,id)<(?,?))"),
		"ones by revocation": page(access.CredentialFilter{Kind: access.KindToken, State: access.Revoked, After: cursor}, "credentials_newest_revoked (application_id=? AND (created_at,id)<(?,?))"),
		"clients":            page(access.CredentialFilter{Kind: access.KindClient, Live: true}, "credentials_newest_clients (application_id=?)"),
		"ended clients":      page(access.CredentialFilter{Kind: access.KindClient, Ended: true}, "credentials_newest_clients (application_id=?)"),
		"expired ones":       page(access.CredentialFilter{State: access.Expired, After: cursor}, "credentials_newest_unrevoked"),
		"ended ones":         page(access.CredentialFilter{Ended: true, After: cursor}, "credentials_newest "),
		"revoked ones":       ask(selectRevoked("'token'", 50), []any{"app_1"}, "credentials_revoked (application_id=? AND kind=? AND revoked_at>?)"),
		"lately expired":     ask(selectExpired("'token'", 50), []any{"app_1", 1}, "credentials_expired (application_id=? AND kind=? AND expires_at>? AND expires_at<?)"),
		"found ones":         page(access.CredentialFilter{Live: true, Search: "x", Scope: access.Scope{API: "a", Action: access.Read}}, "credentials_newest_unrevoked"),
		"all events":         events(access.EventFilter{}, "sqlite_autoindex_events_1"),
		"older events":       events(access.EventFilter{OrganizationID: "org_1", AfterSeq: 9}, "events_of_organization (organization_id=? AND seq<?)"),
		"newer events":       events(access.EventFilter{OrganizationID: "org_1", BeforeSeq: 9}, "events_of_organization (organization_id=? AND seq>?)"),
		"application events": events(access.EventFilter{OrganizationID: "org_1", ApplicationID: "app_1", AfterSeq: 9}, "events_of_application (application_id=? AND seq<?)"),
		"actor's events":     events(access.EventFilter{OrganizationID: "org_1", ActorID: "usr_1", AfterSeq: 9}, "events_by_actor (actor_id=? AND seq<?)"),
		"target's events":    events(access.EventFilter{OrganizationID: "org_1", TargetID: "tok_1", AfterSeq: 9}, "events_on_target (target_id=? AND seq<?)"),
		"operators' events":  events(access.EventFilter{OrganizationID: "org_1", Operators: true, AfterSeq: 9}, "events_of_organization (organization_id=? AND seq<?)"),
		"events of an act":   events(access.EventFilter{OrganizationID: "org_1", Act: access.ActSignIn, From: now, To: now}, "events_of_organization"),
	} {
		q.check(t, s, name)
	}
}

// TestPlansOfHolders is the same for clients, personal tokens, access tokens and
// invitations.
func TestPlansOfHolders(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	now := time.Now()
	held := func(w access.Whose) question {
		text, args, err := selectCredentials(access.CredentialFilter{Whose: w, Live: true, Now: now, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		uses := "credentials_of_organization"
		if w.UserID != "" {
			uses = "credentials_of_user"
		}
		return ask(text, args, uses)
	}
	nonce := func(w access.Whose) question {
		text, args := selectByNonce(w, "n")
		return ask(text, args, "credentials_nonce (organization_id=? AND <expr>=? AND <expr>=? AND nonce=?)")
	}
	issued := func(f access.AccessTokenFilter, uses string) question {
		text, args := selectAccessTokens(f)
		return ask(text, args, uses)
	}
	hangs := func(table, uses string) question {
		text, args := selectUnderKey(table, "key1", now, 50)
		return ask(text, args, uses)
	}
	for name, q := range map[string]question{
		"by nonce":           nonce(access.Whose{OrganizationID: "org_1", ApplicationID: "app_1"}),
		"client by nonce":    nonce(access.Whose{OrganizationID: "org_1"}),
		"personal by nonce":  nonce(access.Whose{OrganizationID: "org_1", UserID: "usr_1"}),
		"replacement":        ask(selectReplacing, []any{"tok_1"}, "credentials_replacing (replaces=?)"),
		"org's clients":      held(access.Whose{OrganizationID: "org_1"}),
		"members' tokens":    held(access.Whose{OrganizationID: "org_1", Personal: true}),
		"a member's tokens":  held(access.Whose{OrganizationID: "org_1", UserID: "usr_1"}),
		"access token":       ask(selectAccessTokenByDigest, []any{[]byte{1}, "key1"}, "sqlite_autoindex_access_tokens_2 (digest=?)"),
		"client's access":    issued(access.AccessTokenFilter{CredentialID: "cli_1", Now: now, Limit: 50}, "access_tokens_of_credential (credential_id=?)"),
		"user's access":      issued(access.AccessTokenFilter{UserID: "usr_1", Now: now, Limit: 50}, "access_tokens_of_user (user_id=?)"),
		"under a key":        hangs("credentials", "credentials_live_by_key (key_id=?)"),
		"tokens under a key": hangs("access_tokens", "access_tokens_live_by_key (key_id=?)"),
		"open invitations":   ask(selectOpenInvites, []any{"org_1", 1}, "invites_of_organization"),
	} {
		q.check(t, s, name)
	}
}
