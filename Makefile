# Everything a newcomer types. PYTHON picks the interpreter: make demo PYTHON=python3.13
PYTHON ?= python3
BIN := .venv/bin
SOURCES := config worker webhook tests
.PHONY: demo test test-kills test-browser test-programs pictures chaos bench books models redis states settings agents catalogue lint types architecture shape wheels lock audit attacks clean

.venv/ready: pyproject.toml requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("runhook needs Python 3.11 or later, this is " + sys.version.split()[0] + "; make PYTHON=...") if sys.version_info < (3, 11) else None'
	@echo "installing what runhook needs into .venv, once: this takes about a minute"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@mkdir -p .venv/src/runhook  # the one import package, for tools that follow no import hook
	@cd .venv/src/runhook && ln -sfn ../../../worker/runhook/__init__.py __init__.py && \
	  ln -sfn ../../../worker/runhook/py.typed py.typed && \
	  for part in config webhook worker; do ln -sfn ../../../$$part $$part; done
	@touch $@

demo: .venv/ready
	@$(BIN)/runhook demo

test: .venv/ready
	$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder \
	  -m "not kills and not browser and not programs"

# A worker killed before each of its requests, and bad days of Redis: minutes of waiting.
test-kills: .venv/ready
	$(BIN)/python -m pytest -q -m kills

# Other WSGI servers, a public tester and a generated client, every example of docs/http.md, and
# fish, which is installed where it is missing.
test-programs: .venv/ready
	@$(BIN)/python -m tests.debian fish
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m programs

# Every page in Debian's Chromium, which is installed where it is missing; pictures of them lie in
# tests/browser/pictures.
test-browser: .venv/ready
	@$(BIN)/python -m tests.browser.chromium
	$(BIN)/python -m pytest -q -m browser tests/browser

# The pictures of the dashboard in docs/, taken by a browser from a demo.
pictures: .venv/ready
	@$(BIN)/python -m tests.browser.chromium
	PICTURES_IN=$(CURDIR)/docs $(BIN)/python -m pytest -q -m browser tests/browser/test_demo.py

# Random kills and every fault at once: make chaos CHAOS="--jobs 5000 --kills 100 --seed 1".
CHAOS ?= --jobs 300 --kills 25
chaos: .venv/ready
	@$(BIN)/python -m tests.chaos $(CHAOS)

# What everything costs, beside others in one run; writes docs/benchmarks.md. BENCH="--all" is
# everything, BENCH="--only job --rounds 5" one row that is only printed, BENCH=--help says the rest.
BENCH ?=
bench: .venv/ready
	@$(BIN)/python -m tests.bench $(BENCH)

# One run of many jobs through the real processes with lost and doubled callbacks, and its books.
JOBS ?= 200
books: .venv/ready
	@$(BIN)/python -m tests.journeys.books $(JOBS)

# Every model with a good and a bad body against a sandbox; writes docs/models.md.
models: .venv/ready
	@$(BIN)/python -m tests.every_model

# Every state and every move of a job, in words; writes docs/states.md.
states: .venv/ready
	@$(BIN)/python -m tests.every_move

# A session of an AI agent at the real processes; writes it into docs/agents.md.
agents: .venv/ready
	@$(BIN)/python -m tests.agent_session

# Every setting, from config/env.example; writes docs/settings.md.
settings: .venv/ready
	@$(BIN)/python -m tests.every_setting

# Every key in Redis as a page; writes docs/redis.md.
redis: .venv/ready
	@$(BIN)/python -m tests.redis_page

# Every call of /v1 with examples, and every kind of problem; writes docs/http.md and docs/problems.md.
http: .venv/ready
	@$(BIN)/python -m tests.http_page

# Rebuild or extend the catalogue: make catalogue FACTS="models.json --prices pricing.json"
catalogue: .venv/ready
	@$(BIN)/python -m runhook.config.rebuild $(FACTS)

lint: .venv/ready
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: .venv/ready
	$(BIN)/mypy

architecture: .venv/ready
	PYTHONPATH=.venv/src $(BIN)/lint-imports

# How the code reads, in figures, and whether the walls stand. SHAPE=--all names each.
SHAPE ?=
shape: .venv/ready
	@$(BIN)/python -m tests.shape $(SHAPE)

# Every pinned requirement has a wheel for each Python we name.
wheels: .venv/ready
	$(BIN)/python tests/wheels.py requirements.txt

# Write requirements.txt anew from pyproject.toml: every version that still fits stays, the rest and
# LOCK=--upgrade move on. uv tells all platforms' hashes in one answer; pip-tools knows only the
# Python and platform it runs on, and pip's own lock file is not read by --require-hashes.
LOCK ?=
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.13'
	grep -v '^#' requirements.txt > requirements.new
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --only-binary :all: --no-header --no-annotate --extra local --extra dev $(LOCK) \
	  pyproject.toml --output-file requirements.new
	(sed -n '/^#/p' requirements.txt; cat requirements.new) > requirements.locked
	mv requirements.locked requirements.txt
	rm -rf .venv-lock requirements.new

# Known holes of what is pinned, and suspicious code of ours. Needs the advisory database.
audit: .venv-audit/ready
	@.venv-audit/bin/python -m tests.audit

.venv-audit/ready: Makefile
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.9' 'bandit>=1.8'
	@touch $@

# Attacks on the real processes: what was tried, what got through, what callbacks waited meanwhile.
# ATTACKS=short is what CI runs; ATTACKS="--only callbacks --seed 7" runs one group again.
ATTACKS ?=
attacks: .venv/ready
	@$(BIN)/python -m tests.attacks $(ATTACKS)

clean:
	rm -rf .venv .venv-lock .venv-audit build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .runhook
