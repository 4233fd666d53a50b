# One command each: `make run`, `make test`. Paths are relative, so that the folder's name may hold spaces.

PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run setup setup-core setup-rooms setup-clients test fuzz soak lint bench doors docs clean distclean

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

# What fails on a busy machine gets one more try, and is listed at the end as RERUN: a fault to be mended all the same.
test: lint setup-rooms setup-clients ## set up, and run every check and test
	@$(PY) -m pytest -q --numprocesses=2 --dist=worksteal --reruns=1 -raR --cov --cov-report=term $(ARGS)

setup-rooms: setup ## install the environments of heavy engines for the tests, in .rooms
	@PORTEVOIX_ROOMS__FOLDER=.rooms $(PY) -m portevoix engines install neural kokoro --yes

setup-clients: setup .clients/.ready ## install the programs that the tests speak to the server with, in .clients

lint: setup ## set up, and run the quick checks
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports

check-ops: ## check alerts, unit and compose file with the programs that read them
	@command -v promtool >/dev/null || { echo "Error: promtool, which checks the alerts, is not here" >&2; \
		echo "Hint: it comes with Prometheus; on Debian and Ubuntu: apt install prometheus" >&2; exit 1; }
	@promtool check rules --lint=all --lint-fatal ops/prometheus/alerts.yml
	@promtool check config --syntax-only ops/prometheus/prometheus.yml
	@promtool test rules ops/prometheus/alerts_test.yml
	@if command -v systemd-analyze >/dev/null; then \
		folder=$$(mktemp -d); trap 'rm -r "$$folder"' EXIT; \
		sed 's|^ExecStart=.*|ExecStart=/bin/true|' ops/systemd/portevoix.service > "$$folder/portevoix.service"; \
		systemd-analyze verify --man=no "$$folder/portevoix.service" && echo "portevoix.service: systemd takes it"; \
	else echo "Not checked: portevoix.service, there is no systemd-analyze here" >&2; fi
	@if docker compose version >/dev/null 2>&1; then \
		docker compose -f ops/compose.yaml config --quiet && echo "compose.yaml: docker compose takes it"; \
	else echo "Not checked: compose.yaml, there is no docker compose here" >&2; fi

bench: .venv-bench/.ready ## compare with piper-tts and sherpa-onnx on full-size voices (fetches torch)
	@PYTHONPATH=src:. .venv-bench/bin/python -m benchmarks $(ARGS)

fuzz: setup setup-clients ## throw much more at every door than the tests do (takes some minutes)
	@$(PY) -m pytest -q --timeout=0 tests/fuzz --fuzz-examples=60 $(ARGS)

soak: setup ## let 200 clients come and go for a minute, with each engine
	@PYTHONPATH=src:. $(PY) -m benchmarks.soak --engine scripted espeak $(ARGS)

doors: setup ## measure what HTTP, events, WebSocket and Wyoming add, and cached answers per second
	@PYTHONPATH=src:. $(PY) -m benchmarks.doors $(ARGS)

docs: setup-core ## write the pages that are made from the code
	@$(PY) -m portevoix.cli.reference > docs/cli.md
	@$(PY) -m portevoix.config.reference docs/configuration.md

clean: ## remove what checks and tests leave behind
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.* build dist
	@find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the environment as well
	@rm -rf .venv .venv-bench .rooms .clients src/*.egg-info

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

# Each in an environment of its own, as their packages contradict one another.
.clients/.ready: $(wildcard requirements/clients/*.txt) tests/clients/package.json
	@rm -rf .clients
	@for list in requirements/clients/*.txt; do \
		folder=".clients/$$(basename "$$list" .txt)"; echo "  $$folder"; \
		.venv/bin/uv venv --quiet --python $(PY) "$$folder"; \
		.venv/bin/uv pip install --quiet --python "$$folder/bin/python" -r "$$list"; done
	@cp tests/clients/package.json .clients/node/
	@cd .clients/node && PATH="$$PWD/bin:$$PATH" npm install --silent --no-package-lock --no-audit --no-fund --no-update-notifier
	@touch $@
