# Every target needs Go, git and make; librdkafka and reliability need a C compiler, too. What else they need is built into
# bin/ the first time.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# Stamping the commit into programs would link them anew after each commit.
export GOFLAGS := $(filter-out -buildvcs=%,$(GOFLAGS)) -buildvcs=false

# A pulumi on PATH is used if it is recent enough; otherwise the CLI and its Go language host are built.
PULUMI := $(if $(filter unpack,$(MAKECMDGOALS)),,$(if $(shell go run ./tools/recentpulumi),,bin/pulumi bin/pulumi-language-go))
SANDBOX := bin/sandbox
LINTERS := bin/.linters
EXAMPLE := examples/collector
CLIENTS := e2e/clients
PULUMI_VERSION = $(shell cd tools/pulumi && go list -m -f '{{.Version}}' github.com/pulumi/pulumi/pkg/v3)

.PHONY: help up preview demo down test librdkafka bench bench-cold reliability mutants fuzz lint fmt tools programs.tar unpack clean
.PHONY: bin/sandbox bin/mskctl bin/collector bin/exchange

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: tools ## deploy the sandbox stack into the sandbox and print its outputs
	@$(SANDBOX) pulumi stack select --create sandbox
	$(SANDBOX) pulumi up --stack sandbox --yes --suppress-outputs
	$(SANDBOX) pulumi stack output --stack sandbox

preview: tools ## show what `make up` would change
	@$(SANDBOX) pulumi stack select --create sandbox
	@bin/mskctl preview sandbox

demo: tools bin/collector bin/exchange ## deploy the sandbox, and see trades flow through its Kafka: a minute
	@go run ./tools/demo $(DEMO)

down: tools ## destroy the sandbox stack
	$(SANDBOX) pulumi destroy --stack sandbox --yes

test: tools ## run every test, including those that drive the real engine
	go -C $(EXAMPLE) test ./...
	go test -timeout 30m ./...

librdkafka: tools ## run librdkafka under the deployed policies: needs a C compiler, and half a minute
	LIBRDKAFKA=yes go test -count=1 -run TestClientPrograms ./e2e
	go -C $(CLIENTS) vet ./...

reliability: tools ## run every test with its tables whole, the mutants and the fuzzers, and write docs/evidence.md
	go run ./tools/reliability

mutants: ## remove each rule and protection in turn, and see a test fail: 2 minutes
	go run ./tools/mutants

fuzz: ## give the configuration a minute of random input
	go test -run '^$$' -fuzz FuzzConfig -fuzztime 1m ./internal/config/fuzz

bench: tools ## measure how fast it is, for docs/evidence.md (Linux)
	BENCH_PAGE=docs/evidence.md go test -run '^$$' -bench Warm -benchtime 5x -timeout 2h ./bench

bench-cold: tools ## measure a fresh clone with empty caches, and the tests: half an hour (Linux)
	BENCH_PAGE=docs/evidence.md go test -run '^$$' -bench Cold -benchtime 1x -timeout 2h ./bench

lint: $(LINTERS) ## check formatting, go vet on Linux and macOS, staticcheck, and the workflows
	@bin/gofumpt -l $$(git ls-files -co --exclude-standard '*.go') | awk '{print "not formatted (make fmt): " $$0} END {exit NR > 0}'
	go vet ./...
	GOOS=darwin go vet ./...
	bin/staticcheck ./...
	go -C $(EXAMPLE) vet ./...
	cd $(EXAMPLE) && $(CURDIR)/bin/staticcheck ./...
	go -C $(CLIENTS) vet ./sarama
	cd $(CLIENTS) && $(CURDIR)/bin/staticcheck ./sarama
	bin/actionlint -shellcheck= -pyflakes=

fmt: $(LINTERS) ## format the Go code
	bin/gofumpt -w $$(git ls-files -co --exclude-standard '*.go')

tools: $(PULUMI) bin/sandbox bin/mskctl ## build bin/sandbox, bin/mskctl and, unless a recent pulumi is on PATH, the CLI

programs.tar: ## build what the workflows' jobs run, once for all of them
	go build -ldflags '-s -w' -o bin/ . ./sandbox ./mskctl
	tar -cf programs.tar bin/msk-serverless bin/sandbox bin/mskctl

unpack: ## unpack programs.tar in a workflow's job; needs no Go
	tar -xf programs.tar

clean: ## remove what was built, and the sandbox with its state
	rm -rf bin .sandbox

bin/sandbox bin/mskctl:
	@go build -o $@ ./$(@F)

bin/collector:
	@go -C $(EXAMPLE) build -o $(CURDIR)/$@ .

bin/exchange:
	@go -C $(EXAMPLE) build -o $(CURDIR)/$@ ./localexchange/serve

bin/pulumi: tools/pulumi/go.mod
	@echo "Building the Pulumi CLI from Go modules into bin/: about 4 minutes on 2 cores, once."
	go -C tools/pulumi build -o ../../bin/pulumi \
	  -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(PULUMI_VERSION)" \
	  github.com/pulumi/pulumi/pkg/v3/cmd/pulumi

bin/pulumi-language-go: tools/pulumi-language-go/go.mod tools/pulumi-language-go/pulumi-language-go
	@echo "Building Pulumi's Go language host from Go modules into bin/: about half a minute, once."
	go -C tools/pulumi-language-go build -ldflags '-s -w' -o ../../bin/pulumi-language-go-real \
	  github.com/pulumi/pulumi/sdk/v3/go/pulumi-language-go
	cp tools/pulumi-language-go/pulumi-language-go $@

$(LINTERS): tools/lint/go.mod
	@echo "Building the linters from Go modules into bin/: about a minute, once."
	go -C tools/lint build -o ../../bin/ tool
	@touch $@
