package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// TestTokenFormUnderABound: where tokens must not live long, the form as it is
// offered can be sent, and offers nothing that would be refused.
func TestTokenFormUnderABound(t *testing.T) {
	for _, days := range []int{1, 7, 30, 90, 400} {
		c, v := elevatedConsole(t, testkit.Limits(func(l *access.Limits) { l.MaxLifetime = time.Duration(days) * 24 * time.Hour }))
		page := v.Get(managePage + "/tokens/new").Page(t)
		form := page.Form("form.form")
		if page.Has("input[value=never]") || form.Get("expires") == "" {
			t.Errorf("at most %d days: never is offered, or nothing is chosen: %v", days, form)
		}
		for _, choice := range page.All("input[name=expires]") {
			sent := url.Values{"label": {"t"}, "scope": {"*:read"}, "expires": {choice.Attr("value")}, "nonce": {choice.Attr("value")}}
			if choice.Attr("value") == "custom" {
				sent.Set("expires_date", page.One("input[name=expires_date]").Attr("max"))
				if days == 1 { // no whole day is left of it
					continue
				}
			}
			if a := v.Send(managePage+"/tokens", sent); a.Status != http.StatusOK {
				t.Errorf("at most %d days: %v is offered and refused: %d", days, sent, a.Status)
			}
		}
		form.Set("label", "as offered")
		form.Set("nonce", "as offered")
		if form.Get("expires") == "custom" {
			continue
		}
		if a := v.Send(managePage+"/tokens", form); a.Status != http.StatusOK {
			t.Errorf("at most %d days: the form as offered is refused: %d", days, a.Status)
		}
		if a := v.Post(managePage+"/tokens", "label", "by a script"); a.Status != http.StatusOK {
			t.Errorf("at most %d days: a script that leaves the expiry to us is refused: %d", days, a.Status)
		}
		_ = c
	}
}

// TestCookiesOnHTTPS carry the __Host- prefix and Secure, on plain http neither.
func TestCookiesOnHTTPS(t *testing.T) {
	c := newConsole(t)
	c.User("ann@example.com", "acme", access.Admin)
	for base, secure := range map[string]bool{"https://console.example": true, "http://console.example": false} {
		server := anotherServer(c.Site, base, slog.DiscardHandler)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, base+"/sign-in", strings.NewReader(url.Values{"email": {"ann@example.com"}, "password": {testkit.Password}}.Encode()))
		r.Header.Set("Content-Type", formType)
		w := httptest.NewRecorder()
		server.Console().ServeHTTP(w, r)
		cookies := w.Result().Cookies()
		if w.Code != http.StatusSeeOther || len(cookies) != 2 {
			t.Fatalf("%s: %d, %d cookies", base, w.Code, len(cookies))
		}
		for _, cookie := range cookies {
			if cookie.Secure != secure || strings.HasPrefix(cookie.Name, "__Host-") != secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" || cookie.SameSite != http.SameSiteLaxMode {
				t.Errorf("%s sets %s", base, cookie)
			}
		}
	}
}
