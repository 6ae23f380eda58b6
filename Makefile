# Everything a newcomer needs; `make help` lists it. Needs Python 3.11 or newer.

PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
WORKERS ?= 2
# 0 runs the tests in one process, in which a debugger works.
TEST_PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help run setup test test-heavy check bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(STAMP) ## set up everything the first time, then serve http://127.0.0.1:8000 (PORT=… changes it)
	@$(BIN)/portal serve --check-port --port $(PORT)
	@$(BIN)/portal db upgrade
	@$(BIN)/portal demo --url http://127.0.0.1:$(PORT)
	@exec $(BIN)/portal serve --port $(PORT) --workers $(WORKERS)

setup: $(STAMP) ## the virtual environment and what is installed in it

# Made anew when what is to be installed changes; otherwise it costs nothing.
$(STAMP): requirements.lock pyproject.toml
	@sh .ci/python $(VENV)
	@$(BIN)/python -m pip install -qq --root-user-action=ignore --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install -qq --root-user-action=ignore --disable-pip-version-check --no-deps -e .
	@touch $(STAMP)

test: $(STAMP) ## all tests, on SQLite and PostgreSQL and in a browser (REQUIRE_ALL=1: no skips)
	@PORTAL_TEST_CHROMIUM="$$(sh .ci/browser $(BIN))" && export PORTAL_TEST_CHROMIUM && \
		$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadgroup $(ARGS)

test-heavy: $(STAMP) ## the proofs at full size: more processes, more requests, more examples
	@PORTAL_TEST_CHROMIUM="$$(sh .ci/browser $(BIN))" && export PORTAL_TEST_CHROMIUM && \
		$(BIN)/python -m pytest --heavy $(ARGS)

check: $(STAMP) ## lint, format, types, templates, and that the lock file agrees with pyproject.toml
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@# J018 wants url_for() for every link; plain paths are what API and pages promise.
	$(BIN)/djlint templates --profile=jinja --lint --quiet --ignore=J018
	$(BIN)/python .ci/locked.py

bench: $(STAMP) ## measure against the floors, on both engines
	$(BIN)/python -m tests.bench $(ARGS)

clean: ## remove the virtual environment and caches; instance/ (your data) stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
