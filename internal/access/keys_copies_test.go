package access_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

// copied is another server on an office's database, with a copy of its key file.
type copied struct {
	o        *office
	file     string
	deps     access.Deps
	uses     *access.UseLog
	verifier *access.Verifier
}

func newCopied(o *office) *copied {
	o.t.Helper()
	c := &copied{o: o, file: filepath.Join(o.t.TempDir(), "claviger.key")}
	c.handOver()
	keys, err := secret.OpenKeyring(c.file)
	if err != nil {
		o.t.Fatal(err)
	}
	c.deps = access.Deps{Store: o.Store, Keys: keys, Clock: o.Clock, Limits: access.Limits{DefaultTTL: time.Hour, MaxTTL: time.Hour}}
	c.uses = access.NewUseLog(o.Store, slog.New(slog.DiscardHandler))
	c.verifier = access.NewVerifier(c.deps, c.uses)
	return c
}

// handOver copies the office's key file, which the other server does not read by itself.
func (c *copied) handOver() {
	c.o.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.o.DataDir, "claviger.key"))
	if err == nil {
		err = os.WriteFile(c.file, text, 0o600)
	}
	if err != nil {
		c.o.t.Fatal(err)
	}
}

func (c *copied) read() {
	c.o.t.Helper()
	c.handOver()
	if changed, err := c.deps.Keys.Reload(); err != nil || !changed {
		c.o.t.Fatalf("read the key file again: changed %v, %v", changed, err)
	}
}

// opens presents a token to the other server.
func (c *copied) opens(token secret.Secret) {
	c.o.t.Helper()
	verdict, err := c.verifier.Verify(c.o.t.Context(), access.Request{
		Organization: "acme", Application: "orders", API: "backend", WantAPI: true, Method: "GET",
		Presented: access.Presented{Way: access.WayBearer, Secret: token},
	})
	if err != nil || !verdict.Accepted() {
		c.o.t.Fatalf("the other server: %v, %v", verdict.Reason, err)
	}
}

// flush has the other server write what it has gathered.
func (c *copied) flush() {
	c.o.t.Helper()
	if err := c.uses.Flush(c.o.t.Context()); err != nil {
		c.o.t.Fatal(err)
	}
}

// TestKeysToComeAreNotUndone: a server whose primary key is still the old one leaves alone what another one has moved
// to the next key. It would be refused everywhere else once the old one is retired.
func TestKeysToComeAreNotUndone(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	token := o.Token("acme", "orders", "steady", "")
	basic, _ := o.Registry.Basic(t.Context(), o.Operator(), "acme", "orders")
	if _, err := o.Registry.PrepareKey(t.Context(), o.Operator()); err != nil {
		t.Fatal(err)
	}
	other := newCopied(o)
	now, before := o.rotate()
	o.opens("here", "acme", "orders", "GET", token.Secret, access.Accepted)
	o.FlushUses()
	other.opens(token.Secret)
	other.flush()
	if err := other.deps.SealAnew(t.Context()); err != nil {
		t.Fatal(err)
	}
	for what, id := range map[string]string{"the token": token.Credential.ID, "Basic": basic.Basic.Credential.ID} {
		if got := o.keyOf(id); got != now {
			t.Errorf("%s lives by %s, want %s, to which it was moved from %s", what, got, now, before)
		}
	}
}

// TestMovesToAnotherKeyAreForgotten: a move to a key that is no longer the primary one when it would be written, and
// may be retired by then, does not happen; the next request moves the credential to the right one.
func TestMovesToAnotherKeyAreForgotten(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	token := o.Token("acme", "orders", "steady", "")
	second, first := o.rotate()
	other := newCopied(o)
	other.opens(token.Secret) // and is to be moved to the second key
	third, _ := o.rotate()
	other.read()
	other.flush()
	if got := o.keyOf(token.Credential.ID); got != first {
		t.Errorf("it lives by %s, want %s still (%s was the primary key when it was presented)", got, first, second)
	}
	other.opens(token.Secret)
	other.flush()
	if got := o.keyOf(token.Credential.ID); got != third {
		t.Errorf("it lives by %s, want %s", got, third)
	}
}

// TestNothingIsMadeWithARetiredKey: a server that was silent while the key was rotated and the old one retired, and has the
// copy of the key file from before, makes and moves nothing with the old key: nobody else would know it.
func TestNothingIsMadeWithARetiredKey(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	token := o.Token("acme", "orders", "steady", "")
	client := o.client("orders", access.Draft{})
	if _, err := o.Registry.PrepareKey(t.Context(), o.Operator()); err != nil {
		t.Fatal(err)
	}
	old := newCopied(o)
	old.opens(token.Secret)
	now, before := o.rotate()
	o.opens("here", "acme", "orders", "GET", token.Secret, access.Accepted)
	o.granted(as(client))
	o.FlushUses()
	if _, err := o.Registry.RetireKey(t.Context(), o.Operator(), before); err != nil {
		t.Fatalf("retire: %v", err)
	}
	r := access.NewRegistry(old.deps)
	_, made := r.IssueToken(t.Context(), o.Operator(), "acme", "orders", access.Draft{Label: "by an old copy"})
	_, app := r.CreateApplication(t.Context(), o.Operator(), "acme", access.ApplicationDraft{Slug: "new"})
	_, granted := access.NewAuthority(old.deps, access.NewAccounts(old.deps), old.verifier).Grant(t.Context(), as(client))
	for what, err := range map[string]error{"a token": made, "an application": app, "an access token": granted} {
		if access.KindOf(err) != access.Unavailable || !strings.Contains(err.Error(), "old copy") {
			t.Errorf("%s: %v, want that the key file is an old copy", what, err)
		}
	}
	old.opens(token.Secret)
	old.flush()
	if got := o.keyOf(token.Credential.ID); got != now {
		t.Errorf("it lives by %s, want %s", got, now)
	}
	if err := (access.Deps{Store: o.Store, Keys: o.Keys, Clock: o.Clock}).CheckKeys(t.Context()); err != nil {
		t.Errorf("with the current key file: %v", err)
	}
}

// TestNothingIsMovedToARetiredKey: nor does such a server move to it what hangs on a still older key.
func TestNothingIsMovedToARetiredKey(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	rare := o.Token("acme", "orders", "rare", "")
	second, first := o.rotate()
	if _, err := o.Registry.PrepareKey(t.Context(), o.Operator()); err != nil {
		t.Fatal(err)
	}
	old := newCopied(o)
	third, _ := o.rotate()
	if _, err := o.Registry.RetireKey(t.Context(), o.Operator(), second); err != nil {
		t.Fatalf("retire: %v", err)
	}
	old.opens(rare.Secret)
	old.flush()
	if got := o.keyOf(rare.Credential.ID); got != first {
		t.Errorf("it lives by %s, want %s still", got, first)
	}
	o.opens("here", "acme", "orders", "GET", rare.Secret, access.Accepted)
	o.FlushUses()
	if got := o.keyOf(rare.Credential.ID); got != third {
		t.Errorf("it lives by %s, want %s", got, third)
	}
}
