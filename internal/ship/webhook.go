package ship

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"claviger/internal/access"
)

// SignatureHeader carries the time and the signature of what is sent to a webhook.
const SignatureHeader = "Claviger-Signature"

const (
	webhookTime = 10 * time.Second // for one request, its answer included
	maxAnswer   = 4 << 10          // of which nothing is used
)

// Webhook sends events to a URL by POST, signed, and takes a status from 200 to 299
// for the acknowledgement. It follows no redirect.
type Webhook struct {
	url    string
	secret []byte
	agent  string
	clock  access.Clock
	client *http.Client
}

// NewWebhook returns a webhook. The certificate has to be one that the roots, by nil
// those of the system, vouch for.
func NewWebhook(url, secret, version string, clock access.Clock, tlsConfig *tls.Config) *Webhook {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: tlsConfig, ForceAttemptHTTP2: true,
		MaxIdleConns: 1, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: webhookTime, MaxResponseHeaderBytes: 64 << 10,
	}
	return &Webhook{
		url: url, secret: []byte(secret), agent: "claviger/" + version, clock: clock,
		client: &http.Client{
			Transport: transport, Timeout: webhookTime,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Send sends events in one request.
func (w *Webhook) Send(ctx context.Context, events []access.Event) error {
	body, err := lines(events)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("User-Agent", w.agent)
	request.Header.Set(SignatureHeader, Sign(w.secret, w.clock.Now(), body))
	answer, err := w.client.Do(request)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer) // so that the connection can be used again
	if err := answer.Body.Close(); err != nil {
		return err
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("the webhook answered %d, not 2xx", answer.StatusCode)
	}
	return nil
}

// Sign returns the header of a body: the time in Unix seconds, and the HMAC-SHA-256 in
// hex of time, a dot and the body.
func Sign(secret []byte, at time.Time, body []byte) string {
	moment := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(moment + "."))
	mac.Write(body)
	return "t=" + moment + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
