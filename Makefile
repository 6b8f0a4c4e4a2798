# Every target needs Go, git and make alone; what else it needs is built into bin/ the first time.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Stamping the commit into programs would link them anew after each commit.
export GOFLAGS := $(filter-out -buildvcs=%,$(GOFLAGS)) -buildvcs=false

# A pulumi on PATH serves if it is recent enough; else the CLI and its Go language host are built.
PULUMI := $(if $(shell scripts/recent-pulumi),,bin/pulumi bin/pulumi-language-go)
SANDBOX := go run ./sandbox
LINTERS := bin/.linters
EXAMPLE := examples/collector
SCRIPTS = $(shell grep -lrE '^\#!.*sh$$|shellcheck shell=' scripts .ci tools/pulumi-language-go)

.PHONY: help up preview down test bench bench-cold reliability mutants fuzz lint fmt tools clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: tools ## deploy the sandbox stack into the embedded AWS and print its outputs
	@$(SANDBOX) pulumi stack select --create sandbox
	$(SANDBOX) pulumi up --stack sandbox --yes --suppress-outputs
	$(SANDBOX) pulumi stack output --stack sandbox

preview: tools ## show what `make up` would change
	@$(SANDBOX) pulumi stack select --create sandbox
	$(SANDBOX) pulumi preview --stack sandbox --diff

down: tools ## destroy the sandbox stack
	$(SANDBOX) pulumi destroy --stack sandbox --yes

test: tools ## run every test, those that drive the real engine too
	go -C $(EXAMPLE) test ./...
	go test ./...

reliability: tools ## run every test with its tables whole and the fuzzer, and write docs/evidence.md
	scripts/reliability

mutants: ## remove each rule of the configuration and each protection, one at a time, and see a test fail: a minute
	go run ./tools/mutants

# The first time, all that the program is made of is compiled anew for the fuzzer, which takes minutes.
fuzz: ## give the configuration and the policies a minute of random input
	go test -run '^$$' -fuzz FuzzConfig -fuzztime 1m ./internal/config

bench: tools ## measure how fast it is, for docs/evidence.md: 10 minutes (Linux)
	go run ./bench

bench-cold: tools ## measure a fresh clone with empty caches, and the tests: half an hour (Linux)
	go run ./bench -cold

lint: $(LINTERS) ## check formatting, go vet, staticcheck, the workflows and the shell scripts
	@diff=$$(git ls-files -co --exclude-standard '*.go' | xargs bin/gofumpt -l); [[ -z $$diff ]] || { echo "not formatted (make fmt):"; echo "$$diff"; exit 1; }
	for module in . $(EXAMPLE); do (cd $$module && go vet ./... && $(CURDIR)/bin/staticcheck ./...); done
	bin/actionlint
	@command -v shellcheck >/dev/null || { echo "make lint needs shellcheck: apt-get install shellcheck, or https://www.shellcheck.net"; exit 1; }
	shellcheck $(SCRIPTS)
	bin/shfmt -i 2 -ci -d $(SCRIPTS)

fmt: $(LINTERS) ## format the Go code
	git ls-files -co --exclude-standard '*.go' | xargs bin/gofumpt -w

tools: $(PULUMI) bin/gojq ## build what the scripts need: gojq, and unless a recent pulumi is on PATH, the CLI and its Go language host

clean: ## remove what was built, and the sandbox with its state
	rm -rf bin .sandbox

bin/pulumi: tools/pulumi/go.mod
	@echo "Building the Pulumi CLI from Go modules into bin/: about 4 minutes on 2 cores, once."
	version=$$(cd tools/pulumi && go list -m -f '{{.Version}}' github.com/pulumi/pulumi/pkg/v3); \
	go -C tools/pulumi build -o ../../bin/pulumi \
	  -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$$version" github.com/pulumi/pulumi/pkg/v3/cmd/pulumi

bin/pulumi-language-go: tools/pulumi-language-go/go.mod tools/pulumi-language-go/pulumi-language-go
	@echo "Building Pulumi's Go language host from Go modules into bin/: about half a minute, once."
	go -C tools/pulumi-language-go build -ldflags '-s -w' -o ../../bin/pulumi-language-go-real github.com/pulumi/pulumi/sdk/v3/go/pulumi-language-go
	cp tools/pulumi-language-go/pulumi-language-go $@

bin/gojq: tools/gojq/go.mod
	go -C tools/gojq build -ldflags '-s -w' -o ../../bin/ tool
	@touch $@

$(LINTERS): tools/lint/go.mod
	@echo "Building the linters from Go modules into bin/: about a minute, once."
	go -C tools/lint build -o ../../bin/ tool
	@touch $@
