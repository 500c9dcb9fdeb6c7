package main_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"claviger/internal/secret"
	"claviger/internal/testkit"
)

// canaries is an installation through whose every input secrets are sent, and all that it has written and answered.
type canaries struct {
	t       *testing.T
	p       *testkit.Process
	planted map[string]string // what each is → the secret
	bodies  map[string]string // where from → the answer; only answers that have no reason to hold the secret
}

// plant returns a secret that exists nowhere else. It is remembered by what it is.
func (c *canaries) plant(what string) string {
	text := "canary" + secret.RandomText(30)
	return c.remember(what, text)
}

func (c *canaries) remember(what, text string) string {
	if len(text) < 20 {
		c.t.Fatalf("%s: %q is no secret", what, text)
	}
	c.planted[what] = text
	return text
}

// TestNoSecretInClear (S12): passwords, tokens, Basic passwords, right and wrong ones, in headers, queries, forms, labels, reasons
// and the configuration, at log level debug: none is in a log, in a file of the data directory or in an answer that
// does not have to show it.
func TestNoSecretInClear(t *testing.T) {
	c := &canaries{t: t, planted: map[string]string{}, bodies: map[string]string{}}
	c.p = testkit.Install(t, t.TempDir(), []string{"CLAVIGER_LOG_LEVEL=debug", "CLAVIGER_LOG_FORMAT=json"})
	c.p.Start()
	c.people()
	c.credentials()
	c.requests()
	c.forms()
	c.configuration()
	c.look("while the server runs")
	c.p.Kill()
	c.look("after kill -9")
	c.p.Start()
	must(t, c.p, "", "org", "list")
	c.p.Stop()
	c.look("after a clean end")
}

// people: set-up and sign-in, right and wrong.
func (c *canaries) people() {
	t, link := c.t, c.p.SetupURL()
	password := c.plant("the owner's password")
	who := newPerson(t, c.p)
	status, _, err := who.post(strings.TrimPrefix(link, c.p.ConsoleURL), "organization", "Acme", "slug", "acme", "name", "Ann", "email", owner, "password", password)
	if err != nil || status != http.StatusSeeOther {
		t.Fatalf("set up: %d, %v", status, err)
	}
	for name, fields := range map[string][]string{
		"sign-in with a wrong password": {"email", owner, "password", c.plant("a wrong password")},
		"sign-in of nobody":             {"email", "nobody@example.com", "password", c.plant("a password of nobody")},
	} {
		status, body, err := newPerson(t, c.p).post("/sign-in", fields...)
		if err != nil || status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d, %v", name, status, err)
		}
		c.bodies[name] = body
	}
	// A password in the email's field comes back in that field, and stays nowhere.
	if status, _, err := newPerson(t, c.p).post("/sign-in", "email", c.plant("a password in the email's field"), "password", "x"); err != nil || status != http.StatusUnprocessableEntity {
		t.Errorf("a password in the email's field: %d, %v", status, err)
	}
	must(t, c.p, c.plant("a password on standard input")+"\n", "user", "add", "bob@example.com", "--org", "acme", "--role", "member")
	must(t, c.p, "", "app", "add", "acme/orders")
	must(t, c.p, "", "api", "add", "acme/orders/backend", "--upstream", "builtin:echo")
}

// credentials: those that exist, revealed, and both ended and alive.
func (c *canaries) credentials() {
	for _, label := range []string{"alive", "revoked"} {
		token := c.remember("a token "+label, must(c.t, c.p, "", "token", "create", "acme/orders", "--label", label, "--reason", reason))
		c.request("", "Bearer "+token, http.StatusOK)
	}
	pair := must(c.t, c.p, "", "app", "show", "acme/orders", "--reveal-basic", "--reason", reason)
	username, password, _ := strings.Cut(pair, ":")
	c.remember("the Basic password", password)
	c.remember("Basic in base64", base64.StdEncoding.EncodeToString([]byte(pair)))
	c.request("", basicAuth(pair), http.StatusOK)
	c.request("a wrong Basic password", basicAuth(username+":"+c.plant("a wrong Basic password")), http.StatusUnauthorized)
	c.request("a genuine password of another name", basicAuth("app_x:"+password), http.StatusUnauthorized)
}

