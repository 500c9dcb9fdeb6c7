package testkit

import (
	"fmt"
	"io"
	"net/http"
	"testing"
)

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatalf("get %s: %v", url, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read %s: %v", url, err)
	}
	return response.StatusCode, string(text)
}

func TestNginx(t *testing.T) {
	base := Nginx(t, `location = /teapot { return 418 "short and stout"; }`)
	status, body := get(t, base+"/teapot")
	if status != 418 || body != "short and stout" {
		t.Errorf("got %d %q", status, body)
	}
}

func TestNginxAuthRequest(t *testing.T) {
	gate := Caddy(t, `respond /yes 204
respond /no 401`)
	base := Nginx(t, fmt.Sprintf(`location = /gate/yes { internal; proxy_pass %[1]s/yes; }
location = /gate/no { internal; proxy_pass %[1]s/no; }
location = /open { auth_request /gate/yes; root /nowhere; try_files $uri @in; }
location = /shut { auth_request /gate/no; root /nowhere; try_files $uri @in; }
location @in { return 200 "in"; }`, gate))
	if status, body := get(t, base+"/open"); status != 200 || body != "in" {
		t.Errorf("/open: got %d %q", status, body)
	}
	if status, _ := get(t, base+"/shut"); status != 401 {
		t.Errorf("/shut: got %d, want 401", status)
	}
}

func TestCaddy(t *testing.T) {
	base := Caddy(t, `respond /teapot "short and stout" 418`)
	status, body := get(t, base+"/teapot")
	if status != 418 || body != "short and stout" {
		t.Errorf("got %d %q", status, body)
	}
}

func TestHAProxy(t *testing.T) {
	base := HAProxy(t, "http-request lua.teapot", `core.register_action("teapot", { "http-req" }, function(txn)
	txn:done(txn:reply({ status = 418, body = "short and stout" }))
end)`)
	status, body := get(t, base+"/teapot")
	if status != 418 || body != "short and stout" {
		t.Errorf("got %d %q", status, body)
	}
}

func TestFreePortIsNeverTheSame(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		port := FreePort(t)
		if seen[port] {
			t.Fatalf("port %d twice", port)
		}
		seen[port] = true
	}
}
