package access

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"claviger/internal/secret"
)

// Kind is the kind of a credential.
type Kind string

// The kinds of credentials, and the two kinds of callers that have none.
const (
	KindBasic       Kind = "basic"        // an application's username and password
	KindToken       Kind = "token"        // an application's named bearer token
	KindClient      Kind = "client"       // client id and client secret
	KindPersonal    Kind = "personal"     // a user's API token
	KindAccessToken Kind = "access-token" // issued by the OAuth endpoints
	KindAnonymous   Kind = "anonymous"    // no credential, open application
)

// Credential is what opens APIs. Its secret is known by its digest alone; that
// of a basic credential also as a sealed copy, until Basic is disabled.
type Credential struct {
	ID             string
	OrganizationID string
	ApplicationID  string // empty: an organization's client, or a user's personal token
	UserID         string // whose personal token it is; empty for the other kinds
	Kind           Kind
	Label          string
	Restriction    Scopes // empty = none
	Prefix         string // what lists show: "clavt_8fK2"
	Last4          string // and the last four characters
	Digest         secret.Digest
	Sealed         []byte         // basic only
	Allowed        []netip.Prefix // addresses it may be used from; empty = any
	Limit          Limit          // how often it is accepted; zero = no limit
	Nonce          string         // of the form that made it; empty = none
	Replaces       string         // id of the credential it was made to replace; may be empty
	CreatedAt      time.Time
	CreatedBy      string    // who, as it was called then
	ExpiresAt      time.Time // zero = never
	PausedAt       time.Time // zero = not paused
	RevokedAt      time.Time // zero = not; of a basic credential: when it was disabled
	RevokedBy      string
	RevokedReason  string
	UnconfirmedAt  time.Time // zero = not; else when a restore could not know whether it was revoked meanwhile
}

// State is what a credential is at a moment. It is computed from the
// credential's times, never stored.
type State string

// The states. Disabled is what a revoked basic credential is called.
const (
	Active   State = "active"
	Paused   State = "paused"
	Expired  State = "expired"
	Revoked  State = "revoked"
	Disabled State = "disabled"
)

// StateAt returns the credential's state at now. The final states come first:
// what is revoked stays so, whatever else is true of it.
func (c Credential) StateAt(now time.Time) State {
	switch {
	case !c.RevokedAt.IsZero() && c.Kind == KindBasic:
		return Disabled
	case !c.RevokedAt.IsZero():
		return Revoked
	case !c.ExpiresAt.IsZero() && !now.Before(c.ExpiresAt):
		return Expired
	case !c.PausedAt.IsZero():
		return Paused
	}
	return Active
}

// Masked returns what lists show of the secret: "clavt_8fK2…x9Qa".
func (c Credential) Masked() string {
	if c.Prefix == "" {
		return ""
	}
	return c.Prefix + "…" + c.Last4
}

// Subject returns what the identity header X-Auth-Subject says of a credential
// that belongs to an application or organization: the username of a basic one,
// else its id. A personal token's subject is its user's email.
func (c Credential) Subject() string {
	if c.Kind == KindBasic {
		return c.ApplicationID
	}
	return c.ID
}

// allows reports whether the credential may be used by a caller: from any
// address where none are listed, else from a known one on the list.
func (c Credential) allows(caller Caller) bool {
	if len(c.Allowed) == 0 {
		return true
	}
	if !caller.Known() {
		return false
	}
	for _, network := range c.Allowed {
		if network.Contains(caller.Address) {
			return true
		}
	}
	return false
}

// sealContext binds a sealed password to the row it belongs to.
func sealContext(id string, kind Kind) string { return string(kind) + " " + id }

// Caller is where a request comes from: an address, or, when only a proxy that
// we have no reason to believe could tell, the address of that proxy.
type Caller struct {
	Address netip.Addr // invalid = unknown
	Through netip.Addr // the peer, when the address is unknown
}

// Known reports whether the caller's own address is known.
func (c Caller) Known() bool { return c.Address.IsValid() }

// String returns the address, "through 127.0.0.1", or "".
func (c Caller) String() string {
	switch {
	case c.Known():
		return c.Address.String()
	case c.Through.IsValid():
		return "through " + c.Through.String()
	}
	return ""
}

const maxAllowed = 100

// ParseAllowed reads networks or single addresses, several to a text, separated
// by white space or commas. Its error is Invalid and names the first bad one.
func ParseAllowed(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	bad := func(message string) error {
		return &Error{Kind: Invalid, Fields: []FieldError{{"allow", message}}}
	}
	split := func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' }
	for _, text := range texts {
		for word := range strings.FieldsFuncSeq(text, split) {
			network, err := parseNetwork(word)
			if err != nil {
				return nil, bad("“" + clip(word, 50) + "” is no address or network. Enter one a line, such as 10.0.0.0/8, 203.0.113.7 or 2001:db8::/32.")
			}
			out = append(out, network)
		}
	}
	if len(out) > maxAllowed {
		return nil, bad("More than 100 networks. Join some of them into larger ones.")
	}
	return out, nil
}

// parseNetwork reads "10.0.0.0/8" or "10.0.0.4" and returns the masked network,
// an IPv4 address in IPv6 clothes as plain IPv4.
func parseNetwork(word string) (netip.Prefix, error) {
	if !strings.Contains(word, "/") {
		address, err := netip.ParseAddr(word)
		if err != nil {
			return netip.Prefix{}, err
		}
		address = address.Unmap().WithZone("")
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(word)
	if err != nil {
		return netip.Prefix{}, err
	}
	if network.Addr().Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network.Masked(), nil
}

func clip(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}

// group prints a number with commas between groups of three digits.
func group(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
