package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	t.Chdir(t.TempDir())
	got, warnings, err := Load("", nil)
	if err != nil || warnings != nil {
		t.Fatalf("warnings %v, error %v", warnings, err)
	}
	got.origins = nil
	want := &Config{
		Server:    Server{Listen: "127.0.0.1:8080", BaseURL: "http://127.0.0.1:8080", DataDir: "data", MaxConnections: 10_000, DrainTime: 10 * time.Second},
		Gateway:   Gateway{Listen: "127.0.0.1:8081", BaseURL: "http://127.0.0.1:8081", UpstreamTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeader: 64 << 10},
		Session:   Session{IdleTimeout: 8 * time.Hour, MaxLifetime: 7 * 24 * time.Hour},
		Elevation: Elevation{MaxMinutes: 60},
		Tokens:    Tokens{DefaultTTL: 604800, MaxTTL: 2592000},
		Security:  Security{KeyFile: "data/claviger.key", PasswordAttempts: 10, PasswordWindow: 15 * time.Minute},
		Verifier:  Verifier{Remember: 65536},
		Log:       Log{Level: slog.LevelInfo, Format: FormatAuto},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestWhichFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(DefaultFile, []byte("[log]\nlevel = warn\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := Load("", nil)
	if err != nil || c.Log.Level != slog.LevelWarn {
		t.Errorf("claviger.ini in the working directory is not read: %v", err)
	}
	given := write(t, "other.ini", "[log]\nlevel = error\n")
	if c, _, err = Load(given, nil); err != nil || c.Log.Level != slog.LevelError {
		t.Errorf("the given file is not read: %v", err)
	}
	for name, path := range map[string]string{
		"no such file":   filepath.Join(t.TempDir(), "missing.ini"),
		"is a directory": t.TempDir(),
		"larger than":    write(t, "large.ini", strings.Repeat("# comment\n", maxFile/10+1)),
	} {
		_, _, err := Load(path, nil)
		listed, ok := errors.AsType[*Error](err)
		if !ok || len(listed.Problems) != 1 || listed.Problems[0].Origin != path || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEnvironmentOverrides(t *testing.T) {
	file := []byte("[server]\nlisten = :1\ndata_dir = from-file\n[log]\nlevel = warn\n")
	c, warnings, err := load("claviger.ini", file, []string{
		"CLAVIGER_SERVER_LISTEN=:2", "CLAVIGER_SERVER_LISTEN=:3", "CLAVIGER_SERVER_DATA_DIR=", "CLAVIGER_LOG_FORMAT=json",
		"CLAVIGER_CONFIG=/etc/claviger.ini", "CLAVIGER_SERVER_LISTNE=sekrit", "CLAVIGER_PORT=tcp://sekrit", "CLAVIGER_UNSET=", "HOME=/x", "junk",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Server.Listen != ":3" || c.Server.DataDir != "from-file" || c.Log.Format != FormatJSON || c.Log.Level != slog.LevelWarn {
		t.Errorf("got %+v", c)
	}
	want := "[CLAVIGER_PORT: unknown variable, ignored" +
		" CLAVIGER_SERVER_LISTNE: unknown variable, ignored; did you mean CLAVIGER_SERVER_LISTEN?]"
	if got := fmt.Sprint(warnings); got != want {
		t.Errorf("warnings %s, want %s", got, want)
	}
	_, _, err = load("claviger.ini", nil, []string{"CLAVIGER_TOKENS_MAX_TTL=30d", "CLAVIGER_SERVER_DATA_DIR=a\nb", "CLAVIGER_METRICS_LISTEN=:8080"})
	want = "CLAVIGER_METRICS_LISTEN: [metrics] listen: is the address of [server] listen too; use another port\n" +
		"CLAVIGER_SERVER_DATA_DIR: [server] data_dir: contains a control character\n" +
		"CLAVIGER_TOKENS_MAX_TTL: [tokens] max_ttl: must be a whole number of seconds without a unit, such as 3600 for an hour or 604800 for 7 days"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestSecretFile(t *testing.T) {
	const url = "postgres://claviger:sekrit@db/claviger"
	plain, crlf := write(t, "plain", url+"\n"), write(t, "crlf", url+"\r\n")
	for _, c := range []struct{ name, file, env, want, problem string }{
		{name: "in the file", file: "url_file = " + plain, want: url},
		{name: "with CRLF", file: "url_file = " + crlf, want: url},
		{name: "in the environment", env: "CLAVIGER_STORE_URL_FILE=" + plain, want: url},
		{name: "environment over file", file: "url = postgres://other", env: "CLAVIGER_STORE_URL_FILE=" + plain, want: url},
		{name: "environment over file's file", file: "url_file = " + plain, env: "CLAVIGER_STORE_URL=postgres://other", want: "postgres://other"},
		{name: "empty ones", file: "url =\nurl_file =", want: ""},
		{name: "both", file: "url = postgres://x\nurl_file = " + plain, problem: "claviger.ini:3: [store] url_file: both url and url_file are given"},
		{name: "missing", file: "url_file = /nonexistent/sekrit", problem: "claviger.ini:2: [store] url_file: the file it names cannot be read: no such file"},
		{name: "a directory", file: "url_file = " + t.TempDir(), problem: "not a regular file"},
		{name: "empty file", file: "url_file = " + write(t, "empty", "\n"), problem: "it is empty"},
		{name: "two newlines", file: "url_file = " + write(t, "two", url+"\n\n"), problem: "[store] url: contains a control character"},
		{name: "too large", file: "url_file = " + write(t, "large", strings.Repeat("x", maxSecret+1)), problem: "larger than 64 KiB"},
		{name: "wrong", env: "CLAVIGER_STORE_URL_FILE=" + write(t, "wrong", "mysql://sekrit"), problem: "CLAVIGER_STORE_URL_FILE: [store] url: must start with postgres://"},
	} {
		got, warnings, err := load("claviger.ini", []byte("[store]\n"+c.file+"\n"), []string{c.env})
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) || strings.Contains(err.Error(), "sekrit") {
				t.Errorf("%s: %v, want %q", c.name, err, c.problem)
			}
			continue
		}
		if err != nil || warnings != nil || got.Store.URL.Expose() != c.want {
			t.Errorf("%s: %v, %v, or not the right URL", c.name, err, warnings)
		}
	}
}

func TestDerivedValues(t *testing.T) {
	for _, c := range []struct{ file, console, gateway, key string }{
		{"[server]\nlisten = :80\n[gateway]\nlisten = 0.0.0.0:8443\n", "http://localhost", "http://localhost:8443", "data/claviger.key"},
		{"[server]\nlisten = [::]:81\n[gateway]\nlisten = [::1]:82\n", "http://localhost:81", "http://[::1]:82", "data/claviger.key"},
		{"[server]\nlisten = :443\ntls_cert = c\ntls_key = k\ndata_dir = /srv/x/\n", "https://localhost", "https://127.0.0.1:8081", "/srv/x/claviger.key"},
		{"[server]\nbase_url = https://keys.example.com/\n[security]\nkey_file = k\n", "https://keys.example.com", "http://127.0.0.1:8081", "k"},
	} {
		got, _, err := load("claviger.ini", []byte(c.file), nil)
		if err != nil {
			t.Errorf("%q: %v", c.file, err)
			continue
		}
		if got.Server.BaseURL != c.console || got.Gateway.BaseURL != c.gateway || got.Security.KeyFile != c.key {
			t.Errorf("%q: %s, %s, %s", c.file, got.Server.BaseURL, got.Gateway.BaseURL, got.Security.KeyFile)
		}
	}
}

func TestUseBoundPorts(t *testing.T) {
	c, _, err := load("claviger.ini", []byte("[server]\nlisten = :0\n[gateway]\nlisten = 127.0.0.1:0\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.UseBoundPorts("[::]:40001", "127.0.0.1:40002")
	if c.Server.BaseURL != "http://localhost:40001" || c.Gateway.BaseURL != "http://127.0.0.1:40002" {
		t.Errorf("derived: %s, %s", c.Server.BaseURL, c.Gateway.BaseURL)
	}
	c, _, err = load("claviger.ini", []byte("[server]\nlisten = :0\nbase_url = https://keys.example.com\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.UseBoundPorts("[::]:40001", "127.0.0.1:8081")
	if c.Server.BaseURL != "https://keys.example.com" || c.Gateway.BaseURL != "http://127.0.0.1:8081" {
		t.Errorf("given: %s, %s", c.Server.BaseURL, c.Gateway.BaseURL)
	}
}
