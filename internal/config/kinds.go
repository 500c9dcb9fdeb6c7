package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// kind is a type of value: its name in the reference, how it is read and how it
// is written. What parse accepts, show writes in a form that parses to the same.
// The errors of parse never contain the value.
type kind[T any] struct {
	name  string
	parse func(string) (T, error)
	show  func(T) string
}

func verbatim(s string) string { return s }

func pathKind() kind[string] {
	return kind[string]{"path", func(s string) (string, error) { return s, nil }, verbatim}
}

func addressKind() kind[string] {
	return kind[string]{"host:port", parseAddress, verbatim}
}

func baseURLKind() kind[string] {
	return kind[string]{"URL", parseBaseURL, verbatim}
}

func storeURLKind() kind[Redacted] {
	return kind[Redacted]{"URL", parseStoreURL, Redacted.String}
}

func prefixesKind() kind[[]netip.Prefix] {
	show := func(prefixes []netip.Prefix) string {
		texts := make([]string, len(prefixes))
		for i, p := range prefixes {
			texts[i] = p.String()
		}
		return strings.Join(texts, ", ")
	}
	return kind[[]netip.Prefix]{"list of addresses and CIDR ranges, separated by commas", parsePrefixes, show}
}

func durationKind() kind[time.Duration] {
	return kind[time.Duration]{"duration", parseDuration, showDuration}
}

// limitKind is a duration whose zero, also written 0 or 0d, means no limit.
func limitKind() kind[time.Duration] {
	parse := func(s string) (time.Duration, error) {
		if s == "0" || s == "0d" {
			return 0, nil
		}
		return parseDuration(s)
	}
	show := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return showDuration(d)
	}
	return kind[time.Duration]{"duration", parse, show}
}

func numberKind(least, most int) kind[int] {
	message := fmt.Errorf("must be a whole number from %d to %d", least, most)
	parse := func(s string) (int, error) {
		n, ok := parseDigits(s)
		if !ok || n < int64(least) || n > int64(most) {
			return 0, message
		}
		return int(n), nil
	}
	return kind[int]{fmt.Sprintf("number, %d to %d", least, most), parse, strconv.Itoa}
}

// maxTTL is ten years in seconds; beyond it a number is milliseconds by mistake.
const maxTTL = 315_360_000

func secondsKind() kind[int64] {
	parse := func(s string) (int64, error) {
		n, ok := parseDigits(s)
		switch {
		case !ok:
			return 0, errors.New("must be a whole number of seconds without a unit, such as 3600 for an hour or 604800 for 7 days")
		case n == 0:
			return 0, errors.New("must be at least 1 second; 0 is refused, because it could be read as both never and at once")
		case n > maxTTL:
			return 0, fmt.Errorf("must be at most %d seconds, which is ten years; note that it is in seconds, not milliseconds", maxTTL)
		}
		return n, nil
	}
	show := func(n int64) string { return strconv.FormatInt(n, 10) }
	return kind[int64]{"seconds", parse, show}
}

func levelKind() kind[slog.Level] {
	choice := choiceKind("debug", "info", "warn", "error")
	parse := func(s string) (slog.Level, error) {
		var level slog.Level
		if _, err := choice.parse(s); err != nil {
			return level, err
		}
		return level, level.UnmarshalText([]byte(s))
	}
	show := func(l slog.Level) string { return strings.ToLower(l.String()) }
	return kind[slog.Level]{choice.name, parse, show}
}

func choiceKind(choices ...string) kind[string] {
	list := strings.Join(choices[:len(choices)-1], ", ") + " or " + choices[len(choices)-1]
	parse := func(s string) (string, error) {
		for _, c := range choices {
			if s == c {
				return c, nil
			}
		}
		return "", errors.New("must be " + list)
	}
	return kind[string]{list, parse, verbatim}
}

