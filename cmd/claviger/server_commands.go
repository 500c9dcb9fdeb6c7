package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"claviger/internal/config"
)

// release is set by the linker in released binaries.
var release string

// version returns the release, or the commit that the binary was built from.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "development"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return "development, commit " + setting.Value[:12]
		}
	}
	return "development"
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(t *terminal) error {
	_, err := fmt.Fprintln(t.stdout, "claviger", version())
	return err
}

type healthcheckCommand struct{}

// Run asks the running server, on its own listener, whether it is well.
func (healthcheckCommand) Run(t *terminal, cli *commandLine) error {
	cfg, err := loadConfig(cli.Config, t.stderr)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(cfg.Server.Listen)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if cfg.Server.TLS() {
		scheme = "https"
	}
	// The certificate names the public host, not this listener: who answers here
	// was chosen by the configuration, and nothing secret is sent.
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	request, err := http.NewRequestWithContext(t.ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("unwell: %s", response.Status)
	}
	_, err = fmt.Fprintln(t.stdout, "ok")
	return err
}

type configCheck struct{}

// Run checks the configuration.
func (configCheck) Run(t *terminal, cli *commandLine) error {
	if _, err := loadConfig(cli.Config, t.stderr); err != nil {
		return err
	}
	_, err := fmt.Fprintln(t.stdout, "The configuration is good.")
	return err
}

type configPrint struct{}

// Run prints every setting.
func (configPrint) Run(t *terminal, cli *commandLine) error {
	cfg, err := loadConfig(cli.Config, t.stderr)
	if err != nil {
		return err
	}
	return cfg.Print(t.stdout)
}

type configSample struct{}

// Run prints a sample file.
func (configSample) Run(t *terminal) error {
	_, err := fmt.Fprint(t.stdout, config.Sample())
	return err
}
