package testkit

import (
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const samplePage = `<!doctype html><html lang="en"><head><title>Sample</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css"></head>
<body><main><h1>Sample</h1><p id="say">%s</p>
<form method="post" action="/echo"><label>Name <input name="name" id="name" value="old"></label>
<label>When <input type="date" name="when" id="when"></label>
<label>Role <select name="role" id="role"><option>viewer</option><option>admin</option></select></label>
<label>Note <textarea name="note" id="note">x</textarea></label><button id="send">Send</button></form>
<button id="copy">Copy</button><button id="later" hidden>Later</button><p id="keys"></p></main>
<script src="/script.js"></script></body></html>`

const sampleScript = `
document.getElementById("copy").onclick = () => navigator.clipboard.writeText("copied text");
setTimeout(() => { document.getElementById("later").hidden = false }, 50);
document.getElementById("later").onclick = () => { document.getElementById("say").textContent = "later clicked" };
document.onkeydown = e => { document.getElementById("keys").textContent += (e.shiftKey ? "S-" : "") + e.key + " " };`

// sampleSite serves a small page with a strict policy, and on /broken/… what a browser complains about.
func sampleSite(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	serve := func(pattern, kind, format string, status int) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; form-action 'self'")
			w.WriteHeader(status)
			if strings.Contains(format, "%s") {
				format := format
				fmt.Fprintf(w, format, r.FormValue("name")+"|"+r.FormValue("when")+"|"+r.FormValue("role")+"|"+r.FormValue("note"))
				return
			}
			fmt.Fprint(w, format)
		})
	}
	serve("GET /{$}", "text/html", samplePage, 200)
	serve("POST /echo", "text/html", samplePage, 422)
	serve("/script.js", "text/javascript", sampleScript, 200)
	serve("/style.css", "text/css", "button { min-height: 32px; margin: 8px } @media (prefers-color-scheme: dark) { html { background: black; color: white } }", 200)
	serve("/throw.js", "text/javascript", `throw new Error("on purpose")`, 200)
	serve("/console.js", "text/javascript", `console.error("said", 1)`, 200)
	broken := `<!doctype html><link rel="icon" href="data:,"><body>`
	serve("/broken/throw", "text/html", broken+`<script src="/throw.js"></script>`, 200)
	serve("/broken/console", "text/html", broken+`<script src="/console.js"></script>`, 200)
	serve("/broken/policy", "text/html", broken+`<p style="color: red">red</p>`, 200)
	serve("/broken/missing", "text/html", broken+`<link rel="stylesheet" href="/gone.css">`, 200)
	serve("/gone.css", "text/css", "", 404)
	serve("/broken/access", "text/html", broken+`<img src="data:,"><input>`, 200)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestBrowserFormAndKeys(t *testing.T) {
	site := sampleSite(t)
	b := Browser(t, AllowStatus(422))
	b.Go(site)
	b.Fill("#name", `Ada "L"`)
	b.Fill("#when", "2027-02-19")
	b.Fill("#role", "admin")
	b.Fill("#note", "two\nlines")
	b.Click("#send")
	b.WaitURL("/echo")
	b.WaitText("#say", `Ada "L"|2027-02-19|admin|two`)
	if got := b.Value("#name"); got != "old" {
		t.Errorf("value of the fresh field: %q", got)
	}
	b.Fill("#name", "")
	b.Press("Shift+Tab", "x", "Escape")
	if got := b.Text("#keys"); !strings.HasSuffix(got, "S-Tab x Escape") {
		t.Errorf("keys: %q", got)
	}
	b.Click("#later") // is hidden at first
	b.WaitText("#say", "later clicked")
	b.Axe(t)
}

