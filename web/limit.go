package web

import (
	"net/http"
	"strconv"
	"time"

	"claviger/internal/access"
)

// The headers by which a caller learns how far its credential's limit is used
// (draft-ietf-httpapi-ratelimit-headers-10).
const (
	rateLimit       = "Ratelimit"        // what is left, and when all is again
	rateLimitPolicy = "Ratelimit-Policy" // the limit itself
)

// setLimit sets the headers of a credential's limit, in place of those that are there;
// without a limit it leaves an upstream's own alone.
func setLimit(h http.Header, l access.LimitState) {
	if l.Limit.None() {
		return
	}
	h[rateLimitPolicy] = []string{`"credential";q=` + strconv.Itoa(l.Limit.Burst) + `;w=` + wholeSeconds(l.Limit.Window())}
	h[rateLimit] = []string{`"credential";r=` + strconv.Itoa(l.Remaining) + `;t=` + wholeSeconds(l.Reset)}
}

// wholeSeconds prints a span of time in seconds, rounded up.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// dropLimit takes the headers of an upstream out of its answer where the credential has a
// limit of its own: one answer speaks of one limit.
func dropLimit(upstreams http.Header, l access.LimitState) {
	if l.Limit.None() {
		return
	}
	delete(upstreams, rateLimit)
	delete(upstreams, rateLimitPolicy)
}
