package web_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// victim is a credential that is going to be cut off.
type victim struct {
	id            string // of a token; empty: the application's Basic
	application   string
	authorization string
	acknowledged  atomic.Bool // the act has returned
}

// TestCutOffUnderLoad: two thousand credentials are revoked, paused or disabled while
// others present the very same ones, over real HTTP, at forward-auth and at the
// gateway. No request that is sent after the act has returned is let in.
func TestCutOffUnderLoad(t *testing.T) {
	const tokens, basics = 1960, 40
	s := testkit.Server(t)
	s.Organization("acme")
	victims := append(manyTokens(t, s, tokens), manyBasics(t, s, basics)...)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: 30 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	present := func(v *victim, gateway bool) int {
		url := s.ConsoleURL + "/verify/acme/" + v.application + "/backend"
		if gateway {
			url = s.GatewayURL + "/acme/" + v.application + "/backend/x"
		}
		status, err := askStatus(client, url, v.authorization)
		if err != nil {
			t.Errorf("present: %v", err)
		}
		return status
	}
	var current atomic.Pointer[victim]
	current.Store(victims[0])
	var stop atomic.Bool
	var before, after, tooLate atomic.Int64
	var load sync.WaitGroup
	for i := range 2 {
		load.Go(func() {
			for !stop.Load() {
				v := current.Load()
				late := v.acknowledged.Load() // and only then is the request sent
				switch status := present(v, i == 1); {
				case late && status == http.StatusOK:
					tooLate.Add(1)
				case late:
					after.Add(1)
				case status == http.StatusOK:
					before.Add(1)
				}
			}
		})
	}
	for i, v := range victims {
		current.Store(v)
		if status := present(v, false); status != http.StatusOK {
			t.Errorf("credential %d before: %d, want 200", i, status)
		}
		cutOff(t, s, v, i)
		v.acknowledged.Store(true)
		if status := present(v, i%2 == 0); status != http.StatusUnauthorized {
			t.Errorf("credential %d after: %d, want 401", i, status)
			tooLate.Add(1)
		}
	}
	stop.Store(true)
	load.Wait()
	t.Logf("%d cut-offs; of the load %d requests were let in before, %d refused after", len(victims), before.Load(), after.Load())
	if n := tooLate.Load(); n != 0 {
		t.Errorf("%d requests were let in after the act had returned, want 0", n)
	}
	if before.Load() < tokens/4 {
		t.Errorf("only %d requests of the load were let in: that is no load", before.Load())
	}
}

// cutOff revokes, pauses or disables a credential.
func cutOff(t *testing.T, s *testkit.Site, v *victim, i int) {
	t.Helper()
	var err error
	switch {
	case v.id == "":
		err = s.Registry.DisableBasic(t.Context(), s.Operator(), "acme", v.application, v.application)
	case i%2 == 0:
		_, err = s.Registry.Each(t.Context(), s.Operator(), "acme", v.application, access.RevokeThem, []string{v.id})
	default:
		_, err = s.Registry.Each(t.Context(), s.Operator(), "acme", v.application, access.PauseThem, []string{v.id})
	}
	if err != nil {
		t.Fatalf("credential %d: %v", i, err)
	}
}

func askStatus(client *http.Client, url, authorization string) (int, error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", authorization)
	r.Header.Set("X-Original-Method", http.MethodGet)
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// manyTokens makes tokens in one transaction, past the acts.
func manyTokens(t *testing.T, s *testkit.Site, n int) []*victim {
	t.Helper()
	app := s.Application("acme", "orders")
	victims := make([]*victim, n)
	err := s.Store.Update(t.Context(), func(tx access.Tx) error {
		for i := range victims {
			password := secret.Generate(secret.Token)
			c := access.Credential{
				ID: fmt.Sprintf("tok_%026d", i), OrganizationID: app.OrganizationID, ApplicationID: app.ID, Kind: access.KindToken,
				Label: fmt.Sprint(i), Digest: s.Keys.Digest(password), CreatedAt: s.Clock.Now(), CreatedBy: "tester",
			}
			if err := tx.InsertCredential(c); err != nil {
				return err
			}
			victims[i] = &victim{id: c.ID, application: "orders", authorization: "Bearer " + password.Expose()}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return victims
}

// manyBasics makes applications, whose Basic credentials it returns.
func manyBasics(t *testing.T, s *testkit.Site, n int) []*victim {
	t.Helper()
	victims := make([]*victim, n)
	for i := range victims {
		slug := fmt.Sprintf("app-%d", i)
		s.Application("acme", slug)
		username, password := s.Basic("acme", slug)
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(username, password)
		victims[i] = &victim{application: slug, authorization: r.Header.Get("Authorization")}
	}
	return victims
}
