package access

import (
	"context"
	"strconv"
	"time"

	"claviger/internal/secret"
)

// Registry is what admins do: every act checks the rule, makes the change and
// records the Event in one transaction.
type Registry struct{ Deps }

// NewRegistry returns a registry over its dependencies.
func NewRegistry(d Deps) *Registry {
	d.known = newKnown()
	return &Registry{d}
}

// act runs one act in one transaction: it judges the actor and calls do.
func (d Deps) act(ctx context.Context, a Actor, organization, application string, n need, do func(Tx, Standing) error) error {
	return d.Store.Update(ctx, func(tx Tx) error {
		s, err := stand(tx, d.Clock.Now(), a, organization, application, n)
		if err != nil {
			return err
		}
		return do(tx, s)
	})
}

// look is act for what only reads.
func (d Deps) look(ctx context.Context, a Actor, organization, application string, n need, do func(ReadTx, Standing) error) error {
	return d.view(ctx, func(tx ReadTx) error {
		s, err := stand(tx, d.Clock.Now(), a, organization, application, n)
		if err != nil {
			return err
		}
		return do(tx, s)
	})
}

// OrganizationDraft is what a new organization is made from.
type OrganizationDraft struct{ Slug, Name string }

// CreateOrganization makes an organization with its open sandbox application and
// that one's echo API. Only operators do this; the set-up link does it for the
// first owner.
func (r *Registry) CreateOrganization(ctx context.Context, a Actor, d OrganizationDraft) (Organization, error) {
	var p problems
	d.check(&p)
	if err := p.err(); err != nil {
		return Organization{}, err
	}
	if !a.operator() {
		return Organization{}, fail(Forbidden, "Organizations are made at the command line: claviger org add.")
	}
	var org Organization
	err := r.Store.Update(ctx, func(tx Tx) error {
		var err error
		org, err = r.insertOrganization(tx, a, d, r.Clock.Now())
		return err
	})
	return org, err
}

func (d *OrganizationDraft) check(p *problems) {
	if d.Name == "" {
		d.Name = d.Slug
	}
	p.organizationSlug("slug", d.Slug)
	d.Name = p.name("name", d.Name)
}

// insertOrganization makes an organization and its sandbox, with their events.
func (d Deps) insertOrganization(tx Tx, a Actor, draft OrganizationDraft, now time.Time) (Organization, error) {
	org := Organization{ID: newID(idOrganization, now), Slug: draft.Slug, Name: draft.Name, CreatedAt: now}
	ok, err := tx.InsertOrganization(org)
	if err != nil {
		return org, err
	}
	if !ok {
		return org, taken("slug", "There is an organization “"+org.Slug+"” already. Choose another slug.")
	}
	s := Standing{Organization: org, Role: Owner, at: now, actor: a}
	if err := record(tx, s.event(ActCreateOrg, org.ID, org.Slug)); err != nil {
		return org, err
	}
	app, err := d.insertApplication(tx, s, ApplicationDraft{Slug: sandboxSlug, Name: "Sandbox", Open: true})
	if err != nil {
		return org, err
	}
	s.Application = app
	_, err = insertAPI(tx, s, APIDraft{Slug: echoSlug, Name: "Echo API", Upstream: EchoUpstream})
	return org, err
}

func taken(field, message string) error {
	return &Error{Kind: Conflict, Message: message, Fields: []FieldError{{field, message}}}
}

// ApplicationDraft is what a new application is made from.
type ApplicationDraft struct {
	Slug, Name string
	Open       bool
}

// CreateApplication makes an application with its Basic credentials. Opening it
// at once is an owner's or operator's act.
func (r *Registry) CreateApplication(ctx context.Context, a Actor, organization string, d ApplicationDraft) (Application, error) {
	var p problems
	if d.Name == "" {
		d.Name = d.Slug
	}
	p.slug("slug", d.Slug)
	d.Name = p.name("name", d.Name)
	if err := p.err(); err != nil {
		return Application{}, err
	}
	n := need{role: Admin}
	if d.Open {
		n = need{role: Owner, elevated: true}
	}
	var app Application
	err := r.act(ctx, a, organization, "", n, func(tx Tx, s Standing) error {
		var err error
		app, err = r.insertApplication(tx, s, d)
		return err
	})
	return app, err
}

func (d Deps) insertApplication(tx Tx, s Standing, draft ApplicationDraft) (Application, error) {
	app := Application{
		ID: newID(idApplication, s.at), OrganizationID: s.Organization.ID, Slug: draft.Slug, Name: draft.Name,
		Switches: Switches{Open: draft.Open}, CreatedAt: s.at,
	}
	ok, err := tx.InsertApplication(app)
	if err != nil {
		return app, err
	}
	if !ok {
		return app, taken("slug", "There is an application “"+app.Slug+"” in this organization already. Choose another slug.")
	}
	basic, err := d.newBasic(tx, app, s)
	if err != nil {
		return app, err
	}
	if err := tx.InsertCredential(basic); err != nil {
		return app, err
	}
	s.Application = app
	e := s.event(ActCreateApplication, app.ID, app.Slug)
	e.Detail = map[string]string{"access": openWord(app.Switches.Open)}
	return app, record(tx, e)
}

func openWord(open bool) string {
	if open {
		return "open"
	}
	return "secured"
}

