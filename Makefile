# Every chore of the project. `make` alone lists them.
# Needs python3 (3.11 or newer), make and a C library; everything else comes from the hashed locks.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.stamp-runtime
DEV := $(VENV)/.stamp-dev
PIP := $(BIN)/pip --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help demo up test bench fuzz matrix lint fmt lock screenshots clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## one message to four recipients, on this machine alone; ONCE=1 also picks up, replies and exits
	@ONCE="$(ONCE)" $(BIN)/python manage.py demo

up: $(RUNTIME) ## run all of Postern under one command, with its data in var/
	@$(BIN)/python manage.py up

test: $(DEV) ## every test; ends with what was left out, and how to install it
	@$(BIN)/python tests/run.py $(ARGS)

bench: $(DEV) ## figures of speed and memory beside their references; ONLY=web, sealing or gateway for one part
	@$(BIN)/python -m bench $(ONLY)

fuzz: $(DEV) ## look for inputs that break a promise: TARGET=smtp, replies, sts, tlsa or dsn; SECONDS=60
	@$(BIN)/python -m tests.fuzz "$(TARGET)" "$(or $(SECONDS),60)"

matrix: $(DEV) ## write docs/tls_matrix.md: what becomes of a message at each kind of host and level, as it runs
	@WRITE_MATRIX=1 $(BIN)/pytest --quiet -p no:randomly tests/unit/gateway/test_dane.py -k "every_peer"

lint: $(DEV) ## everything that is checked without running the product
	@tools/lint $(BIN)

fmt: $(DEV) ## put code into form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .

lock: $(DEV) ## make both locks anew from pyproject.toml (hashes, no registry address)
	@tools/lock $(BIN)

screenshots: $(DEV) ## pictures of every page and state, at 390 and 1280 pixels, light and dark, in screenshots/
	@$(BIN)/pytest -n 2 --dist worksteal -p no:randomly tests/e2e/14_accessibility/pictures.py $(ARGS)

clean: ## remove the virtual environment and caches; var/ (data and keys) stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Postern needs Python 3.11 or newer; name one with PYTHON=...")'
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.lock | $(BIN)/python
	@echo "Installing what Postern runs on (about 20 s, once)"
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@touch $@

$(DEV): requirements-dev.lock | $(BIN)/python
	@echo "Installing what its tests run on (about a minute, once)"
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@ $(RUNTIME)
