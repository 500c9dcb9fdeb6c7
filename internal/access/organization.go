package access

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"claviger/internal/secret"
)

// Organization holds applications, members and clients.
type Organization struct {
	ID        string
	Slug      string // for ever: URLs depend on it
	Name      string
	CreatedAt time.Time
}

// Application is one deployment whose APIs are opened by its credentials.
type Application struct {
	ID             string // also the username of its Basic credentials
	OrganizationID string
	Slug           string
	Name           string
	Switches       Switches
	DefaultAPI     string // id of the API that takes what names no API; may be empty
	CreatedAt      time.Time
}

// Switches are an application's settings of how it may be opened.
type Switches struct {
	Open             bool          // no credential needed
	QueryCredentials bool          // credentials in the query string are accepted
	PasswordGrant    bool          // tokens for a user's password are issued and accepted
	DefaultTTL       time.Duration // of access tokens; 0 = the configuration's
	MaxTTL           time.Duration // of access tokens; 0 = the configuration's
}

// API is one HTTP interface of an application: a slug, a name, an upstream.
type API struct {
	ID            string
	ApplicationID string
	Slug          string
	Name          string
	Upstream      string        // http(s) URL, or EchoUpstream
	Timeout       time.Duration // until the head of an answer, in whole seconds; 0 = the gateway's
	CreatedAt     time.Time
}

// EchoUpstream is the built-in upstream that answers with what an upstream would
// see, so that everything can be tried without a server of one's own.
const EchoUpstream = "builtin:echo"

// The open application and its API that every organization is created with.
const (
	sandboxSlug = "sandbox"
	echoSlug    = "echo"
)

// Role is what a member is to an organization.
type Role string

// The roles, each of which may do all that the ones before it may.
const (
	Viewer Role = "viewer"
	Member Role = "member"
	Admin  Role = "admin"
	Owner  Role = "owner"
)

var roleOrder = []Role{Viewer, Member, Admin, Owner}

// ParseRole returns the role of that name, or an Invalid error that lists them.
func ParseRole(name string) (Role, error) {
	if r := Role(name); slices.Contains(roleOrder, r) {
		return r, nil
	}
	return "", &Error{Kind: Invalid, Fields: []FieldError{{"role", "The role is one of viewer, member, admin and owner."}}}
}

// Reaches reports whether the role may do what needs the given one. No role, or
// an unknown one, reaches nothing, and is reached by nobody.
func (r Role) Reaches(needed Role) bool {
	return slices.Contains(roleOrder, needed) && slices.Index(roleOrder, r) >= slices.Index(roleOrder, needed)
}

// Scopes returns what the role may do through an API: viewers read, the others
// also write, no role nothing.
func (r Role) Scopes() Scopes {
	switch {
	case r.Reaches(Member):
		return AllScopes()
	case r.Reaches(Viewer):
		return Scopes{{AnyAPI, Read}}
	}
	return nil
}

// Membership makes a user a member of an organization, in a role.
type Membership struct {
	OrganizationID string
	UserID         string
	Role           Role
	CreatedAt      time.Time
}

// reservedSlugs are the first path segments that a listener serves: an
// organization of that name could not be reached, or would shadow an endpoint.
var reservedSlugs = []string{
	"verify", "oauth", "management", "authorization", "orgs", "setup", "sign-in", "sign-out", "elevate",
	"elevation", "profile", "static", "healthz", "readyz", "metrics", ".well-known",
}

// ReservedSlugs returns the slugs that no organization can have.
func ReservedSlugs() []string { return slices.Clone(reservedSlugs) }

// reservedAPISlug is the path segment of an application's token endpoint.
const reservedAPISlug = "token"

const maxSlugLen = 63

// validSlug reports whether text is [a-z0-9][a-z0-9-]{0,62}.
func validSlug(text string) bool {
	if text == "" || len(text) > maxSlugLen || text[0] == '-' {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func (p *problems) slug(field, slug string) bool {
	if validSlug(slug) {
		return true
	}
	p.add(field, "Use 1 to 63 lower-case letters, digits and hyphens, not beginning with a hyphen, such as acme or orders-eu.")
	return false
}

func (p *problems) organizationSlug(field, slug string) {
	if p.slug(field, slug) && slices.Contains(reservedSlugs, slug) {
		p.add(field, "“"+slug+"” is the address of one of Claviger's own pages. Choose another one.")
	}
}

func (p *problems) apiSlug(field, slug string) {
	if p.slug(field, slug) && slug == reservedAPISlug {
		p.add(field, "“token” is the address of the application's token endpoint. Choose another one.")
	}
}

const maxNameLen = 80 // characters

// name checks and returns a name of things and people: printable, one line,
// trimmed, 1 to 80 characters.
func (p *problems) name(field, text string) string {
	return p.line(field, text, 1, maxNameLen)
}

// line checks and returns one line of printable text between least and most
// characters, with the white space around it trimmed. It is kept in clear, so that
// a secret in it is refused: somebody pasted it into the wrong field.
func (p *problems) line(field, text string, least, most int) string {
	text = strings.TrimSpace(text)
	n := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable):
		p.add(field, "It holds characters that cannot be printed. Type it again as one line of text.")
	case secret.Contained(text):
		p.add(field, "This holds a secret, and would be shown to every admin. Describe in words what it is for.")
	case n == 0 && least > 0:
		p.add(field, "It is empty. Enter "+countWords(least, most)+".")
	case n < least || n > most:
		p.add(field, "It has "+group(n)+" characters. Enter "+countWords(least, most)+".")
	}
	return text
}

// unprintable reports whether a character has no place in one line of text. The two
// joiners have: Persian words and many emoji need them.
func unprintable(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return !unicode.IsGraphic(r) && r != nonJoiner && r != joiner
}

func countWords(least, most int) string {
	return group(least) + " to " + group(most) + " characters"
}

// upstream checks and returns an API's upstream: an absolute http or https URL
// without credentials, query or fragment, or EchoUpstream.
func (p *problems) upstream(field, text string) string {
	text = strings.TrimRight(strings.TrimSpace(text), "/")
	if text == EchoUpstream {
		return text
	}
	u, err := url.Parse(text)
	switch {
	case text == "":
		p.add(field, "It is empty. Enter where calls go, such as http://127.0.0.1:3000, or builtin:echo to try things out.")
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || !visibleASCII(text):
		p.add(field, "This is no http:// or https:// address. Enter one such as http://127.0.0.1:3000, or builtin:echo.")
	case u.User != nil:
		p.add(field, "The address holds a username or password, which would be shown to every admin. Leave it out.")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		p.add(field, "The address has a query or a fragment. Leave out everything from the “?” or “#” on.")
	case len(text) > 500:
		p.add(field, "The address is longer than 500 characters.")
	}
	return text
}

// maxTimeout is the longest time that an API may be given to begin its answer.
const maxTimeout = time.Hour

// timeout checks how long an API may take to begin its answer.
func (p *problems) timeout(field string, d time.Duration) {
	if d < 0 || d > maxTimeout || d%time.Second != 0 {
		p.add(field, "A timeout is in whole seconds, from 1 to 3,600. Leave it empty for the gateway's.")
	}
}

func visibleASCII(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\' || text[i] == ';' || text[i] == '{' || text[i] == '}' || text[i] == '$' || text[i] == '\'' || text[i] == '`' {
			return false
		}
	}
	return true
}
