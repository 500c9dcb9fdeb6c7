package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"claviger/internal/access"
)

// TestRefusalsAreNotMixedUp: an answer is kept for the next request, and serves only those
// that are refused on the very same grounds.
func TestRefusalsAreNotMixedUp(t *testing.T) {
	t.Parallel()
	s := &Server{Options: Options{Log: slog.New(slog.DiscardHandler)}}
	answer := func(status int, v access.Verdict) *http.Response {
		w := httptest.NewRecorder()
		s.writeRefusal(w, httptest.NewRequest(http.MethodGet, "/", nil), status, v)
		return w.Result()
	}
	read, write := access.Scope{API: "a", Action: access.Read}, access.Scope{API: "a", Action: access.Write}
	for _, c := range []struct {
		status    int
		verdict   access.Verdict
		challenge string // all values, joined
		says      string
	}{
		{401, access.Verdict{Reason: access.CredentialExpired, Description: "Expired on Monday."}, `error_description="Expired on Monday."`, "Expired on Monday."},
		{401, access.Verdict{Reason: access.CredentialExpired, Description: "Expired on Friday."}, `error_description="Expired on Friday."`, "Expired on Friday."},
		{401, access.Verdict{Reason: access.CredentialExpired, Description: "Expired on Friday.", BasicWorks: true}, `; Basic realm=`, "Expired on Friday."},
		{403, access.Verdict{Reason: access.InsufficientScope, NeededScope: read}, `scope="a:read"`, `"status":403`},
		{403, access.Verdict{Reason: access.InsufficientScope, NeededScope: write}, `scope="a:write"`, `"status":403`},
		{403, access.Verdict{Reason: access.UnknownAPI}, "", `"status":403`},
		{404, access.Verdict{Reason: access.UnknownAPI}, "", `"status":404`},
	} {
		for range 2 { // made, and kept
			got := answer(c.status, c.verdict)
			challenge := strings.Join(got.Header["Www-Authenticate"], "; ")
			body, err := io.ReadAll(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got.StatusCode != c.status || !strings.Contains(string(body), c.says) || !strings.Contains(challenge, c.challenge) || c.challenge == "" && challenge != "" {
				t.Errorf("%d %+v: got %d, %q, %s", c.status, c.verdict, got.StatusCode, challenge, body)
			}
		}
	}
}