// requests: everything that a caller can put a secret into.
func (c *canaries) requests() {
	foreign := secret.Generate(secret.Token).Expose()
	c.request("an unknown bearer", "Bearer "+c.plant("an unknown bearer"), http.StatusUnauthorized)
	c.request("a well-formed unknown bearer", "Bearer "+c.remember("a well-formed unknown bearer", foreign), http.StatusUnauthorized)
	c.request("an unknown scheme", "Digest "+c.plant("an unknown scheme"), http.StatusUnauthorized)
	c.request("damaged Basic", "Basic !"+c.plant("damaged Basic"), http.StatusUnauthorized)
	for _, name := range []string{"access_token", "client_secret", "token", "password"} {
		query := "?" + url.Values{name: {c.plant("?" + name + " at the gateway")}, "client_id": {"x"}}.Encode()
		for where, address := range map[string]string{
			"gateway": c.p.GatewayURL + "/acme/orders/backend/x" + query, "envoy": c.p.ConsoleURL + "/verify/acme/orders/backend/x" + query,
			"nowhere": c.p.ConsoleURL + "/nothing/here" + query, "sign-in": c.p.ConsoleURL + "/sign-in" + query,
			"other gateway": c.p.GatewayURL + "/nobody/nothing/x" + query,
		} {
			status, body, err := present(address, "")
			if err != nil || status < 200 || status >= 500 {
				c.t.Errorf("%s%s: %d, %v", where, query, status, err)
			}
			c.bodies[name+" at "+where] = body
		}
	}
	c.request("a token in the path", "Bearer x", http.StatusUnauthorized)
	if _, body, err := present(c.p.GatewayURL+"/acme/orders/"+c.plant("a secret in the gateway's path")+"/x", ""); err != nil {
		c.t.Error(err)
	} else {
		c.bodies["a secret in the gateway's path"] = body
	}
}

// request presents an authorization to both. what names the answers that must not echo it; empty = they may.
func (c *canaries) request(what, authorization string, want int) {
	c.t.Helper()
	for _, address := range []string{c.p.ConsoleURL + "/verify/acme/orders/backend", c.p.GatewayURL + "/acme/orders/backend/x"} {
		status, body, err := present(address, authorization)
		if err != nil || status != want {
			c.t.Errorf("%s at %s: %d, %v, want %d", what, address, status, err, want)
		}
		if what != "" {
			c.bodies[what+" at "+address] = body
		}
	}
}

// forms: secrets pasted into fields that are kept in clear are refused; what is shown once is not shown again.
func (c *canaries) forms() {
	t := c.t
	who := newPerson(t, c.p)
	password := c.planted["the owner's password"]
	if status, _, err := who.post("/sign-in", "email", owner, "password", password); err != nil || status != http.StatusSeeOther {
		t.Fatalf("sign in: %d, %v", status, err)
	}
	pasted := c.planted["a token alive"]
	// Without an elevation the form is kept until there is one: all of it but secrets.
	if status, _, err := who.post(orders+"/tokens", "label", "for "+pasted, "expires", "90d"); err != nil || status != http.StatusSeeOther {
		t.Errorf("create without an elevation: %d, %v, want 303", status, err)
	}
	refused := func(name, path string, fields ...string) {
		t.Helper()
		status, _, err := who.post(path, fields...)
		if err != nil || status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d, %v, want 422", name, status, err)
		}
	}
	refused("a token as the reason", "/elevate", "scope", "acme", "reason", "because of "+pasted, "minutes", "30", "password", password)
	status, body, err := who.post("/elevate", "scope", "acme", "reason", reason, "minutes", "30", "password", password)
	if err != nil || status != http.StatusSeeOther {
		t.Fatalf("elevate: %d, %v\n%s", status, err, body)
	}
	refused("a token as the label", orders+"/tokens", "label", "for "+pasted, "expires", "90d")
	refused("a token within the label", orders+"/tokens", "label", "token="+pasted+";", "expires", "90d")
	refused("a token as the name", "/orgs/acme/apps", "slug", "more", "name", pasted)
	refused("a token as the API's name", "/orgs/acme/apps/orders/apis", "slug", "more", "name", pasted, "upstream", "builtin:echo")
	refused("a password in the upstream", "/orgs/acme/apps/orders/apis", "slug", "more", "name", "More", "upstream", "http://u:"+c.plant("a password in the upstream")+"@host")
	if _, _, code := c.p.Run("", "token", "pause", pasted, "--reason", reason); code != 1 {
		t.Errorf("a token as its own id: exit code %d", code)
	}
	_, body, err = who.post(orders+"/tokens", "label", "by the form", "expires", "90d")
	token, id := made(body)
	if err != nil || token == "" {
		t.Fatalf("create by the form: %v\n%s", err, body)
	}
	c.remember("a token by the form", token)
	if status, _, err := who.post(orders + "/basic/reveal"); err != nil || status != http.StatusOK {
		t.Errorf("reveal: %d, %v", status, err)
	}
	for _, path := range []string{"/orgs/acme", "/orgs/acme/activity", "/orgs/acme/apps/orders", orders, orders + "/tokens/" + id, orders + "/tokens/new", "/orgs/acme/activity?act=basic.reveal"} {
		status, body, err := who.get(path)
		if err != nil || status != http.StatusOK {
			t.Errorf("%s: %d, %v", path, status, err)
		}
		c.bodies[path] = body
	}
	for _, cookie := range who.client.Jar.Cookies(mustParse(t, c.p.ConsoleURL)) {
		if len(cookie.Value) >= 20 {
			c.remember("cookie "+cookie.Name, cookie.Value)
		}
	}
	var list string
	for _, command := range [][]string{{"token", "list", "acme/orders"}, {"app", "show", "acme/orders"}, {"user", "list"}} {
		list += must(t, c.p, "", append(command, "--json")...) + must(t, c.p, "", command...)
	}
	c.bodies["the command line's lists"] = list
}

