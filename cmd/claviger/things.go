package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// place is an argument ORG, ORG/APP or ORG/APP/API.
func place(text string, parts int, shape string) ([]string, error) {
	out := strings.Split(text, "/")
	if len(out) != parts {
		return nil, usageError{fmt.Errorf("%q is not of the form %s", text, shape)}
	}
	return out, nil
}

// table prints rows in columns, the first one being the headings.
func (d *desk) table(rows [][]string) error {
	w := tabwriter.NewWriter(d.stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// moment prints a time for lists; "never" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

type orgAdd struct {
	Slug string `arg:"" help:"Slug, for ever: [a-z0-9][a-z0-9-]{0,62}."`
	Name string `help:"Name; without one, the slug."`
	reasonFlag
	jsonFlag
}

// Run makes an organization.
func (c *orgAdd) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (*orgAdd) begins() {}

func (c *orgAdd) act(d *desk) error {
	org, err := d.registry.CreateOrganization(d.ctx, d.operator(c.Reason), access.OrganizationDraft{Slug: c.Slug, Name: c.Name})
	if err != nil {
		return err
	}
	if c.JSON {
		return d.printJSON(map[string]string{"id": org.ID, "slug": org.Slug, "name": org.Name})
	}
	d.say("Organization %s made, with its open application %s/sandbox.", org.Slug, org.Slug)
	return nil
}

type orgList struct{ jsonFlag }

// Run lists organizations.
func (c *orgList) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *orgList) act(d *desk) error {
	dir, err := d.registry.Directory(d.ctx)
	if err != nil {
		return err
	}
	type row struct {
		ID           string    `json:"id"`
		Slug         string    `json:"slug"`
		Name         string    `json:"name"`
		Applications int       `json:"applications"`
		Created      time.Time `json:"created"`
	}
	list := []row{}
	rows := [][]string{{"SLUG", "NAME", "APPLICATIONS", "CREATED"}}
	for _, o := range dir.Organizations {
		n := len(dir.Applications[o.ID])
		list = append(list, row{o.ID, o.Slug, o.Name, n, o.CreatedAt})
		rows = append(rows, []string{o.Slug, o.Name, fmt.Sprint(n), moment(o.CreatedAt)})
	}
	if c.JSON {
		return d.printJSON(list)
	}
	return d.table(rows)
}

type appAdd struct {
	Place string `arg:"" name:"org/app" help:"Organization and the application's slug, for ever."`
	Name  string `help:"Name; without one, the slug."`
	Open  bool   `help:"Let requests in without a credential. Needs --reason."`
	reasonFlag
	jsonFlag
}

// Run makes an application.
func (c *appAdd) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *appAdd) act(d *desk) error {
	p, err := place(c.Place, 2, "ORG/APP")
	if err != nil {
		return err
	}
	app, err := d.registry.CreateApplication(d.ctx, d.operator(c.Reason), p[0], access.ApplicationDraft{Slug: p[1], Name: c.Name, Open: c.Open})
	if err != nil {
		return err
	}
	if c.JSON {
		return d.printJSON(map[string]any{"id": app.ID, "slug": app.Slug, "name": app.Name, "open": app.Switches.Open})
	}
	d.say("Application %s made. Add an API to it: claviger api add %s/SLUG --upstream URL", c.Place, c.Place)
	return nil
}

type appList struct{ jsonFlag }

// Run lists applications.
func (c *appList) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *appList) act(d *desk) error {
	dir, err := d.registry.Directory(d.ctx)
	if err != nil {
		return err
	}
	type row struct {
		ID           string `json:"id"`
		Organization string `json:"organization"`
		Slug         string `json:"slug"`
		Name         string `json:"name"`
		Open         bool   `json:"open"`
	}
	list := []row{}
	rows := [][]string{{"APPLICATION", "NAME", "ACCESS"}}
	for _, o := range dir.Organizations {
		for _, a := range dir.Applications[o.ID] {
			list = append(list, row{a.ID, o.Slug, a.Slug, a.Name, a.Switches.Open})
			rows = append(rows, []string{o.Slug + "/" + a.Slug, a.Name, accessWord(a)})
		}
	}
	if c.JSON {
		return d.printJSON(list)
	}
	return d.table(rows)
}

func accessWord(a access.Application) string {
	if a.Switches.Open {
		return "OPEN"
	}
	return "secured"
}

type appShow struct {
	Place       string `arg:"" name:"org/app" help:"Organization and application."`
	RevealBasic bool   `help:"Print username:password of the Basic credentials, alone, on standard output. Recorded; needs --reason."`
	reasonFlag
	jsonFlag
}

