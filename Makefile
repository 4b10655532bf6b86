# Two commands: `make run` starts Mailvane, `make test` proves it. The others are their parts.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
PIP := $(BIN)/pip --disable-pip-version-check --quiet --require-virtualenv

.PHONY: help setup dev run demo test check bench format docs lock clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/run.stamp ## make .venv with the `mailvane` command in it

$(VENV)/bin/python:
	@scripts/python-ready $(PYTHON)
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "mailvane: installing what it needs (locked, with hashes)"
	$(PIP) install --require-hashes -r requirements/run.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

dev: $(VENV)/dev.stamp

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "mailvane: installing what its tests need (locked, with hashes)"
	$(PIP) install --require-hashes -r requirements/dev.txt
	touch $@

run: setup ## set up and start Mailvane; without a configuration it watches this machine
	@exec $(BIN)/mailvane serve

demo: setup ## boot a real mail host and watch it over SSH (Linux, root)
	@exec $(BIN)/python -m lab.demo

check: dev ## the quick half of the tests: format, lint, types, import contracts, unit tests
	@scripts/check

test: dev ## set up and run every test: unit, databases, lab
	@scripts/test

bench: dev ## measure, against peers and limits, side by side
	@scripts/bench

format: dev ## put every file into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .

docs: setup ## write the generated pages of docs/ anew
	$(BIN)/python scripts/write_docs.py

lock: ## renew requirements/*.txt from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --all-extras --group dev --group build --generate-hashes \
		--no-emit-index-url --no-header --python-version 3.11 --quiet --output-file requirements/dev.txt
	uv pip compile pyproject.toml --all-extras --group build --generate-hashes --constraint requirements/dev.txt \
		--no-emit-index-url --no-header --python-version 3.11 --quiet --output-file requirements/run.txt

clean: ## remove what was made here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
