# The newest Python 3.11 or later on the path; override with `make PYTHON=python3.12 install`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DEMO := demo

.DEFAULT_GOAL := help
.PHONY: help install demo fmt lint type test test-all bench clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

demo: install ## Run the whole main job on the embedded sample, into demo/
	$(BIN)/movierec train --dataset sample \
	  --additional_feature_sets None \
	  --additional_feature_sets timestamp \
	  --additional_feature_sets timestamp movie_genres \
	  --additional_feature_sets timestamp movie_genres movie_length bucketized_user_age \
	  --generate_recommendations_for_user 1 \
	  --datasets_dir $(DEMO)/datasets --saved_models_dir $(DEMO)/saved_models --plot $(DEMO)/movierec.html

fmt: install ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format .

lint: install ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: install ## Check types (mypy, strict)
	$(BIN)/mypy

test: lint type ## Check style, types and behaviour
	$(BIN)/pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# What some tests compare with, log to, run on or look at pages with; they bring fifty packages along.
test-all: install ## Install Chromium (on Debian), ranx, MLflow, Ray and Optuna, then run all tests and skip none that needs them
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	  || { apt-get -qq update && apt-get -qq install -y chromium >/dev/null; }
	$(PIP_INSTALL) --require-hashes --requirement requirements.txt --requirement requirements-test-all.txt
	MOVIEREC_ALL_TESTS=1 $(MAKE) --no-print-directory test

bench: install ## Measure against the reference and print ratios
	$(BIN)/python tests/bench/run.py

clean: ## Remove the environment, caches and the demo (never data sets or models)
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find movierec_cli tests -name __pycache__ -type d -prune -exec rm -rf {} +