// newBasic makes the Basic credentials of a new application: generated, digested
// for the check and sealed for being shown again.
func (d Deps) newBasic(tx ReadTx, app Application, s Standing) (Credential, error) {
	password := secret.Generate(secret.Basic)
	prefix, last4 := secret.Shown(password)
	id := newID(idBasic, s.at)
	digest, err := d.digest(tx, password)
	return Credential{
		ID: id, OrganizationID: app.OrganizationID, ApplicationID: app.ID, Kind: KindBasic, Label: "Basic credentials",
		Prefix: prefix, Last4: last4, Digest: digest, Sealed: d.Keys.Seal(password, sealContext(id, KindBasic)),
		CreatedAt: s.at, CreatedBy: s.actor.Name,
	}, err
}

// RenameApplication gives an application another name; its slug is for ever.
func (r *Registry) RenameApplication(ctx context.Context, a Actor, organization, application, name string) error {
	var p problems
	name = p.name("name", name)
	if err := p.err(); err != nil {
		return err
	}
	return r.act(ctx, a, organization, application, need{role: Admin}, func(tx Tx, s Standing) error {
		app := s.Application
		if app.Name == name {
			return nil
		}
		e := s.event(ActUpdateApplication, app.ID, app.Slug)
		e.Detail = map[string]string{"name": app.Name + " → " + name}
		app.Name = name
		if err := tx.UpdateApplication(app); err != nil {
			return err
		}
		return record(tx, e)
	})
}

// APIDraft is what an API is made from or changed to.
type APIDraft struct {
	Slug, Name, Upstream string
	Timeout              time.Duration // until the head of an answer, in whole seconds; 0 = the gateway's
}

// CreateAPI adds an API to an application. One with an upstream of its own takes an
// elevation: calls to the application's default API may go there from then on, and
// the gateway reaches what callers cannot.
func (r *Registry) CreateAPI(ctx context.Context, a Actor, organization, application string, d APIDraft) (API, error) {
	var p problems
	if d.Name == "" {
		d.Name = d.Slug
	}
	p.apiSlug("slug", d.Slug)
	d.Name = p.name("name", d.Name)
	d.Upstream = p.upstream("upstream", d.Upstream)
	p.timeout("timeout", d.Timeout)
	if err := p.err(); err != nil {
		return API{}, err
	}
	var api API
	err := r.act(ctx, a, organization, application, need{role: Admin}, func(tx Tx, s Standing) error {
		if d.Upstream != EchoUpstream && !a.operator() {
			if err := s.elevate(tx, s.at, need{elevated: true}); err != nil {
				return err
			}
		}
		var err error
		api, err = insertAPI(tx, s, d)
		return err
	})
	return api, err
}

func insertAPI(tx Tx, s Standing, d APIDraft) (API, error) {
	api := API{ID: newID(idAPI, s.at), ApplicationID: s.Application.ID, Slug: d.Slug, Name: d.Name, Upstream: d.Upstream, Timeout: d.Timeout, CreatedAt: s.at}
	ok, err := tx.InsertAPI(api)
	if err != nil {
		return api, err
	}
	if !ok {
		return api, taken("slug", "There is an API “"+api.Slug+"” in this application already. Choose another slug.")
	}
	e := s.event(ActCreateAPI, api.ID, api.Slug)
	e.Detail = map[string]string{"upstream": api.Upstream}
	if api.Timeout != 0 {
		e.Detail["timeout"] = timeoutWords(api.Timeout)
	}
	return api, record(tx, e)
}

// timeoutWords names an API's timeout in events.
func timeoutWords(d time.Duration) string {
	if d == 0 {
		return "default"
	}
	return strconv.Itoa(int(d/time.Second)) + " s"
}

// UpdateAPI changes an API's name, upstream and timeout; its slug is for ever. Another
// upstream sends everybody's calls elsewhere, so it takes an elevation.
func (r *Registry) UpdateAPI(ctx context.Context, a Actor, organization, application, slug string, d APIDraft) error {
	var p problems
	d.Name = p.name("name", d.Name)
	d.Upstream = p.upstream("upstream", d.Upstream)
	p.timeout("timeout", d.Timeout)
	if err := p.err(); err != nil {
		return err
	}
	return r.act(ctx, a, organization, application, need{role: Admin}, func(tx Tx, s Standing) error {
		api, err := apiOf(tx, s, slug)
		if err != nil {
			return err
		}
		detail := map[string]string{}
		if api.Name != d.Name {
			detail["name"] = api.Name + " → " + d.Name
		}
		if api.Timeout != d.Timeout {
			detail["timeout"] = timeoutWords(api.Timeout) + " → " + timeoutWords(d.Timeout)
		}
		if api.Upstream != d.Upstream {
			detail["upstream"] = api.Upstream + " → " + d.Upstream
			if err := s.elevate(tx, s.at, need{elevated: true}); err != nil {
				return err
			}
		}
		if len(detail) == 0 {
			return nil
		}
		api.Name, api.Upstream, api.Timeout = d.Name, d.Upstream, d.Timeout
		e := s.event(ActUpdateAPI, api.ID, api.Slug)
		e.Detail = detail
		if err := tx.UpdateAPI(api); err != nil {
			return err
		}
		return record(tx, e)
	})
}

func apiOf(tx ReadTx, s Standing, slug string) (API, error) {
	apis, err := tx.APIs(s.Application.ID)
	if err != nil {
		return API{}, err
	}
	for _, api := range apis {
		if api.Slug == slug {
			return api, nil
		}
	}
	return API{}, noSuch("API", s.Organization.Slug+"/"+s.Application.Slug+"/"+slug)
}