// Run shows an application.
func (c *appShow) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *appShow) act(d *desk) error {
	p, err := place(c.Place, 2, "ORG/APP")
	if err != nil {
		return err
	}
	if c.RevealBasic {
		return c.reveal(d, p)
	}
	shown, err := d.registry.Show(d.ctx, d.operator(c.Reason), p[0], p[1])
	if err != nil {
		return err
	}
	app, sw, defaultAPI := shown.Application, shown.Application.Switches, ""
	for _, api := range shown.APIs {
		if api.ID == app.DefaultAPI {
			defaultAPI = api.Slug
		}
	}
	usual, most := int64(shown.DefaultTTL.Seconds()), int64(shown.MaxTTL.Seconds())
	if c.JSON {
		return d.printJSON(map[string]any{
			"id": app.ID, "slug": app.Slug, "name": app.Name, "open": sw.Open, "basic": shown.Basic.State, "username": app.ID,
			"query_credentials": sw.QueryCredentials, "password_grant": sw.PasswordGrant, "default_ttl": usual, "max_ttl": most, "default_api": defaultAPI,
		})
	}
	word := map[bool]string{true: "on", false: "off"}
	rows := [][]string{
		{"Application", c.Place},
		{"Name", app.Name},
		{"Access", accessWord(app)},
		{"Basic", string(shown.Basic.State)},
		{"Username", app.ID},
		{"Query credentials", word[sw.QueryCredentials]},
		{"Password grant", word[sw.PasswordGrant]},
		{"Access tokens", fmt.Sprintf("%d s, at most %d s", usual, most)},
		{"Default API", cmp.Or(defaultAPI, "none")},
	}
	for _, api := range shown.APIs {
		rows = append(rows, []string{"API " + api.Slug, d.cfg.Gateway.BaseURL + "/" + c.Place + "/" + api.Slug + " → " + api.Upstream})
	}
	return d.table(rows)
}

func (c *appShow) reveal(d *desk, p []string) error {
	revealed, err := d.registry.RevealBasic(d.ctx, d.operator(c.Reason), p[0], p[1], "")
	if err != nil {
		return err
	}
	if c.JSON {
		return d.printJSON(map[string]string{"username": revealed.Username, "password": revealed.Password.Expose()})
	}
	_, err = fmt.Fprintln(d.stdout, revealed.Username+":"+revealed.Password.Expose())
	return err
}

type appDisableBasic struct {
	Place string `arg:"" name:"org/app" help:"Organization and application."`
	reasonFlag
}

// Run disables an application's Basic credentials for good.
func (c *appDisableBasic) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *appDisableBasic) act(d *desk) error {
	p, err := place(c.Place, 2, "ORG/APP")
	if err != nil {
		return err
	}
	if err := d.registry.DisableBasic(d.ctx, d.operator(c.Reason), p[0], p[1], p[1]); err != nil {
		return err
	}
	d.say("Basic is disabled for %s, for good. Its password no longer exists.", c.Place)
	return nil
}

type apiAdd struct {
	Place    string `arg:"" name:"org/app/api" help:"Organization, application and the API's slug, for ever."`
	Upstream string `required:"" help:"Where calls go: an http:// or https:// address, or builtin:echo." placeholder:"URL"`
	Name     string `help:"Name; without one, the slug."`
	Timeout  int64  `help:"Seconds that the upstream has to begin its answer, 1 to 3600; without them, [gateway] upstream_timeout." placeholder:"S"`
	reasonFlag
	jsonFlag
}

// Run adds an API.
func (c *apiAdd) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *apiAdd) act(d *desk) error {
	p, err := place(c.Place, 3, "ORG/APP/API")
	if err != nil {
		return err
	}
	api, err := d.registry.CreateAPI(d.ctx, d.operator(c.Reason), p[0], p[1], access.APIDraft{Slug: p[2], Name: c.Name, Upstream: c.Upstream, Timeout: timeoutOf(c.Timeout)})
	if err != nil {
		return err
	}
	url := d.cfg.Gateway.BaseURL + "/" + c.Place
	if c.JSON {
		return d.printJSON(map[string]string{"id": api.ID, "slug": api.Slug, "name": api.Name, "upstream": api.Upstream, "url": url})
	}
	d.say("API %s added: %s", c.Place, url)
	return nil
}

// timeoutOf makes a timeout of seconds; what is out of range stays so.
func timeoutOf(seconds int64) time.Duration {
	return time.Duration(max(-1, min(seconds, 1<<20))) * time.Second
}

type apiSet struct {
	Place    string  `arg:"" name:"org/app/api" help:"Organization, application and API."`
	Upstream *string `help:"Where calls go from now on." placeholder:"URL"`
	Name     *string `help:"Another name."`
	Timeout  *int64  `help:"Seconds that the upstream has to begin its answer, 1 to 3600; 0 for [gateway] upstream_timeout." placeholder:"S"`
	reasonFlag
}

// Run changes an API.
func (c *apiSet) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *apiSet) act(d *desk) error {
	p, err := place(c.Place, 3, "ORG/APP/API")
	if err != nil {
		return err
	}
	if c.Upstream == nil && c.Name == nil && c.Timeout == nil {
		return usageError{fmt.Errorf("nothing to set; see claviger api set --help")}
	}
	_, api, err := d.registry.APIOf(d.ctx, d.operator(c.Reason), p[0], p[1], p[2])
	if err != nil {
		return err
	}
	draft := access.APIDraft{Name: api.Name, Upstream: api.Upstream, Timeout: api.Timeout}
	if c.Upstream != nil {
		draft.Upstream = *c.Upstream
	}
	if c.Name != nil {
		draft.Name = *c.Name
	}
	if c.Timeout != nil {
		draft.Timeout = timeoutOf(*c.Timeout)
	}
	if err := d.registry.UpdateAPI(d.ctx, d.operator(c.Reason), p[0], p[1], p[2], draft); err != nil {
		return err
	}
	d.say("Set for %s.", c.Place)
	return nil
}

