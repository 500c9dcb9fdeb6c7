// Command claviger is the Manage API console: it serves the pages on which an
// application's credentials are managed, and enforces those credentials on API
// traffic. Its other commands do the same acts from a shell.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"claviger/internal/access"
	"claviger/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(exitCode(err))
}

// run parses and carries out one command line. What goes wrong is told on stderr;
// the error returned is for the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	c, err := parse(args, stdout, stderr)
	if err == nil && c != nil {
		err = c.Run(&terminal{ctx: ctx, args: args, stdin: stdin, stdout: stdout, stderr: stderr})
	}
	if err != nil {
		tell(stderr, err)
	}
	return err
}

// terminal is what a command has around it.
type terminal struct {
	ctx            context.Context
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// exitError is an error that was told elsewhere, with the exit code it stands for.
type exitError int

// Error says which exit code it is.
func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is a mistake in the command line.
type usageError struct{ error }

// exitCode is 0 for success, 2 for a wrong command line or configuration, 1 else.
func exitCode(err error) int {
	var code exitError
	var usage usageError
	var cfg *config.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage), errors.As(err, &cfg), access.KindOf(err) == access.Invalid:
		return 2
	}
	return 1
}

// flags names the flag or argument that a field of the domain is on the command line.
var flags = map[string]string{
	"label": "--label", "scope": "--scope", "expires": "--expires", "allow": "--allow", "rate": "--rate", "burst": "--burst", "reason": "--reason", "name": "--name",
	"role": "--role", "upstream": "--upstream", "timeout": "--timeout", "slug": "the slug", "default_ttl": "--default-ttl", "max_ttl": "--max-ttl", "default_api": "--default-api", "email": "the email", "password": "the password", "id": "the id",
}

// tell prints an error for people: what is wrong, a line for each field.
func tell(w io.Writer, err error) {
	if _, ok := errors.AsType[exitError](err); ok {
		return
	}
	domain, ok := errors.AsType[*access.Error](err)
	if !ok || domain.Kind == access.Internal || domain.Kind == access.Unavailable {
		fmt.Fprintln(w, "claviger:", err)
		return
	}
	if len(domain.Fields) == 0 {
		fmt.Fprintln(w, "claviger:", domain.Message)
		return
	}
	for _, f := range domain.Fields {
		name := flags[f.Field]
		if name == "" {
			name = f.Field
		}
		fmt.Fprintf(w, "claviger: %s: %s\n", name, f.Message)
	}
}

// parse reads a command line. It returns nil without an error where help was
// printed, and nothing is left to do.
func parse(args []string, stdout, stderr io.Writer) (c *kong.Context, err error) {
	helped := false
	cli := &commandLine{}
	parser, err := kong.New(cli, kong.Bind(cli), kong.Name("claviger"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true, Summary: false}), kong.ExplicitGroups(groups),
		kong.Exit(func(int) { helped = true }), kong.Vars{"expiry": access.DefaultExpiry})
	if err != nil {
		return nil, err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	c, err = parser.Parse(args)
	if helped {
		return nil, nil
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("%w. See claviger --help", err)}
	}
	return c, nil
}
