package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"claviger/internal/access"
)

// caller returns where a request comes from. Behind a trusted proxy it is the
// right-most address of X-Forwarded-For that is no trusted proxy itself. A request
// that was forwarded by a peer that is not trusted has an unknown caller: its
// X-Forwarded-For may say anything. forwarded says that the peer is a proxy in any
// case, as with forward-auth.
func (s *Server) caller(r *http.Request, forwarded bool) access.Caller {
	peer := peerAddress(r)
	chain := r.Header.Values("X-Forwarded-For")
	if !s.trusted(peer) {
		if forwarded || len(chain) > 0 || r.Header.Get("Forwarded") != "" {
			return access.Caller{Through: peer}
		}
		return access.Caller{Address: peer}
	}
	hops := strings.Split(strings.Join(chain, ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		if hop == "" {
			continue
		}
		address, ok := parseHop(hop)
		if !ok {
			return access.Caller{Through: peer}
		}
		if !s.trusted(address) {
			return access.Caller{Address: address}
		}
	}
	if forwarded {
		return access.Caller{Through: peer}
	}
	return access.Caller{Address: peer}
}

// parseHop reads one entry of X-Forwarded-For: an address, perhaps with a port.
func parseHop(hop string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(strings.Trim(hop, "[]")); err == nil {
		return address.Unmap().WithZone(""), true
	}
	if pair, err := netip.ParseAddrPort(hop); err == nil {
		return pair.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

// peerAddress returns the address of the connection's other end.
func peerAddress(r *http.Request) netip.Addr {
	pair, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return pair.Addr().Unmap().WithZone("")
}

func (s *Server) trusted(address netip.Addr) bool {
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(address) })
}

const maxAgent = 200 // characters

// agent returns the user agent, shortened, and without what cannot be printed.
func agent(r *http.Request) string {
	text := r.UserAgent()
	if len(text) <= maxAgent && !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
		return text // as nearly all are
	}
	text = strings.ToValidUTF8(text, "")
	text = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, text)
	if runes := []rune(text); len(runes) > maxAgent {
		return string(runes[:maxAgent])
	}
	return text
}
