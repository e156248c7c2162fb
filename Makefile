# Everything here needs Go only, except where it says otherwise.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS := -X main.release=$(VERSION) -X main.commit=$(COMMIT)
FUZZTIME ?= 30s
SCENARIO ?=
SEEDS   ?= 2000
SEED    ?=
HALF    ?=
FOR     ?=
SOURCES := bench broker cmd conf ringbuf scripts sse
TOOLS   := $(CURDIR)/bin/tools

# A checkout that belongs to somebody else is none that Go may ask git about.
export GOFLAGS := $(strip $(GOFLAGS) -buildvcs=false)

.PHONY: help build run test test-kafka test-faults soak test-clients test-browser test-proxies lint fuzz sim mutate bench bench-full clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the commands into bin/
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/ringcast ./cmd/ringcast-demo

run: build ## embedded Kafka, made-up Wikimedia-like events and the server; prints what to open
	./bin/ringcast-demo

test: ## every test that needs nothing but Go
	$(GO) test -race ./...

test-kafka: ## the suite against a real Apache Kafka, which it fetches (needs Java 17, Maven, kcat)
	$(GO) test -race -tags kafka -count=1 -timeout 20m ./scripts/kafka
	$(GO) test -race -tags kafka -count=1 -timeout 20m -run '^TestKafka(JoinDelay|Secured|Switched)?$$' ./cmd/ringcast/blackbox

test-faults: ## faults of Kafka, the network and instances, with a table of pauses; HALF=quick leaves out the long ones (needs what test-kafka needs, nginx)
	$(GO) test -race -tags kafka,faults -count=1 -v -timeout 60m -run '$(if $(filter quick,$(HALF)),^TestFaults,^Test(Long)?Faults)' ./cmd/ringcast/blackbox

soak: ## churn and faults at random for FOR (10m), drawn from SEED (a random one): what clients lose, what instances hold (needs what test-kafka needs)
	FOR=$(FOR) SEED=$(SEED) $(GO) test -tags kafka,faults -count=1 -v -timeout 24h -run '^TestSoak' ./cmd/ringcast/blackbox

test-clients: ## the SSE clients of Python, Node, Go and curl, cut off again and again (fetches them; needs Python 3 with venv, Node 20, curl)
	$(GO) test -race -tags clients -count=1 -run '^Test(Python|Node|Go|Curl)Clients?$$' ./cmd/ringcast/blackbox

test-proxies: ## the examples of scripts/deploy: nginx, HAProxy and Varnish in front of two instances (needs them)
	$(GO) test -race -tags proxies -count=1 -run '^TestProxies$$' ./cmd/ringcast/blackbox

test-browser: ## the live page in a real browser (needs Chromium)
	$(GO) test -race -tags browser -count=1 -run '^TestBrowser' ./cmd/ringcast/blackbox

lint: $(TOOLS)/golangci-lint ## gofmt, go vet for three systems, golangci-lint
	@test -z "$$(gofmt -l $(SOURCES))" || { gofmt -d $(SOURCES); exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags kafka,faults ./...
	$(GO) vet -tags clients ./...
	$(GO) vet -tags browser ./...
	$(GO) vet -tags proxies ./...
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) vet ./...
	GOOS=darwin $(GO) build -o /dev/null ./cmd/ringcast
	GOOS=windows $(GO) build -o /dev/null ./cmd/ringcast
	$(TOOLS)/golangci-lint run ./...

# The linter is pinned in a module of its own, so that its dependencies are not ours.
$(TOOLS)/golangci-lint: scripts/tools/go.mod
	cd scripts/tools && GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

fuzz: ## run every fuzz target for FUZZTIME each (30s)
	@set -e; for dir in $$($(GO) list -f '{{.Dir}}' ./...); do \
		for f in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$dir/*_test.go 2>/dev/null | cut -c6-); do \
			echo "== $$dir $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$dir; \
		done; done

mutate: ## each rule of resume taken out in turn: the model test must fail (minutes)
	$(GO) run ./scripts/mutate

sim: ## the whole server in simulated time, SEEDS schedules of faults (2000); SEED=n runs one
	SEEDS=$(SEEDS) SEED=$(SEED) $(GO) test -count=1 -timeout 12h ./bench/sim

bench: ## load tests against the yardstick of the same run, a quarter of an hour; SCENARIO=idle,… chooses (Linux)
	$(GO) run ./bench -out bench/results $(if $(SCENARIO),-scenario $(SCENARIO))

bench-full: ## the same, longer and with more clients: hours
	$(GO) run ./bench -out bench/results -full $(if $(SCENARIO),-scenario $(SCENARIO))

clean: ## remove what was built
	rm -rf bin
