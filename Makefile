# The newest Python 3.11 or later on the path; override with `make PYTHON=python3.12 install`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEVELOPER := $(VENV)/.installed-for-developers
WITH_DOCS := $(VENV)/.installed-for-docs
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DEMO := demo

.DEFAULT_GOAL := help
.PHONY: help install demo fmt lint type test test-all docs outputs requirements check-platforms check-light bench soak clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Create .venv and install movierec with its exact dependencies

$(STAMP): pyproject.toml requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "movierec needs Python 3.11 or later, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo absent)." >&2; \
	  echo "Install a newer one, or name it: make PYTHON=python3.12 $(or $(MAKECMDGOALS),install)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --require-hashes --requirement requirements.txt
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q movierec_cli  # else the first commands compile it, each anew where PYTHONDONTWRITEBYTECODE is set
	@touch $@

$(DEVELOPER): $(STAMP) requirements-dev.txt
	$(PIP_INSTALL) --require-hashes --requirement requirements-dev.txt
	@touch $@

$(WITH_DOCS): $(DEVELOPER) requirements-docs.txt
	$(PIP_INSTALL) --require-hashes --requirement requirements-docs.txt
	@touch $@

demo: install ## Run the whole main job on the embedded sample, into demo/
	$(BIN)/movierec demo --output $(DEMO)

fmt: $(DEVELOPER) ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format .

lint: $(DEVELOPER) ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(DEVELOPER) ## Check types (mypy, strict)
	$(BIN)/mypy

test: lint type ## Check style, types and behaviour
	$(BIN)/pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# What some tests compare with, log to, run on or look at pages with; they bring fifty packages along.
test-all: $(WITH_DOCS) ## Install Chromium (on Debian), ranx, MLflow, Ray and Optuna, then run all tests and skip none that needs them
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	  || { apt-get -qq update && apt-get -qq install -y chromium >/dev/null; }
	$(PIP_INSTALL) --require-hashes --requirement requirements-dev.txt --requirement requirements-test-all.txt
	MOVIEREC_ALL_TESTS=1 $(MAKE) --no-print-directory test

docs: $(WITH_DOCS) ## Build the site into site/, strictly
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

outputs: $(DEVELOPER) ## Run the commands whose outputs the pages show, and write these
	$(BIN)/python -m tests.docs.outputs

requirements: $(DEVELOPER) ## Renew the requirements files; UPGRADE=--upgrade takes newer versions
	$(BIN)/python tests/packaging/requirements_files.py $(UPGRADE)

check-platforms: $(DEVELOPER) ## Resolve for Linux, Windows and macOS, Python 3.11 to 3.13, from wheels alone
	$(BIN)/python tests/packaging/requirements_files.py check

check-light: $(DEVELOPER) ## Use saved models in an environment of requirements-light.txt
	$(BIN)/python -m tests.packaging.light_environment

bench: $(DEVELOPER) ## Measure against the reference and print ratios
	$(BIN)/python tests/bench/run.py

soak: $(DEVELOPER) ## Try to break everything for SOAK_MINUTES (15): kills, bad disks, damage, hostile data, servers, in any order
	$(BIN)/python -m tests.soak

clean: ## Remove the environment, caches and the demo (never data sets or models)
	rm -rf $(VENV) $(DEMO) site build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find movierec_cli tests -name __pycache__ -type d -prune -exec rm -rf {} +
