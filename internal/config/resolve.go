package config

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

const (
	envPrefix = "CLAVIGER_"
	// envConfig names the file and is read by the command line.
	envConfig = "CLAVIGER_CONFIG"
	// maxSecret bounds the files that *_file keys name, in bytes.
	maxSecret = 64 << 10
)

// fromEnvironment picks the values of known keys out of env, by "section.key".
// An empty variable counts as unset; of two with one name the last counts.
func fromEnvironment(table []field, env []string) (map[string]given, []Warning) {
	names := map[string]string{}
	for _, f := range table {
		for _, key := range f.keys() {
			names[envName(f.section, key)] = f.section + "." + key
		}
	}
	values := map[string]given{}
	unknown := map[string]bool{}
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || name == envConfig {
			continue
		}
		id, known := names[name]
		switch {
		case !known && value != "":
			unknown[name] = true
		case known && value == "":
			delete(values, id)
		case known:
			values[id] = given{value, origin{label: name, env: true}}
		}
	}
	return values, unknownVariables(unknown, names)
}

func unknownVariables(unknown map[string]bool, names map[string]string) []Warning {
	var known []string
	for name := range names {
		known = append(known, strings.ToLower(name))
	}
	slices.Sort(known)
	var warnings []Warning
	for name := range unknown {
		message := "unknown variable, ignored"
		// A long name is near to many others by its prefix alone: two edits at most.
		if best := nearest(name, known); best != "" && distance(strings.ToLower(name), best) <= 2 {
			message += "; did you mean " + strings.ToUpper(best) + "?"
		}
		warnings = append(warnings, Warning{Origin: name, Message: message})
	}
	slices.SortFunc(warnings, func(a, b Warning) int { return strings.Compare(a.Origin, b.Origin) })
	return warnings
}

func envName(section, key string) string {
	return envPrefix + strings.ToUpper(section) + "_" + strings.ToUpper(key)
}

// resolve sets the value of f: from the environment, else from the file, else
// its default.
func (c *Config) resolve(f field, file, variables map[string]given) []Problem {
	value := given{value: f.def}
	for _, source := range []map[string]given{variables, file} {
		found, ok, problems := f.pick(source)
		if problems != nil {
			return problems
		}
		if ok {
			value = found
			break
		}
	}
	c.origins[f.id()] = value.origin
	if value.value == "" {
		if f.def == "" {
			return nil
		}
		return []Problem{value.problem(f.section, f.key, "is empty; give a value, or remove the line for the default, "+f.def)}
	}
	if message := unreadable(value.value); message != "" {
		return []Problem{value.problem(f.section, f.key, message)}
	}
	if err := f.set(c, value.value); err != nil {
		return []Problem{value.problem(f.section, f.key, err.Error())}
	}
	return nil
}

// pick finds the value of f in one source: the file or the environment. For a
// secret that is the key itself or the contents of the file that <key>_file names.
func (f field) pick(source map[string]given) (given, bool, []Problem) {
	value, ok := source[f.id()]
	if !f.secret {
		return value, ok, nil
	}
	path, fromFile := source[f.id()+fileSuffix]
	if !fromFile || path.value == "" {
		return value, ok, nil
	}
	if ok && value.value != "" {
		message := fmt.Sprintf("both %s and %s are given; remove one of them", f.key, f.key+fileSuffix)
		return given{}, false, []Problem{path.problem(f.section, f.key+fileSuffix, message)}
	}
	secret, err := readSecret(path.value)
	if err != nil {
		message := "the file it names cannot be read: " + reason(err)
		return given{}, false, []Problem{path.problem(f.section, f.key+fileSuffix, message)}
	}
	where := path.origin
	where.file = path.value
	return given{secret, where}, true, nil
}

// readSecret returns the contents of the file without one trailing newline.
func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	// Opening a pipe would wait for a writer for ever.
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("larger than 64 KiB, which no secret is")
	}
	secret, _ := strings.CutSuffix(string(data), "\n")
	secret, _ = strings.CutSuffix(secret, "\r")
	if secret == "" {
		return "", fmt.Errorf("it is empty")
	}
	return secret, nil
}
