package web_test

import (
	"slices"
	"strings"
)

func spoofed(names ...string) []string {
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = name + ": spoofed"
	}
	return lines
}

// aliasAttacks: names that are, or that an application folds into, an identity header (S1, S2).
func aliasAttacks() []attack {
	// nginx takes away headers by their whole names only. This one is none of ours.
	nginxLeaks := map[string]string{"nginx": "X-Auth-Anything"}
	rows := []attack{
		{name: "our names", lines: spoofed(identityNames...), want: 200},
		{name: "our names twice", lines: spoofed(slices.Concat(identityNames, identityNames)...), want: 200},
		{name: "lower case", lines: spoofed("x-auth-subject", "x-auth-kind"), want: 200},
		{name: "upper case", lines: spoofed("X-AUTH-SUBJECT", "X-AUTH-SCOPE"), want: 200},
		{name: "an empty one", lines: []string{"X-Auth-Subject:", "X-Auth-Label:"}, want: 200},
		{name: "joined by commas", lines: []string{"X-Auth-Subject: spoofed, spoofed"}, want: 200},
		{name: "another of the family", lines: spoofed("X-Auth-Anything", "X-Auth-Reason"), want: 200, leaks: nginxLeaks},
		{name: "a folded line", lines: []string{"X-Auth-Subject: a", " spoofed"}, want: 200, doors: map[string]int{"nginx": 400}},
		{name: "a space before the colon", lines: []string{"X-Auth-Subject : spoofed"}, want: 400},
	}
	for _, c := range "_.!#$%&'*+^`|~" {
		s := string(c)
		rows = append(rows, attack{name: "alias by " + s, want: 200, lines: spoofed("X"+s+"Auth"+s+"Subject", "X-Auth"+s+"Kind", "x"+s+"auth-scope", "X-Auth-Label"+s)})
	}
	return append(rows, attack{name: "every alias at once", lines: spoofed(aliases()...), want: 200, leaks: nginxLeaks, doors: map[string]int{"HAProxy": 400}}) // more than 101 headers
}

