# Everything a person does here. `make` alone lists it.
PYTHON ?= python3.13
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup lint test

help: ## Lists what make can do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.venv/.installed: requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# The lock belongs to local/node, what it installs to .local: npm knows no other way than a copy.
.local/node/.installed: local/node/package.json local/node/package-lock.json local/node/.npmrc
	@command -v npm >/dev/null || { echo "npm is missing: install Node 20 or newer." >&2; exit 1; }
	@mkdir -p $(@D) && cp $^ $(@D)/
	npm --prefix $(@D) ci --omit=optional --ignore-scripts || { echo "npm couldn't install the parts in local/node/package-lock.json; what it said stands above." >&2; exit 1; }
	@touch $@

setup: .venv/.installed .local/node/.installed ## Installs what the project needs, under the project

lint: setup ## Style, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: setup ## The whole test suite
	$(BIN)/pytest
