package access

import (
	"errors"
	"strings"
	"time"

	"claviger/internal/secret"
)

// ErrorKind says what sort of failure an Error is; the web and the command line
// map it to a status or an exit code in one table each.
type ErrorKind int

// The kinds of errors. An error that is no *Error is Internal.
const (
	Internal          ErrorKind = iota
	Invalid                     // the input is wrong; Fields name where
	Unauthenticated             // nobody is signed in, or not rightly
	ElevationRequired           // an admin has to elevate first
	Forbidden                   // the role does not reach
	NotFound                    // no such thing, or none that this actor may know of
	Conflict                    // it exists already, or has changed meanwhile
	RateLimited                 // too many attempts; RetryAfter says when
	Unavailable                 // the database cannot be reached
)

// FieldError is what is wrong with one field of a form or one flag.
type FieldError struct {
	Field   string // the form's field name
	Message string // for people: what, why and what next
}

// Error is a failure of an act. Message and Fields are for people and hold no
// secret; Err is for the log and is never shown.
type Error struct {
	Kind       ErrorKind
	Message    string
	Fields     []FieldError
	RetryAfter time.Duration
	Done       bool // it happened all the same
	Err        error
}

// Error returns the message, the fields' messages and the cause, for logs.
func (e *Error) Error() string {
	parts := make([]string, 0, 2+len(e.Fields))
	if e.Message != "" {
		parts = append(parts, e.Message)
	}
	for _, f := range e.Fields {
		parts = append(parts, f.Field+": "+f.Message)
	}
	if e.Err != nil {
		if n := len(parts) - 1; n >= 0 {
			parts[n] = strings.TrimSuffix(parts[n], ".") // more follows
		}
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, "; ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first *Error in err's chain, Internal if there
// is none.
func KindOf(err error) ErrorKind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if errors.Is(err, secret.ErrBusy) {
		return RateLimited
	}
	return Internal
}

// AsError returns the first *Error in err's chain, or an Internal one around it.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, secret.ErrBusy) {
		return &Error{Kind: RateLimited, Message: "Too many people are signing in right now. Try again in a moment.", RetryAfter: 2 * time.Second, Err: err}
	}
	return &Error{Kind: Internal, Message: "Something went wrong on our side.", Err: err}
}

// fail returns an *Error with a message for people.
func fail(kind ErrorKind, message string) *Error { return &Error{Kind: kind, Message: message} }

// problems gathers the field errors of one draft, so that all are told at once.
type problems []FieldError

func (p *problems) add(field, message string) { *p = append(*p, FieldError{field, message}) }

// err returns an Invalid error with the fields gathered, or nil if there are none.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Message: "Some fields need your attention.", Fields: p}
}

// missing reports whether err says that the store has no such row.
func missing(err error) bool { return errors.Is(err, ErrNoRow) }
