package journey

import (
	"net/http"
	"strings"
	"testing"

	"claviger/internal/testkit"
)

// TestPlainHTTPName is the console on a name of somebody's LAN, without TLS: a page there is no secure context, so
// that the browser offers no clipboard and tells less of where a form comes from.
func TestPlainHTTPName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	address := strings.Replace(testkit.Install(t, dir, nil).ConsoleURL, "127.0.0.1", "console.lan", 1)
	process := testkit.Start(t, dir, []string{"CLAVIGER_SERVER_BASE_URL=" + address})
	c := watch(t, process, testkit.HostRules("MAP console.lan 127.0.0.1"))
	c.filled()
	c.ConsoleURL = address
	c.elevated()
	c.tab.WaitTrue("!isSecureContext && !navigator.clipboard")

	secret := c.createToken("Northwind nightly")
	c.copyByHand(`[data-copy="#secret"]`, secret)
	c.tab.WaitTrue(`document.activeElement.id === "secret"`)
	command := c.tab.Text("#try")
	c.copyByHand("[data-copy-with-secret]", strings.ReplaceAll(command, "$TOKEN", secret))
	c.ConsoleURL = strings.Replace(address, "console.lan", "127.0.0.1", 1) // the test itself knows no such name
	c.opens(bearer(secret), http.StatusOK)

	c.tab.Go(address + managePath)
	c.tab.Click(`form[action$="/basic/reveal"] button[name="copy"]`)
	c.tab.WaitText("[data-password] .copy-status", "Ctrl+C") // the copy on load says the same
	c.copyByHand(`[data-copy="#basic-password"]`, c.tab.Value("#basic-password"))
	c.copyByHand(`[data-copy="#base-url-0"]`, c.GatewayURL+"/acme/orders/backend")
}

// copyByHand clicks a copy button that cannot copy, does what it says instead, and looks into the clipboard.
func (c *console) copyByHand(button, want string) {
	c.t.Helper()
	c.tab.Click(button)
	c.tab.WaitText(button+" + .copy-status", "Press Ctrl+C to copy")
	if text := c.tab.Text(button); strings.Contains(text, "Copied") {
		c.t.Errorf("%s says %q, but nothing was copied", button, text)
	}
	c.tab.Press("Control+c")
	loopback := c.tab.NewTab()
	loopback.Go(strings.Replace(c.ConsoleURL, "console.lan", "127.0.0.1", 1) + "/sign-in")
	if got := loopback.Clipboard(); got != want {
		c.t.Errorf("after %s and Ctrl+C the clipboard holds %q, want %q", button, got, want)
	}
}
