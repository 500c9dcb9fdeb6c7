package config

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/bigkevmcd/go-configparser"
)

// given is one value as it was written, and where.
type given struct {
	value string
	origin
}

// fromFile reads data into the values of known keys, by "section.key", and
// reports every other line.
func fromFile(table []field, name string, data []byte) (map[string]given, []Problem) {
	s := scan(name, data)
	problems := append(s.problems, s.unknown(table)...)

	known := slices.DeleteFunc(s.entries, func(e entry) bool { return !declares(table, e.section, e.key) })
	parser := configparser.NewWithOptions(
		configparser.Delimiters("="),
		configparser.MultilinePrefixes(nil),
		configparser.InlineCommentPrefixes(configparser.Prefixes{" #", " ;"}),
	)
	// A reader of this size is used as it is; the parser's own would cut lines.
	if err := parser.ParseReader(bufio.NewReaderSize(strings.NewReader(rewrite(known)), 4*maxLine)); err != nil {
		// The parser's error can hold a whole line.
		return nil, append(problems, Problem{Origin: name, Message: "the INI parser refuses the file"})
	}
	values := make(map[string]given, len(known))
	for _, e := range known {
		value, err := parser.Get(e.section, e.key)
		if err != nil || value != e.value {
			problems = append(problems, s.at(e.line).problem(e.section, e.key,
				"the value can be read in two ways; write it more simply"))
			continue
		}
		values[e.section+"."+e.key] = given{value, s.at(e.line)}
	}
	return values, problems
}

// rewrite is the accepted entries as a plain file: each section once, no
// comments, nothing left over which the parser and the scanner could differ.
func rewrite(entries []entry) string {
	sections := map[string]*strings.Builder{}
	var order []string
	for _, e := range entries {
		if sections[e.section] == nil {
			sections[e.section] = &strings.Builder{}
			order = append(order, e.section)
		}
		fmt.Fprintf(sections[e.section], "%s = %s\n", e.key, e.value)
	}
	var b strings.Builder
	for _, section := range order {
		fmt.Fprintf(&b, "[%s]\n%s", section, sections[section])
	}
	return b.String()
}

// unknown reports the sections and keys that the table does not declare; the
// keys of an unknown section are not reported one by one.
func (s *scanner) unknown(table []field) []Problem {
	var problems []Problem
	sections := sectionNames(table)
	for _, h := range s.headers {
		if !slices.Contains(sections, h.name) {
			problems = append(problems, s.at(h.line).problem("", "",
				"unknown section "+shown(h.name)+"; "+didYouMean(h.name, sections)))
		}
	}
	for _, e := range s.entries {
		if !slices.Contains(sections, e.section) || declares(table, e.section, e.key) {
			continue
		}
		hint := didYouMean(e.key, keyNames(table, e.section))
		if other := sectionOf(table, e.key); other != "" {
			hint = "it belongs in [" + other + "]"
		}
		at := s.at(e.line)
		if looksLikeName(e.key) {
			problems = append(problems, at.problem(e.section, e.key, "unknown key; "+hint))
			continue
		}
		problems = append(problems, at.problem("", "", "unknown key "+shown(e.key)+" in ["+e.section+"]; "+hint))
	}
	return problems
}
