package access_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// TestMemoryHoldsNoLongNames: the Verifier's memory is bounded by entries, so what a
// stranger chooses of an entry must be short: names, client ids, slugs.
func TestMemoryHoldsNoLongNames(t *testing.T) {
	s := testkit.Server(t)
	s.Organization("acme")
	s.Application("acme", "orders")
	const long, strangers = 64 << 10, 1000
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for what, change := range map[string]func(r *access.Request, text string){
		"a username":      func(r *access.Request, text string) { r.Presented.Way, r.Presented.Name = access.WayBasic, text },
		"a client id":     func(r *access.Request, text string) { r.Presented.Way, r.Presented.Name = access.WayQueryClient, text },
		"an organization": func(r *access.Request, text string) { r.Organization = text },
		"an application":  func(r *access.Request, text string) { r.Application = text },
	} {
		before := heap()
		for i := range strangers {
			r := bearer(access.Issued{Secret: secret.Generate(secret.Client)})
			change(&r, fmt.Sprint(i)+strings.Repeat("x", long))
			if got := verify(t, s, r); got != access.InvalidCredential {
				t.Fatalf("%s: reason %s", what, got)
			}
		}
		if grown := heap() - before; grown > strangers*long/4 {
			t.Errorf("%s: %d strangers have %d MiB remembered", what, strangers, grown>>20)
		}
	}
	runtime.KeepAlive(s)
}
