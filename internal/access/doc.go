// Package access is the domain: what there is, who may do what, and whether a
// request is let in. It is the map to read first.
//
// # What it knows and must not know
//
// It knows no SQL, no HTTP and no page. It asks a [Store] for rows, a [Clock] for
// the time and [claviger/internal/secret] for secrets, and imports nothing else
// than the standard library. Whoever calls it maps [ErrorKind] to a status or an
// exit code, and a [Verdict] to an answer of its protocol.
//
// # The words
//
//	Organization 1─* Application 1─* API
//	Organization 1─* Membership *─1 User
//	Organization 1─* Credential, which belongs to an Application, to a User, or to neither
//	Credential (a client) or User 1─* AccessToken
//
// An [Organization] holds applications and members. An [Application] is one
// deployment that callers have credentials for; an [API] is one HTTP interface of
// it: a slug, a name and an upstream. Slugs are in people's URLs and never change;
// names can. Every organization is made together with an open application
// "sandbox" and its API "echo" ([EchoUpstream]); every other application is secured
// from the moment it exists.
//
// A [User] is a member of organizations, in a [Role] each: viewer, member, admin,
// owner, each of which may do all that the ones before it may. An operator is
// whoever runs a command on the machine ([Operator]): no user, needs no role, and
// gives a reason with each act that the console would ask an [Elevation] for.
//
// A [Credential] opens APIs. Its [Kind] says to whom it belongs and how it is sent:
//
//	basic     an application's username and password   RFC 7617
//	token     an application's named bearer token      RFC 6750 §2.1
//	client    a client id and client secret            RFC 6749 §2.3.1 at the OAuth endpoints; or in the query
//	personal  a user's API token                       Basic email:token, or Bearer
//
// Applications are made with their basic credential; admins make tokens and an
// application's clients, owners an organization's, and people their personal tokens.
// [Registry.Replace] makes a successor and gives the old one an end; both work until
// then.
//
// An [AccessToken] is short-lived, issued by [Authority] to a client or to a user
// ([Grant], RFC 6749 §4.3 and §4.4). It holds no permission: its own scopes bound
// those that its client, or its user's role, has at the time of each request. Its
// time to live is in seconds: what was asked for, else the application's default,
// else the configuration's, and never above the maximum.
//
// From where and how often a credential may be used are its bounds: allowed addresses and
// a [Limit]. They can be changed ([Registry.Restrict]); what it may do cannot.
//
// An application's [Switches] say how it may be opened: open or secured; credentials
// in the query; access tokens that were got by password, both off by default (RFC
// 9700 §4.3.2 and §2.4); times to live. Its default API takes what names none.
//
// An [Invite] lets somebody become a member, once, within 72 hours.
//
// # Secrets
//
// Secrets are generated, never chosen; users' sign-in passwords are the exception,
// and those never open an API. A secret is kept as an HMAC-SHA-256 under a server
// key that is not in the database. A basic credential has a sealed copy beside its
// digest, because it may be shown again: [Registry.RevealBasic], an act that is
// recorded before the password leaves. [Registry.DisableBasic] erases both in one
// transaction, so that it cannot be undone by anybody.
//
// # State
//
// A credential's [State] is computed from its times by [Credential.StateAt] and is
// never stored: active, paused (which can be ended), expired, revoked (final), and
// of a basic credential disabled (final). The final ones win over the others.
// Nothing becomes dead by having been seen dead: the clock decides, each time.
//
// # Acts
//
// [Registry] has what admins do, [Accounts] how people come in and what they do with
// their own, [Authority] what the OAuth endpoints do. Every act is one
// transaction ([Store.Update]) of three steps: stand judges the actor, the change is
// made, and record appends an [Event]. An act that cannot be recorded does not
// happen. stand asks, in that same transaction:
//
//   - does the organization exist, and is the actor a member of it? What one is no
//     member of does not exist for one: [NotFound], not [Forbidden];
//   - is the actor's session alive, and the user not disabled?
//   - does the role reach what the act needs?
//   - where the act needs an elevation: does one run that covers the application, or
//     the whole organization? If not: [ElevationRequired].
//
// An elevation has a fixed end, belongs to one session, and is judged again, with
// the role, at every act. Closures given to a store may run more than once: they set
// their results anew each time and have no effect but on their transaction.
//
// # Events
//
// Events are only ever added. Each carries who, when, from where, under which
// elevation and for which reason, and the hash of the event before it
// ([Event.Encode], [Event.ChainHash]). What strangers can cause at will, such as
// failed sign-ins or access tokens, is counted as a [Tally] by account or client and
// minute and becomes one Event when the minute is over ([Accounts.SealTallies]).
//
// # The decision
//
// [Verifier.Verify] is the one decision behind forward-auth and the gateway, and its
// parts answer introspection and a pasted credential. It goes down a table, and the first line that fits is the answer:
//
//	malformed, twice, or in two ways at once        InvalidCredential  RFC 6750 §3.1
//	nothing, open application                       Accepted, as KindAnonymous
//	nothing, secured application                    NoCredential: challenges without an error, RFC 6750 §3
//	Basic, the application's Basic is disabled      BasicDisabled, whatever the password
//	no match, unknown target, of another one        InvalidCredential, one and the same text
//	expired, revoked, paused                        CredentialExpired, CredentialRevoked, CredentialPaused
//	its user disabled, or a member no longer        UserGone
//	by a way that is switched off                   WayOff
//	from an address that is not allowed             AddressNotAllowed
//	no such API                                     UnknownAPI
//	the scope or the role does not reach            InsufficientScope  RFC 6750 §3.1
//	its limit is used up                            OverLimit, on this node
//	else                                            Accepted
//
// Only a genuine credential learns why it is refused; everybody else gets one answer.
// An unknown organization or application is answered like a wrong credential, on open
// applications too. A refusal is a [Verdict], not an error; an error means that no
// decision could be taken, and nobody may be let in on one.
//
// A [Scope] is "<api>:read" or "<api>:write" (RFC 6749 §3.3), with [AnyAPI] for every
// API. GET, HEAD and OPTIONS read; every other method writes, an unknown one too. An
// empty restriction is none: [Scopes.Effective] is what it stands for, and the result
// of [Scopes.Intersect] must not be passed to it. What a user's token may do is its own
// scopes within those of the role at the time of the request ([Role.Scopes]).
//
// Nothing is written while a request is judged. [UseLog] counts uses in memory, by
// credential and minute, with their callers and the reasons of refusals, and writes
// them in batches. What strangers can cause is bounded: callers beyond a number are
// counted together, as [OtherCallers].
//
// # Where to look
//
//	organization.go   organizations, applications, APIs, roles, what a slug may be
//	credential.go     credentials, their states, addresses they may be used from
//	scope.go          scopes: parse, contain, intersect, print
//	user.go           users, sessions, elevations, actors
//	accesstoken.go    access tokens, invitations
//	grounds.go        stand: may this actor do that here?   known.go  what is remembered
//	registry.go       acts on organizations, applications and APIs
//	tokens.go         acts on tokens and clients
//	basic.go          reveal and disable Basic
//	restrict.go       from where and how often a credential may be used
//	limit.go          limits: counting requests
//	clients.go        clients and access tokens as pages show them
//	switches.go       how an application may be opened; times to live
//	authority.go      the OAuth endpoints   personal.go  personal tokens, "revoke everything"
//	accounts.go       signing in, throttle  sessions.go  sessions and elevations
//	own.go            one's own sessions    password.go  what is a weak password
//	setup.go          the set-up link       members.go   users and memberships
//	invites.go        invitations           operator.go  what only the command line sees
//	pages.go          what pages and lists show             lists.go  remembered, too
//	verify.go         the decision          uses.go      how credentials are used, noted
//	usage.go          and as pages tell it  uses_callers.go  by whom
//	verify_access.go  of access tokens      inspect.go   what a pasted text holds
//	watch.go          streams that outlive their check
//	housekeeping.go   what nobody needs any more goes
//	chain.go          does a chain hold?    audit.go     verify, export, prune, compare with the anchor
//	ending.go         what ended for good   restore.go   and ends again after a restore; confirm.go
//	event.go          events and the chain  errors.go    kinds of errors
//	store.go          what a store has to do, by families
package access
