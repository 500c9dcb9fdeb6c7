package testkit

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProcess(t *testing.T) {
	p := Start(t, t.TempDir(), nil)
	if status, _ := get(t, p.ConsoleURL+"/healthz"); status != http.StatusOK {
		t.Errorf("console's /healthz: %d", status)
	}
	if status, _ := get(t, p.GatewayURL+"/healthz"); status != http.StatusOK {
		t.Errorf("gateway's /healthz: %d", status)
	}
	if link := p.SetupURL(); !strings.HasPrefix(link, p.ConsoleURL+"/setup/") {
		t.Errorf("set-up link %q is not of %s", link, p.ConsoleURL)
	}
	if _, err := os.Stat(filepath.Join(p.DataDir, "claviger.db")); err != nil {
		t.Errorf("no database: %v", err)
	}

	console := p.ConsoleURL
	p.Kill()
	if response, err := http.Get(console + "/healthz"); err == nil {
		response.Body.Close()
		t.Error("answers after SIGKILL")
	}
	p.Start()
	if p.ConsoleURL != console {
		t.Errorf("moved from %s to %s", console, p.ConsoleURL)
	}
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code after SIGTERM: %d", code)
	}
}

func TestProcessRun(t *testing.T) {
	p := Install(t, t.TempDir(), nil)
	stdout, stderr, code := p.Run("", "version")
	if code != 0 || strings.TrimSpace(stdout) == "" {
		t.Errorf("version: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if _, stderr, code := p.Run("", "no-such-command"); code != 2 || stderr == "" {
		t.Errorf("unknown command: exit code %d, stderr %q; want 2 and words", code, stderr)
	}
}

func TestSetupLink(t *testing.T) {
	for line, want := range map[string]string{
		"  Set up:  http://127.0.0.1:8080/setup/Ab-_9  (30 minutes)":      "http://127.0.0.1:8080/setup/Ab-_9",
		`{"level":"INFO","msg":"set up","url":"https://c.lan/setup/x.y"}`: "https://c.lan/setup/x.y",
		"http://127.0.0.1:8080/set":                                       "",
	} {
		if got := setupLink.FindString(line); got != want {
			t.Errorf("in %q: %q, want %q", line, got, want)
		}
	}
}