// hopAttacks: what a caller declares to be for one hop only, the next one takes away (S3).
func hopAttacks() []attack {
	return []attack{
		{name: "Connection names the identity", lines: append(spoofed("X-Auth-Label"), "Connection: X-Auth-Subject, X-Auth-Kind"), want: 200},
		{name: "Connection twice", lines: append(spoofed("X-Auth-Subject"), "Connection: close, x-auth-subject", "Connection: X-Auth-Credential"), want: 200},
		{name: "Connection names the credential", lines: []string{"Connection: Authorization"}, want: 200},
		{name: "Connection names our own questions", lines: []string{"Connection: X-Original-Method, X-Forwarded-Method, X-Original-URI, X-Forwarded-For"}, want: 200},
		{name: "Te and Trailer", lines: []string{"Te: trailers, X-Auth-Subject", "Trailer: X-Auth-Subject"}, want: 200},
		{name: "Keep-Alive and Proxy-Connection", lines: []string{"Keep-Alive: X-Auth-Subject", "Proxy-Connection: X-Auth-Subject"}, want: 200},
		{name: "an upgrade to h2c", lines: []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"}, want: 200},
	}
}

// originAttacks: what a stranger says of method, address and origin does not matter (S4).
func originAttacks() []attack {
	var rows []attack
	add := func(name, as, method string, want int, lines ...string) {
		rows = append(rows, attack{name: name, as: as, method: method, want: want, lines: lines})
	}
	none := "Content-Length: 0"
	add("reads", "reader", "GET", 200)
	add("heads", "reader", "HEAD", 200)
	add("asks for options", "reader", "OPTIONS", 200)
	add("writes", "reader", "POST", 403, none)
	add("deletes", "reader", "DELETE", 403)
	add("writes, says it reads", "reader", "POST", 403, none, "X-Forwarded-Method: GET")
	add("writes, says to nginx it reads", "reader", "POST", 403, none, "X-Original-Method: GET", "X-Original-URI: /")
	add("writes, overrides", "reader", "POST", 403, none, "X-HTTP-Method-Override: GET", "X_Forwarded_Method: GET", "X_Original_Method: GET")
	add("hides the method", "reader", "POST", 403, none, "Connection: X-Forwarded-Method, X-Original-Method, X-Forwarded-Uri")
	add("reads, says it writes", "reader", "GET", 200, "X-Forwarded-Method: POST", "X-Original-Method: POST")
	add("reads, overrides", "", "GET", 200, "X-HTTP-Method-Override: spoofed", "X-HTTP-Method: spoofed", "X-Method-Override: spoofed")
	add("reads, says it is elsewhere", "reader", "GET", 200, "X-Forwarded-Uri: /spoofed", "X-Original-URI: /spoofed", "X-Rewrite-URL: /spoofed")
	add("a credential in a URI that it says", "nobody", "GET", 401, "X-Forwarded-Uri: /?access_token={token}", "X-Original-URI: /?access_token={token}")
	add("says who it is behind a proxy", "", "GET", 200, spoofed("X-Forwarded-User", "X-Forwarded-Prefix", "X-Real-IP", "Forwarded")...)
	add("says which host and scheme it wants", "", "GET", 200, spoofed("X-Forwarded-Host", "X-Forwarded-Proto")...)
	add("says where it comes from", "", "GET", 200, "X-Forwarded-For: spoofed")
	add("another address", "office", "GET", 403)
	add("says it is at a good address", "office", "GET", 403, "X-Forwarded-For: 203.0.113.9")
	add("says so twice", "office", "GET", 403, "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 203.0.113.9")
	add("says so in other words", "office", "GET", 403, "X-Real-IP: 203.0.113.9", "Forwarded: for=203.0.113.9", "X_Forwarded_For: 203.0.113.9")
	add("hides its address", "office", "GET", 403, "X-Forwarded-For: 203.0.113.9", "Connection: X-Forwarded-For")
	return rows
}

// credentialAttacks: exactly one credential, in one way (S5).
func credentialAttacks() []attack {
	const good = "Authorization: Bearer {token}"
	nginx400 := map[string]int{"nginx": 400}                                                                                     // which takes no header twice that it knows
	query := map[string]string{"": "/v1/orders?a=1", "nginx": "/v1/orders?a=1&", "Caddy": "/v1/orders?a=1&access_token={token}"} // Caddy 2.6 cannot
	return []attack{
		{name: "nothing", as: "nobody", want: 401},
		{name: "nothing, a query of its own", as: "nobody", target: "/v1/orders?x=1", want: 401},
		{name: "wrong", as: "nobody", lines: []string{"Authorization: Bearer x"}, want: 401},
		{name: "Basic", as: "nobody", lines: []string{"Authorization: Basic x{basic}"}, want: 401},
		{name: "in the query", as: "nobody", target: "/v1/orders?a=1&access_token={token}", want: 200, seen: query},
		{name: "header and query", target: "/v1/orders?access_token={token}", want: 401},
		{name: "twice in the query", as: "nobody", target: "/v1/orders?access_token={token}&access_token={token}", want: 401},
		{name: "in the query, in disguise", as: "nobody", target: "/v1/orders?%61ccess_token={token}", want: 401},
		{name: "header, and one in disguise", target: "/v1/orders?%61ccess_token={token}", want: 401},
		{name: "twice the same", lines: []string{good}, want: 401, doors: nginx400},
		{name: "good and bad", lines: []string{"Authorization: Bearer x"}, want: 401, doors: nginx400},
		{name: "bad and good", as: "nobody", lines: []string{"authorization: Bearer x", good}, want: 401, doors: nginx400},
		{name: "good and empty", lines: []string{"Authorization:"}, want: 401, doors: nginx400},
		{name: "two schemes", lines: []string{"Authorization: Basic {basic}"}, want: 401, doors: nginx400},
		{name: "joined by a comma", as: "nobody", lines: []string{good + ", Basic {basic}"}, want: 401},
		{name: "an alias is no credential", as: "nobody", lines: []string{"Authorization_: Bearer {token}", "X-Authorization: Bearer {token}"}, want: 401},
		{name: "Proxy-Authorization is none", as: "nobody", lines: []string{"Proxy-Authorization: Bearer {token}"}, want: 401},
		{name: "Proxy-Authorization beside it", lines: []string{"Proxy-Authorization: Bearer {reader}"}, want: 200},
		{name: "folded over two lines", as: "nobody", lines: []string{"Authorization: Bearer", " {token}"}, want: 200, doors: nginx400}, // RFC 9112 §5.2: a space, or 400
		// Both would be a 500 of nginx's, and a 503 by way of HAProxy: those let it through, and net/http does not.
		{name: "a control character", as: "nobody", lines: []string{"Authorization: Bearer {token}\x7f"}, want: 400},
		{name: "a control character beside it", lines: []string{"User-Agent: \x01"}, want: 400},
		{name: "a control character elsewhere", lines: []string{"X-Else: \x01"}, want: 400, doors: map[string]int{"nginx": 200, "HAProxy": 200}},
		{name: "a control character in the address", target: "/v1/orders?a=\x7f", want: 400},
		{name: "to another application's check", as: "nobody", target: "/verify/acme/sandbox/echo", want: 401},
	}
}

// pathAttacks: what servers read differently arrives as it was sent, or not at all (S6).
func pathAttacks() []attack {
	var rows []attack
	add := func(gateway int, doors map[string]int, targets ...string) {
		for _, target := range targets {
			row := attack{name: "path " + target, target: target, want: 200, doors: map[string]int{"gateway": gateway}}
			for name, status := range doors {
				row.doors[name] = status
			}
			rows = append(rows, row)
		}
	}
	add(200, nil, "/v1/a%2Fb", "/v1/a%20b?x=1&y=%2F", "/v1/a;b=c", "/v1/...", "/v1/%C3%BC", "/v1/orders?a=/../b", "/_claviger/")
	add(400, nil, "/v1//orders", "//v1/orders", "/v1/../orders", "/v1/./orders", "/v1/%2e%2e/orders", "/v1/.%2e/orders", "/v1/..;/orders", "/v1/..;x=y/orders",
		"/v1/%2e%2e%3bx/orders", "/v1/a%2F..%2F..%2Fb", "/v1/..%2Fa", "/v1/..%5Ca", "/v1/a%0d%0aX-Evil:%201", "/v1/a%7f", "/v1/....//a")
	add(400, map[string]int{"nginx": 400}, "/v1/a%00", "/../../etc/passwd")
	add(400, map[string]int{"nginx": 400, "Caddy": 400}, "/v1/%zz")
	// The location that asks Claviger is nginx's own.
	add(200, map[string]int{"nginx": 404}, "/_claviger", "/%5Fclaviger")
	add(400, map[string]int{"nginx": 404}, "//_claviger", "/v1/../_claviger")
	const other = "/v1/orders"
	return append(rows,
		attack{name: "a backslash", target: `/v1/..\a`, want: 200, doors: map[string]int{"gateway": 400}, seen: map[string]string{"Caddy": "/v1/..%5Ca"}},
		attack{name: "a fragment, plain", target: "/v1/a#b", want: 200, doors: map[string]int{"gateway": 400, "HAProxy": 400}, seen: map[string]string{"Caddy": "/v1/a%23b"}},
		attack{name: "a fragment", target: "/v1/a#/../b", want: 200, doors: map[string]int{"gateway": 400, "HAProxy": 400}, seen: map[string]string{"Caddy": "/v1/a%23/../b"}},
		attack{name: "absolute form", target: "http://{host}{prefix}/v1/orders", want: 200, seen: map[string]string{"": other}},
		attack{name: "absolute form of another host", target: "http://elsewhere.test{prefix}/v1/orders", want: 200, seen: map[string]string{"": other}, doors: map[string]int{"Caddy": byItself, "HAProxy": 400}},
		attack{name: "no path", method: "OPTIONS", target: "*", want: byItself, doors: map[string]int{"nginx": 400, "HAProxy": 200}},
		attack{name: "no path, nobody", as: "nobody", method: "OPTIONS", target: "*", want: byItself, doors: map[string]int{"nginx": 400, "HAProxy": 401}},
	)
}

// methodAttacks: GET, HEAD and OPTIONS read; every other one writes, an unknown one too.
func methodAttacks() []attack {
	return []attack{
		{name: "lower case", as: "reader", method: "get", want: 403, doors: map[string]int{"nginx": 400}},
		{name: "unknown", as: "reader", method: "QUERY", want: 403},
		{name: "GET with a body", as: "reader", method: "GET", lines: []string{"Content-Length: 4"}, body: "body", want: 200},
		{name: "HEAD with a body", as: "reader", method: "HEAD", lines: []string{"Content-Length: 4"}, body: "body", want: 200},
		{name: "OPTIONS with a body", as: "reader", method: "OPTIONS", lines: []string{"Content-Length: 4"}, body: "body", want: 200},
		{name: "TRACE", as: "reader", method: "TRACE", want: 403, doors: map[string]int{"nginx": 405}},
		{name: "CONNECT", as: "reader", method: "CONNECT", target: "{host}", want: 403, doors: map[string]int{"nginx": 400, "gateway": 400}},
		{name: "CONNECT to elsewhere", as: "reader", method: "CONNECT", target: "elsewhere.test:80", want: 400, doors: map[string]int{"Caddy": byItself}},
		{name: "a method with a space", as: "reader", method: "GET POST", want: 400},
	}
}

// wireAttacks: requests that two servers cut apart differently.
func wireAttacks() []attack {
	inner := "GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Auth-Subject: spoofed\r\n\r\n"
	return []attack{
		{name: "length and chunks", method: "POST", lines: []string{"Content-Length: 6", "Transfer-Encoding: chunked"}, body: "0\r\n\r\n" + inner, want: 200, doors: map[string]int{"nginx": 400}}, // the chunks count (RFC 9112 §6.3)
		{name: "chunks, misspelt", method: "POST", lines: []string{"Content-Length: 4", "Transfer-Encoding: xchunked"}, body: "0\r\n\r\n" + inner, want: 501, doors: map[string]int{"HAProxy": 400}},
		{name: "chunks with a space before the colon", method: "POST", lines: []string{"Content-Length: 4", "Transfer-Encoding : chunked"}, body: "0\r\n\r\n" + inner, want: 400},
		{name: "two lengths", method: "POST", lines: []string{"Content-Length: 0", "Content-Length: 60"}, body: inner, want: 400},
		{name: "a length with a sign", method: "POST", lines: []string{"Content-Length: +5"}, body: inner, want: 400},
		{name: "a chunk size that is none", method: "POST", lines: []string{"Transfer-Encoding: chunked"}, body: "zz\r\n" + inner, want: 400, doors: map[string]int{"Caddy": 502}},
		{name: "a second request after a GET", lines: []string{"Connection: keep-alive"}, body: inner, want: 200},
		{name: "trailers", method: "POST", lines: []string{"Transfer-Encoding: chunked", "Trailer: X-Auth-Subject"}, body: "1\r\na\r\n0\r\nX-Auth-Subject: spoofed\r\nX_Auth_Kind: spoofed\r\n\r\n", want: 200},
		{name: "a line feed alone", lines: []string{"X-A: b\nX-Auth-Subject: spoofed"}, want: 200},
		{name: "a carriage return in a value", lines: []string{"X-A: b\rX-Auth-Subject: spoofed"}, want: 400},
		{name: "a zero byte in a value", lines: []string{"X-A: b\x00spoofed"}, want: 400, doors: map[string]int{"HAProxy": 200}, leaks: map[string]string{"HAProxy": "X-A"}}, // under its own name
		{name: "a host with a dot at its end", host: "{host}.", want: 200},
		{name: "two hosts", lines: []string{"Host: spoofed"}, want: 400},
		{name: "a huge header", lines: []string{"X-Huge: " + strings.Repeat("x", 2<<20)}, want: 431, doors: map[string]int{"nginx": 400, "HAProxy": 400}},
	}
}
