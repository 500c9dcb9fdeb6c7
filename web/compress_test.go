package web_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"
)

// wire asks the console for a page or a file as a browser does, and returns the
// answer as it came over the wire.
func wire(t *testing.T, v *testkit.Visitor, r *http.Request) *http.Response {
	t.Helper()
	r.Header.Set("Accept-Encoding", "gzip, deflate, br")
	client := &http.Client{Jar: v.Jar, Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}, CheckRedirect: v.CheckRedirect}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// TestSizeOfThePage: the Manage API page with fifty rows and all that it loads, headers
// too, are at most 40 kB over the wire.
func TestSizeOfThePage(t *testing.T) {
	c, v := elevatedConsole(t)
	for i := range 50 {
		issued := c.Token("acme", "orders", fmt.Sprintf("Caller number %d", i), "*:read")
		for range i % 3 {
			_, err := c.Verifier.Verify(t.Context(), access.Request{
				Organization: "acme", Application: "orders", API: "backend", WantAPI: true, Method: "GET", Agent: fmt.Sprintf("client/%d.%d", i%7, i),
				Presented: access.Presented{Way: access.WayBearer, Secret: issued.Secret}, Caller: access.Caller{Address: netip.AddrFrom4([4]byte{10, 0, byte(i), 7})},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	page := unpacked(t, wire(t, v, asked(t, c.ConsoleURL+managePage)))
	if rows := len(page.All("#tokens tbody tr")); rows != 50 {
		t.Fatalf("the page has %d rows", rows)
	}
	total, seen := size(t, wire(t, v, asked(t, c.ConsoleURL+managePage))), map[string]bool{}
	for _, e := range page.All("link[href], script[src], use[href], img[src]") {
		file, _, _ := strings.Cut(e.Attr("href")+e.Attr("src"), "#")
		if seen[file] {
			continue
		}
		seen[file] = true
		total += size(t, wire(t, v, asked(t, c.ConsoleURL+file)))
	}
	if len(seen) < 4 {
		t.Errorf("only %v are loaded: style, script and icons were expected", seen)
	}
	t.Logf("%d bytes with %d files", total, len(seen))
	if total > 40_000 {
		t.Errorf("%d bytes go over the wire, at most 40,000 are wanted", total)
	}
}

func asked(t *testing.T, address string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// size is how many bytes an answer is, with its headers.
func size(t *testing.T, response *http.Response) int {
	t.Helper()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d", response.Request.URL.Path, response.StatusCode)
	}
	dump, err := httputil.DumpResponse(response, true)
	if err != nil {
		t.Fatal(err)
	}
	return len(dump)
}

// unpacked parses a page that was sent compressed.
func unpacked(t *testing.T, response *http.Response) *testkit.HTML {
	t.Helper()
	if response.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(response.Header.Get("Vary"), "Accept-Encoding") {
		t.Fatalf("%s: Content-Encoding %q, Vary %q", response.Request.URL.Path, response.Header.Get("Content-Encoding"), response.Header.Get("Vary"))
	}
	z, err := gzip.NewReader(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return testkit.ParseHTML(t, string(body))
}

// TestWhatIsNotCompressed: a page that shows a secret; a page that another site asked
// for; what asks for no compression (BREACH).
func TestWhatIsNotCompressed(t *testing.T) {
	c, v := elevatedConsole(t)
	for site, want := range map[string]string{"": "gzip", "none": "gzip", "same-origin": "gzip", "same-site": "", "cross-site": "", "something-new": ""} {
		r := asked(t, c.ConsoleURL+managePage+"?q=clavb_")
		if site != "" {
			r.Header.Set("Sec-Fetch-Site", site)
		}
		if got := wire(t, v, r).Header.Get("Content-Encoding"); got != want {
			t.Errorf("Sec-Fetch-Site %q: Content-Encoding %q, want %q", site, got, want)
		}
	}
	form := v.Get(managePage + "/tokens/new").Page(t).Form("form.form")
	form.Set("label", "Northwind nightly")
	nonce := v.Get(managePage).Page(t).Form(`form[action$="/basic/reveal"]`)
	for path, form := range map[string]url.Values{"/tokens": form, "/basic/reveal": nonce} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.ConsoleURL+managePage+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		answer := wire(t, v, r)
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Encoding") != "" || !bytes.Contains(body, []byte("data-secret")) {
			t.Errorf("POST %s: status %d, Content-Encoding %q, %d bytes", path, answer.StatusCode, answer.Header.Get("Content-Encoding"), len(body))
		}
	}
}
