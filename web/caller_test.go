package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// TestCaller: the right-most untrusted address, and only a trusted peer's word (S4).
func TestCaller(t *testing.T) {
	s := &Server{Options: Options{TrustedProxies: []netip.Prefix{
		netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:aaaa::/48"),
	}}}
	for _, c := range []struct {
		name, peer string
		chain      []string
		forwarded  bool // forward-auth
		want       string
	}{
		{"a stranger, direct", "198.51.100.7:1", nil, false, "198.51.100.7"},
		{"a stranger, direct, IPv6", "[2001:db8::7]:1", nil, false, "2001:db8::7"},
		{"a stranger, IPv4 in IPv6", "[::ffff:198.51.100.7]:1", nil, false, "198.51.100.7"},
		{"a stranger that forwards", "198.51.100.7:1", []string{"203.0.113.9"}, false, "through 198.51.100.7"},
		{"an untrusted proxy asks", "198.51.100.7:1", nil, true, "through 198.51.100.7"},
		{"an untrusted proxy asks for somebody", "198.51.100.7:1", []string{"203.0.113.9"}, true, "through 198.51.100.7"},
		{"a trusted proxy", "127.0.0.1:1", []string{"203.0.113.9"}, true, "203.0.113.9"},
		{"a trusted proxy at the gateway", "127.0.0.1:1", []string{"203.0.113.9"}, false, "203.0.113.9"},
		{"a trusted proxy in IPv6 clothes", "[::ffff:127.0.0.1]:1", []string{"203.0.113.9"}, true, "203.0.113.9"},
		{"a trusted proxy that says nothing", "127.0.0.1:1", nil, true, "through 127.0.0.1"},
		{"a trusted machine, direct", "127.0.0.1:1", nil, false, "127.0.0.1"},
		{"the right-most untrusted one", "127.0.0.1:1", []string{"1.2.3.4, 203.0.113.9, 10.1.1.1"}, true, "203.0.113.9"},
		{"over several headers", "127.0.0.1:1", []string{"1.2.3.4", "203.0.113.9", "10.1.1.1,10.1.1.2"}, true, "203.0.113.9"},
		{"all of them trusted", "127.0.0.1:1", []string{"10.1.1.1, 10.1.1.2"}, true, "through 127.0.0.1"},
		{"with a port", "127.0.0.1:1", []string{"203.0.113.9:4711"}, true, "203.0.113.9"},
		{"IPv6", "127.0.0.1:1", []string{"2001:db8::9"}, true, "2001:db8::9"},
		{"IPv6 in brackets", "127.0.0.1:1", []string{"[2001:db8::9]"}, true, "2001:db8::9"},
		{"IPv6 with a port", "127.0.0.1:1", []string{"[2001:db8::9]:4711"}, true, "2001:db8::9"},
		{"IPv6 with a zone", "127.0.0.1:1", []string{"fe80::1%eth0"}, true, "fe80::1"},
		{"IPv4 in IPv6", "127.0.0.1:1", []string{"::ffff:203.0.113.9"}, true, "203.0.113.9"},
		{"a trusted one in IPv6 clothes", "127.0.0.1:1", []string{"203.0.113.9, ::ffff:10.1.1.1"}, true, "203.0.113.9"},
		{"a trusted IPv6 proxy", "[2001:db8:aaaa::1]:1", []string{"203.0.113.9"}, true, "203.0.113.9"},
		{"an untrusted IPv6 neighbour", "[2001:db8:aaab::1]:1", []string{"203.0.113.9"}, true, "through 2001:db8:aaab::1"},
		{"garbage", "127.0.0.1:1", []string{"unknown"}, true, "through 127.0.0.1"},
		{"garbage on the right", "127.0.0.1:1", []string{"203.0.113.9, _hidden"}, true, "through 127.0.0.1"},
		{"garbage on the left of the answer", "127.0.0.1:1", []string{"'; DROP, 203.0.113.9"}, true, "203.0.113.9"},
		{"a name", "127.0.0.1:1", []string{"localhost"}, true, "through 127.0.0.1"},
		{"an address that is half one", "127.0.0.1:1", []string{"203.0.113"}, true, "through 127.0.0.1"},
		{"leading zeros", "127.0.0.1:1", []string{"203.0.113.009"}, true, "through 127.0.0.1"},
		{"empty entries", "127.0.0.1:1", []string{" , 203.0.113.9, ,"}, true, "203.0.113.9"},
		{"no peer at all", "", nil, false, ""},
		{"a peer on a socket file", "@", nil, true, ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		for _, line := range c.chain {
			r.Header.Add("X-Forwarded-For", line)
		}
		if got := s.caller(r, c.forwarded).String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestCallerForwardedHeader: RFC 7239's header is believed of nobody, and betrays a
// proxy that is not trusted.
func TestCallerForwardedHeader(t *testing.T) {
	s := &Server{}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "198.51.100.7:1"
	r.Header.Set("Forwarded", "for=203.0.113.9")
	if got := s.caller(r, false).String(); got != "through 198.51.100.7" {
		t.Errorf("got %q", got)
	}
}

func TestAgent(t *testing.T) {
	for text, want := range map[string]string{
		"curl/8.5.0":             "curl/8.5.0",
		"":                       "",
		"a\x1b[31mb\u202ec\xffd": "a[31mbcd",
		strings.Repeat("ü", 300): strings.Repeat("ü", 200),
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("User-Agent", text)
		if got := agent(r); got != want {
			t.Errorf("%.20q: %q, want %q", text, got, want)
		}
	}
}

func FuzzForwardedFor(f *testing.F) {
	for _, chain := range []string{"", "203.0.113.9", "1.2.3.4, 10.0.0.1", "[2001:db8::9]:1, ::ffff:10.0.0.1", "unknown,,10.0.0.2", "fe80::1%eth0", "[[::1]]", "10.0.0.1:99999"} {
		f.Add(chain)
	}
	trusted := netip.MustParsePrefix("10.0.0.0/8")
	s := &Server{Options: Options{TrustedProxies: []netip.Prefix{trusted}}}
	f.Fuzz(func(t *testing.T, chain string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "10.0.0.9:1"
		r.Header["X-Forwarded-For"] = []string{chain}
		caller := s.caller(r, true)
		if caller.Known() && (trusted.Contains(caller.Address) || caller.Address.Is4In6() || caller.Address.Zone() != "") {
			t.Errorf("%q: %s", chain, caller)
		}
		if caller.Known() == caller.Through.IsValid() {
			t.Errorf("%q: neither known nor through anything: %+v", chain, caller)
		}
		r.RemoteAddr = "192.0.2.1:1" // not trusted: what it says changes nothing
		if caller := s.caller(r, true); caller.Known() {
			t.Errorf("%q: believed of a stranger: %s", chain, caller)
		}
	})
}
