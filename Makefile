# What a person types: `make setup`, `make demo`, `make test`, `make lint`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ARGS   ?=
# The router between the masters of a cluster, in an environment of its own: it and Buildbot want different versions.
ROUTER := .venv-crossbar/.installed

.PHONY: help setup demo test lint system-packages clean

help:
	@echo 'make setup             make $(VENV) and install everything into it (the others do it by themselves)'
	@echo 'make demo [ARGS=...]   the whole product on this machine; ARGS=--once ends by itself'
	@echo 'make test [ARGS=...]   every test; ARGS are passed on to pytest'
	@echo 'make lint              ruff, mypy, import-linter'
	@echo 'make clean             remove $(VENV), .demo and all caches'

setup: $(STAMP)

# The stamp is written last: an installation that was cut short is done again.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'buildbot_cd needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,fleet]'
	touch $@

$(ROUTER):
	test -x .venv-crossbar/bin/python || $(PYTHON) -m venv .venv-crossbar
	.venv-crossbar/bin/python -m pip install --quiet --disable-pip-version-check 'crossbar>=24'
	touch $@

demo: $(STAMP)
	$(BIN)/buildbot-cd demo $(ARGS)

test: $(STAMP) $(ROUTER) system-packages
	$(BIN)/python -m pytest $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# PostgreSQL, sshd and rsync, where this machine lets us install them. Without them their tests are skipped.
system-packages:
	@.ci/system-packages

clean:
	rm -rf $(VENV) .venv-crossbar .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist
