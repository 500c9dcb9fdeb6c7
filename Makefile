# Everything one does with Claviger's source. `make` alone lists the targets.
# Needs Go, make, git and curl; `make deps` installs what the tests need beyond that.

SHELL     := bash
GO        ?= go
FUZZTIME  ?= 20s
BENCHTIME ?= 1s
BENCH     ?= .
BENCH_ROUNDS ?= 15
TESTFLAGS ?=
TIMEOUT   ?= 20m
# What of the domain runs on both engines each time; the store's own suite always does.
ON_POSTGRES ?= Record|Nonce|Throttle|Spent|Replac
# What of the domain runs under the race detector each time, where goroutines meet; the store's own suite always does.
UNDER_RACE  ?= AtOnce|Limiter|Memory|Watch|Ships|Shipping|Webhook|Uses|Callers
# The race detector needs cgo, and that a C compiler, which `deps` may have brought in a moment ago.
COMPILES  := printf 'int main(void) { return 0; }' | $${CC:-gcc} -x c -o /dev/null - 2>/dev/null
TOOL      := $(GO) tool -modfile=tools.mod

# Claviger is one static binary: what is built and tested here is what is shipped.
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help run dev gen build deps test test-postgres race fuzz bench lint check check-generated screenshots test-crash compat vuln clean

help: ## list the targets
	@echo 'Claviger. make TARGET, where TARGET is one of:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## start the server with its defaults
	$(GO) run ./cmd/claviger serve

dev: ## start it, and again after each change of a page or of code
	$(GO) tool templ generate --watch --cmd='$(GO) run ./cmd/claviger serve'

gen: ## make *_templ.go from *.templ
	$(GO) tool templ generate

build: ## build bin/claviger: static, stripped, without paths of this machine
	$(GO) build -trimpath -ldflags='-s -w' -o bin/claviger ./cmd/claviger

deps: ## install what the tests need (browser, proxies, database, axe-core)
	@bash .ci/deps

# One package at a time: browsers beside a siege of 2,000 connections, on two cores, would test who waits longest.
test: deps ## run all tests, the store's under the race detector, too (TESTFLAGS='-run TestX -v')
	@if $(COMPILES); then \
	  CGO_ENABLED=1 $(GO) test -race -timeout $(TIMEOUT) $(TESTFLAGS) ./store && \
	  CGO_ENABLED=1 $(GO) test -race -timeout $(TIMEOUT) -run '$(UNDER_RACE)' $(TESTFLAGS) ./internal/access; \
	else \
	  echo 'test: MISSING a C compiler; not tested: data races in the store and the domain' >&2; [ "$${CI:-}" != true ]; \
	fi
	@$(GO) test -p 1 -timeout $(TIMEOUT) $(TESTFLAGS) ./...
	@CLAVIGER_TEST_STORE=postgres $(GO) test -timeout $(TIMEOUT) -run '$(ON_POSTGRES)' $(TESTFLAGS) ./internal/access
	@CLAVIGER_TEST_STORE=postgres $(GO) test -timeout $(TIMEOUT) -run 'Decision|Described' $(TESTFLAGS) ./web

test-postgres: deps ## run all tests of the domain, the store and the web on PostgreSQL
	@CLAVIGER_TEST_STORE=postgres $(GO) test -timeout $(TIMEOUT) $(TESTFLAGS) ./internal/access ./store ./web

race: deps ## run all tests under the race detector (needs a C compiler)
	@CGO_ENABLED=1 $(GO) test -race -timeout $(TIMEOUT) $(TESTFLAGS) ./...

fuzz: ## run every fuzz target for FUZZTIME (20s)
	@GO='$(GO)' bash .ci/fuzz '$(FUZZTIME)'

bench: ## run the benchmarks (BENCH=regexp, BENCHTIME=1s), then compare with servers that do less (BENCH_CREDENTIALS=1000000,10000000)
	@set -o pipefail; $(GO) test -run '^$$' -bench '$(BENCH)' -benchtime '$(BENCHTIME)' -benchmem $(TESTFLAGS) ./internal/access ./internal/secret ./store/... ./web | grep -E '^(goos|cpu|pkg|Benchmark|FAIL|ok)'
	@BENCH_ROUNDS=$(BENCH_ROUNDS) $(GO) test -count=1 -v -timeout 120m ./internal/bench

lint: ## formatting, go vet, staticcheck
	@unformatted=$$($(TOOL) gofumpt -l .) || exit 1; \
	if [ -n "$$unformatted" ]; then \
	  printf 'not formatted; run: go tool -modfile=tools.mod gofumpt -w .\n%s\n' "$$unformatted" >&2; exit 1; \
	fi
	@$(GO) vet ./...
	@$(TOOL) staticcheck ./...

check-generated: ## compare the committed *_templ.go with what templ makes
	@GO='$(GO)' bash .ci/generated

check: check-generated lint ## all that can be said without running the program: generated code, lint, walls
	@$(GO) test ./internal/archtest/...

screenshots: deps ## make the pictures of every page anew
	$(GO) test ./internal/journey -run 'TestScreenshots' -count=1 -update-screenshots

test-crash: deps ## break what a server stands on: 200 times kill -9 on each engine (CRASH_KILLS=n), disks, PostgreSQL, networks, clocks, upgrades
	CRASH_KILLS=$${CRASH_KILLS:-200} $(GO) test ./cmd/claviger -v -run 'TestCrash|TestFault' -count=1 -timeout 90m $(TESTFLAGS)

compat: ## run clients of npm against a real server (needs node, npm and a registry)
	node internal/compat/run.mjs

vuln: ## look for known vulnerabilities in what we depend on (needs the network)
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.8.0 ./...

clean: ## remove what was built
	rm -rf bin
