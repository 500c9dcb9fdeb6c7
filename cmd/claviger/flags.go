package main

import (
	"errors"
	"strings"

	"github.com/alecthomas/kong"
)

// words are the values of a flag that bounds what a credential may do: repeatable, and
// separated by commas. One without a value is a mistake: a script whose "$NETWORK" is
// empty asked for a bound, and must not get a credential without one.
type words []string

// given is the one value of such a flag.
type given string

var errEmpty = errors.New("it is empty, which would be no bound at all: give a value, or leave the flag out")

// Decode takes one occurrence of the flag.
func (w *words) Decode(ctx *kong.DecodeContext) error {
	text, err := popped(ctx)
	if err != nil {
		return err
	}
	for word := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(word) == "" {
			return errEmpty
		}
		*w = append(*w, word)
	}
	return nil
}

// Decode takes the flag's value.
func (g *given) Decode(ctx *kong.DecodeContext) error {
	text, err := popped(ctx)
	if err == nil && strings.TrimSpace(text) == "" {
		err = errEmpty
	}
	*g = given(text)
	return err
}

func popped(ctx *kong.DecodeContext) (text string, err error) {
	err = ctx.Scan.PopValueInto("a", &text)
	return text, err
}
