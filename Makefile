# Everything a person does here. `make` alone lists it.
PYTHON ?= python3.13
BIN := .venv/bin
# `make run`: the app's first port, how many of it, and where the data is kept.
PORT ?= 7071
INSTANCES ?= 1
STATE ?= .local
# `make data`: as many products as the real data set has, the same ones each time.
ROWS ?= 1426337
SEED ?= 1
OUT ?= .local/data
# `make load`: loadtests/profiles.py has them.
PROFILE ?= browse

.DEFAULT_GOAL := help
.PHONY: help setup run services admin migrate clean data import demo lint test test-sqlserver bench load load-compare prove-load prove-cache prove-imports image-check smoke lock pin bicep-check

help: ## Lists what make can do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.venv/.installed: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null || \
		{ echo "Python 3.13 is missing: install it, or name it with PYTHON=…" >&2; exit 1; }
	@echo "Installing the Python packages into .venv …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# The lock belongs to local/node, what it installs to .local: npm knows no other way than a copy.
.local/node/.installed: local/node/package.json local/node/package-lock.json local/node/.npmrc
	@command -v npm >/dev/null || { echo "npm is missing: install Node 20 or newer, which brings it." >&2; exit 1; }
	@mkdir -p $(@D) && cp $^ $(@D)/
	@echo "Installing Azurite and the Firebase Auth emulator into $(@D) …"
	@npm --prefix $(@D) ci --omit=optional --ignore-scripts --loglevel=error || \
		{ echo "npm couldn't install what local/node/package-lock.json names; its reason stands above." >&2; exit 1; }
	@touch $@

setup: ## Installs what the project needs, under the project
	@$(MAKE) --silent --no-print-directory -j2 .venv/.installed .local/node/.installed

run: setup ## Everything on this machine, until Ctrl-C (PORT=7071 INSTANCES=1)
	@$(BIN)/python -m local.run --port $(PORT) --instances $(INSTANCES) --state $(STATE)

services: setup ## Everything but the app, on the ports of local.settings.json, for `func start`
	@$(BIN)/python -m local.run --services-only --state $(STATE)

data: .venv/.installed ## A catalog like Amazon Products 2023 (ROWS=1426337 SEED=1 OUT=.local/data)
	@$(BIN)/python -m local.dataset --rows $(ROWS) --seed $(SEED) --out $(OUT)

import: setup ## Imports a CSV into what `make run` runs (FILE=…)
	@$(BIN)/python -m local.import_file "$(FILE)" --state $(STATE)

demo: setup ## The main job from end to end, each step checked (CSV_DIR=…)
	@$(BIN)/python -m local.demo $(if $(CSV_DIR),--csv-dir "$(CSV_DIR)") --state $(STATE)

admin: setup ## Makes a user who has signed up an administrator (EMAIL=…)
	@$(BIN)/python -m local.admin --email "$(EMAIL)" --state $(STATE)

# Without DATABASE_URL in the environment or here: the file of `make run`. DOWN=base takes all tables away, and all data.
migrate: .venv/.installed ## Brings a database to the newest schema (DATABASE_URL=… DOWN=<revision>)
	@$(BIN)/python -m shared.database.migrate $(if $(DOWN),--down $(DOWN))

clean: ## Removes the data of `make run`
	@$(BIN)/python -m local.clean --state $(STATE)

lint: setup ## Style, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: setup ## The whole test suite
	$(BIN)/pytest -n auto --dist loadfile

# What it needs, it says.
test-sqlserver: setup ## The tests that touch SQL, on a server that speaks T-SQL (DATABASE_URL=…)
	@$(BIN)/python -m tests.on_sql_server

# The caches that this one is compared with, in an environment of their own.
.local/bench/peers/.installed: benchmarks/cache/peers/requirements.txt
	@echo "Installing cashews and fastapi-cache2 into $(@D) …"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# A benchmark alone, or those of a folder: make bench ONLY=token_verification, ONLY=cache
bench: setup .local/bench/peers/.installed ## Every figure against its bound, with what it is compared to (ONLY=…)
	@$(BIN)/python -m benchmarks $(ONLY)

# A scenario alone: make prove-cache ONLY=redis_frozen; an unknown name lists them all.
prove-cache: setup ## The cache under races, kills and a Redis in trouble, at length (ONLY=…)
	@$(BIN)/python -m proofs.cache $(ONLY)

# LOAD_URL and LOAD_TOKEN in the environment put it on a deployment.
load: setup ## A load on what `make run` runs (PROFILE=browse|search|write-mix|spike|soak)
	@$(BIN)/python -m loadtests.run --profile $(PROFILE) --state $(STATE)

load-compare: setup ## The same load without and with the cache, side by side on a page (PROFILE=browse)
	@$(BIN)/python -m loadtests.compare --profile $(PROFILE)

prove-load: setup ## Five minutes of the soak's load: no error, memory and open files settle
	@$(BIN)/python -m loadtests.prove --state $(STATE)

# A scenario alone: make prove-imports ONLY=kills
prove-imports: setup ## Imports killed, at full size, cut, by the thousand (ONLY=cuts|small_files|kills|exact|memory)
	@$(BIN)/python -m proofs.imports $(ONLY)

image-check: setup ## The Dockerfile: linted, and built and tried where buildah is installed (as root)
	@infra/image/check.sh

smoke: .venv/.installed ## Whether a deployment works (URL=…, SMOKE_EMAIL and SMOKE_PASSWORD of an administrator)
	@$(BIN)/python -m infra.smoke "$(URL)"

lock: .venv/.installed ## Writes requirements*.txt anew from the .in files: the newest versions, with their hashes
	@for name in requirements requirements-dev; do \
		$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.13 --universal \
			$$name.in -o $$name.txt || exit 1; done

pin: .venv/.installed ## Writes digests of images and commits of actions behind their tags (needs a network)
	@$(BIN)/python -m infra.pin

# checkov asks for an older pycep than the one that knows all of the Bicep here: in an environment of its own.
.local/checkov/.installed:
	$(PYTHON) -m venv .local/checkov
	.local/checkov/bin/pip install --quiet --disable-pip-version-check checkov==3.3.30
	.local/checkov/bin/pip install --quiet --disable-pip-version-check --no-deps pycep-parser==0.7.1
	@touch $@

bicep-check: .venv/.installed .local/checkov/.installed ## Bicep: syntax, what it says about the code, insecure settings
	$(BIN)/pytest -q -n0 tests/deployment
	.local/checkov/bin/checkov --config-file infra/checkov.yaml --directory infra
