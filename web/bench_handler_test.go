package web_test

import (
	"log/slog"
	"net/http"
	"testing"

	"claviger/internal/secret"
	"claviger/internal/testkit"
	"claviger/web"
)

// discard is a ResponseWriter that keeps nothing of an answer but its status.
type discard struct {
	header http.Header
	status int
}

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) Write(b []byte) (int, error) { return len(b), nil }
func (w *discard) WriteHeader(status int)      { w.status = status }

// BenchmarkVerifyHandler is all that is ours of an answer of /verify: what net/http
// does before and after is left out. The log is that of a server in production.
func BenchmarkVerifyHandler(b *testing.B) {
	s := testkit.Server(b)
	s.Organization("acme")
	s.Application("acme", "orders")
	issued := s.Token("acme", "orders", "bench", "")
	handler := web.New(web.Options{
		Registry: s.Registry, Accounts: s.Accounts, Verifier: s.Verifier, Authority: s.Authority, Keys: s.Keys,
		Clock: s.Clock, Log: slog.New(slog.DiscardHandler), ConsoleURL: s.ConsoleURL, GatewayURL: s.GatewayURL,
	}).Console()
	for _, c := range []struct {
		name   string
		token  secret.Secret
		status int
	}{
		{"valid", issued.Secret, http.StatusOK},
		{"unknown", secret.Generate(secret.Token), http.StatusUnauthorized},
	} {
		b.Run(c.name, func(b *testing.B) {
			r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "/verify/acme/orders/backend", nil)
			if err != nil {
				b.Fatal(err)
			}
			r.RemoteAddr = "127.0.0.1:40000"
			r.Header = http.Header{"Authorization": {"Bearer " + c.token.Expose()}, "X-Original-Method": {"GET"}, "X-Original-Uri": {"/"}, "User-Agent": {"curl/8.5.0"}}
			b.ReportAllocs()
			for b.Loop() {
				w := discard{header: make(http.Header, 8)}
				handler.ServeHTTP(&w, r)
				if w.status != c.status {
					b.Fatalf("status %d, want %d", w.status, c.status)
				}
			}
		})
	}
}
