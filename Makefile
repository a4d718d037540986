# Everything starts here. A fresh machine needs python3 (3.11 or later, with venv) and make; see README.md.

PYTHON ?= python3
UV_VERSION := 0.13.9
UV ?= .cache/uv-$(UV_VERSION)/bin/uv
BIN := .venv/bin
STAMP := .venv/.synced
PROTOS := protos/iotflow/telemetry/v1
OLDEST_IOTDB_CLIENT := 1.3.3
WORKERS ?= 2
ROUNDS ?= 20
ARGS ?=
# Some shells set HOST to the machine's name, so only one given to make itself counts.
LOAD_HOST := $(if $(filter command line,$(origin HOST)),--host $(HOST))

# uv must use the interpreter it is given, and never fetch one of its own.
export UV_PYTHON_DOWNLOADS := never
export VIRTUAL_ENV := $(CURDIR)/.venv

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run demo bench load ghz test chaos test-iotdb-oldest lint format proto proto-check settings-table clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with everything needed to run, test and lint
	@:

run: $(STAMP) ## Start the service on 127.0.0.1:50051 with embedded PostgreSQL, write and query a sample
	@exec $(BIN)/python -m iotflow_server.cli.run $(ARGS)

demo: $(STAMP) ## Carry a simulated fleet from a real IoTDB to PostgreSQL and count what was lost (needs Java, Maven)
	@exec $(BIN)/python -m iotflow_server.cli.demo $(ARGS)

bench: $(STAMP) ## Measure on this machine, each figure beside its limit; ONLY=key,key and QUICK=1 narrow it
	@$(BIN)/python -m tests.bench $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick) $(ARGS)

load: $(STAMP) ## Put load on the service by locust and ghz; HOST=host:port for one that runs, ARGS="--duration 20s"
	@$(BIN)/python -m tests.load $(LOAD_HOST) $(ARGS)

ghz: $(STAMP) ## Build the real ghz into .cache/go/bin, for load and its tests (needs Go)
	@$(BIN)/python -m tests.load.ghz

test: $(STAMP) ## Run the tests; ARGS="-k name" narrows them
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

chaos: $(STAMP) ## Kill the service, PostgreSQL and a gateway under full load, ROUNDS=20 times, and count what is lost
	@$(BIN)/python -m tests.chaos --rounds $(ROUNDS) $(ARGS)

test-iotdb-oldest: $(STAMP) $(UV) ## Run IoTDB's tests with the oldest client that is supported
	$(UV) run --frozen --isolated --all-extras --with apache-iotdb==$(OLDEST_IOTDB_CLIENT) \
		python -m pytest tests/integration/iotdb tests/conformance -k iotdb $(ARGS)

lint: $(STAMP) ## Check style, types and protos
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	@bash .ci/proto-breaking $(BIN)/buf

format: $(STAMP) ## Rewrite Python and protos in the house's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write

proto: $(UV) ## Generate the stubs from the protos
	$(call generate,.)

proto-check: $(UV) ## Fail where the committed stubs are not those of the protos
	@rm -rf build/proto && mkdir -p build/proto/clients
	@cp -R protos buf.yaml buf.gen.yaml build/proto/ && mkdir -p build/proto/clients/python
	$(call generate,build/proto)
	@for stub in build/proto/clients/python/iotflow/telemetry/v1/*; do \
		diff -u "clients/python/iotflow/telemetry/v1/$${stub##*/}" "$$stub" || exit 1; done
	@for stub in clients/python/iotflow/telemetry/v1/*_pb2*; do \
		test -e "build/proto/$$stub" || { echo "$$stub comes from no proto"; exit 1; }; done
	@echo "stubs are those of the protos"

settings-table: $(STAMP) ## Write docs/settings.md from the settings
	$(BIN)/python -m iotflow_server.settings_table > docs/settings.md

clean: ## Remove what was built and fetched; data in .data stays
	rm -rf .venv .cache build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find clients server tests -name __pycache__ -prune -exec rm -rf {} +

# The compiler is an old one on purpose, in an environment of its own: docs/adr/0001.
define generate
	cd $(1) && "$(abspath $(UV))" run --project "$(CURDIR)" --frozen --isolated --only-group proto sh -c \
		'buf generate && python -m grpc_tools.protoc -Iprotos --grpc_python_out=clients/python $(PROTOS)/*.proto'
endef

$(STAMP): pyproject.toml uv.lock | $(UV)
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip .venv
	$(UV) sync --frozen --all-extras
	@touch $@

.cache/uv-$(UV_VERSION)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is older than 3.11; name another: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv .cache/uv-$(UV_VERSION) \
		|| { rm -rf .cache/uv-$(UV_VERSION); echo "python3 lacks venv: apt-get install python3-venv"; exit 1; }
	@.cache/uv-$(UV_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
