package testkit

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const htmlPage = `<!doctype html><html><head><title>T</title><style>x{}</style></head><body>
<h1>Manage  API</h1><table><tr><td>one</td><td>two</td></tr></table><script>let no = 1</script>
<form id="f" action="/go">
 <input name="text" value="a &amp; b"><input name="empty">
 <input type="hidden" name="nonce" value="n1">
 <input type="checkbox" name="scope" value="read" checked><input type="checkbox" name="scope" value="write">
 <input type="checkbox" name="bare" checked>
 <input type="radio" name="minutes" value="15"><input type="radio" name="minutes" value="30" checked>
 <select name="role"><option value="viewer">Viewer</option><option selected>member</option></select>
 <select name="first"><option value="1">One</option><option value="2">Two</option></select>
 <select name="many" multiple><option>x</option><option>y</option></select>
 <textarea name="allow">
10.0.0.0/8
::1</textarea>
 <fieldset disabled><input name="off" value="1"></fieldset><input name="off2" value="1" disabled>
 <button name="copy" value="1">Copy</button><input type="submit" name="go" value="Go">
 <input value="nameless"><input name="elsewhere" value="1" form="g">
</form><form id="g"><input name="own" value="2"></form><input name="late" value="3" form="f"></body></html>`

func TestHTMLForm(t *testing.T) {
	page := ParseHTML(t, htmlPage)
	want := url.Values{
		"text": {"a & b"}, "empty": {""}, "nonce": {"n1"}, "scope": {"read"}, "bare": {"on"}, "minutes": {"30"},
		"role": {"member"}, "first": {"1"}, "allow": {"10.0.0.0/8\n::1"}, "late": {"3"},
	}
	if diff := cmp.Diff(want, page.Form("#f")); diff != "" {
		t.Errorf("form #f (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(url.Values{"own": {"2"}, "elsewhere": {"1"}}, page.Form("#g")); diff != "" {
		t.Errorf("form #g (-want +got):\n%s", diff)
	}
}

func TestHTMLText(t *testing.T) {
	page := ParseHTML(t, htmlPage)
	if got := page.One("h1").Text(); got != "Manage API" {
		t.Errorf("text of h1: %q", got)
	}
	if got := page.One("table").Text(); got != "one two" {
		t.Errorf("cells run together: %q", got)
	}
	if got := page.One("form#f").Attr("action"); got != "/go" {
		t.Errorf("action: %q", got)
	}
	if got := len(page.All("td")); got != 2 {
		t.Errorf("%d cells, want 2", got)
	}
	if page.Has("dialog") || !page.Has("fieldset[disabled]") || page.One("h1").HasAttr("id") {
		t.Error("Has or HasAttr sees what is not there, or misses what is")
	}
}
