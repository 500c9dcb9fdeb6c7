package store

import (
	"time"

	"claviger/internal/access"
)

const (
	organizationColumns = `o.id, o.slug, o.name, o.created_at`
	applicationColumns  = `a.id, a.organization_id, a.slug, a.name, a.open, a.query_credentials, a.password_grant,
		a.default_ttl, a.max_ttl, a.default_api_id, a.created_at`
	apiColumns        = `i.id, i.application_id, i.slug, i.name, i.upstream, i.timeout, i.created_at`
	membershipColumns = `m.organization_id, m.user_id, m.role, m.created_at`

	selectOrganization = `SELECT ` + organizationColumns + ` FROM organizations o WHERE o.slug = $1`
	selectApplication  = `SELECT ` + applicationColumns + ` FROM applications a WHERE a.organization_id = $1 AND a.slug = $2`

	// selectTarget has a row for each API, or one with an API of NULLs. The join
	// meets one row at each step before the APIs, which come in their order.
	selectTarget = `SELECT ` + organizationColumns + `, ` + applicationColumns + `, c.id, c.paused_at, c.revoked_at, ` + apiColumns + `
		FROM organizations o
		JOIN applications a ON a.organization_id = o.id
		LEFT JOIN credentials c ON c.application_id = a.id AND c.kind = 'basic'
		LEFT JOIN apis i ON i.application_id = a.id
		WHERE o.slug = $1 AND a.slug = $2
		ORDER BY i.created_at, i.id`
)

func organizationInto(o *access.Organization) []any {
	return []any{&o.ID, &o.Slug, &o.Name, toTime{&o.CreatedAt}}
}

func applicationInto(a *access.Application) []any {
	s := &a.Switches
	return []any{
		&a.ID, &a.OrganizationID, &a.Slug, &a.Name, &s.Open, &s.QueryCredentials, &s.PasswordGrant,
		toSeconds{&s.DefaultTTL},
		toSeconds{&s.MaxTTL},
		&a.DefaultAPI,
		toTime{&a.CreatedAt},
	}
}

// apiInto takes NULLs too: a target may have no API.
func apiInto(i *access.API) []any {
	return []any{toText{&i.ID}, toText{&i.ApplicationID}, toText{&i.Slug}, toText{&i.Name}, toText{&i.Upstream}, toSeconds{&i.Timeout}, toTime{&i.CreatedAt}}
}

func membershipInto(m *access.Membership) []any {
	return []any{&m.OrganizationID, &m.UserID, &m.Role, toTime{&m.CreatedAt}}
}

// Organization returns the organization with that slug.
func (t *tx) Organization(slug string) (o access.Organization, err error) {
	err = t.one(organizationInto(&o), selectOrganization, slug)
	return o, err
}

// OrganizationByID returns the organization with that id.
func (t *tx) OrganizationByID(id string) (o access.Organization, err error) {
	err = t.one(organizationInto(&o), `SELECT `+organizationColumns+` FROM organizations o WHERE o.id = $1`, id)
	return o, err
}

// Organizations returns all organizations by slug.
func (t *tx) Organizations() ([]access.Organization, error) {
	return list(t, organizationInto, `SELECT `+organizationColumns+` FROM organizations o ORDER BY o.slug`)
}

// OrganizationsOf returns the organizations of which a user is a member, by name.
func (t *tx) OrganizationsOf(userID string) ([]access.Organization, error) {
	return list(t, organizationInto, `SELECT `+organizationColumns+` FROM memberships m
		JOIN organizations o ON o.id = m.organization_id WHERE m.user_id = $1 ORDER BY o.name_key, o.slug`, userID)
}

// Application returns the application with that slug in an organization.
func (t *tx) Application(organizationID, slug string) (a access.Application, err error) {
	err = t.one(applicationInto(&a), selectApplication, organizationID, slug)
	return a, err
}

// ApplicationByID returns the application with that id.
func (t *tx) ApplicationByID(id string) (a access.Application, err error) {
	err = t.one(applicationInto(&a), `SELECT `+applicationColumns+` FROM applications a WHERE a.id = $1`, id)
	return a, err
}

// Applications returns the applications of an organization by name.
func (t *tx) Applications(organizationID string) ([]access.Application, error) {
	return list(t, applicationInto, `SELECT `+applicationColumns+` FROM applications a
		WHERE a.organization_id = $1 ORDER BY a.name_key, a.slug`, organizationID)
}

// APIs returns the APIs of an application in the order of their making.
func (t *tx) APIs(applicationID string) ([]access.API, error) {
	return list(t, apiInto, `SELECT `+apiColumns+` FROM apis i
		WHERE i.application_id = $1 ORDER BY i.created_at, i.id`, applicationID)
}

// Membership returns what a user is to an organization.
func (t *tx) Membership(organizationID, userID string) (m access.Membership, err error) {
	err = t.one(membershipInto(&m), `SELECT `+membershipColumns+` FROM memberships m
		WHERE m.organization_id = $1 AND m.user_id = $2`, organizationID, userID)
	return m, err
}

// Members returns the members of an organization by name, disabled users too.
func (t *tx) Members(organizationID string) ([]access.MemberUser, error) {
	into := func(m *access.MemberUser) []any { return append(membershipInto(&m.Membership), userInto(&m.User)...) }
	return list(t, into, `SELECT `+membershipColumns+`, `+userColumns+` FROM memberships m
		JOIN users u ON u.id = m.user_id WHERE m.organization_id = $1 ORDER BY u.name_key, u.id`, organizationID)
}

