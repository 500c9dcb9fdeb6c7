package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// Audit says where events are shipped to.
type Audit struct {
	ShipTo        []ShipTarget
	WebhookSecret Redacted // 16 characters or more; there is one where a target is a webhook
}

// ShipTarget is one place that events are shipped to.
type ShipTarget struct {
	Kind    string // ShipFile, ShipSyslog or ShipWebhook
	Network string // of syslog: unix, udp, tcp or tls
	Address string // an absolute path, host:port, or the webhook's URL
	Text    string // as it was given; nothing in it is a secret
}

// The kinds of targets.
const (
	ShipFile    = "file"
	ShipSyslog  = "syslog"
	ShipWebhook = "webhook"
)

const (
	localSyslog    = "/dev/log"
	leastHMACChars = 16
)

func shipKind() kind[[]ShipTarget] {
	show := func(targets []ShipTarget) string {
		texts := make([]string, len(targets))
		for i, t := range targets {
			texts[i] = t.Text
		}
		return strings.Join(texts, ", ")
	}
	return kind[[]ShipTarget]{"list of file:, syslog: and https: targets, separated by commas", parseShipTargets, show}
}

func hmacSecretKind() kind[Redacted] {
	parse := func(s string) (Redacted, error) {
		if len(s) < leastHMACChars {
			return Redacted{}, fmt.Errorf("must have at least %d characters; make one with: openssl rand -hex 32", leastHMACChars)
		}
		return NewRedacted(s), nil
	}
	return kind[Redacted]{fmt.Sprintf("text of %d characters or more", leastHMACChars), parse, Redacted.String}
}

func auditFields() []field {
	return []field{
		of(shipKind(), func(c *Config) *[]ShipTarget { return &c.Audit.ShipTo }, field{
			section: "audit", key: "ship_to", derived: "nowhere",
			help: "Where each event is sent, too: file:/path, syslog: (this machine's), syslog:udp://host:514, syslog:tcp://host:601, syslog:tls://host:6514, https://host/path.",
		}),
		of(hmacSecretKind(), func(c *Config) *Redacted { return &c.Audit.WebhookSecret }, field{
			section: "audit", key: "webhook_secret", derived: "none", secret: true,
			help: "Key of the signature by which a webhook of ship_to knows that events are from here.",
		}),
	}
}

func parseShipTargets(s string) ([]ShipTarget, error) {
	var targets []ShipTarget
	for item := range strings.SplitSeq(s, ",") {
		target, err := parseShipTarget(strings.TrimSpace(item))
		if err != nil {
			return nil, fmt.Errorf("entry %d %w", len(targets)+1, err)
		}
		if slices.ContainsFunc(targets, func(t ShipTarget) bool { return t.Text == target.Text }) {
			return nil, fmt.Errorf("entry %d stands there twice", len(targets)+1)
		}
		targets = append(targets, target)
	}
	return targets, nil
}

func parseShipTarget(s string) (ShipTarget, error) {
	scheme, rest, _ := strings.Cut(s, ":")
	t := ShipTarget{Text: s}
	var err error
	switch scheme {
	case "file":
		t.Kind, t.Address = ShipFile, rest
		err = absolute(rest)
	case "syslog":
		t.Kind = ShipSyslog
		t.Network, t.Address, err = parseSyslog(rest)
	case "http", "https":
		t.Kind, t.Address = ShipWebhook, s
		err = checkWebhook(s)
	default:
		err = errors.New("must begin with file:, syslog: or https://")
	}
	return t, err
}

func absolute(path string) error {
	if !filepath.IsAbs(path) || strings.HasPrefix(path, "//") || filepath.Clean(path) != path {
		return errors.New("must name a file by its absolute path, such as file:/var/log/claviger/events.jsonl")
	}
	return nil
}

func parseSyslog(rest string) (network, address string, err error) {
	network, address, remote := strings.Cut(rest, "://")
	switch {
	case rest == "":
		return "unix", localSyslog, nil
	case !remote:
		return "unix", rest, absolute(rest)
	case network != "udp" && network != "tcp" && network != "tls":
		return "", "", errors.New("must be syslog:, syslog:/path/of/a/socket, or syslog: with udp://, tcp:// or tls:// and host:port")
	}
	host, port, splitErr := net.SplitHostPort(address)
	number, ok := validPort(port)
	if splitErr != nil || host == "" || !validHost(host) || !ok || number == "0" {
		return "", "", errors.New("must name host and port, such as syslog:tls://logs.example.com:6514")
	}
	return network, net.JoinHostPort(host, number), nil
}

func checkWebhook(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Opaque != "" || !validHost(u.Hostname()) || strings.Contains(u.Host, "%") || strings.HasSuffix(u.Host, ":"):
		return errors.New("is no URL of a webhook, such as https://logs.example.com/claviger")
	case u.User != nil || strings.ContainsAny(s, "?#"):
		return errors.New("must contain no user name, password, query or fragment: the webhook knows us by webhook_secret")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("must begin with https://; http:// is only for this machine, such as http://127.0.0.1:8686/events")
	}
	if u.Port() != "" {
		if port, ok := validPort(u.Port()); !ok || port == "0" {
			return errors.New("must have a port from 1 to 65535, or none")
		}
	}
	return nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// checkShipping reports webhooks to which nothing could be signed.
func (c *Config) checkShipping(sound func(section, key string) bool) []Problem {
	webhook := slices.ContainsFunc(c.Audit.ShipTo, func(t ShipTarget) bool { return t.Kind == ShipWebhook })
	if !webhook || !c.Audit.WebhookSecret.IsZero() || !sound("audit", "webhook_secret") {
		return nil
	}
	return []Problem{c.origins["audit.ship_to"].problem("audit", "ship_to", "names a webhook, which needs webhook_secret or webhook_secret_file, so that it can tell our events from forged ones")}
}
