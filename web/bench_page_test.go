package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// BenchmarkManagePage is the server's time for the Manage API page of an application
// with many tokens, of which the page shows 50: never used, used once, and used in each hour
// of the day. CLAVIGER_BENCH_TOKENS says how many; a million take some minutes to make.
func BenchmarkManagePage(b *testing.B) {
	many := 10_000
	if text := os.Getenv("CLAVIGER_BENCH_TOKENS"); text != "" {
		var err error
		if many, err = strconv.Atoi(text); err != nil || many < 1 {
			b.Fatalf("CLAVIGER_BENCH_TOKENS is %q: say how many tokens, such as 1000000", text)
		}
	}
	s := testkit.Server(b)
	s.Organization("acme")
	s.User("ann@example.com", "acme", access.Admin)
	for _, c := range []struct {
		app  string
		used int // in how many hours of the day each token of the page was used
	}{{"unused", 0}, {"used", 1}, {"busy", 24}} {
		fillTokens(b, s, s.Application("acme", c.app), many, c.used)
		b.Run(c.app, func(b *testing.B) { benchPage(b, s, c.app, many) })
	}
}

// benchPage asks for one page again and again.
func benchPage(b *testing.B, s *testkit.Site, app string, many int) {
	b.Helper()
	v := s.Elevated("ann@example.com", "acme/"+app)
	console, err := url.Parse(s.ConsoleURL)
	if err != nil {
		b.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodGet, s.ConsoleURL+"/orgs/acme/apps/"+app+"/manage-api", nil)
	for _, cookie := range v.Jar.Cookies(console) {
		request.AddCookie(cookie)
	}
	request.Header.Set("Accept-Encoding", "gzip")
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // the server's collector is eased, too
	size, spent := 0, cpuTime(b)
	for b.Loop() {
		answer := httptest.NewRecorder()
		s.Console.ServeHTTP(answer, request.Clone(b.Context()))
		if answer.Code != http.StatusOK {
			b.Fatalf("status %d\n%s", answer.Code, answer.Body)
		}
		size = answer.Body.Len()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/page")
	b.ReportMetric(float64((cpuTime(b)-spent).Microseconds())/1000/float64(b.N), "cpu-ms/page")
	b.ReportMetric(float64(size), "bytes/page")
	b.ReportMetric(float64(many), "tokens")
}

// cpuTime is what the process has spent on processors: on a busy machine it tells more
// than the clock does.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// fillTokens gives an application tokens, of which the newest were used in each of so many
// hours until now.
func fillTokens(b *testing.B, s *testkit.Site, app access.Application, many, hours int) {
	b.Helper()
	now := s.Clock.Now()
	const batch = 10_000
	for from := 0; from < many; from += batch {
		err := s.Store.Update(b.Context(), func(tx access.Tx) error {
			var uses []access.Use
			for i := from; i < min(from+batch, many); i++ {
				at := now.Add(-time.Duration(many-i) * time.Second)
				id := fmt.Sprintf("tok_%s_%020d", app.Slug[:4], i)
				c := access.Credential{
					ID: id, OrganizationID: app.OrganizationID, ApplicationID: app.ID, Kind: access.KindToken, Label: fmt.Sprint("token ", i),
					Prefix: "clavt_Ab1", Last4: "x9Qa", Digest: s.Keys.Digest(secret.New(id)), CreatedAt: at, CreatedBy: "bench",
				}
				if err := tx.InsertCredential(c); err != nil {
					return err
				}
				if i < many-100 {
					continue
				}
				for hour := range hours {
					then := now.Add(-time.Duration(hour) * time.Hour)
					uses = append(uses, access.Use{
						CredentialID: id, ApplicationID: app.ID, Minute: then.Truncate(time.Minute), Accepted: 1, At: then, Address: "10.0.0.1", Agent: "curl/8",
						Callers: []access.UseCaller{{Address: "10.0.0.1", Agent: "curl/8", Accepted: 1, At: then}},
					})
				}
			}
			return tx.AddUses(uses)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
