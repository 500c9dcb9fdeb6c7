// Package docs holds the documentation to what the program does. It holds tests only:
// each command block of docs/*.md that is marked "<!-- run -->" runs against the real
// program, links lead somewhere, and tests that SECURITY.md names exist.
package docs
