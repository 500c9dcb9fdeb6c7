package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
)

func (o *office) rotate() (now, before string) {
	o.t.Helper()
	now, before, err := o.Registry.RotateKeys(o.t.Context(), o.Operator())
	if err != nil {
		o.t.Fatalf("rotate: %v", err)
	}
	return now, before
}

// keyOf returns the id of the key by which a credential or access token lives.
func (o *office) keyOf(id string) string {
	o.t.Helper()
	var key string
	err := o.Store.View(o.t.Context(), func(tx access.ReadTx) error {
		if strings.HasPrefix(id, "act_") {
			a, err := tx.AccessToken(id)
			key = a.Digest.KeyID
			return err
		}
		c, err := tx.Credential(id)
		key = c.Digest.KeyID
		return err
	})
	if err != nil {
		o.t.Fatalf("%s: %v", id, err)
	}
	return key
}

// TestRotateKeys (S18): everything opens what it opened before, moves to the new key when it is presented, and what
// is not presented keeps the old one.
func TestRotateKeys(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	seen, unseen := o.Token("acme", "orders", "seen", ""), o.Token("acme", "orders", "unseen", "")
	username, password := o.Basic("acme", "orders")
	o.opens("before", "acme", "orders", "GET", seen.Secret, access.Accepted)
	now, before := o.rotate()
	if now == before || o.Keys.Primary() != now {
		t.Fatalf("rotated from %s to %s, primary %s", before, now, o.Keys.Primary())
	}
	o.opens("after, from memory", "acme", "orders", "GET", seen.Secret, access.Accepted)
	o.FlushUses()
	for what, c := range map[string]struct{ id, want string }{"presented": {seen.Credential.ID, now}, "not presented": {unseen.Credential.ID, before}} {
		if got := o.keyOf(c.id); got != c.want {
			t.Errorf("%s: it lives by %s, want %s", what, got, c.want)
		}
	}
	o.Token("acme", "orders", "makes the memory forget", "")
	o.opens("after, from the database", "acme", "orders", "GET", seen.Secret, access.Accepted)
	o.opens("under the old key", "acme", "orders", "GET", unseen.Secret, access.Accepted)
	if u, p := o.Basic("acme", "orders"); u != username || p != password {
		t.Error("Basic is revealed as something else")
	}
	made := o.Token("acme", "orders", "made after", "")
	if got := o.keyOf(made.Credential.ID); got != now {
		t.Errorf("what is made after hangs on %s, want %s", got, now)
	}
	acts := map[access.Act]string{}
	for _, e := range o.Events("") {
		acts[e.Act] = e.TargetID
	}
	if acts[access.ActRotateKeys] != now || acts[access.ActPrepareKey] != now {
		t.Errorf("recorded: %v, want both of %s", acts, now)
	}
}

