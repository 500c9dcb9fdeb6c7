package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShipTargets(t *testing.T) {
	good := map[string]ShipTarget{
		"file:/var/log/claviger/events.jsonl": {Kind: ShipFile, Address: "/var/log/claviger/events.jsonl"},
		"syslog:":                             {Kind: ShipSyslog, Network: "unix", Address: "/dev/log"},
		"syslog:/run/syslog.sock":             {Kind: ShipSyslog, Network: "unix", Address: "/run/syslog.sock"},
		"syslog:udp://10.0.0.9:514":           {Kind: ShipSyslog, Network: "udp", Address: "10.0.0.9:514"},
		"syslog:tls://[::1]:6514":             {Kind: ShipSyslog, Network: "tls", Address: "[::1]:6514"},
		"https://logs.example.com/claviger":   {Kind: ShipWebhook, Address: "https://logs.example.com/claviger"},
		"https://10.0.0.9:8443/":              {Kind: ShipWebhook, Address: "https://10.0.0.9:8443/"},
		"http://127.0.0.1:8686/events":        {Kind: ShipWebhook, Address: "http://127.0.0.1:8686/events"},
	}
	for text, want := range good {
		want.Text = text
		got, err := parseShipTargets(text)
		if diff := cmp.Diff([]ShipTarget{want}, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
	for _, text := range []string{
		"events.jsonl", "file:events.jsonl", "file:/var/../log", "file:", "file://host/x", "syslog:local", "syslog:udp://host", "syslog:udp://host:0",
		"syslog:udp://:514", "syslog:http://host:514", "ftp://host/x", "http://logs.example.com/x", "http://10.0.0.9/x", "https://user:pw@host/", "https://user@host/",
		"https://host/?token=x", "https://host/#x", "https://host:0/", "https://host:/", "https:///x", "https:host", "syslog:,", "syslog:, syslog:",
	} {
		if got, err := parseShipTargets(text); err == nil {
			t.Errorf("%s is taken: %v", text, got)
		}
	}
	several, err := parseShipTargets("syslog:,file:/a , https://b/c")
	if err != nil || len(several) != 3 || shipKind().show(several) != "syslog:, file:/a, https://b/c" {
		t.Errorf("several: %v, %v", several, err)
	}
}

func TestShortSecretIsRefusedWithoutBeingTold(t *testing.T) {
	_, _, err := load("claviger.ini", []byte("[audit]\nwebhook_secret = sekrit-sekrit-12\n"), nil)
	if err != nil {
		t.Errorf("16 characters: %v", err)
	}
	_, _, err = load("claviger.ini", []byte("[audit]\nwebhook_secret = sekrit-sekrit-1\n"), nil)
	if err == nil || strings.Contains(err.Error(), "sekrit") || !strings.Contains(err.Error(), "at least 16") {
		t.Errorf("15 characters: %v", err)
	}
}
