package access

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// digestOf stands for the digest of the i-th secret.
func digestOf(i int) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
}

func findingOf(i int) findingKey {
	return findingKey{digest: digestOf(i), way: WayBearer, organization: "acme", application: "orders"}
}

// genuine returns what is found of the i-th token: of a size as they come.
func genuine(i int) *found {
	id := fmt.Sprintf("tok_%026d", i)
	f := &found{applicationID: "app_01kaz4jz4wfkvbjw5x3zr3f5xq", credential: Credential{
		ID: id, OrganizationID: "org_01kaz4jz4wfkvbjw5x3zr3f5xq", ApplicationID: "app_01kaz4jz4wfkvbjw5x3zr3f5xq", Kind: KindToken,
		Label: fmt.Sprintf("Warehouse of partner %d", i), CreatedAt: time.Now(), ExpiresAt: time.Now(), Restriction: AllScopes(),
	}}
	f.who = f.principal()
	f.who.scopeList = f.who.ScopeList()
	return f
}

// TestMemoryIsBounded: however many credentials and secrets come along, as many are
// kept as the setting says, and they take what the documentation says.
func TestMemoryIsBounded(t *testing.T) {
	const most = 8192
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r, target := newRemembered(most), &Target{}
	for i := range 3 * most {
		key := findingOf(i)
		r.findings.put(key, key.hash(), finding{target, genuine(i)}, 1)
		key = findingOf(-i - 1)
		r.unknown.put(key, key.hash(), struct{}{}, 1)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	findings, unknown := r.findings.size(), r.unknown.size()
	if findings > most || unknown > most {
		t.Errorf("%d credentials and %d unknown secrets are kept, want at most %d of each", findings, unknown, most)
	}
	if findings < most*9/10 {
		t.Errorf("only %d of %d credentials are kept: the shards are not evenly filled", findings, most)
	}
	each := float64(after.HeapAlloc-before.HeapAlloc) / float64(findings)
	t.Logf("%.0f bytes for a credential and an unknown secret", each)
	if each > 2300 {
		t.Errorf("a credential and an unknown secret take %.0f bytes, want at most 2,300: see DefaultRemembered and docs/performance.md", each)
	}
	runtime.KeepAlive(r)
}

// TestMemoryForgetsAnEpoch: what was put under one epoch is not found under another,
// and what was read before a newer one began does not come back.
func TestMemoryForgetsAnEpoch(t *testing.T) {
	m := newMemory[string, int](64)
	m.put("a", 7, 1, 5)
	if _, ok := m.get(new("a"), 7, 6); ok {
		t.Error("found under a newer epoch")
	}
	m.put("b", 7, 2, 6)
	m.put("a", 7, 1, 5) // was being read while the epoch was raised
	if _, ok := m.get(new("a"), 7, 6); ok {
		t.Error("an old answer came back under a newer epoch")
	}
	if got, ok := m.get(new("b"), 7, 6); !ok || got != 2 {
		t.Errorf("got %d, %v, want 2", got, ok)
	}
	if _, ok := m.get(new("a"), 7, 5); ok {
		t.Error("found under an epoch that is over")
	}
}

// TestSlimForgetsSecrets: what stays in memory holds nothing that would help to make
// a credential or to guess a password.
func TestSlimForgetsSecrets(t *testing.T) {
	f := genuine(1)
	f.credential.Sealed, f.credential.Digest.Sum, f.access.Digest.Sum = []byte("sealed"), []byte("sum"), []byte("sum")
	f.user.PasswordHash = "hash"
	f.slim()
	if f.credential.Sealed != nil || f.credential.Digest.Sum != nil || f.access.Digest.Sum != nil || f.user.PasswordHash != "" {
		t.Errorf("left: %v, %v, %v, %q", f.credential.Sealed, f.credential.Digest.Sum, f.access.Digest.Sum, f.user.PasswordHash)
	}
}
