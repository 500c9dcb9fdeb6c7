package config

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxLine is what the INI parser reads of one line before it cuts it.
	maxLine = 4096
	// maxSyntaxProblems ends the scan of a file that is no INI file at all.
	maxSyntaxProblems = 100
)

// header and entry are what the scanner found, in the order of the lines.
type header struct {
	name string
	line int
}

type entry struct {
	section, key, value string
	line                int
}

// scanner reads an INI file more strictly than the parser behind it, which
// ignores what it does not understand, lets the last of two equal keys win, and
// reads a repeated section's keys into the section before it.
type scanner struct {
	file     string
	headers  []header
	entries  []entry
	problems []Problem

	section  string
	begun    bool           // a header was seen, even a broken one
	orphaned bool           // the last header was broken: its keys have no section
	sections map[string]int // the line of each header
	keys     map[entry]int  // the line of each key; value and line are zero in the map's key
}

// scan splits data into headers and entries and reports every line that is not
// exactly one of: empty, a comment, [section], key = value. Lines with a problem
// yield no entry. A UTF-8 byte order mark and CRLF are accepted.
func scan(file string, data []byte) *scanner {
	s := &scanner{file: file, sections: map[string]int{}, keys: map[entry]int{}}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		s.report(1, "the file is in UTF-16; save it as UTF-8")
		return s
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	number := 0
	for raw := range bytes.SplitSeq(data, []byte("\n")) {
		number++
		if message := s.line(number, bytes.TrimSuffix(raw, []byte("\r"))); message != "" {
			s.report(number, message)
		}
		if len(s.problems) == maxSyntaxProblems {
			s.report(number+1, "too many problems: from here on the file was not read")
			break
		}
	}
	return s
}

func (s *scanner) at(line int) origin {
	return origin{label: fmt.Sprintf("%s:%d", s.file, line), line: line}
}

func (s *scanner) report(line int, message string) {
	s.problems = append(s.problems, s.at(line).problem("", "", message))
}

// line reads one line and describes what is wrong with it, without its text.
func (s *scanner) line(number int, raw []byte) string {
	if len(raw) > maxLine {
		return fmt.Sprintf("the line is longer than %d bytes", maxLine)
	}
	if message := unreadable(string(raw)); message != "" {
		return "the line " + message
	}
	text := strings.TrimSpace(string(raw))
	if text == "" || text[0] == '#' || text[0] == ';' {
		return ""
	}
	if first, _ := utf8.DecodeRune(raw); unicode.IsSpace(first) {
		return "the line is indented; keys start in the first column, and a value cannot go on in the next line"
	}
	if text[0] == '[' {
		return s.header(number, text)
	}
	return s.pair(number, text)
}

// unreadable says why text can be neither a line nor a value.
func unreadable(text string) string {
	switch {
	case strings.ContainsRune(text, 0):
		return "contains a NUL byte"
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }):
		return "contains a control character"
	}
	return ""
}

func (s *scanner) header(number int, text string) string {
	s.begun, s.orphaned = true, true
	name, rest, closed := strings.Cut(text[1:], "]")
	rest = strings.TrimSpace(rest)
	switch {
	case !closed:
		return "the section header has no ]"
	case rest != "" && rest[0] != '#' && rest[0] != ';':
		return "there is text after the ] of a section header"
	case strings.TrimSpace(name) == "":
		return "the section header has no name"
	}
	s.section, s.orphaned = name, false
	if first, dup := s.sections[name]; dup {
		return fmt.Sprintf("section %s was already opened in line %d", shown(name), first)
	}
	s.sections[name] = number
	s.headers = append(s.headers, header{name, number})
	return ""
}

func (s *scanner) pair(number int, text string) string {
	key, value, found := strings.Cut(text, "=")
	key = strings.TrimSpace(key)
	switch {
	case !found:
		return "the line is neither a [section], nor key = value, nor a comment"
	case key == "":
		return "there is no key before the ="
	case strings.HasPrefix(value, "="):
		return "there are two = in a row"
	case !s.begun:
		return "there is a key before the first [section]"
	case s.orphaned:
		return ""
	}
	id := entry{section: s.section, key: key}
	if first, dup := s.keys[id]; dup {
		return fmt.Sprintf("key %s was already given in line %d", shown(key), first)
	}
	s.keys[id] = number
	s.entries = append(s.entries, entry{s.section, key, withoutComment(value), number})
	return ""
}

// withoutComment cuts value at the first # or ; that follows a space or a tab.
// (The parser would cut at the first " #" before it looks for " ;", and not at
// all when the value is nothing but a comment.)
func withoutComment(value string) string {
	for i := 1; i < len(value); i++ {
		blank := value[i-1] == ' ' || value[i-1] == '\t'
		if blank && (value[i] == '#' || value[i] == ';') {
			value = value[:i]
			break
		}
	}
	return strings.TrimSpace(value)
}
