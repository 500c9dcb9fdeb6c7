package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"15m": 15 * time.Minute, "8h": 8 * time.Hour, "7d": 7 * day, "1d12h": 36 * time.Hour, "1h30m": 90 * time.Minute,
		"90s": 90 * time.Second, "0d1s": time.Second, "365d": 365 * day, "1.5h": 90 * time.Minute, "36500d": 36500 * day,
	} {
		got, err := parseDuration(text)
		if err != nil || got != want {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
		if back, err := parseDuration(showDuration(got)); err != nil || back != got {
			t.Errorf("%q is shown as %q, which reads as %v, %v", text, showDuration(got), back, err)
		}
	}
	for _, text := range []string{
		"30", "0", "0s", "0d", "-1h", "-7d", "+7d", "d", "7D", "1.5d", "1d-1h", "1d+1h", "12h1d", "1d1d", "7 d", "x", "9999999d",
		"999999999999999999999d", "3000000h", "1w",
	} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", text, got)
		}
	}
	if got, err := limitKind().parse("0"); got != 0 || err != nil {
		t.Errorf("a limit of 0 = %v, %v; want none", got, err)
	}
	if _, err := limitKind().parse("-1d"); err == nil {
		t.Error("a negative limit is accepted")
	}
}

func TestParseSeconds(t *testing.T) {
	parse := secondsKind().parse
	for text, want := range map[string]int64{"1": 1, "604800": 604800, "315360000": maxTTL} {
		if got, err := parse(text); err != nil || got != want {
			t.Errorf("%q = %d, %v; want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"7d": "seconds without a unit", "1h": "seconds", "3600.0": "whole number", "+5": "whole number", "-5": "whole number",
		"1_000": "whole number", "99999999999999999999": "whole number", "0": "0 is refused", "00": "0 is refused",
		"604800000": "not milliseconds",
	} {
		if got, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q = %d, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestParseNumberAndChoice(t *testing.T) {
	minutes := numberKind(1, 480)
	for text, ok := range map[string]bool{"1": true, "480": true, "0": false, "481": false, "-1": false, "1.0": false, "": false, "x": false} {
		if _, err := minutes.parse(text); (err == nil) != ok {
			t.Errorf("minutes %q: %v", text, err)
		}
	}
	for text, ok := range map[string]bool{"debug": true, "info": true, "warn": true, "error": true, "INFO": false, "info+2": false, "": false} {
		level, err := levelKind().parse(text)
		if (err == nil) != ok || (ok && levelKind().show(level) != text) {
			t.Errorf("level %q = %v, %v", text, level, err)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:8080": "", ":8080": "", "[::1]:8080": "", "[::]:0": "", "localhost:80": "", "claviger_web.internal:65535": "",
		"[fe80::1%eth0]:8080": "", ":08080": ":8080",
	} {
		if want == "" {
			want = text
		}
		if got, err := parseAddress(text); err != nil || got != want {
			t.Errorf("parseAddress(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"8080", "127.0.0.1", "::1:8080", "[::1]", ":", "localhost:", ":65536", ":-1", ":http", "127.0.0.256:80", "a b:80", "-a:80",
		"http://127.0.0.1:80", "ex\u00e4mple:80", "[fe80::1%<b>]:80", ":80:80",
	} {
		if got, err := parseAddress(text); err == nil {
			t.Errorf("parseAddress(%q) = %q, want an error", text, got)
		}
	}
}

func TestParseBaseURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://keys.example.com": "https://keys.example.com", "https://keys.example.com/": "https://keys.example.com",
		"HTTPS://Keys.Example.com:443": "https://keys.example.com", "http://localhost:80/": "http://localhost",
		"http://10.0.0.1:8080": "http://10.0.0.1:8080", "http://[::1]:8080": "http://[::1]:8080", "https://[2001:DB8::1]": "https://[2001:db8::1]",
	} {
		if got, err := parseBaseURL(text); err != nil || got != want {
			t.Errorf("parseBaseURL(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"keys.example.com", "localhost:8080", "//keys.example.com", "ftp://keys.example.com", "https:keys.example.com", "https://",
		"https://:8080", "https://keys.example.com:", "https://keys.example.com:0", "https://keys.example.com:65536",
		"https://keys.example.com/claviger", "https://keys.example.com//", "https://keys.example.com?", "https://keys.example.com/?a=b",
		"https://keys.example.com#", "https://u@keys.example.com", "https://u:p@keys.example.com", "https://ke\"ys.example.com",
		"https://\u00e4.example.com", "https://[fe80::1%25eth0]", "https://a b", "javascript:alert(1)", "https://1.2.3.999",
	} {
		if got, err := parseBaseURL(text); err == nil {
			t.Errorf("parseBaseURL(%q) = %q, want an error", text, got)
		}
	}
}

func TestParseStoreURL(t *testing.T) {
	for _, text := range []string{"postgres://db/claviger", "postgresql://u:p%23@db:5432/claviger?sslmode=disable", "postgres:///claviger?host=/run/postgresql"} {
		if got, err := parseStoreURL(text); err != nil || got.Expose() != text {
			t.Errorf("parseStoreURL(%q) = %q, %v", text, got.Expose(), err)
		}
	}
	for _, text := range []string{"mysql://db", "sqlite://x", "db", "postgres:/db", "postgres://u:p#s@db/c", "postgres://db/%zz", "POSTGRES://db"} {
		if _, err := parseStoreURL(text); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("parseStoreURL(%q): %v, want an error without the value", text, err)
		}
	}
}

func TestParsePrefixes(t *testing.T) {
	got, err := parsePrefixes("10.1.2.3/8, 192.0.2.1,::ffff:192.0.2.2, ::ffff:10.0.0.0/104 ,fd00::1/8,::1")
	var want []netip.Prefix
	for _, text := range []string{"10.0.0.0/8", "192.0.2.1/32", "192.0.2.2/32", "10.0.0.0/8", "fd00::/8", "::1/128"} {
		want = append(want, netip.MustParsePrefix(text))
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for text, entry := range map[string]string{
		"10.0.0.0/33": "entry 1", "10.0.0.0/8,": "entry 2", "10.0.0.1,,::1": "entry 2", "10.0.0.1 ::1": "entry 1", "proxy.example.com": "entry 1",
		"10.0.0.1,fe80::1%eth0": "entry 2", "::ffff:0.0.0.0/90": "entry 1", "10.0.0.1, 010.0.0.1": "entry 2",
	} {
		if got, err := parsePrefixes(text); err == nil || !strings.Contains(err.Error(), entry) {
			t.Errorf("parsePrefixes(%q) = %v, %v; want an error at %s", text, got, err, entry)
		}
	}
}

func TestClash(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:0", "127.0.0.1:0", false},
		{":80", "127.0.0.1:80", true},
		{"[::]:80", "0.0.0.0:80", true},
		{"0.0.0.0:80", "10.0.0.1:80", true},
		{"0.0.0.0:80", "[::1]:80", false},
		{"localhost:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{"a.internal:80", "A.internal:80", true},
		{"a.internal:80", "b.internal:80", false},
		{"", "127.0.0.1:80", false},
	} {
		if clash(c.a, c.b) != c.want || clash(c.b, c.a) != c.want {
			t.Errorf("clash(%q, %q) is not %v both ways", c.a, c.b, c.want)
		}
	}
}
