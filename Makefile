# `make` alone lists what there is. Every target does its own set-up.
SHELL := /bin/sh
PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A file's tests share what it builds, so a file goes to one worker.
PYTEST := $(BIN)/pytest -n auto --dist loadfile
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast lint wheel-test corpora bench docs ui lock clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## the simulated company, from its systems' own APIs to a signed pack of the last full quarter
	@$(BIN)/evidence demo $(ARGS)

ui: $(RUNTIME) ## Dagster's UI at http://127.0.0.1:3000 with the demo's materializations
	@$(BIN)/dagster dev

test: $(DEVELOPMENT) ## every test on the source tree
	@$(PYTEST) $(ARGS)

test-fast: $(DEVELOPMENT) ## the tests that take seconds
	@$(PYTEST) -m "not slow" $(ARGS)

lint: $(DEVELOPMENT) ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy . && $(BIN)/lint-imports

wheel-test: $(DEVELOPMENT) ## build the wheel, install it in an environment of its own, run the tests against it
	@sh scripts/wheel-test $(ARGS)

corpora: $(DEVELOPMENT) ## import every recorded file alone, print the counts, write var/corpora.json
	@$(BIN)/python -m cli.corpora $(ARGS)

bench: $(DEVELOPMENT) ## the figures of the README
	@for bench in bench/*.py; do echo "== $$bench"; $(BIN)/python $$bench; done

docs: $(DEVELOPMENT) ## regenerate the generated pages
	@sh scripts/docs

lock: $(DEVELOPMENT) ## pin every package anew, with hashes and without addresses
	@sh scripts/lock

setup: $(RUNTIME) ## only the set-up

$(VENV)/bin/uv: requirements/bootstrap.lock
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version + ". Name another with make PY=python3.12")'
	@test -x $(BIN)/python || $(PY) -m venv $(VENV) || { echo "On Debian and Ubuntu: apt-get install -y python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock

$(RUNTIME): requirements.lock pyproject.toml | $(VENV)/bin/uv
	@sh scripts/system-libraries
	@test -f $(DEVELOPMENT) || $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --python $(BIN)/python -r requirements.lock
	@test -f $(DEVELOPMENT) || $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --python $(BIN)/python -r requirements/build.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

$(DEVELOPMENT): requirements-dev.lock pyproject.toml | $(VENV)/bin/uv
	@sh scripts/system-libraries
	@$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --python $(BIN)/python -r requirements-dev.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@ $(RUNTIME)

clean: ## remove the environment and all state
	rm -rf $(VENV) var build dist
