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

setup: .venv/.installed ## Installs what the project needs, under the project

lint: setup ## Style, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: setup ## The whole test suite
	$(BIN)/pytest