// configuration: a password in the store's address.
func (c *canaries) configuration() {
	address := "postgres://claviger:" + c.plant("the database's password") + "@127.0.0.1:1/claviger"
	other := testkit.Install(c.t, c.t.TempDir(), []string{"CLAVIGER_STORE_URL=" + address, "CLAVIGER_LOG_LEVEL=debug"})
	for _, command := range []string{"config print", "config check", "org list", "serve"} {
		stdout, stderr, _ := other.Run("", strings.Fields(command)...)
		c.bodies["claviger "+command] = stdout + stderr
	}
}

// look searches for every canary in logs, files and answers.
func (c *canaries) look(when string) {
	c.t.Helper()
	texts := map[string][]byte{"the log": []byte(c.p.Stderr()), "standard output": []byte(c.p.Stdout())}
	for where, body := range c.bodies {
		texts["the answer of "+where] = []byte(body)
	}
	err := filepath.WalkDir(c.p.DataDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		texts[entry.Name()], err = os.ReadFile(path)
		return err
	})
	if err != nil || len(texts["claviger.db"]) == 0 || len(texts["the log"]) == 0 {
		c.t.Fatalf("read the data directory: %v", err)
	}
	if when == "while the server runs" && !strings.Contains(c.p.Stderr(), `"msg":"request"`) {
		c.t.Error("the log holds no request: nothing was tried")
	}
	for what, text := range c.planted {
		for where, held := range texts {
			if i := bytes.Index(held, []byte(text)); i >= 0 {
				c.t.Errorf("%s: %s is in %s: …%q…", when, what, where, held[max(0, i-60):i])
			}
		}
	}
}

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func basicAuth(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }

// TestDisabledBasicIsErased: once Basic is disabled, neither its digest nor its sealed copy is anywhere in the database's
// files: not when the command has returned, nor after kill -9, nor after a clean end.
func TestDisabledBasicIsErased(t *testing.T) {
	p := testkit.Install(t, t.TempDir(), nil)
	acme(t, p)
	erased := basicBytes(t, p)
	if found := traces(t, p, erased); len(found) != len(erased) {
		t.Fatalf("before, %d of %d are found: the search is no good", len(found), len(erased))
	}
	p.Start()
	pair := must(t, p, "", "app", "show", "acme/orders", "--reveal-basic", "--reason", reason)
	if status, _, err := present(p.GatewayURL+"/acme/orders/backend/x", basicAuth(pair)); err != nil || status != http.StatusOK {
		t.Fatalf("Basic before: %d, %v", status, err)
	}
	token := must(t, p, "", "token", "create", "acme/orders", "--label", "load", "--reason", reason)
	stop, _ := load(t, p, "Bearer "+token) // readers are about
	defer stop()
	must(t, p, "", "app", "disable-basic", "acme/orders", "--reason", reason)
	for _, moment := range []struct {
		name string
		do   func()
	}{{"when the command has returned", func() {}}, {"after kill -9", func() { stop(); p.Kill() }}, {"after a clean end", func() { p.Start(); p.Stop() }}} {
		moment.do()
		if found := traces(t, p, erased); len(found) > 0 {
			t.Errorf("%s: %v", moment.name, found)
		}
	}
}

// basicBytes returns digest and sealed copy of the Basic credentials of acme/orders.
func basicBytes(t *testing.T, p *testkit.Process) map[string][]byte {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(p.DataDir, "claviger.db"))
	if err != nil {
		t.Fatal(err)
	}
	var digest, sealed []byte
	row := db.QueryRow(`SELECT c.digest, c.sealed FROM credentials c JOIN applications a ON a.id = c.application_id WHERE c.kind = 'basic' AND a.slug = 'orders'`)
	if err := errors.Join(row.Scan(&digest, &sealed), db.Close()); err != nil || len(digest) != 32 || len(sealed) < 44 {
		t.Fatalf("the Basic credentials: digest of %d bytes, sealed copy of %d: %v", len(digest), len(sealed), err)
	}
	return map[string][]byte{"digest": digest, "sealed copy": sealed[len(sealed)-40:]}
}

// traces says which of the values are in which of the database's files.
func traces(t *testing.T, p *testkit.Process, values map[string][]byte) (found []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.DataDir, "claviger.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no database: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range values {
			if bytes.Contains(text, value) {
				found = append(found, fmt.Sprintf("the %s is in %s", name, filepath.Base(file)))
			}
		}
	}
	return found
}
