package journey

import (
	"strconv"
	"strings"
	"testing"
)

// TestProxyTabs looks at what the Getting started page says about each proxy: one at a time, chosen without a script,
// with its files and notes.
func TestProxyTabs(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.setUp()
	c.at("/orgs/acme/apps/sandbox")
	for i, name := range []string{"nginx", "Caddy", "HAProxy", "Traefik", "Envoy"} {
		c.tab.Click(`input[name="proxy-language"][value="` + strconv.Itoa(i) + `"]`)
		c.tab.WaitVisible(`.panel.proxy[data-language="` + strconv.Itoa(i) + `"] .code`)
		var shown []string
		c.tab.Eval(`[...document.querySelectorAll(".panel.proxy")].filter(e => e.checkVisibility()).map(e => e.querySelector("h4").textContent)`, &shown)
		if strings.Join(shown, " ") != name {
			t.Errorf("%q is shown, want %s", shown, name)
		}
		if text := c.tab.Text(`.panel.proxy[data-language="` + strconv.Itoa(i) + `"] .code`); !strings.Contains(text, "/verify/acme/sandbox/echo") && name != "Envoy" {
			t.Errorf("%s: no address of ours in %.300q", name, text)
		}
		c.inspect(t, name)
	}
}
