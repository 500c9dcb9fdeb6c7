package config

import (
	"fmt"
	"io"
	"strings"
)

// Print writes every value in force in the form of the file, with its origin
// behind it: default, file:line, env NAME, or the file that a *_file key names.
// Secrets are redacted.
func (c *Config) Print(w io.Writer) error {
	var b strings.Builder
	last := ""
	for _, f := range fields() {
		if f.section != last {
			if last != "" {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "[%s]\n", f.section)
			last = f.section
		}
		assignment := strings.TrimSpace(f.key + " = " + f.show(c))
		fmt.Fprintf(&b, "%-44s # %s\n", assignment, c.origins[f.id()])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Sample is a configuration file in which every key stands commented out with
// its default. Help has two #, so that taking one # off every line leaves a
// file that still loads.
func Sample() string {
	var b strings.Builder
	b.WriteString("## Claviger's configuration. Every key has a default: take the # off what you change.\n" +
		"## A # or ; after a space starts a comment. The variable CLAVIGER_<SECTION>_<KEY> overrides a key.\n" +
		"## Durations: 15m, 8h, 7d, 1d12h.\n")
	for _, s := range sections() {
		fmt.Fprintf(&b, "\n## %s\n[%s]\n", s.help, s.name)
		for _, f := range fields() {
			if f.section == s.name {
				f.sample(&b)
			}
		}
	}
	return b.String()
}

func (f field) sample(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n", f.help)
	if f.derived != "" {
		fmt.Fprintf(b, "## Empty: %s.\n", f.derived)
	}
	fmt.Fprintf(b, "# %s\n", strings.TrimSpace(f.key+" = "+f.def))
	if f.secret {
		fmt.Fprintf(b, "## Instead of %s: a file that contains it.\n# %s =\n", f.key, f.key+fileSuffix)
	}
}

// reference is docs/configuration.md.
func reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, s := range sections() {
		fmt.Fprintf(&b, "\n## [%s]\n\n%s\n\n| key | type | default | what |\n|---|---|---|---|\n", s.name, s.help)
		for _, f := range fields() {
			if f.section != s.name {
				continue
			}
			def := "`" + f.def + "`"
			if f.def == "" {
				def = "empty: " + f.derived
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.key, f.kind, def, f.help)
			if f.secret {
				fmt.Fprintf(&b, "| `%s` | path | empty | A file that contains `%s`. Give one of the two. |\n", f.key+fileSuffix, f.key)
			}
		}
	}
	return b.String()
}

const referenceHead = `<!-- Made from internal/config by: go test ./internal/config -update. Do not edit. -->
# Configuration

Every key has a default, so ` + "`claviger serve`" + ` works without any configuration.

- **The file** is named by ` + "`--config FILE`" + ` or the variable ` + "`CLAVIGER_CONFIG`" + `; otherwise it is ` + "`claviger.ini`" + ` in the
  working directory, if there is one. ` + "`claviger config sample`" + ` prints one to start from.
- **The environment** overrides the file: ` + "`CLAVIGER_<SECTION>_<KEY>`" + `, such as ` + "`CLAVIGER_SERVER_LISTEN`" + `. An empty variable
  counts as unset; an unknown one is a warning.
- **Secrets** can stand in a file of their own, named by ` + "`<key>_file`" + ` (` + "`CLAVIGER_STORE_URL_FILE=/run/secrets/store_url`" + `). One
  newline at its end is ignored. Giving both in the same place is an error.
- **Checking**: ` + "`claviger config check`" + ` names every problem at once, by line or variable and never with a value.
  ` + "`claviger config print`" + ` shows each value in force and where it came from, with secrets redacted.
- **Relative paths** are relative to the working directory.

## Syntax

Lines are ` + "`[section]`" + `, ` + "`key = value`" + `, a comment (` + "`#`" + ` or ` + "`;`" + ` first) or empty, in UTF-8, up to 4096 bytes. A ` + "`#`" + ` or ` + "`;`" + ` that
follows a space or a tab starts a comment; elsewhere in a value it is part of the value. There are no quotes, no escapes, no continued
lines and no interpolation: ` + "`%`, `$`" + ` and ` + "`\\`" + ` stand for themselves. A section or key that is unknown or occurs twice is an error.
Names are in lower case.

Durations are written ` + "`15m`, `8h`, `7d`, `1d12h`" + ` and are longer than zero (only ` + "`" + `[tokens] max_lifetime` + "`" + ` takes 0, which is no limit). Addresses are ` + "`127.0.0.1:8080`, `[::1]:8080`" + ` or
` + "`:8080`" + `. Lives of access tokens are whole numbers of seconds, as in OAuth's ` + "`expires_in`" + `, never durations.
`
