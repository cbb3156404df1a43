# `make` alone lists the targets. Variables after a target's description may be set on the command line.
PYTHON ?= python3.13
BIN := .venv/bin
# `make run`: first port of the app, number of instances, folder of the data.
PORT ?= 7071
INSTANCES ?= 1
STATE ?= .local
# `make data`: the default is the size of the real data set. The same seed makes the same products.
ROWS ?= 1426337
SEED ?= 1
OUT ?= .local/data
# `make load`: a profile of loadtests/profiles.py.
PROFILE ?= browse

.DEFAULT_GOAL := help
.PHONY: help run test lint golden import demo data admin migrate clean setup services test-sqlserver bench prove-cache prove-imports drills load load-compare prove-load image-check bicep-check smoke lock pin

help: ## Lists the targets
	@awk -F ':.*## ' '/^##@ / {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

##@ Every day

run: setup ## Runs the whole system on this machine until Ctrl-C (PORT=7071 INSTANCES=1)
	@$(BIN)/python -m local.run --port $(PORT) --instances $(INSTANCES) --state $(STATE)

test: setup ## Runs the test suite
	$(BIN)/pytest -n auto --dist loadfile

lint: setup ## Checks style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

golden: .venv/.installed ## Writes the generated files: SQL, Data Factory's JSON, statements for tests, docs/settings.md
	@$(BIN)/python -m golden
	@$(BIN)/python -m local.settings_table

import: setup ## Imports a CSV file into the running system (FILE=…)
	@$(BIN)/python -m local.import_file "$(FILE)" --state $(STATE)

demo: setup ## Imports, queries and inserts, and checks each step; starts the system if it is not running (CSV_DIR=…)
	@$(BIN)/python -m local.demo $(if $(CSV_DIR),--csv-dir "$(CSV_DIR)") --state $(STATE)

data: .venv/.installed ## Makes a catalog like Amazon Products 2023 (ROWS=1426337 SEED=1 OUT=.local/data)
	@$(BIN)/python -m local.dataset --rows $(ROWS) --seed $(SEED) --out $(OUT)

admin: setup ## Makes a user who has signed up an administrator (EMAIL=…)
	@$(BIN)/python -m local.admin --email "$(EMAIL)" --state $(STATE)

clean: ## Removes the data of `make run` and `make demo`
	@$(BIN)/python -m local.clean --state $(STATE)

##@ For maintainers

setup: ## Installs the dependencies into the project's folder; other targets do it when it is needed
	@$(MAKE) --silent --no-print-directory -j2 .venv/.installed .local/node/.installed

services: setup ## Runs everything but the app, on the ports of local.settings.json, for `func start`
	@$(BIN)/python -m local.run --services-only --state $(STATE)

# The default database is the file of `make run`. DOWN=base drops all tables with their data.
migrate: .venv/.installed ## Migrates a database to the newest schema (DATABASE_URL=… DOWN=<revision>)
	@$(BIN)/python -m shared.database.migrate $(if $(DOWN),--down $(DOWN))

test-sqlserver: setup ## Runs the tests that touch SQL on a server that speaks T-SQL (DATABASE_URL=…)
	@$(BIN)/python -m tests.on_sql_server

bench: setup .local/bench/peers/.installed ## Measures each figure against its bound (ONLY=cache, ONLY=cache.hit)
	@$(BIN)/python -m benchmarks $(ONLY)

prove-cache: setup ## Tests the cache under races, killed processes and Redis failures, for minutes (ONLY=redis_frozen)
	@$(BIN)/python -m proofs.cache $(ONLY)

prove-imports: setup ## Tests imports: killed, at full size, cut, by the thousand (ONLY=cuts|small_files|kills|exact|memory)
	@$(BIN)/python -m proofs.imports $(ONLY)

drills: setup ## Applies the recipes of docs/contributing.md to copies of the tree and runs all tests of their rooms
	WHOLE_DRILLS=1 $(BIN)/pytest -n auto tests/drills

# LOAD_URL and LOAD_TOKEN in the environment select a deployment.
load: setup ## Puts load on the running system (PROFILE=browse|search|write-mix|spike|soak)
	@$(BIN)/python -m loadtests.run --profile $(PROFILE) --state $(STATE)

load-compare: setup ## Runs the same load without and with the cache, and writes a page that compares them (PROFILE=browse)
	@$(BIN)/python -m loadtests.compare --profile $(PROFILE)

prove-load: setup ## Five minutes of load: fails on an error, or if memory or open files grow
	@$(BIN)/python -m loadtests.prove --state $(STATE)

image-check: setup ## Lints the Dockerfile; builds and tries the image where buildah is installed (as root)
	@infra/image/check.sh

bicep-check: .venv/.installed .local/checkov/.installed ## Checks Bicep: syntax, agreement with the code, insecure settings
	$(BIN)/pytest -q -n0 tests/deployment
	.local/checkov/bin/checkov --config-file infra/checkov.yaml --directory infra

smoke: .venv/.installed ## Checks that a deployment works (URL=…, SMOKE_EMAIL and SMOKE_PASSWORD of an administrator)
	@$(BIN)/python -m infra.smoke "$(URL)"

lock: .venv/.installed ## Writes requirements*.txt from the .in files: the newest versions, with hashes
	@for name in requirements requirements-dev; do \
		$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.13 --universal \
			$$name.in -o $$name.txt || exit 1; done

pin: .venv/.installed ## Writes the digests of images and the commits of actions behind their tags (needs a network)
	@$(BIN)/python -m infra.pin

.venv/.installed: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null || \
		{ echo "Expected Python 3.13 or newer as $(PYTHON). Install it, or set PYTHON=/path/to/python." >&2; exit 1; }
	@echo "Installing the Python packages into .venv …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# npm installs beside its lock file, so the lock is copied from local/node.
.local/node/.installed: local/node/package.json local/node/package-lock.json local/node/.npmrc
	@command -v npm >/dev/null || { echo "npm was not found. Install Node 20 or newer, which includes it." >&2; exit 1; }
	@mkdir -p $(@D) && cp $^ $(@D)/
	@echo "Installing Azurite and the Firebase Auth emulator into $(@D) …"
	@npm --prefix $(@D) ci --omit=optional --ignore-scripts --loglevel=error || \
		{ echo "npm could not install the packages of local/node/package-lock.json. Its error is above." >&2; exit 1; }
	@touch $@

# The libraries that the benchmarks compare with have an environment of their own.
.local/bench/peers/.installed: benchmarks/cache/peers/requirements.txt
	@echo "Installing cashews and fastapi-cache2 into $(@D) …"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# checkov requires an older pycep than the one that parses this Bicep, so it has an environment of its own.
.local/checkov/.installed:
	$(PYTHON) -m venv .local/checkov
	.local/checkov/bin/pip install --quiet --disable-pip-version-check checkov==3.3.30
	.local/checkov/bin/pip install --quiet --disable-pip-version-check --no-deps pycep-parser==0.7.1
	@touch $@
