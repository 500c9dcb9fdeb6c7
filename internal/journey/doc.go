// Package journey walks through the console as people do: in a real Chromium, against the real program on real
// listeners. It holds tests only, and the pictures of docs/screenshots are made here.
//
// What a test of a single package can say belongs there. Here stands what only the whole can show: the way from the
// set-up link to a call that is refused, by mouse and by keyboard alone; a plain-http host, where browsers offer no
// clipboard; two tabs through an elevation's start and end; accessibility, the content security policy and the
// width of a phone on every page.
package journey
