package config

import (
	"cmp"
	"fmt"
	"strings"
)

// Problem is one thing wrong with the configuration. It never contains a value.
type Problem struct {
	Origin  string // "claviger.ini:12", "claviger.ini", or the name of a variable
	Section string // may be empty, as Key: a line that is neither has no place
	Key     string
	Message string

	line int // in the file, from 1; 0 for the file as a whole and for variables
	env  bool
}

// String is the problem in one line.
func (p Problem) String() string {
	place := ""
	if p.Section != "" && p.Key != "" {
		place = fmt.Sprintf("[%s] %s: ", p.Section, p.Key)
	}
	return p.Origin + ": " + place + p.Message
}

// Error is everything that is wrong with the configuration, in the order of the
// file's lines and then of the variables' names.
type Error struct {
	Problems []Problem
}

// Error lists all problems, one a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Warning is something that changes nothing but was probably not meant. It never
// contains a value.
type Warning struct {
	Origin  string // the name of a variable
	Message string
}

// String is the warning in one line.
func (w Warning) String() string { return w.Origin + ": " + w.Message }

func compareProblems(a, b Problem) int {
	if a.env != b.env {
		if b.env {
			return -1
		}
		return 1
	}
	if a.env {
		return cmp.Compare(a.Origin, b.Origin)
	}
	return cmp.Compare(a.line, b.line)
}

// origin is where a value came from. The zero origin is the default.
type origin struct {
	label string // as in Problem.Origin
	line  int
	env   bool
	file  string // path of the file that a *_file key named
}

func (o origin) isDefault() bool { return o.label == "" }

// String is the origin as Print shows it.
func (o origin) String() string {
	label := o.label
	switch {
	case o.isDefault():
		return "default"
	case o.env:
		label = "env " + label
	}
	if o.file != "" {
		return fmt.Sprintf("file %s (%s)", o.file, label)
	}
	return label
}

func (o origin) problem(section, key, message string) Problem {
	return Problem{
		Origin: o.label, Section: section, Key: key, Message: message,
		line: o.line, env: o.env,
	}
}
