// Package config turns claviger.ini and the CLAVIGER_* environment into one
// typed Config.
//
// One table (table.go) declares every key; the typed values, the errors, the
// sample file, Print and docs/configuration.md are all made from it. A file goes
// through a strict scanner of ours first (scan.go) and only then through the
// INI parser, which by itself accepts a lot that nobody meant.
//
// The package knows files and variables. It must not know what the values are
// used for, and no error or warning of it ever contains a value, because any
// value can be a misplaced secret.
package config

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"time"
)

// DefaultFile is read from the working directory when no path is given and it exists.
const DefaultFile = "claviger.ini"

// maxFile bounds what Load reads; a configuration is a few KiB.
const maxFile = 1 << 20

// Config is the checked configuration; every field holds its final value.
type Config struct {
	Server    Server
	Gateway   Gateway
	Store     Store
	Session   Session
	Elevation Elevation
	Tokens    Tokens
	Security  Security
	Verifier  Verifier
	Audit     Audit
	Metrics   Metrics
	Log       Log

	origins map[string]origin // by "section.key"; what Print shows beside a value
}

// Server is the console's listener and what both listeners share.
type Server struct {
	Listen         string         // host:port
	BaseURL        string         // scheme and authority only, without a trailing slash
	DataDir        string         // may be relative to the working directory
	TrustedProxies []netip.Prefix // masked; IPv4 in IPv4 form
	TLSCert        string         // path of a PEM file; empty exactly when TLSKey is
	TLSKey         string         // path of a PEM file
	MaxConnections int            // that each listener holds, 16 to 1,000,000
	DrainTime      time.Duration  // for requests under way when the server ends
}

// TLS reports whether the listeners of console and gateway speak HTTPS themselves.
func (s Server) TLS() bool { return s.TLSCert != "" }

// Gateway is the listener that proxies to upstreams.
type Gateway struct {
	Listen          string        // host:port
	BaseURL         string        // scheme and authority only, without a trailing slash
	UpstreamTimeout time.Duration // until the head of an answer
	IdleTimeout     time.Duration // for which a caller may neither send nor take anything
	MaxHeader       int           // of a request, in bytes
	MaxBody         int           // of a request, in bytes; 0 means no limit
}

// Store says where the data is kept.
type Store struct {
	URL Redacted // postgres:// or postgresql://; empty means SQLite in Server.DataDir
}

// Session bounds a sign-in to the console.
type Session struct {
	IdleTimeout time.Duration
	MaxLifetime time.Duration
}

// Elevation bounds elevations.
type Elevation struct {
	MaxMinutes int // 1 to 480
}

// Tokens bounds the life of access tokens and API tokens.
type Tokens struct {
	DefaultTTL  int64         // of access tokens, in seconds; at most MaxTTL
	MaxTTL      int64         // of access tokens, in seconds
	MaxLifetime time.Duration // of API tokens; 0 means no limit
}

// Security holds the key file and the throttle of passwords.
type Security struct {
	KeyFile          string // never empty after Load
	PasswordAttempts int    // 1 to 1000, within PasswordWindow
	PasswordWindow   time.Duration
}

// Verifier bounds what the decision keeps in memory.
type Verifier struct {
	Remember int // credentials; 1,024 to 10,000,000
}

// Metrics is the listener of /metrics.
type Metrics struct {
	Listen string // host:port; empty means off
}

// Log says what is logged and how.
type Log struct {
	Level  slog.Level
	Format string // FormatAuto, FormatText or FormatJSON
}

// The values of Log.Format. FormatAuto is text on a terminal and JSON elsewhere.
const (
	FormatAuto = "auto"
	FormatText = "text"
	FormatJSON = "json"
)

// Load reads the file at path, lets the variables of env ("NAME=value", as from
// os.Environ) override it, fills in defaults and checks everything.
//
// An empty path means claviger.ini in the working directory when that exists,
// and defaults otherwise; a given path that does not exist is an error. Relative
// paths in values stay relative to the working directory. CLAVIGER_CONFIG is the
// caller's business: Load neither reads it nor warns about it. The error is
// always an *Error, which lists every problem found; warnings are returned with
// or without an error.
func Load(path string, env []string) (*Config, []Warning, error) {
	name := cmp.Or(path, DefaultFile)
	data, err := readFile(name)
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		data, err = nil, nil
	}
	if err != nil {
		problem := Problem{Origin: name, Message: "cannot be read: " + reason(err)}
		return nil, nil, &Error{Problems: []Problem{problem}}
	}
	return load(name, data, env)
}

// load is Load without the file system (but for the files that *_file keys name).
func load(name string, data []byte, env []string) (*Config, []Warning, error) {
	table := fields()
	file, problems := fromFile(table, name, data)
	variables, warnings := fromEnvironment(table, env)

	c := &Config{origins: make(map[string]origin, len(table))}
	for _, f := range table {
		problems = append(problems, c.resolve(f, file, variables)...)
	}
	problems = append(problems, c.check(problems)...)
	if len(problems) > 0 {
		slices.SortStableFunc(problems, compareProblems)
		return nil, warnings, &Error{Problems: problems}
	}
	c.derive()
	return c, warnings, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errors.New("larger than 1 MiB, which no configuration file is")
	}
	return data, err
}

// reason is err without the path, which can be a value.
func reason(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err.Error()
	}
	return err.Error()
}
