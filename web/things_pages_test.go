package web_test

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// ann is who looks at the pages.
const ann = "ann@example.com"

// ids fill in a pattern: {id}, {user} and {token}.
type ids struct{ id, user, token string }

// nowhere are ids of things that are not there.
var nowhere = ids{"tok_x", "usr_x", "act_x"}

// things makes what a route is about in an organization or application: a credential,
// an invitation, a member, an access token. Each call makes new ones.
func (c *console) things(pattern, org, app string) ids {
	c.t.Helper()
	at := ids{token: "guess"}
	o, a := c.place(org, app)
	switch {
	case strings.Contains(pattern, "/manage-api/tokens"):
		at.id = c.Token(org, app, "one of many", "").Credential.ID
	case strings.Contains(pattern, "/apps/{app}/clients"):
		at.id = c.credential(access.Credential{Kind: access.KindClient, OrganizationID: o.ID, ApplicationID: a.ID})
		at.token = c.accessToken(access.AccessToken{OrganizationID: o.ID, ApplicationID: a.ID, CredentialID: at.id})
	case strings.Contains(pattern, "{org}/clients"):
		at.id = c.credential(access.Credential{Kind: access.KindClient, OrganizationID: o.ID})
		at.token = c.accessToken(access.AccessToken{OrganizationID: o.ID, CredentialID: at.id})
	case strings.Contains(pattern, "/invites/{id}"):
		at.id = c.invite(o, "guest@example.com", access.Member)
	case strings.Contains(pattern, "/members/"):
		at.user = c.member(o, access.Member).ID
		at.id = c.credential(access.Credential{Kind: access.KindPersonal, OrganizationID: o.ID, UserID: at.user})
		at.token = c.accessToken(access.AccessToken{UserID: at.user})
	case strings.HasPrefix(pattern, "GET /profile"), strings.HasPrefix(pattern, "POST /profile"):
		owner := c.userID(ann)
		if org != "acme" || owner == "" {
			owner = c.member(o, access.Member).ID
		}
		at.id = c.credential(access.Credential{Kind: access.KindPersonal, OrganizationID: o.ID, UserID: owner})
	}
	return at
}

func (c *console) update(do func(access.Tx) error) {
	c.t.Helper()
	if err := c.Store.Update(context.Background(), do); err != nil {
		c.t.Fatal(err)
	}
}

func (c *console) place(org, app string) (o access.Organization, a access.Application) {
	c.t.Helper()
	c.update(func(tx access.Tx) (err error) {
		if o, err = tx.Organization(org); err == nil {
			a, err = tx.Application(o.ID, app)
		}
		return err
	})
	return o, a
}

// credential stores a credential that is made from a part of one, and returns its id.
func (c *console) credential(part access.Credential) string {
	c.t.Helper()
	part.ID, part.CreatedAt = "crd_"+secret.RandomText(20), c.Clock.Now()
	if part.Label == "" {
		part.Label = "one of many"
	}
	text := secret.Generate(map[access.Kind]secret.Class{access.KindClient: secret.Client, access.KindPersonal: secret.Personal}[part.Kind])
	part.Prefix, part.Last4 = secret.Shown(text)
	part.Digest = c.Keys.Digest(text)
	c.update(func(tx access.Tx) error { return tx.InsertCredential(part) })
	return part.ID
}

func (c *console) accessToken(part access.AccessToken) string {
	c.t.Helper()
	text := secret.Generate(secret.Access)
	part.ID, part.IssuedAt = "act_"+secret.RandomText(20), c.Clock.Now()
	part.ExpiresAt = part.IssuedAt.Add(time.Hour)
	part.Prefix, part.Last4 = secret.Shown(text)
	part.Digest = c.Keys.Digest(text)
	part.Grant = access.ClientCredentials
	if part.UserID != "" {
		part.Grant = access.PasswordGrant
	}
	c.update(func(tx access.Tx) error { return tx.InsertAccessToken(part) })
	return part.ID
}

