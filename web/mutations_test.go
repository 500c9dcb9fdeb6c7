package web

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"

	"claviger/internal/access"
)

// mutations is how many headers are made of good ones (S20).
const mutations = 20_000

// mutate changes a text in one to three places.
func mutate(random *rand.Rand, text string) string {
	b := []byte(text)
	for range 1 + random.IntN(3) {
		at := random.IntN(len(b) + 1)
		switch random.IntN(6) {
		case 0: // another byte, any of them
			if at < len(b) {
				b[at] = byte(random.IntN(256))
			}
		case 1: // a bit
			if at < len(b) {
				b[at] ^= 1 << random.IntN(8)
			}
		case 2: // cut off
			b = b[:at]
		case 3: // something put in
			extra := []string{" ", "\t", ",", "=", ":", "\x00", "\r\n", "é", "\xff", "%00", "\"", strings.Repeat("A", 9000)}
			b = append(b[:at:at], append([]byte(extra[random.IntN(len(extra))]), b[at:]...)...)
		case 4: // a part again
			b = append(b[:at:at], b[random.IntN(at+1):]...)
		case 5: // a part left out
			b = append(b[:at:at], b[at+random.IntN(len(b)-at+1):]...)
		}
	}
	return string(b)
}

// sameAs reports whether a header says the same as a good one: schemes have no case,
// and white space around a value is none of it.
func sameAs(header, good string) bool {
	scheme, text, _ := strings.Cut(strings.Trim(header, " \t"), " ")
	wantScheme, want, _ := strings.Cut(good, " ")
	text = strings.Trim(text, " \t")
	if !strings.EqualFold(scheme, wantScheme) {
		return false
	}
	if text == want {
		return true
	}
	was, _ := base64.StdEncoding.DecodeString(want)
	is, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	return wantScheme == "Basic" && err == nil && string(is) == string(was)
}

// TestMutatedAuthorization: whatever is made of good headers is refused, by /verify
// and by the gateway, and never breaks anything.
func TestMutatedAuthorization(t *testing.T) {
	s := parserServer(t)
	operator := access.Operator("tester", "because a test needs it")
	issued, err := s.Registry.IssueToken(t.Context(), operator, "acme", "orders", access.Draft{Label: "till"})
	if err != nil {
		t.Fatal(err)
	}
	basic, err := s.Registry.RevealBasic(t.Context(), operator, "acme", "orders", "")
	if err != nil {
		t.Fatal(err)
	}
	good := []string{
		"Bearer " + issued.Secret.Expose(),
		"Basic " + base64.StdEncoding.EncodeToString([]byte(basic.Username+":"+basic.Password.Expose())),
	}
	console, gateway := s.Console(), s.Gateway()
	random := rand.New(rand.NewPCG(20, 26))
	tried := 0
	for i := range mutations {
		header := mutate(random, good[i%len(good)])
		if sameAs(header, good[i%len(good)]) {
			continue
		}
		tried++
		for place, status := range map[string]int{
			"/verify":     statusFor(console, "/verify/acme/orders/backend", header),
			"the gateway": statusFor(gateway, "/acme/orders/backend/x", header),
		} {
			if status != 401 {
				t.Fatalf("%s answers %d to %q", place, status, header)
			}
		}
	}
	if tried < mutations/2 {
		t.Errorf("only %d of %d were no good", tried, mutations)
	}
	for _, header := range good {
		if status := statusFor(gateway, "/acme/orders/backend/x", header); status != 200 {
			t.Errorf("a good header is answered %d", status)
		}
	}
}
