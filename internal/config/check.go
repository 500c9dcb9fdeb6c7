package config

import (
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// keyFile is the name of the default key file in data_dir.
const keyFile = "claviger.key"

// check finds values that are fine alone but not together. Keys that already
// have a problem are left out of it: their value is not known.
func (c *Config) check(found []Problem) []Problem {
	sound := func(section, key string) bool {
		return !slices.ContainsFunc(found, func(p Problem) bool { return p.Section == section && p.Key == key })
	}
	var problems []Problem
	if sound("server", "tls_cert") && sound("server", "tls_key") && (c.Server.TLSCert == "") != (c.Server.TLSKey == "") {
		given, missing := "tls_cert", "tls_key"
		if c.Server.TLSCert == "" {
			given, missing = missing, given
		}
		problems = append(problems, c.origins["server."+given].problem("server", given,
			"is given without "+missing+"; give both or neither"))
	}
	if sound("tokens", "default_ttl") && sound("tokens", "max_ttl") && c.Tokens.DefaultTTL > c.Tokens.MaxTTL {
		key, message := "default_ttl", "must not be more than max_ttl"
		if c.origins["tokens.default_ttl"].isDefault() {
			key, message = "max_ttl", "must not be less than default_ttl; lower default_ttl too"
		}
		problems = append(problems, c.origins["tokens."+key].problem("tokens", key, message))
	}
	return slices.Concat(problems, c.checkShipping(sound), c.checkListeners(sound))
}

// checkListeners reports listeners that cannot be opened beside each other: at
// the later one, or at the one that was given when the other is a default.
func (c *Config) checkListeners(sound func(section, key string) bool) []Problem {
	listeners := []struct{ section, address string }{
		{"server", c.Server.Listen}, {"gateway", c.Gateway.Listen}, {"metrics", c.Metrics.Listen},
	}
	var problems []Problem
	for i, later := range listeners {
		for _, other := range listeners[:i] {
			if !sound(later.section, "listen") || !sound(other.section, "listen") || !clash(later.address, other.address) {
				continue
			}
			at, against := later.section, other.section
			if c.origins[at+".listen"].isDefault() {
				at, against = against, at
			}
			problems = append(problems, c.origins[at+".listen"].problem(at, "listen",
				"is the address of ["+against+"] listen too; use another port"))
		}
	}
	return problems
}

// clash reports whether two listeners cannot both be opened. Port 0 never
// clashes, and neither does a listener that is off.
func clash(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return covers(hostA, hostB) || covers(hostB, hostA)
}

// covers reports whether a socket on host a takes the address of host b.
func covers(a, b string) bool {
	addrA, addrB := hostAddr(a), hostAddr(b)
	switch {
	case a == "" || addrA == netip.IPv6Unspecified():
		return true // Go listens on both families
	case addrA == netip.IPv4Unspecified():
		return !addrB.Is6()
	case addrA.IsValid():
		return addrA == addrB
	}
	return strings.EqualFold(a, b)
}

func hostAddr(host string) netip.Addr {
	if strings.EqualFold(host, "localhost") {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap()
}

// derive fills in the values that follow from others.
func (c *Config) derive() {
	if c.Security.KeyFile == "" {
		c.Security.KeyFile = filepath.Join(c.Server.DataDir, keyFile)
	}
	if c.Server.BaseURL == "" {
		c.Server.BaseURL = c.baseURL(c.Server.Listen)
		c.origins["server.base_url"] = origin{}
	}
	if c.Gateway.BaseURL == "" {
		c.Gateway.BaseURL = c.baseURL(c.Gateway.Listen)
		c.origins["gateway.base_url"] = origin{}
	}
}

// UseBoundPorts replaces port 0 in the base URLs that were derived from the
// listen addresses by the ports of the addresses (host:port) that were really
// bound. Base URLs that were given stay as they are.
func (c *Config) UseBoundPorts(console, gateway string) {
	if c.origins["server.base_url"].isDefault() {
		c.Server.BaseURL = c.baseURL(withPortOf(c.Server.Listen, console))
	}
	if c.origins["gateway.base_url"].isDefault() {
		c.Gateway.BaseURL = c.baseURL(withPortOf(c.Gateway.Listen, gateway))
	}
}

func withPortOf(listen, bound string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port != "0" {
		return listen
	}
	if _, port, err = net.SplitHostPort(bound); err != nil {
		return listen
	}
	return net.JoinHostPort(host, port)
}

// baseURL is the URL of a listener; no browser can open a wildcard address, so
// that becomes localhost.
func (c *Config) baseURL(listen string) string {
	scheme := "http"
	if c.Server.TLS() {
		scheme = "https"
	}
	host, port, _ := net.SplitHostPort(listen)
	if addr := hostAddr(host); host == "" || addr.IsUnspecified() {
		host = "localhost"
	}
	return originURL(scheme, host, port)
}
