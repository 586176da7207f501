# Needs beforehand: Python 3.11 or newer (with venv), git and make. Everything else goes to .venv.
# Another Python: make test PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq install

# Workers of the test suite.
JOBS ?= 2
# Labelled corpora, where there are any.
EVAL_DIR := $(or $(AUTOPACK_EVAL_DIR),../shared/eval)
# What the fast suite leaves out; each of these has a suite of its own.
FAST := not real and not chaos and not slow

.DEFAULT_GOAL := help
.NOTPARALLEL:

.PHONY: help
help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- The two commands of the README ---------------------------------------------------------------

.PHONY: quickstart
quickstart: $(VENV)/.runtime ## Install what the product needs, then execute three sample runs.
	$(BIN)/python manage.py quickstart

.PHONY: serve
serve: $(VENV)/.runtime ## The server: web, API and workers, on http://127.0.0.1:8000/ until Ctrl-C.
	@exec $(BIN)/python manage.py serve

.PHONY: test
test: lint test-cov ## Lint, types, import contracts, then the fast tests with their coverage floor.

# --- Environment ----------------------------------------------------------------------------------

.PHONY: install
install: $(VENV)/.dev ## Make .venv with everything that the product and its tests need.

# Stamps: a second call does nothing until a requirements file changes.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is missing or older than 3.11. Say which to use: make PYTHON=python3.12"; exit 1; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); echo "venv does not work here. Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.runtime: requirements.txt $(VENV)/.made
	@echo "Installing requirements.txt"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "Installing requirements-dev.txt"
	@$(PIP) -r requirements-dev.txt
	@touch $@

# --- Checks that run nothing ----------------------------------------------------------------------

.PHONY: lint
lint: $(VENV)/.dev ## ruff, mypy, the import contracts; djlint where there are templates.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	@if [ -n "$$(find templates runs hardening intentions telemetry -name '*.html' 2>/dev/null)" ]; then \
	  echo "$(BIN)/djlint --lint --check ."; \
	  $(BIN)/djlint --quiet --lint --check templates runs hardening intentions telemetry; fi

.PHONY: types
types: $(VENV)/.dev ## mypy --strict.
	$(BIN)/mypy .

.PHONY: format
format: $(VENV)/.dev ## Put the sources into their one form.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# --- Tests ----------------------------------------------------------------------------------------

.PHONY: test-fast
test-fast: $(VENV)/.dev ## The fast tests alone, without coverage.
	$(BIN)/pytest -n $(JOBS) -m "$(FAST)"

.PHONY: test-cov
test-cov: $(VENV)/.dev ## The fast tests with their coverage floor of 90 %.
	$(BIN)/pytest -n $(JOBS) -m "$(FAST)" --cov --cov-report=term --cov-fail-under=90

.PHONY: test-slow
test-slow: $(VENV)/.dev ## Tests that take longer than the fast suite may.
	$(BIN)/pytest -m "slow and not real and not chaos"

.PHONY: test-chaos
test-chaos: $(VENV)/.dev ## Tests that kill processes at random moments.
	$(BIN)/pytest -m "chaos and not real"

.PHONY: chaos-all
chaos-all: $(VENV)/.dev ## Workers are killed on PostgreSQL, without and with Redis.
	@test -n "$$CHAOS_DATABASE_URL" && test -n "$$CHAOS_REDIS_URL" || { \
	  echo "Set both, to servers whose contents may be lost (the tables are emptied):"; \
	  echo "  CHAOS_DATABASE_URL=postgres://user:password@host:5432/name"; \
	  echo "  CHAOS_REDIS_URL=redis://host:6379/0"; exit 2; }
	CHAOS_REDIS_URL= $(BIN)/pytest -s -m "chaos and not real" tests/serving/test_chaos.py
	$(BIN)/pytest -s -m "chaos and not real" tests/serving/test_chaos.py

.PHONY: test-real
test-real: $(VENV)/.dev ## Runs on three packages from PyPI, validated by their own test suites.
	$(BIN)/pytest -m real

.PHONY: fuzz
fuzz: $(VENV)/.dev ## The whole API against its own description, for some minutes.
	AUTOPACK_FUZZ_EXAMPLES=200 $(BIN)/pytest -m slow tests/runs/api/test_fuzz.py

.PHONY: bench
bench: $(VENV)/.dev ## The benchmarks: ratios of interleaved rounds, some minutes on a quiet machine.
	$(BIN)/python -m benchmarks.bench_engine
	$(BIN)/python -m benchmarks.bench_workspaces
	$(BIN)/python -m benchmarks.bench_commands
	$(BIN)/python -m benchmarks.bench_status
	$(BIN)/python -m benchmarks.bench_hardening
	$(BIN)/python -m benchmarks.bench_workers
	$(BIN)/python -m benchmarks.bench_normalizer

.PHONY: eval-plans
eval-plans: $(VENV)/.dev ## Score the plan normalizer on the labelled plans of AUTOPACK_EVAL_DIR.
	$(BIN)/python -m benchmarks.eval_plans "$(or $(AUTOPACK_EVAL_DIR),../shared/eval)"

.PHONY: eval-failures
eval-failures: $(VENV)/.runtime ## How well built-in patterns name failures: needs AUTOPACK_EVAL_DIR.
	@if [ ! -f "$(EVAL_DIR)/failures_open.jsonl" ]; then \
	  echo "No failures_open.jsonl in $(EVAL_DIR): skipped. Say where it is: AUTOPACK_EVAL_DIR=..."; \
	else \
	  $(BIN)/python manage.py evaluate_patterns "$(EVAL_DIR)/failures_open.jsonl" \
	    --predictions "$(VENV)/failures_said.jsonl" && \
	  $(BIN)/python "$(EVAL_DIR)/score_failures.py" "$(EVAL_DIR)/failures_open.jsonl" \
	    "$(VENV)/failures_said.jsonl"; \
	fi

# --- Away with it ---------------------------------------------------------------------------------

.PHONY: clean
clean: ## Remove .venv and caches. Runs and their database (.autopack) stay.
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov
	rm -f .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