func TestBrowserClipboard(t *testing.T) {
	site := sampleSite(t)
	b := Browser(t)
	b.Go(site)
	b.Click("#copy")
	if got := b.Clipboard(); got != "copied text" {
		t.Errorf("clipboard: %q", got)
	}
	b.Fill("#name", "from the keyboard")
	b.Press("Control+a", "Control+c")
	if got := b.Clipboard(); got != "from the keyboard" {
		t.Errorf("clipboard after Control+c: %q", got)
	}
}

func TestBrowserScreenshotAndTheme(t *testing.T) {
	site := sampleSite(t)
	b := Browser(t, Size(320, 400), Dark())
	b.Go(site)
	dark := "matchMedia('(prefers-color-scheme: dark)').matches"
	b.WaitTrue(dark + " && innerWidth === 320")
	b.SetTheme(false)
	b.SetSize(500, 300)
	b.WaitTrue("!" + dark + " && innerWidth === 500")
	path := filepath.Join(t.TempDir(), "page.png")
	b.Screenshot(path, true)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := png.DecodeConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	if picture.Width != 500 || picture.Height < 300 {
		t.Errorf("picture is %d × %d", picture.Width, picture.Height)
	}
}

func TestBrowserWithoutJavaScript(t *testing.T) {
	site := sampleSite(t)
	b := Browser(t, NoJavaScript(), AllowStatus(422))
	b.Go(site)
	b.Fill("#name", "plain")
	b.Click("#send")
	b.WaitURL("/echo")
	b.WaitText("#say", "plain|")
	b.Press("x")
	if got := b.Text("#keys"); got != "" {
		t.Errorf("a script ran: %q", got)
	}
	b.Screenshot(filepath.Join(t.TempDir(), "page.png"), false)
}

func TestBrowserHostRulesAndTabs(t *testing.T) {
	site := sampleSite(t)
	b := Browser(t, HostRules("MAP console.lan 127.0.0.1"))
	_, port, _ := strings.Cut(strings.TrimPrefix(site, "http://"), ":")
	b.Go("http://console.lan:" + port + "/")
	b.WaitTrue("!isSecureContext && !navigator.clipboard")
	b.Go(site)
	b.Eval("document.cookie = 'a=shared'", nil)
	second := b.NewTab()
	second.Go(site)
	var cookie string
	second.Eval("document.cookie", &cookie)
	if cookie != "a=shared" {
		t.Errorf("cookie in the second tab: %q", cookie)
	}
}

// recorder takes the failures of a test that is meant to fail. It is embedded for what a test has besides.
type recorder struct {
	testing.TB
	failures []string
	cleanups []func()
}

func (r *recorder) Helper()                   {}
func (r *recorder) Cleanup(f func())          { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(f string, a ...any) { r.failures = append(r.failures, fmt.Sprintf(f, a...)) }

func (r *recorder) end() {
	for _, cleanup := range slices.Backward(r.cleanups) {
		cleanup()
	}
}

func TestBrowserComplains(t *testing.T) {
	site := sampleSite(t)
	for path, want := range map[string]string{
		"throw": "uncaught Uncaught Error: on purpose", "console": `console.error: "said" 1`,
		"policy": "security: Applying inline style violates", "missing": "responded with a status of 404",
	} {
		t.Run(path, func(t *testing.T) {
			record := &recorder{TB: t}
			b := Browser(record)
			b.Go(site + "/broken/" + path)
			record.end()
			if len(record.failures) != 1 || !strings.Contains(record.failures[0], want) {
				t.Errorf("got %q, want one with %q", record.failures, want)
			}
		})
	}
}

func TestBrowserAxeFindsViolations(t *testing.T) {
	site := sampleSite(t)
	b := Browser(t)
	b.Go(site + "/broken/access")
	record := &recorder{TB: t}
	b.Axe(record)
	all := strings.Join(record.failures, "\n")
	for _, rule := range []string{"axe image-alt", "axe label", "axe html-has-lang", "axe document-title"} {
		if !strings.Contains(all, rule) {
			t.Errorf("no violation of %s in:\n%s", rule, all)
		}
	}
}