type apiList struct{ jsonFlag }

// Run lists APIs.
func (c *apiList) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *apiList) act(d *desk) error {
	dir, err := d.registry.Directory(d.ctx)
	if err != nil {
		return err
	}
	type row struct {
		ID          string `json:"id"`
		Application string `json:"application"`
		Slug        string `json:"slug"`
		Name        string `json:"name"`
		Upstream    string `json:"upstream"`
		Timeout     int64  `json:"timeout"` // seconds; 0 = the gateway's
		URL         string `json:"url"`
	}
	list := []row{}
	rows := [][]string{{"API", "NAME", "UPSTREAM", "URL"}}
	for _, o := range dir.Organizations {
		for _, a := range dir.Applications[o.ID] {
			for _, api := range dir.APIs[a.ID] {
				path := o.Slug + "/" + a.Slug
				url := d.cfg.Gateway.BaseURL + "/" + path + "/" + api.Slug
				list = append(list, row{api.ID, path, api.Slug, api.Name, api.Upstream, int64(api.Timeout / time.Second), url})
				rows = append(rows, []string{path + "/" + api.Slug, api.Name, api.Upstream, url})
			}
		}
	}
	if c.JSON {
		return d.printJSON(list)
	}
	return d.table(rows)
}

type userAdd struct {
	Email string `arg:"" help:"Email, with which the user signs in."`
	Org   string `required:"" help:"Organization." placeholder:"SLUG"`
	Role  string `required:"" help:"viewer, member, admin or owner."`
	Name  string `help:"Name; without one, the email up to the @."`
	reasonFlag
}

// Run adds a user to an organization.
func (c *userAdd) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *userAdd) act(d *desk) error {
	role, err := access.ParseRole(c.Role)
	if err != nil {
		return err
	}
	password := func() (secret.Secret, error) {
		text, err := d.readInput()
		return secret.New(text), err
	}
	user, made, err := d.accounts.AddMember(d.ctx, d.operator(c.Reason), c.Org, access.UserDraft{Email: c.Email, Name: c.Name}, role, password)
	if err != nil {
		return err
	}
	if made {
		d.say("User %s made.", user.Email)
	}
	d.say("%s is now %s of %s.", user.Email, role, c.Org)
	return nil
}

type userList struct{ jsonFlag }

// Run lists users.
func (c *userList) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *userList) act(d *desk) error {
	users, err := d.accounts.Users(d.ctx)
	if err != nil {
		return err
	}
	type row struct {
		ID         string     `json:"id"`
		Email      string     `json:"email"`
		Name       string     `json:"name"`
		Disabled   bool       `json:"disabled"`
		LastSignIn *time.Time `json:"last_sign_in"`
	}
	list := []row{}
	rows := [][]string{{"EMAIL", "NAME", "STATE", "LAST SIGN-IN"}}
	for _, u := range users {
		state := "active"
		if !u.DisabledAt.IsZero() {
			state = "disabled"
		}
		r := row{ID: u.ID, Email: u.Email, Name: u.Name, Disabled: state == "disabled"}
		if !u.LastSignInAt.IsZero() {
			r.LastSignIn = &u.LastSignInAt
		}
		list = append(list, r)
		rows = append(rows, []string{u.Email, u.Name, state, moment(u.LastSignInAt)})
	}
	if c.JSON {
		return d.printJSON(list)
	}
	return d.table(rows)
}

type userDisable struct {
	Email string `arg:"" help:"Email of the user."`
	reasonFlag
}

// Run disables a user.
func (c *userDisable) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *userDisable) act(d *desk) error {
	user, err := d.accounts.DisableUser(d.ctx, d.operator(c.Reason), c.Email)
	if err != nil {
		return err
	}
	d.say("%s can no longer sign in; their sessions have ended.", user.Email)
	return nil
}

type userEnable struct {
	Email string `arg:"" help:"Email of the user."`
	reasonFlag
}

// Help says what comes back.
func (*userEnable) Help() string {
	return `Tokens of theirs that were neither revoked nor have expired are accepted again. To make sure that none is: revoke
them first, on the page of the member, or with user remove and user add.

Example:
  claviger user enable ada@example.com --reason "back from leave"`
}

// Run enables a user.
func (c *userEnable) Run(t *terminal, cli *commandLine) error { return perform(t, cli.Config, c) }

func (c *userEnable) act(d *desk) error {
	user, err := d.accounts.EnableUser(d.ctx, d.operator(c.Reason), c.Email)
	if err != nil {
		return err
	}
	d.say("%s can sign in again. What was revoked stays revoked.", user.Email)
	return nil
}