// TestRetireKey: a key is kept while anything lives by it, and what does is named; then it goes, and everything works on.
func TestRetireKey(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first := o.Token("acme", "orders", "nightly", "")
	o.Clock.Advance(time.Microsecond) // of one moment it would be chance which of them is the older one
	second := o.Token("acme", "orders", "weekly", "")
	_, before := o.rotate()
	use, err := o.Registry.RetireKey(t.Context(), o.Operator(), before)
	if access.KindOf(err) != access.Conflict || use.Credentials != 2 || len(use.Some) != 2 {
		t.Fatalf("retired with two living by it: %v, %+v", err, use)
	}
	if a, b := use.Some[0].Credential.Label, use.Some[1].Credential.Label; a != "nightly" || b != "weekly" {
		t.Errorf("it names %s and %s, want the older one first", a, b)
	}
	o.opens("nightly", "acme", "orders", "GET", first.Secret, access.Accepted)
	o.FlushUses()
	if use, err := o.Registry.RetireKey(t.Context(), o.Operator(), before); access.KindOf(err) != access.Conflict || use.Credentials != 1 {
		t.Fatalf("retired with one living by it: %v, %+v", err, use)
	}
	if _, err := o.Registry.Each(t.Context(), o.Operator(), "acme", "orders", access.RevokeThem, []string{second.Credential.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Registry.RetireKey(t.Context(), o.Operator(), before); err != nil {
		t.Fatalf("retired with none living by it: %v", err)
	}
	if ids := o.Keys.IDs(); len(ids) != 1 || slices.Contains(ids, before) {
		t.Errorf("keys left: %v", ids)
	}
	if e := o.Events("")[0]; e.Act != access.ActRetireKey || e.TargetID != before {
		t.Errorf("recorded: %s of %s", e.Act, e.TargetID)
	}
	o.opens("nightly", "acme", "orders", "GET", first.Secret, access.Accepted)
	o.Basic("acme", "orders") // fails the test where it cannot be revealed
	for id, want := range map[string]access.ErrorKind{o.Keys.Primary(): access.Conflict, "nothing": access.NotFound} {
		if _, err := o.Registry.RetireKey(t.Context(), o.Operator(), id); access.KindOf(err) != want {
			t.Errorf("retire %s: %v", id, err)
		}
	}
}

// TestClientsMoveToo: a client whose secret is only ever shown to the token endpoint moves there, and so does an
// access token at its next request.
func TestClientsMoveToo(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	client := o.client("orders", access.Draft{Label: "shop"})
	token := o.granted(as(client))
	now, before := o.rotate()
	o.opens("its access token", "acme", "orders", "GET", token.Secret, access.Accepted)
	if _, err := o.Authority.Client(t.Context(), client.Credential.ID, client.Secret, access.Caller{}); err != nil {
		t.Fatal(err)
	}
	if err := o.Registry.CheckKeys(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	o.FlushUses()
	if got := o.keyOf(client.Credential.ID); got != now {
		t.Errorf("the client lives by %s, want %s", got, now)
	}
	uses, err := o.Registry.KeyUses(t.Context(), o.Operator())
	if err != nil || len(uses) != 2 || uses[1].ID != before || uses[1].Credentials != 0 || uses[1].AccessTokens != 0 || uses[0].AccessTokens != 1 {
		t.Errorf("%+v, %v: want nothing to live by %s", uses, err, before)
	}
}

// TestKeysTakeAnOperatorAndAReason.
func TestKeysTakeAnOperatorAndAReason(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	user := o.User("ann@example.com", "acme", access.Owner)
	for name, c := range map[string]struct {
		actor access.Actor
		want  access.ErrorKind
	}{
		"an owner":            {access.Actor{UserID: user.ID}, access.Forbidden},
		"without a reason":    {access.Operator("root", ""), access.Invalid},
		"with hardly any one": {access.Operator("root", "because"), access.Invalid},
	} {
		before := o.Keys.IDs()
		_, prepare := o.Registry.PrepareKey(t.Context(), c.actor)
		_, _, rotate := o.Registry.RotateKeys(t.Context(), c.actor)
		_, retire := o.Registry.RetireKey(t.Context(), c.actor, before[0])
		for act, err := range map[string]error{"prepare": prepare, "rotate": rotate, "retire": retire} {
			if access.KindOf(err) != c.want {
				t.Errorf("%s %s: %v", name, act, err)
			}
		}
		if !slices.Equal(before, o.Keys.IDs()) {
			t.Errorf("%s: the keys changed", name)
		}
	}
}

// TestCheckKeys: a ring without a key by which something lives is not fit for the database.
func TestCheckKeys(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.Token("acme", "orders", "nightly", "")
	other, err := secret.OpenKeyring(t.TempDir() + "/other.key")
	if err != nil {
		t.Fatal(err)
	}
	wrong := access.Deps{Store: o.Store, Keys: other, Clock: o.Clock}
	if err := wrong.CheckKeys(t.Context()); err == nil || !strings.Contains(err.Error(), o.Keys.Primary()) {
		t.Errorf("with another key file: %v", err)
	}
}

// TestCheckpointIsSignedAnew: where events were moved out, the chain's checkpoint still counts after the key that
// signed it is gone; one that nobody signed is not made to count.
func TestCheckpointIsSignedAnew(t *testing.T) {
	t.Parallel()
	for name, forged := range map[string]bool{"signed": false, "forged": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			point := access.Checkpoint{Head: access.EventHead{Seq: 1, Hash: []byte{1}, At: o.Clock.Now()}, Count: 1, PrunedAt: o.Clock.Now()}
			point.Signature = o.Keys.Sign("audit checkpoint", "1 01")
			if forged {
				point.Signature = o.Keys.Sign("audit checkpoint", "2 01")
			}
			if err := o.Store.Update(t.Context(), func(tx access.Tx) error { return tx.InsertCheckpoint(point) }); err != nil {
				t.Fatal(err)
			}
			_, before := o.rotate()
			if _, err := o.Registry.RetireKey(t.Context(), o.Operator(), before); err != nil {
				t.Fatal(err)
			}
			var got access.Checkpoint
			if err := o.Store.View(t.Context(), func(tx access.ReadTx) (err error) { got, err = tx.Checkpoint(); return err }); err != nil {
				t.Fatal(err)
			}
			if text, ok := o.Keys.Verify("audit checkpoint", got.Signature); ok == forged || ok && text != "1 01" {
				t.Errorf("after the rotation: %q, %v", text, ok)
			}
		})
	}
}
