package access

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"time"
)

// Act names what was done, as events record it and Activity filters by it.
type Act string

// One constant an act.
const (
	ActSetUp             Act = "setup.complete"
	ActSignIn            Act = "session.sign-in"
	ActSignInFailed      Act = "session.sign-in-failed"
	ActSignOut           Act = "session.sign-out"
	ActElevate           Act = "elevation.start"
	ActElevateFailed     Act = "elevation.failed"
	ActDrop              Act = "elevation.drop"
	ActCreateOrg         Act = "organization.create"
	ActCreateApplication Act = "application.create"
	ActUpdateApplication Act = "application.update"
	ActCreateAPI         Act = "api.create"
	ActUpdateAPI         Act = "api.update"
	ActCreateUser        Act = "user.create"
	ActDisableUser       Act = "user.disable"
	ActEnableUser        Act = "user.enable"
	ActAddMember         Act = "member.add"
	ActRevealBasic       Act = "basic.reveal"
	ActDisableBasic      Act = "basic.disable"
	ActRestrictBasic     Act = "basic.restrict"
	ActCreateToken       Act = "token.create"
	ActRenameToken       Act = "token.rename"
	ActRestrictToken     Act = "token.restrict"
	ActPauseToken        Act = "token.pause"
	ActResumeToken       Act = "token.resume"
	ActRevokeToken       Act = "token.revoke"
	ActReplaceToken      Act = "token.replace"
	ActCreateClient      Act = "client.create"
	ActRenameClient      Act = "client.rename"
	ActRestrictClient    Act = "client.restrict"
	ActPauseClient       Act = "client.pause"
	ActResumeClient      Act = "client.resume"
	ActRevokeClient      Act = "client.revoke"
	ActReplaceClient     Act = "client.replace"
	ActCreatePersonal    Act = "personal.create"
	ActPausePersonal     Act = "personal.pause"
	ActResumePersonal    Act = "personal.resume"
	ActRevokePersonal    Act = "personal.revoke"
	ActIssueAccessToken  Act = "access-token.issue"
	ActRevokeAccessToken Act = "access-token.revoke"
	ActSwitch            Act = "application.switch"
	ActInvite            Act = "member.invite"
	ActWithdrawInvite    Act = "member.withdraw-invite"
	ActJoin              Act = "member.join"
	ActChangeRole        Act = "member.role"
	ActRemoveMember      Act = "member.remove"
	ActRevokeEverything  Act = "user.revoke-everything"
	ActResetPassword     Act = "user.reset-password"
	ActPrepareKey        Act = "keys.prepare"
	ActRotateKeys        Act = "keys.rotate"
	ActRetireKey         Act = "keys.retire"
	ActConfirmBasic      Act = "basic.confirm"
	ActConfirmToken      Act = "token.confirm"
	ActConfirmClient     Act = "client.confirm"
	ActConfirmPersonal   Act = "personal.confirm"
	ActBackup            Act = "database.backup"
	ActRestore           Act = "database.restore"
	ActAcceptLoss        Act = "database.accept-loss"
	ActMoveStore         Act = "database.move"
	ActAcceptClock       Act = "clock.accept"
	ActPrune             Act = "audit.prune"
	ActChangePassword    Act = "user.change-password"
	ActChangeFailed      Act = "user.change-password-failed"
	ActEndFailed         Act = "session.end-failed"
	ActEndSession        Act = "session.end"
)

// Acts returns every act, in the order in which filters offer them.
func Acts() []Act {
	return []Act{
		ActCreateToken, ActRenameToken, ActRestrictToken, ActPauseToken, ActResumeToken, ActReplaceToken, ActRevokeToken, ActRevealBasic, ActRestrictBasic, ActDisableBasic,
		ActCreateClient, ActRenameClient, ActRestrictClient, ActPauseClient, ActResumeClient, ActReplaceClient, ActRevokeClient,
		ActCreatePersonal, ActPausePersonal, ActResumePersonal, ActRevokePersonal, ActIssueAccessToken, ActRevokeAccessToken,
		ActElevate, ActElevateFailed, ActDrop, ActSignIn, ActSignInFailed, ActSignOut, ActCreateApplication,
		ActUpdateApplication, ActCreateAPI, ActUpdateAPI, ActSwitch, ActCreateOrg,
		ActInvite, ActWithdrawInvite, ActJoin, ActAddMember, ActChangeRole, ActRemoveMember, ActCreateUser, ActDisableUser, ActEnableUser,
		ActRevokeEverything, ActEndSession, ActChangePassword, ActChangeFailed, ActEndFailed, ActResetPassword, ActSetUp, ActPrepareKey, ActRotateKeys, ActRetireKey,
		ActConfirmBasic, ActConfirmToken, ActConfirmClient, ActConfirmPersonal, ActBackup, ActRestore, ActAcceptLoss, ActMoveStore, ActAcceptClock, ActPrune,
	}
}

