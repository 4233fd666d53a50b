# One command each: `make run`, `make test`. Paths are relative, so that the folder's name may hold spaces.

PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run setup setup-core test lint bench docs clean distclean

PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input
# One line for each package that is fetched; errors pass by on stderr.
BRIEFLY := | while IFS= read -r line; do \
	case "$$line" in "Collecting "*) printf '  %s\n' "$${line%% (*}";; "Installing"*) echo "  Installing";; esac; done

# An environment that stands elsewhere (the folder was moved) or has lost its Python is made anew.
SOUND := $(shell [ "$$(cat .venv/.home 2>/dev/null)" = "$(CURDIR)" ] && $(PY) -c 'print("yes")' 2>/dev/null)
ifneq ($(SOUND),yes)
.PHONY: .venv/.home
endif

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | while IFS= read -r line; do \
		printf '  make %-10s %s\n' "$${line%%:*}" "$${line##*## }"; done

run: setup-core ## set up what speaking needs, and start the server
	@exec $(PY) -m portevoix serve $(ARGS)

setup: .venv/.dev ## set up everything, for work on the code

setup-core: .venv/.core

test: lint ## set up, and run every check and test
	@$(PY) -m pytest -q --numprocesses=2 --dist=worksteal --cov --cov-report=term $(ARGS)

lint: setup ## set up, and run the quick checks
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports

bench: .venv-bench/.ready ## compare with piper-tts and sherpa-onnx on full-size voices (fetches torch)
	@PYTHONPATH=src:. .venv-bench/bin/python -m benchmarks $(ARGS)

docs: setup-core ## write the pages that are made from the code
	@$(PY) -m portevoix.cli.reference > docs/cli.md
	@$(PY) -m portevoix.config.reference docs/configuration.md

clean: ## remove what checks and tests leave behind
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.* build dist
	@find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the environment as well
	@rm -rf .venv .venv-bench src/*.egg-info

.venv/.home:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Error: '$(PYTHON)' is not Python 3.11 or newer" >&2; \
		echo "Hint: install one, and name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Error: this Python cannot make virtual environments" >&2; \
		echo "Hint: install the module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@if [ -e .venv/.home ] || ! $(PY) -c 'import pip' 2>/dev/null; then \
		echo "Making a virtual environment in .venv"; $(PYTHON) -m venv --clear .venv; fi
	@printf '%s' "$(CURDIR)" > .venv/.home

.venv/.core: .venv/.home requirements/core.txt pyproject.toml
	@echo "Fetching what speaking needs"
	@$(PIP) install -r requirements/core.txt $(BRIEFLY)
	@$(PIP) install --quiet --no-deps -e .
	@touch $@

.venv-bench/.ready: .venv/.core requirements/bench.txt
	@echo "Fetching what the benchmarks need"
	@$(PY) -m venv .venv-bench
	@.venv-bench/bin/python -m pip --disable-pip-version-check --no-input install -r requirements/bench.txt $(BRIEFLY)
	@touch $@

.venv/.dev: .venv/.core requirements/dev.txt
	@echo "Fetching what the checks and tests need"
	@$(PIP) install -r requirements/dev.txt $(BRIEFLY)
	@touch $@
