# Every task of the project. The first run of any of them prepares .venv and contracts/node_modules.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP_OPTIONS ?=
# CLIP=0 leaves out the likeness channel and its packages (torch and what it brings: 5.5 GB).
CLIP ?= 1
ifeq ($(CLIP),0)
EXTRAS := test
INSTALLED := .venv/installed-without-clip
else
EXTRAS := test,clip
INSTALLED := .venv/installed
endif
# A worker has a database server, a chain and a model of its own; a module stays with one, in the order of pyproject.toml.
WORKERS ?= 2
export PYTHONUNBUFFERED := 1

.PHONY: docs up demo test browser promtool lint bench campaigns fuzz audit contracts setup clean

up: setup ## set up everything and run the oracle: database, chain, API, worker, node; Ctrl-C stops it
	$(BIN)/oracle up

demo: setup ## tell the whole story with sample pictures on servers of its own, verified on chain; SERVE=1 keeps a sample platform running
	$(BIN)/oracle demo $(if $(SERVE),--serve)

test: setup lint browser promtool ## all checks and all tests
	cd contracts && tools/forge test
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder

browser: ## Debian's Chromium for the tests of the pages; without a browser they are skipped, and fail where CI is set
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	as=$$(test "$$(id -u)" = 0 || echo sudo -n); \
	{ $$as apt-get update -q && $$as apt-get install -q -y --no-install-recommends chromium; } >/dev/null 2>&1 || \
	echo "No Chromium, and it cannot be installed here: the pages are not tested in a browser."

promtool: setup ## the checker of alarms, out of Debian's package of Prometheus; nothing is installed
	@command -v promtool >/dev/null || test -x $(BIN)/promtool || { folder=$$(mktemp -d) && cd $$folder && apt-get download -q prometheus \
	&& dpkg -x prometheus*.deb . && install usr/bin/promtool "$(CURDIR)/$(BIN)/promtool"; rm -rf $$folder; } >/dev/null 2>&1 || \
	echo "No promtool, and it cannot be fetched here: the alarms are not tested."

lint: setup ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd contracts && tools/forge fmt --check

docs: setup ## build the documentation into build/site, strictly
	$(BIN)/mkdocs build --quiet

bench: setup ## the node and the intake of events; media need sets of their own, see the READMEs in tests/benchmarks
	$(BIN)/python tests/benchmarks/chain/bench_node.py
	$(BIN)/python tests/benchmarks/creators/bench_ingest.py

campaigns: setup ## the long profiles of the tests that kill, crash and flood the node, and of CLIP's arrival; hours
	$(BIN)/pytest --timeout 0 -m campaign
	ORACLE_KILLS=200 ORACLE_REQUESTS=1000 $(BIN)/pytest --timeout 0 tests/integration/chain/node/test_node_kill.py
	ORACLE_KILLS=150 $(BIN)/pytest --timeout 0 tests/e2e/test_kill.py -k exactly_once
	ORACLE_CRASHES=200 $(BIN)/pytest --timeout 0 tests/integration/chain/quorum/test_quorum_crashes.py
	ORACLE_BURST=1000 $(BIN)/pytest --timeout 0 tests/integration/chain/node/test_node_burst.py

fuzz: setup ## the long profile of the contracts' fuzz and invariant tests
	cd contracts && FOUNDRY_PROFILE=fuzz tools/forge test

audit: contracts/node_modules/.package-lock.json ## slither, halmos, solhint and the checks of upgrades; some minutes
	PYTHON=$(PYTHON) contracts/tools/audit

contracts: contracts/node_modules/.package-lock.json ## compile the contracts and renew the ABIs in the package
	$(PYTHON) contracts/tools/export_abi.py

setup: $(INSTALLED) contracts/node_modules/.package-lock.json

$(INSTALLED): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install $(PIP_OPTIONS) --editable '.[$(EXTRAS)]'
	touch $@

contracts/node_modules/.package-lock.json: contracts/package-lock.json
	npm ci --prefix contracts --no-audit --no-fund
	touch $@

clean: ## remove what setup and the compiler made; data in .data stays
	rm -rf .venv contracts/node_modules contracts/out contracts/cache