// Event is the record of one act. Events are only ever added, each chained to
// the one before it: Hash = SHA-256 over the canonical encoding, PrevHash in it.
type Event struct {
	Seq            int64 // 1, 2, 3 … without gaps
	ID             string
	At             time.Time
	OrganizationID string // empty: of the whole installation, such as a sign-in
	ApplicationID  string // empty: of the organization
	Act            Act
	ActorID        string // a user's id; empty = an operator, the program, or a stranger
	ActorName      string // as it was called then
	TargetID       string // what was acted on: an id
	TargetName     string // and what it was called then
	ElevationID    string // empty = none was needed
	Reason         string
	Address        string // as Caller prints it
	Agent          string
	Count          int64 // how often within the minute; 1 for what people do
	Detail         map[string]string
	PrevHash       []byte // of the event before; 32 zero bytes for the first
	Hash           []byte
}

// EventEncoding names the canonical encoding below. A change of the encoding
// gets another name and leaves the old one readable.
const EventEncoding = "claviger-event-1"

// Encode returns the canonical encoding of the event, without its Hash: the
// encoding's name, then every field in the order of the struct. Texts and bytes
// are preceded by their length and numbers are 8 bytes, both big-endian; times are
// Unix microseconds; Detail is its number of entries, then keys and values sorted
// by key.
func (e Event) Encode() []byte {
	var b []byte
	number := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) }
	text := func(s string) { number(int64(len(s))); b = append(b, s...) }
	text(EventEncoding)
	number(e.Seq)
	text(e.ID)
	number(e.At.UnixMicro())
	for _, s := range []string{
		e.OrganizationID, e.ApplicationID, string(e.Act), e.ActorID, e.ActorName, e.TargetID, e.TargetName,
		e.ElevationID, e.Reason, e.Address, e.Agent,
	} {
		text(s)
	}
	number(e.Count)
	number(int64(len(e.Detail)))
	for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
		text(k)
		text(e.Detail[k])
	}
	text(string(e.PrevHash))
	return b
}

// ChainHash returns the SHA-256 of the event's canonical encoding.
func (e Event) ChainHash() []byte {
	sum := sha256.Sum256(e.Encode())
	return sum[:]
}

// EventHead is the end of the chain: the number, hash and time of the last event.
type EventHead struct {
	Seq  int64
	Hash []byte
	At   time.Time
}

// legible returns the event with texts that every store keeps as they are: its hash is
// of what is kept.
func (e Event) legible() Event {
	for _, text := range []*string{&e.ActorName, &e.TargetID, &e.TargetName, &e.Reason, &e.Address, &e.Agent} {
		*text = Legible(*text)
	}
	if e.Detail != nil {
		detail := make(map[string]string, len(e.Detail))
		for k, v := range e.Detail {
			detail[k] = Legible(v)
		}
		e.Detail = detail
	}
	return e
}

// Legible returns a text as every store can keep it: PostgreSQL takes neither NUL nor
// what is no UTF-8.
func Legible(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
}

// record appends an event to the chain within the act's own transaction. It
// fills in what the chain needs; At must be the act's time.
func record(tx NoteTx, e Event) error {
	head, err := tx.EventHead()
	if err != nil {
		return err
	}
	e = e.legible()
	e.ID = newID(idEvent, e.At)
	e.Seq = head.Seq + 1
	e.PrevHash = head.Hash
	if head.Seq == 0 {
		e.PrevHash = make([]byte, sha256.Size)
	}
	if e.Count == 0 {
		e.Count = 1
	}
	e.Hash = e.ChainHash()
	return tx.InsertEvent(e)
}

// Tally is a count of what strangers can cause at will, gathered by account and
// minute and turned into one Event when the minute is over.
type Tally struct {
	Minute  time.Time // the minute's start
	Act     Act
	Subject string // the account or client: a folded email, an id
	ActorID string // the user whose account it is; empty = unknown
	Address string // of the latest
	Agent   string // of the latest
	Count   int64
}