// Target returns by one question what a request is judged by. An application
// without a basic credential counts as one whose Basic is disabled.
func (t *tx) Target(organizationSlug, applicationSlug string) (access.Target, error) {
	var (
		target  access.Target
		api     access.API
		basicID string
		found   bool
		paused  time.Time
		revoked time.Time
	)
	into := append(organizationInto(&target.Organization), applicationInto(&target.Application)...)
	into = append(into, toText{&basicID}, toTime{&paused}, toTime{&revoked})
	into = append(into, apiInto(&api)...)
	err := t.each(into, func() bool {
		found = true
		if api.ID != "" {
			target.APIs = append(target.APIs, api)
		}
		return true
	}, selectTarget, organizationSlug, applicationSlug)
	target.BasicID = basicID
	switch {
	case err != nil:
		return access.Target{}, err
	case !found:
		return access.Target{}, access.ErrNoRow
	case basicID == "" || !revoked.IsZero():
		target.BasicState = access.Disabled
	case !paused.IsZero():
		target.BasicState = access.Paused
	default:
		target.BasicState = access.Active
	}
	return target, nil
}

// InsertOrganization adds an organization, unless the slug is taken.
func (t *tx) InsertOrganization(o access.Organization) (bool, error) {
	return t.changed(`INSERT INTO organizations (id, slug, name, name_key, created_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (slug) DO NOTHING`,
		o.ID, o.Slug, o.Name, fold(o.Name), micros(o.CreatedAt))
}

// InsertApplication adds an application, unless the slug is taken in its
// organization.
func (t *tx) InsertApplication(a access.Application) (bool, error) {
	s := a.Switches
	return t.changed(`INSERT INTO applications (id, organization_id, slug, name, name_key, open, query_credentials,
			password_grant, default_ttl, max_ttl, default_api_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (organization_id, slug) DO NOTHING`,
		a.ID, a.OrganizationID, a.Slug, a.Name, fold(a.Name), s.Open, s.QueryCredentials,
		s.PasswordGrant, seconds(s.DefaultTTL), seconds(s.MaxTTL), a.DefaultAPI, micros(a.CreatedAt))
}

// UpdateApplication changes an application's name, switches and default API.
func (t *tx) UpdateApplication(a access.Application) error {
	s := a.Switches
	return t.must(`UPDATE applications SET name = $2, name_key = $3, open = $4, query_credentials = $5,
			password_grant = $6, default_ttl = $7, max_ttl = $8, default_api_id = $9 WHERE id = $1`,
		a.ID, a.Name, fold(a.Name), s.Open, s.QueryCredentials,
		s.PasswordGrant, seconds(s.DefaultTTL), seconds(s.MaxTTL), a.DefaultAPI)
}

// InsertAPI adds an API, unless the slug is taken in its application.
func (t *tx) InsertAPI(i access.API) (bool, error) {
	return t.changed(`INSERT INTO apis (id, application_id, slug, name, upstream, timeout, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (application_id, slug) DO NOTHING`,
		i.ID, i.ApplicationID, i.Slug, i.Name, i.Upstream, seconds(i.Timeout), micros(i.CreatedAt))
}

// UpdateAPI changes an API's name, upstream and timeout.
func (t *tx) UpdateAPI(i access.API) error {
	return t.must(`UPDATE apis SET name = $2, upstream = $3, timeout = $4 WHERE id = $1`, i.ID, i.Name, i.Upstream, seconds(i.Timeout))
}

// PasswordGrant reports whether an application has the password grant on: one of
// the user's organizations, or, without a user, any.
func (t *tx) PasswordGrant(userID string) (on bool, err error) {
	if userID == "" {
		err = t.one([]any{&on}, `SELECT EXISTS (SELECT 1 FROM applications a WHERE a.password_grant)`)
		return on, err
	}
	err = t.one([]any{&on}, `SELECT EXISTS (SELECT 1 FROM memberships m
		JOIN applications a ON a.organization_id = m.organization_id AND a.password_grant WHERE m.user_id = $1)`, userID)
	return on, err
}

// QueryCredentials reports whether any application takes credentials in the query.
func (t *tx) QueryCredentials() (on bool, err error) {
	err = t.one([]any{&on}, `SELECT EXISTS (SELECT 1 FROM applications a WHERE a.query_credentials)`)
	return on, err
}

// UpdateMembership changes a member's role.
func (t *tx) UpdateMembership(m access.Membership) (bool, error) {
	return t.changed(`UPDATE memberships SET role = $3 WHERE organization_id = $1 AND user_id = $2`, m.OrganizationID, m.UserID, string(m.Role))
}

// DeleteMembership ends a membership.
func (t *tx) DeleteMembership(organizationID, userID string, at time.Time) (bool, error) {
	return t.end(access.EndedMembership, at, organizationID+"/"+userID,
		`DELETE FROM memberships WHERE organization_id = $1 AND user_id = $2`, organizationID, userID)
}

// InsertMembership makes a user a member, unless they are one already.
func (t *tx) InsertMembership(m access.Membership) (bool, error) {
	return t.changed(`INSERT INTO memberships (organization_id, user_id, role, created_at)
		VALUES ($1, $2, $3, $4) ON CONFLICT (organization_id, user_id) DO NOTHING`,
		m.OrganizationID, m.UserID, string(m.Role), micros(m.CreatedAt))
}
