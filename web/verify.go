package web

import (
	"net/http"
	"strings"

	"claviger/internal/access"
)

// verify answers forward-auth: /verify/{org}/{app}, /verify/{org}/{app}/{api}, and
// /verify/{org}/{app}/{api}/… for callers that keep method and path. Its answers
// are 200, 401, 403 and 503, and nothing else: a proxy turns others into 500. path is what
// stands behind /verify, as it was sent.
func (s *Server) verify(w http.ResponseWriter, r *http.Request, path string) {
	w.Header()["Cache-Control"] = noStoreValue
	request, ok := s.verifyRequest(r, path)
	if !ok {
		request.Presented = access.Presented{Way: access.WayMalformed}
	}
	verdict, err := s.Verifier.Verify(r.Context(), request)
	s.meter.decided(doorVerify, verdict.Reason, err)
	if err != nil {
		abortIfGone(r, err)
		s.refuseUnavailable(w, r, err)
		return
	}
	setLimit(w.Header(), verdict.Limit)
	if !verdict.Accepted() {
		status := refusalStatus(verdict.Reason)
		if status != http.StatusUnauthorized {
			status = http.StatusForbidden
		}
		w.Header()[authReason] = []string{verdict.Reason.String()}
		s.writeRefusal(w, r, status, verdict)
		return
	}
	setIdentity(w.Header(), verdict.Principal)
	w.WriteHeader(http.StatusOK)
}

// noStoreValue is shared by all answers: a header's values are never written to in place.
var noStoreValue = []string{"no-store"}

// verifyRequest reads what is to be judged; ok is false where the request
// contradicts itself, which is refused like a malformed credential.
func (s *Server) verifyRequest(r *http.Request, path string) (request access.Request, ok bool) {
	org, path := cutSegment(strings.TrimPrefix(path, "/"))
	app, path := cutSegment(strings.TrimPrefix(path, "/"))
	api, rest := cutSegment(strings.TrimPrefix(path, "/"))
	request = access.Request{Organization: org, Application: app, API: api, WantAPI: path != "", Caller: s.caller(r, true), Agent: agent(r)}
	rawQuery := r.URL.RawQuery
	if rest != "" {
		// The caller keeps method and path.
		request.Method, ok = r.Method, true
		if rest == "/" {
			request.Method = stricter(r)
		}
	} else {
		request.Method, rawQuery, ok = originalRequest(r.Header)
	}
	request.Presented = presented(r.Header, rawQuery)
	return request, ok
}

// stricter returns a request's own method, or the one that a header names where that
// is a write. A stray slash at the end of the address that nginx or Traefik ask at
// makes it look like the form of those who keep the method, and must not turn writes
// into reads.
func stricter(r *http.Request) string {
	for _, name := range [...]string{"X-Original-Method", "X-Forwarded-Method"} {
		for _, named := range r.Header[name] {
			if named != "" && access.ActionOf(named) == access.Write {
				return named
			}
		}
	}
	return r.Method
}

// originalRequest returns method and query of the request that is guarded, from
// the headers that proxies set: X-Forwarded-* (Traefik, Caddy) or X-Original-*
// (nginx). ok is false where one comes twice or both pairs are there and differ.
// Where there is none the method is empty, which counts as a write.
func originalRequest(h http.Header) (method, rawQuery string, ok bool) {
	method, ok = agree(h, "X-Forwarded-Method", "X-Original-Method")
	if !ok {
		return "", "", false
	}
	uri, ok := agree(h, "X-Forwarded-Uri", "X-Original-Uri")
	if !ok {
		return "", "", false
	}
	_, rawQuery, _ = strings.Cut(uri, "?")
	return method, rawQuery, true
}

// agree returns the one value of two headers, by their canonical names, that say the same thing.
func agree(h http.Header, a, b string) (string, bool) {
	x, y := nonEmpty(h[a]), nonEmpty(h[b])
	switch {
	case len(x) > 1 || len(y) > 1:
		return "", false
	case len(x) == 0 && len(y) == 0:
		return "", true
	case len(x) == 0:
		return y[0], true
	case len(y) == 1 && x[0] != y[0]:
		return "", false
	}
	return x[0], true
}

// nonEmpty leaves out empty values: a proxy that clears a header sends it empty.
func nonEmpty(values []string) []string {
	if len(values) == 1 && values[0] != "" {
		return values
	}
	out := make([]string, 0, len(values))
	for _, v := range values {
		if v != "" {
			out = append(out, v)
		}
	}
	return out
}
