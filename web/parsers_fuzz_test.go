package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzForm: a form is read as net/url reads it, or refused; nothing comes twice (RFC 6749 §3.2).
func FuzzForm(f *testing.F) {
	for _, body := range []string{"", "grant_type=password&username=a&password=b", "a=1&a=2", "a=%zz", "a;b=1", "ttl=+5&scope=a%20b", "=&=", "%61=1&a=2"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		p, err := readForm(body)
		values, wrong := url.ParseQuery(body)
		if err != nil {
			return
		}
		if wrong != nil || len(values) != len(p) {
			t.Fatalf("%q: read as %d parameters, net/url reads %d (%v)", body, len(p), len(values), wrong)
		}
		for name, text := range p {
			if len(values[name]) != 1 || values[name][0] != text {
				t.Errorf("%q: %q is %q, or comes twice", body, name, text)
			}
		}
	})
}

// FuzzJSON: what is read of an object is a text or a number of it, and what we ask for
// is never something else.
func FuzzJSON(f *testing.F) {
	for _, body := range []string{
		`{"grant_type":"password","username":"a","password":"b","ttl":60}`, `{"ttl":1e3}`, `{"ttl":null}`, `{"password":["b"]}`, `{"password":{"a":"b"}}`, `{"extra":[1,{}]}`,
		`{"a":"1","a":"2"}`, `[]`, `null`, `"a"`, `{"a":"\ud800"}`, `{"a":1}{"b":2}`, "{\"a\":\"\x00\"}",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		p, err := readJSON([]byte(body))
		if err != nil {
			return
		}
		var object map[string]any
		decoder := json.NewDecoder(strings.NewReader(body))
		decoder.UseNumber()
		if err := decoder.Decode(&object); err != nil {
			t.Fatalf("%q: read, and is none: %v", body, err)
		}
		for name, text := range p {
			switch value := object[name].(type) {
			case string:
				if value != text {
					t.Errorf("%q: %q is %q, want %q", body, name, text, value)
				}
			case json.Number:
				if value.String() != text {
					t.Errorf("%q: %q is %q, want %s", body, name, text, value)
				}
			case nil: // null is the empty text
			default:
				t.Errorf("%q: %q is %q, and was %T", body, name, text, value)
			}
		}
	})
}

// FuzzTokenRequest: whatever is asked without a credential is refused in the words of
// RFC 6749, never let in and never our fault.
func FuzzTokenRequest(f *testing.F) {
	for _, seed := range [][3]string{
		{"application/x-www-form-urlencoded", "grant_type=client_credentials&client_id=a&client_secret=b", ""},
		{"application/json", `{"grant_type":"password","username":"a@b.example","password":"x","ttl":9999999999999999999}`, ""},
		{"application/json; charset=latin1", `{"grant_type":1}`, "Basic YTpi"},
		{"text/plain", "x", "Bearer x"},
		{"", "", "Basic"},
		{"application/x-www-form-urlencoded; charset", "grant_type=password&scope=%00&ttl=-1", "Basic JTphJQ=="},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	s := parserServer(f)
	handler := s.Console()
	f.Fuzz(func(t *testing.T, kind, body, authorization string) {
		for _, path := range []string{"/oauth/token", "/authorization", "/acme/orders/token", "/management/token", "/oauth/introspect", "/oauth/revoke"} {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
			r.Header["Content-Type"] = []string{kind}
			if authorization != "" {
				r.Header["Authorization"] = []string{authorization}
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			var answer struct{ Error string }
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Error == "" || w.Code < 400 || w.Code >= 500 {
				t.Errorf("%s %q %q %q: status %d: %s (%v)", path, kind, body, authorization, w.Code, w.Body, err)
			}
		}
	})
}

// FuzzNext: one is led to a path that we signed, or to where one was anyway (S10).
func FuzzNext(f *testing.F) {
	s := parserServer(f)
	for _, signed := range []string{"", "/", "//evil.test", `/\evil.test`, "https://evil.test", s.signNext("/orgs/acme"), s.signNext("//evil.test"), s.signNext("https://evil.test"), s.signNext("/a") + "x", s.signNext("/a")} {
		f.Add(signed, "/orgs/acme/apps/orders")
	}
	f.Fuzz(func(t *testing.T, signed, path string) {
		const otherwise = "/orgs"
		if got := s.next(signed, otherwise); got != otherwise && got != "/orgs/acme" && got != "/a" {
			t.Errorf("%q leads to %q, which was never signed", signed, got)
		}
		got := s.next(s.signNext(path), otherwise)
		if got != otherwise && got != path {
			t.Errorf("%q, signed, leads to %q", path, got)
		}
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") {
			t.Errorf("%q, signed, leads out, to %q", path, got)
		}
	})
}

// FuzzOriginalRequest: the two pairs of headers agree, or there is no request (S4).
func FuzzOriginalRequest(f *testing.F) {
	f.Add("GET", "/a?b", "", "")
	f.Add("", "", "POST", "/a?access_token=x")
	f.Add("GET", "/a", "POST", "/a")
	f.Add("GET", "/a?x", "GET", "/a?y")
	f.Add("", "?", "", "")
	f.Fuzz(func(t *testing.T, method, uri, method2, uri2 string) {
		h := http.Header{"X-Forwarded-Method": {method}, "X-Forwarded-Uri": {uri}, "X-Original-Method": {method2}, "X-Original-Uri": {uri2}}
		got, query, ok := originalRequest(h)
		agree := (method == "" || method2 == "" || method == method2) && (uri == "" || uri2 == "" || uri == uri2)
		if ok != agree {
			t.Fatalf("%q %q, %q %q: ok is %t", method, uri, method2, uri2, ok)
		}
		if ok && (got != method && got != method2 || !strings.HasSuffix(uri, query) && !strings.HasSuffix(uri2, query)) {
			t.Errorf("%q %q, %q %q: read as %q and %q", method, uri, method2, uri2, got, query)
		}
		h.Add("X-Forwarded-Method", "GET")
		if _, _, ok := originalRequest(h); ok && method != "" {
			t.Errorf("%q and GET: one method was taken", method)
		}
	})
}
