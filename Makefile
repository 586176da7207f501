# Needs beforehand: Python 3.11 or newer (with venv), git and make. Everything else goes to .venv.
# Another Python: make test PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq install

# Workers of the test suite.
JOBS ?= 2
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

.PHONY: test-real
test-real: $(VENV)/.dev ## Runs on three packages from PyPI, validated by their own test suites.
	$(BIN)/pytest -m real

.PHONY: bench
bench: $(VENV)/.dev ## The benchmarks: ratios of interleaved rounds, some minutes on a quiet machine.
	$(BIN)/python -m benchmarks.bench_engine
	$(BIN)/python -m benchmarks.bench_workspaces
	$(BIN)/python -m benchmarks.bench_commands

# --- Away with it ---------------------------------------------------------------------------------

.PHONY: clean
clean: ## Remove .venv and caches. Runs and their database (.autopack) stay.
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov
	rm -f .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