// parseDigits reads digits only: no sign, no underscores, no unit. A number too
// large for int64 is not ok.
func parseDigits(s string) (int64, bool) {
	if strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// parseDuration reads Go's syntax with whole days in front: 15m, 8h, 7d, 1d12h.
func parseDuration(s string) (time.Duration, error) {
	syntax := errors.New("must be a duration with units, such as 15m, 8h, 7d or 1d12h")
	text := s
	var days int64
	if number, rest, found := strings.Cut(s, "d"); found {
		var ok bool
		if days, ok = parseDigits(number); !ok {
			return 0, syntax
		}
		if text = rest; text == "" {
			text = "0s"
		}
		if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
			return 0, syntax
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, syntax
	}
	const maxDays = 36500
	if days > maxDays || d > maxDays*day {
		return 0, fmt.Errorf("must be at most %d days", maxDays)
	}
	d += time.Duration(days) * day
	if d <= 0 {
		return 0, errors.New("must be longer than zero")
	}
	return d, nil
}

const day = 24 * time.Hour

// showDuration writes days, and Go's syntax without its zero parts.
func showDuration(d time.Duration) string {
	text := ""
	if d >= day {
		text = fmt.Sprintf("%dd", d/day)
		d %= day
	}
	if d == 0 && text != "" {
		return text
	}
	rest := d.String()
	if strings.HasSuffix(rest, "m0s") {
		rest = strings.TrimSuffix(rest, "0s")
	}
	if strings.HasSuffix(rest, "h0m") {
		rest = strings.TrimSuffix(rest, "0m")
	}
	return text + rest
}

// hostName is a DNS name in ASCII; underscores are for container networks.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)

func validHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == "" || hostName.MatchString(addr.Zone())
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if _, number := parseDigits(last); number {
		return false // 127.0.0.256, which nobody means as a name
	}
	return len(host) <= 253 && hostName.MatchString(host)
}

func validPort(port string) (string, bool) {
	n, ok := parseDigits(port)
	return strconv.FormatInt(n, 10), ok && n <= 65535
}

func parseAddress(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", errors.New("must be host:port, such as 127.0.0.1:8080, [::1]:8080 or :8080")
	}
	if host != "" && !validHost(host) {
		return "", errors.New("the host is neither a name nor an address")
	}
	port, ok := validPort(port)
	if !ok {
		return "", errors.New("the port must be a number from 0 to 65535")
	}
	return net.JoinHostPort(host, port), nil
}

func parseBaseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Opaque != "" {
		return "", errors.New("must be a URL that starts with https:// or http://, such as https://keys.example.com")
	}
	switch {
	case u.User != nil:
		return "", errors.New("must not contain a user name or a password")
	case strings.ContainsAny(s, "?#"):
		return "", errors.New("must not contain a query or a fragment")
	case u.Path != "" && u.Path != "/":
		return "", errors.New("must not contain a path: Claviger is served at the root of a host")
	case !validHost(u.Hostname()) || strings.Contains(u.Host, "%"):
		return "", errors.New("the host is neither a name in ASCII (xn--… for others) nor an address")
	case strings.HasSuffix(u.Host, ":"):
		return "", errors.New("there is no port after the colon")
	}
	if u.Port() != "" {
		if port, ok := validPort(u.Port()); !ok || port == "0" {
			return "", errors.New("the port must be a number from 1 to 65535")
		}
	}
	return originURL(u.Scheme, u.Hostname(), u.Port()), nil
}

// originURL is the URL in the one form that browsers send as Origin: lower case,
// no default port.
func originURL(scheme, host, port string) string {
	if (scheme == "http" && port == "80") || (scheme == "https" && port == "443") {
		port = ""
	}
	host = strings.ToLower(host)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		host += ":" + port
	}
	return (&url.URL{Scheme: scheme, Host: host}).String()
}

func parseStoreURL(s string) (Redacted, error) {
	if !strings.HasPrefix(s, "postgres://") && !strings.HasPrefix(s, "postgresql://") {
		return Redacted{}, errors.New("must start with postgres:// or postgresql:// (leave it empty for SQLite in data_dir)")
	}
	if _, err := url.Parse(s); err != nil || strings.Contains(s, "#") {
		return Redacted{}, errors.New("is not a valid URL; special characters in the password must be percent-encoded")
	}
	return NewRedacted(s), nil
}

func parsePrefixes(s string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	number := 0
	for item := range strings.SplitSeq(s, ",") {
		number++
		prefix, ok := parsePrefix(strings.TrimSpace(item))
		if !ok {
			return nil, fmt.Errorf("entry %d is neither an address nor a CIDR range, such as 10.0.0.0/8 or fd00::/8", number)
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

// parsePrefix reads an address or a range; ::ffff:10.0.0.0/104 becomes 10.0.0.0/8,
// so that one comparison with unmapped addresses is enough.
func parsePrefix(s string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), addr.Zone() == ""
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if prefix.Addr().Is4In6() {
		if prefix.Bits() < 96 {
			return netip.Prefix{}, false
		}
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), true
}
