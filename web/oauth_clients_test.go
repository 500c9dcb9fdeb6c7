package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"

	"claviger/internal/testkit"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// styles are the ways in which golang.org/x/oauth2 authenticates a client.
var styles = map[string]oauth2.AuthStyle{"detected": oauth2.AuthStyleAutoDetect, "in the header": oauth2.AuthStyleInHeader, "in the body": oauth2.AuthStyleInParams}

// use asks the gateway through a client of somebody else's.
func use(t *testing.T, client *http.Client, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "POST", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// TestXOAuth2_ClientCredentials: the library gets a token and uses it, at every
// endpoint and in every style.
func TestXOAuth2_ClientCredentials(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		for name, style := range styles {
			for _, path := range []string{"/oauth/token", "/acme/orders/token", "/management/token"} {
				config := clientcredentials.Config{
					ClientID: s.orgClient, ClientSecret: s.orgKey, TokenURL: base + path, Scopes: []string{"*:read", "*:write"}, AuthStyle: style,
					EndpointParams: url.Values{"ttl": {"3600"}},
				}
				if got := use(t, config.Client(t.Context()), s.GatewayURL+"/acme/orders/backend/"); got != 200 {
					t.Errorf("%s, %s: status %d", path, name, got)
				}
				config.ClientSecret = s.appKey
				_, err := config.Token(t.Context())
				var refusal *oauth2.RetrieveError
				if want := map[bool]string{true: "invalid_client", false: "invalid_grant"}[path == "/oauth/token"]; !errors.As(err, &refusal) || refusal.ErrorCode != want || refusal.ErrorDescription == "" {
					t.Errorf("%s, %s: a wrong secret is told %v", path, name, err)
				}
			}
		}
	})
}

// TestXOAuth2_Password: without a client the library sends Basic with nothing in it,
// or nothing at all.
func TestXOAuth2_Password(t *testing.T) {
	s := newTill(t)
	s.both(func(t *testing.T, base string) {
		for name, style := range styles {
			for _, path := range []string{"/oauth/token", "/authorization", "/acme/orders/token"} {
				for _, client := range [][2]string{{}, {s.appClient, s.appKey}} {
					config := oauth2.Config{ClientID: client[0], ClientSecret: client[1], Endpoint: oauth2.Endpoint{TokenURL: base + path, AuthStyle: style}}
					token, err := config.PasswordCredentialsToken(context.Background(), member, testkit.Password)
					if err != nil {
						t.Errorf("%s, %s, %q: %v", path, name, client[0], err)
						continue
					}
					if token.Expiry.IsZero() || token.Type() != "Bearer" {
						t.Errorf("%s, %s: %+v", path, name, token)
					}
					if got := use(t, config.Client(t.Context(), token), s.GatewayURL+"/acme/orders/backend/"); got != 200 {
						t.Errorf("%s, %s: status %d", path, name, got)
					}
				}
			}
		}
		config := oauth2.Config{Endpoint: oauth2.Endpoint{TokenURL: base + "/oauth/token", AuthStyle: oauth2.AuthStyleInParams}}
		_, err := config.PasswordCredentialsToken(context.Background(), member, "wrong")
		var refusal *oauth2.RetrieveError
		if !errors.As(err, &refusal) || refusal.ErrorCode != "invalid_grant" {
			t.Errorf("a wrong password is told %v", err)
		}
	})
}