func (c *console) invite(o access.Organization, email string, role access.Role) string {
	c.t.Helper()
	now := c.Clock.Now()
	invite := access.Invite{
		ID: "inv_" + secret.RandomText(20), OrganizationID: o.ID, Email: email, Role: role, TokenHash: []byte(secret.RandomText(32)),
		CreatedAt: now, CreatedBy: "test", ExpiresAt: now.Add(72 * time.Hour),
	}
	c.update(func(tx access.Tx) error { return tx.InsertInvite(invite) })
	return invite.ID
}

// member makes a user who cannot sign in, which is quickly done, a member.
func (c *console) member(o access.Organization, role access.Role) access.User {
	c.t.Helper()
	return c.memberCalled("usr_"+secret.RandomText(12), o, role)
}

func (c *console) memberCalled(id string, o access.Organization, role access.Role) access.User {
	c.t.Helper()
	now := c.Clock.Now()
	user := access.User{ID: id, Email: id + "@example.com", EmailKey: access.FoldEmail(id + "@example.com"), Name: "Bob " + id, PasswordHash: "none", CreatedAt: now}
	c.update(func(tx access.Tx) error {
		if _, err := tx.InsertUser(user); err != nil {
			return err
		}
		_, err := tx.InsertMembership(access.Membership{OrganizationID: o.ID, UserID: user.ID, Role: role, CreatedAt: now})
		return err
	})
	return user
}

func (c *console) userID(email string) string {
	c.t.Helper()
	id := ""
	c.update(func(tx access.Tx) error {
		if user, err := tx.UserByEmail(access.FoldEmail(email)); err == nil {
			id = user.ID
		}
		return nil
	})
	return id
}

// state is everything that acts change, as text.
func (c *console) state() string {
	c.t.Helper()
	var out []any
	err := c.Store.View(context.Background(), func(tx access.ReadTx) error {
		out = nil
		var holders []string // of access tokens
		orgs, err := tx.Organizations()
		if err != nil {
			return err
		}
		users, err := tx.Users()
		if err != nil {
			return err
		}
		head, err := tx.EventHead()
		if err != nil {
			return err
		}
		out = append(out, orgs, users, head)
		for _, org := range orgs {
			if err := c.stateOf(tx, org, &out, &holders); err != nil {
				return err
			}
		}
		for _, user := range users {
			holders = append(holders, user.ID)
		}
		tokens, err := tx.CountAccessTokens(holders, "", c.Clock.Now())
		out = append(out, tokens)
		return err
	})
	if err != nil {
		c.t.Fatalf("read the state: %v", err)
	}
	text, err := json.Marshal(out)
	if err != nil {
		c.t.Fatalf("print the state: %v", err)
	}
	return string(text)
}

// stateOf adds what belongs to an organization.
func (c *console) stateOf(tx access.ReadTx, org access.Organization, out *[]any, holders *[]string) error {
	members, err := tx.Members(org.ID)
	if err != nil {
		return err
	}
	invites, err := tx.OpenInvites(org.ID, c.Clock.Now())
	if err != nil {
		return err
	}
	apps, err := tx.Applications(org.ID)
	if err != nil {
		return err
	}
	*out = append(*out, members, invites, apps)
	whose := []access.Whose{{OrganizationID: org.ID}, {OrganizationID: org.ID, Personal: true}}
	for _, app := range apps {
		apis, err := tx.APIs(app.ID)
		if err != nil {
			return err
		}
		*out = append(*out, apis)
		whose = append(whose, access.Whose{ApplicationID: app.ID})
	}
	for _, w := range whose {
		list, err := tx.Credentials(access.CredentialFilter{Whose: w, Limit: 10000})
		if err != nil {
			return err
		}
		*out = append(*out, list)
		for _, credential := range list {
			*holders = append(*holders, credential.ID)
		}
	}
	return nil
}
