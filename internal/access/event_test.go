package access_test

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"
	"time"

	"claviger/internal/access"
)

// goldenEvent has every field filled in.
func goldenEvent() access.Event {
	return access.Event{
		Seq: 7, ID: "evt_1", At: time.UnixMicro(1_700_000_000_123_456), OrganizationID: "org_1", ApplicationID: "app_1",
		Act: access.ActCreateToken, ActorID: "usr_1", ActorName: "Ann ü", TargetID: "tok_1", TargetName: "CI",
		ElevationID: "elv_1", Reason: "because", Address: "192.0.2.1", Agent: "curl/8", Count: 2,
		Detail: map[string]string{"scope": "*:read", "expires": "never"}, PrevHash: bytes.Repeat([]byte{0xab}, 32),
	}
}

// The canonical encoding and hash of goldenEvent. They must never change: every
// chain that was ever written is checked by them. A change of the encoding is
// another encoding, with another name.
const (
	goldenEncoding = "0000000000000010" + "636c6176696765722d6576656e742d31" + // claviger-event-1
		"0000000000000007" + "0000000000000005" + "6576745f31" + "00060a2418202240" +
		"0000000000000005" + "6f72675f31" + "0000000000000005" + "6170705f31" + "000000000000000c" + "746f6b656e2e637265617465" +
		"0000000000000005" + "7573725f31" + "0000000000000006" + "416e6e20c3bc" + "0000000000000005" + "746f6b5f31" + "0000000000000002" + "4349" +
		"0000000000000005" + "656c765f31" + "0000000000000007" + "62656361757365" + "0000000000000009" + "3139322e302e322e31" +
		"0000000000000006" + "6375726c2f38" + "0000000000000002" + "0000000000000002" +
		"0000000000000007" + "65787069726573" + "0000000000000005" + "6e65766572" + "0000000000000005" + "73636f7065" + "0000000000000006" + "2a3a72656164" +
		"0000000000000020" + "abababababababababababababababababababababababababababababababab"
	goldenHash = "a575c8933187c92ef51d77619b9806eadea30385e10707e21110e9c82d4ac23e"
)

func TestEventEncodingNeverChanges(t *testing.T) {
	e := goldenEvent()
	if got := hex.EncodeToString(e.Encode()); got != goldenEncoding {
		t.Errorf("the canonical encoding is\n%s, want\n%s", got, goldenEncoding)
	}
	if got := hex.EncodeToString(e.ChainHash()); got != goldenHash {
		t.Errorf("the hash is %s, want %s", got, goldenHash)
	}
}

// TestEventEncodingHoldsEveryField fails when a field is added that the hash does
// not cover, and where two events that differ encode alike.
func TestEventEncodingHoldsEveryField(t *testing.T) {
	want := goldenEvent().Encode()
	for i := range reflect.TypeFor[access.Event]().NumField() {
		e := goldenEvent()
		name, field := reflect.TypeFor[access.Event]().Field(i).Name, reflect.ValueOf(&e).Elem().Field(i)
		switch v := field.Addr().Interface().(type) {
		case *string:
			*v += "x"
		case *access.Act:
			*v += "x"
		case *int64:
			*v++
		case *time.Time:
			*v = v.Add(time.Microsecond)
		case *map[string]string:
			(*v)["scope"] = "*:write"
		case *[]byte:
			*v = append(bytes.Clone(*v), 1)
		default:
			t.Fatalf("%s has a type that this test does not know", name)
		}
		if same := bytes.Equal(e.Encode(), want); same != (name == "Hash") {
			t.Errorf("%s: the encoding is the same: %v", name, same)
		}
	}
	moved := goldenEvent()
	moved.ActorID, moved.ActorName = "usr_1A", "nn ü"
	if bytes.Equal(moved.Encode(), want) {
		t.Error("texts run into each other")
	}
}

func TestEventEncodingIsTheSameInEveryZone(t *testing.T) {
	e := goldenEvent()
	e.At = e.At.In(time.FixedZone("x", 3*3600))
	if hex.EncodeToString(e.Encode()) != goldenEncoding {
		t.Error("the zone is part of the encoding")
	}
}

// TestEventsAreChained: numbers without gaps, each hash over the event with the
// hash of the one before it, as they are read back from the database.
func TestEventsAreChained(t *testing.T) {
	o := newOffice(t)
	o.hire("ann@example.com", access.Admin).elevate("acme/orders")
	o.Token("acme", "orders", "emoji 🦊 label", "backend:read")
	previous := make([]byte, 32)
	events := o.since(0)
	for i, e := range events {
		if e.Seq != int64(i+1) {
			t.Errorf("event %d has the number %d", i+1, e.Seq)
		}
		if !bytes.Equal(e.PrevHash, previous) || !bytes.Equal(e.Hash, e.ChainHash()) {
			t.Errorf("event %d (%s) breaks the chain", e.Seq, e.Act)
		}
		previous = e.Hash
	}
	if len(events) < 10 {
		t.Fatalf("only %d events", len(events))
	}
	// What somebody with the database might do does not go unseen.
	for name, tamper := range map[string]func([]access.Event) []access.Event{
		"edit":    func(l []access.Event) []access.Event { l[3].ActorName = "nobody"; return l },
		"delete":  func(l []access.Event) []access.Event { return append(l[:3:3], l[4:]...) },
		"swap":    func(l []access.Event) []access.Event { l[3], l[4] = l[4], l[3]; return l },
		"insert":  func(l []access.Event) []access.Event { return append(l[:4:4], l[3:]...) },
		"re-hash": func(l []access.Event) []access.Event { l[3].Reason = "x"; l[3].Hash = l[3].ChainHash(); return l },
	} {
		if chained(tamper(append([]access.Event(nil), events...))) {
			t.Errorf("%s: the chain still holds", name)
		}
	}
}

func chained(events []access.Event) bool {
	previous := make([]byte, 32)
	for i, e := range events {
		if e.Seq != int64(i+1) || !bytes.Equal(e.PrevHash, previous) || !bytes.Equal(e.Hash, e.ChainHash()) {
			return false
		}
		previous = e.Hash
	}
	return true
}

func TestActsAreListedOnce(t *testing.T) {
	seen := map[access.Act]bool{}
	for _, act := range access.Acts() {
		if seen[act] {
			t.Errorf("%s twice", act)
		}
		seen[act] = true
	}
	for _, act := range []access.Act{access.ActSetUp, access.ActSignInFailed, access.ActElevateFailed, access.ActDrop, access.ActDisableUser, access.ActRevealBasic} {
		if !seen[act] {
			t.Errorf("%s cannot be filtered by", act)
		}
	}
}
