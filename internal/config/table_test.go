package config

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTableIsSound(t *testing.T) {
	table := fields()
	var names []string
	for _, s := range sections() {
		names = append(names, s.name)
	}
	if got := sectionNames(table); !slices.Equal(got, names) {
		t.Errorf("sections of the fields %v, of the groups %v", got, names)
	}
	seen := map[string]bool{}
	for _, f := range table {
		for _, key := range f.keys() {
			id := f.section + "." + key
			if seen[id] {
				t.Errorf("%s is declared twice", id)
			}
			seen[id] = true
			if !regexp.MustCompile(`^[a-z]+\.[a-z_]+$`).MatchString(id) {
				t.Errorf("%s does not look like a key", id)
			}
		}
		if f.help == "" || !strings.HasSuffix(f.help, ".") || strings.Contains(f.help, "|") {
			t.Errorf("%s: help must be a sentence that fits in a table: %q", f.id(), f.help)
		}
		if (f.def == "") != (f.derived != "") {
			t.Errorf("%s: exactly one of default and derived must be said", f.id())
		}
		if f.def == "" {
			continue
		}
		c := &Config{}
		if err := f.set(c, f.def); err != nil {
			t.Errorf("%s: its default is refused: %v", f.id(), err)
		}
		if got := f.show(c); got != f.def {
			t.Errorf("%s: the default %q is shown as %q", f.id(), f.def, got)
		}
	}
}

// The keys are an interface: people's files and tools are built on them.
func TestKeysAreTheContract(t *testing.T) {
	want := map[string]string{
		"server": "listen base_url data_dir trusted_proxies tls_cert tls_key max_connections drain_time", "gateway": "listen base_url upstream_timeout idle_timeout max_header max_body",
		"store": "url url_file", "session": "idle_timeout max_lifetime", "elevation": "max_minutes",
		"tokens":   "default_ttl max_ttl max_lifetime",
		"security": "key_file password_attempts password_window", "verifier": "remember", "audit": "ship_to webhook_secret webhook_secret_file", "metrics": "listen", "log": "level format",
	}
	table := fields()
	for section, keys := range want {
		if got := strings.Join(keyNames(table, section), " "); got != keys {
			t.Errorf("[%s] has %q, want %q", section, got, keys)
		}
	}
	if got := len(sectionNames(table)); got != len(want) {
		t.Errorf("%d sections, want %d", got, len(want))
	}
}

func TestNearest(t *testing.T) {
	keys := keyNames(fields(), "server")
	for name, want := range map[string]string{
		"listen": "listen", "lsiten": "listen", "Listen": "listen", "base-url": "base_url", "baseurl": "base_url",
		"trusted_proxy": "trusted_proxies", "tls_crt": "tls_cert", "colour": "", "": "", strings.Repeat("listen", 20): "",
	} {
		if got := nearest(name, keys); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
