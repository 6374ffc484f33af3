# What a person types: `make setup`, `make demo`, `make test`, `make lint`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ARGS   ?=
# The router between the masters of a cluster, in an environment of its own: it and Buildbot want different versions.
ROUTER := .venv-crossbar/.installed
# The oldest Buildbot that is supported, in an environment of its own.
OLDEST := .venv-4.2/.installed
PARTS  := buildbot buildbot-www buildbot-worker buildbot-console-view buildbot-grid-view buildbot-waterfall-view

.PHONY: help setup ui pages demo test two-masters chaos histories fleet-kills long-watch buildbot-4.2 lint system-packages clean

help:
	@echo 'make setup             make $(VENV) and install everything into it (the others do it by themselves)'
	@echo 'make ui                build the pages of the web plugin, with Node 20 or newer (setup does it where there is Node)'
	@echo 'make demo [ARGS=...]   the whole product on this machine; ARGS=--once ends by itself'
	@echo 'make test [ARGS=...]   every test; ARGS are passed on to pytest'
	@echo 'make two-masters       two masters that take over from each other'
	@echo 'make chaos             60 landings and 200 kills of real processes; about 20 minutes'
	@echo 'make histories         500 random histories on real git; COUNT=n for another number'
	@echo 'make fleet-kills       100 kills of daemon, worker and master in rollouts over ssh; COUNT=n for another number'
	@echo 'make long-watch        forty shops and a real Prometheus that crashes, and a leak after three minutes; about 15 minutes'
	@echo 'make buildbot-4.2      the tests that Buildbot 4.2 could fail: everything beside core, and landings end to end'
	@echo 'make lint              ruff, mypy, import-linter'
	@echo 'make clean             remove $(VENV), .demo and all caches'

setup: $(STAMP) pages

# The stamp is written last: an installation that was cut short is done again.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'buildbot_cd needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,fleet]'
	touch $@

# The pages of the web plugin; built again only when their sources have changed.
ui: $(STAMP)
	$(BIN)/python hatch_build.py

pages: $(STAMP)
	@$(BIN)/python hatch_build.py --if-possible

$(ROUTER):
	test -x .venv-crossbar/bin/python || $(PYTHON) -m venv .venv-crossbar
	.venv-crossbar/bin/python -m pip install --quiet --disable-pip-version-check 'crossbar>=24'
	touch $@

demo: $(STAMP) pages
	$(BIN)/buildbot-cd demo $(ARGS)

# Three rounds: what only computes, on two processors; what waits for real masters most of the time, side by side; and
# what wants the machine for itself. A round in which ARGS leave nothing to do is no failure (pytest's exit status 5).
test: $(STAMP) $(ROUTER) system-packages pages
	$(BIN)/python -m pytest -m 'not integration and not e2e' -n 2 $(ARGS) || [ $$? -eq 5 ]
	$(BIN)/python -m pytest -m 'integration and not e2e' -n 3 --dist loadfile --no-loadscope-reorder $(ARGS) || [ $$? -eq 5 ]
	$(BIN)/python -m pytest -m e2e $(ARGS) || [ $$? -eq 5 ]

# Two masters on PostgreSQL and Crossbar, killed in turn.
two-masters: $(STAMP) $(ROUTER) system-packages
	$(BIN)/python -m pytest tests/integration/test_two_masters.py $(ARGS)

# A storm over a real master. CD_CHAOS_SEED=n for another one.
chaos: $(STAMP) system-packages
	CD_CHAOS_LANDINGS=60 CD_CHAOS_KILLS=200 $(BIN)/python -m pytest tests/chaos $(ARGS)

# Each history is a gate of its own on real git; about a second each.
histories: $(STAMP)
	CD_HISTORIES=$(or $(COUNT),500) $(BIN)/python -m pytest tests/worker/git/test_histories.py $(ARGS)

# Kills of daemon, deploy worker and master while real releases go over ssh; about ten seconds each.
fleet-kills: $(STAMP) system-packages
	CD_FLEET_KILLS=$(or $(COUNT),100) $(BIN)/python -m pytest -n 0 tests/worker/fleet/test_kills.py tests/integration/test_fleet_kills.py $(ARGS)

# Watches as long as real ones.
long-watch: $(STAMP) system-packages
	CD_LONG_WATCH=1 $(BIN)/python -m pytest tests/integration/test_prometheus.py tests/sources/test_watch_on_prometheus.py $(ARGS)

# What touches Buildbot, on the oldest one: plugins, commands, pages, and whole landings over a real master.
buildbot-4.2: $(OLDEST) pages system-packages
	.venv-4.2/bin/python -m pytest -n 2 --dist loadfile tests/plugins tests/www tests/engine tests/cli/asking tests/test_packaging.py $(ARGS)
	.venv-4.2/bin/python -m pytest -n 2 --dist loadfile $(addprefix tests/integration/test_,landing.py data_api.py existing_master.py incidents.py kill.py) $(ARGS)

$(OLDEST): pyproject.toml
	test -x .venv-4.2/bin/python || $(PYTHON) -m venv .venv-4.2
	.venv-4.2/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test,fleet]' $(PARTS:%='%==4.2.*')
	touch $@

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# PostgreSQL, sshd, rsync and Chromium, where this machine lets us install them. Without them their tests are skipped.
system-packages:
	@.ci/system-packages

clean:
	rm -rf $(VENV) .venv-crossbar .venv-4.2 buildbot_cd/www/static buildbot_cd/www/ui/node_modules .demo dist
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
