package config

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"
)

// fileSuffix makes of a secret's key the key that names a file with the secret.
const fileSuffix = "_file"

// field declares one key. An empty default means that the key may be empty.
type field struct {
	section, key string
	kind         string // name of the type, for people
	def          string
	derived      string // what an empty value becomes, for people
	help         string
	secret       bool
	set          func(*Config, string) error
	show         func(*Config) string
}

func (f field) id() string { return f.section + "." + f.key }

// keys are the names under which f can be given.
func (f field) keys() []string {
	if f.secret {
		return []string{f.key, f.key + fileSuffix}
	}
	return []string{f.key}
}

func of[T any](k kind[T], at func(*Config) *T, f field) field {
	f.kind = k.name
	f.set = func(c *Config, s string) error {
		value, err := k.parse(s)
		if err == nil {
			*at(c) = value
		}
		return err
	}
	f.show = func(c *Config) string { return k.show(*at(c)) }
	return f
}

// section is a group of fields; its help opens the group in sample and reference.
type section struct{ name, help string }

func sections() []section {
	return []section{
		{"server", "The console: pages, forward-auth (/verify), OAuth endpoints."},
		{"gateway", "The gateway, which checks credentials and passes requests on to the upstreams."},
		{"store", "Where the data is kept."},
		{"session", "Sign-ins to the console."},
		{"elevation", "Elevated permissions of admins."},
		{"tokens", "Lives of access tokens (from the OAuth endpoints) and API tokens (from the console)."},
		{"security", "Keys, and the brake on guessing passwords."},
		{"verifier", "The check of credentials, which every request waits for."},
		{"audit", "The record of every act, sent to where those who run this server cannot change it."},
		{"metrics", "Prometheus metrics on a listener of their own."},
		{"log", "What is written to standard error."},
	}
}

// fields is the table that everything in this package is made from.
func fields() []field {
	return slices.Concat(listenerFields(), gatewayFields(), storeFields(), signInFields(), tokenFields(), securityFields(), verifierFields(), auditFields(), outputFields())
}

func listenerFields() []field {
	return []field{
		of(addressKind(), func(c *Config) *string { return &c.Server.Listen }, field{
			section: "server", key: "listen", def: "127.0.0.1:8080",
			help: "Address of the console. :8080 listens on every interface; port 0 takes a free one.",
		}),
		of(baseURLKind(), func(c *Config) *string { return &c.Server.BaseURL }, field{
			section: "server", key: "base_url", derived: "http:// (with tls_cert https://) and the address of listen",
			help: "URL under which people and clients reach the console; also the OAuth issuer. Scheme and host only, no path.",
		}),
		of(pathKind(), func(c *Config) *string { return &c.Server.DataDir }, field{
			section: "server", key: "data_dir", def: "data",
			help: "Directory of the database, the key and the socket. Relative to the working directory.",
		}),
		of(prefixesKind(), func(c *Config) *[]netip.Prefix { return &c.Server.TrustedProxies }, field{
			section: "server", key: "trusted_proxies", derived: "none",
			help: "Proxies whose X-Forwarded-For is believed. Name exactly your proxies: whoever is listed can claim any address.",
		}),
		of(pathKind(), func(c *Config) *string { return &c.Server.TLSCert }, field{
			section: "server", key: "tls_cert", derived: "plain HTTP",
			help: "PEM file of the certificate chain, for HTTPS on console and gateway without a proxy. Needs tls_key.",
		}),
		of(pathKind(), func(c *Config) *string { return &c.Server.TLSKey }, field{
			section: "server", key: "tls_key", derived: "plain HTTP",
			help: "PEM file of the certificate's private key. Needs tls_cert.",
		}),
		of(numberKind(16, 1_000_000), func(c *Config) *int { return &c.Server.MaxConnections }, field{
			section: "server", key: "max_connections", def: "10000",
			help: "Connections that each listener holds. Near the bound idle ones are closed; beyond it new ones get 503. Lowered to what the limit of open files allows.",
		}),
		of(durationKind(), func(c *Config) *time.Duration { return &c.Server.DrainTime }, field{
			section: "server", key: "drain_time", def: "10s",
			help: "Time that requests under way have to finish when the server is told to end (SIGTERM). What still runs then is cut.",
		}),
		of(addressKind(), func(c *Config) *string { return &c.Gateway.Listen }, field{
			section: "gateway", key: "listen", def: "127.0.0.1:8081",
			help: "Address of the gateway; must differ from the console's.",
		}),
		of(baseURLKind(), func(c *Config) *string { return &c.Gateway.BaseURL }, field{
			section: "gateway", key: "base_url", derived: "http:// (with tls_cert https://) and the address of listen",
			help: "URL under which clients reach the gateway; shown on the Manage API page. Scheme and host only, no path.",
		}),
	}
}

func gatewayFields() []field {
	return []field{
		of(durationKind(), func(c *Config) *time.Duration { return &c.Gateway.UpstreamTimeout }, field{
			section: "gateway", key: "upstream_timeout", def: "1m",
			help: "Time that an upstream has to begin its answer; then the caller gets 504. An API can have its own. No limit for answers that have begun.",
		}),
		of(durationKind(), func(c *Config) *time.Duration { return &c.Gateway.IdleTimeout }, field{
			section: "gateway", key: "idle_timeout", def: "1m",
			help: "A caller who sends nothing of a body that is expected, or takes nothing of an answer, for this time is cut off. WebSockets may be idle.",
		}),
		of(numberKind(4096, 1<<20), func(c *Config) *int { return &c.Gateway.MaxHeader }, field{
			section: "gateway", key: "max_header", def: "65536",
			help: "Largest head of a request, in bytes; a larger one gets 431.",
		}),
		of(numberKind(0, 1<<40), func(c *Config) *int { return &c.Gateway.MaxBody }, field{
			section: "gateway", key: "max_body", def: "0",
			help: "Largest body of a request to an upstream, in bytes; a larger one gets 413. 0 is no limit.",
		}),
	}
}

func storeFields() []field {
	return []field{
		of(storeURLKind(), func(c *Config) *Redacted { return &c.Store.URL }, field{
			section: "store", key: "url", derived: "SQLite in data_dir", secret: true,
			help: "PostgreSQL database, such as postgres://claviger:PASSWORD@db.example.com/claviger.",
		}),
	}
}

func signInFields() []field {
	return []field{
		of(durationKind(), func(c *Config) *time.Duration { return &c.Session.IdleTimeout }, field{
			section: "session", key: "idle_timeout", def: "8h",
			help: "A session ends after this time without a request.",
		}),
		of(durationKind(), func(c *Config) *time.Duration { return &c.Session.MaxLifetime }, field{
			section: "session", key: "max_lifetime", def: "7d",
			help: "A session ends this long after the sign-in, used or not.",
		}),
		of(numberKind(1, 480), func(c *Config) *int { return &c.Elevation.MaxMinutes }, field{
			section: "elevation", key: "max_minutes", def: "60",
			help: "Longest elevation that can be chosen, in minutes.",
		}),
	}
}

func tokenFields() []field {
	return []field{
		of(secondsKind(), func(c *Config) *int64 { return &c.Tokens.DefaultTTL }, field{
			section: "tokens", key: "default_ttl", def: "604800",
			help: "Life of an access token when neither application nor request says otherwise, in seconds (604800 = 7 days).",
		}),
		of(secondsKind(), func(c *Config) *int64 { return &c.Tokens.MaxTTL }, field{
			section: "tokens", key: "max_ttl", def: "2592000",
			help: "Longest life of an access token, in seconds (2592000 = 30 days). Not less than default_ttl.",
		}),
		of(limitKind(), func(c *Config) *time.Duration { return &c.Tokens.MaxLifetime }, field{
			section: "tokens", key: "max_lifetime", derived: "no limit",
			help: "Longest life of an API token that can be chosen, such as 365d.",
		}),
	}
}

func securityFields() []field {
	return []field{
		of(pathKind(), func(c *Config) *string { return &c.Security.KeyFile }, field{
			section: "security", key: "key_file", derived: "claviger.key in data_dir",
			help: "File of the server's keys, made at the first start. Without it no stored credential can be checked: back it up, apart from the database.",
		}),
		of(numberKind(1, 1000), func(c *Config) *int { return &c.Security.PasswordAttempts }, field{
			section: "security", key: "password_attempts", def: "10",
			help: "Wrong passwords that are answered within password_window before further ones have to wait.",
		}),
		of(durationKind(), func(c *Config) *time.Duration { return &c.Security.PasswordWindow }, field{
			section: "security", key: "password_window", def: "15m",
			help: "Time over which wrong passwords are counted.",
		}),
	}
}

func verifierFields() []field {
	return []field{
		of(numberKind(1024, 10_000_000), func(c *Config) *int { return &c.Verifier.Remember }, field{
			section: "verifier", key: "remember", def: "65536",
			help: "Credentials kept in memory, where a check costs no lookup; as many unknown secrets are kept beside them. Full, they take about 3.5 KiB each (220 MiB), garbage included, and 64 MiB more of garbage come on top; `GOGC` or `GOMEMLIMIT` in the environment replace that.",
		}),
	}
}

func outputFields() []field {
	return []field{
		of(addressKind(), func(c *Config) *string { return &c.Metrics.Listen }, field{
			section: "metrics", key: "listen", derived: "off",
			help: "Address of /metrics, such as 127.0.0.1:9090; it has no sign-in.",
		}),
		of(levelKind(), func(c *Config) *slog.Level { return &c.Log.Level }, field{
			section: "log", key: "level", def: "info",
			help: "Least level that is logged.",
		}),
		of(choiceKind(FormatAuto, FormatText, FormatJSON), func(c *Config) *string { return &c.Log.Format }, field{
			section: "log", key: "format", def: FormatAuto,
			help: "auto is text on a terminal and JSON elsewhere.",
		}),
	}
}

func sectionNames(table []field) []string {
	var names []string
	for _, f := range table {
		if !slices.Contains(names, f.section) {
			names = append(names, f.section)
		}
	}
	return names
}

func keyNames(table []field, section string) []string {
	var names []string
	for _, f := range table {
		if f.section == section {
			names = append(names, f.keys()...)
		}
	}
	return names
}

func declares(table []field, section, key string) bool {
	return slices.Contains(keyNames(table, section), key)
}

// sectionOf is the first section that has the key, or "".
func sectionOf(table []field, key string) string {
	i := slices.IndexFunc(table, func(f field) bool { return slices.Contains(f.keys(), key) })
	if i < 0 {
		return ""
	}
	return table[i].section
}
