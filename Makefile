# Every task of this project; `make help` lists them. Nothing but Python (3.10 or newer), make and
# git has to be there: each task first builds the environments that it needs, inside the checkout,
# and builds them again only when the file that lists their packages has changed.

PYTHON ?= python3
PYTEST_WORKERS ?= auto

VENV := .venv
MELTANO_VENV := .venv-meltano
CHECKS_VENV := .venv-singer-tools
AIRBYTE_VENV := .venv-pyairbyte
LOADER_VENV := .venv-loader
# Two loaders for PostgreSQL; each names a program `target-postgres` and wants the room to itself.
POSTGRES_VENV := .venv-target-postgres
PIPELINEWISE_VENV := .venv-pipelinewise-postgres
ANALYTICS_VENV := .venv-analytics
DIALECTS_VENV := .venv-dialects
AUDIT_VENV := .venv-audit
READY := .ready

# Warnings about a newer pip or a missing optional index would hide what matters.
PIP := -m pip --quiet --quiet --disable-pip-version-check --no-input

# dbt does not run on Python 3.14 yet: there, the demo ends without its report.
DBT := $(if $(shell $(PYTHON) -c 'import sys; sys.version_info < (3, 14) and print("runs")'),$(ANALYTICS_VENV)/$(READY))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test e2e soak bench check audit docs clean

help:  ## list the tasks
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/$(READY) $(MELTANO_VENV)/$(READY) $(DBT)  ## load a simulated Kustomer org into DuckDB and query it
	@$(VENV)/bin/python -m tools.demo.run

test: $(VENV)/$(READY)  ## run the tests that need nothing but Python
	$(VENV)/bin/python -m pytest -m "not e2e" -n $(PYTEST_WORKERS) --dist worksteal

e2e: $(VENV)/$(READY) $(MELTANO_VENV)/$(READY) $(CHECKS_VENV)/$(READY) $(AIRBYTE_VENV)/$(READY) $(POSTGRES_VENV)/$(READY) $(PIPELINEWISE_VENV)/$(READY) $(DBT) $(if $(DBT),$(DIALECTS_VENV)/$(READY))  ## run the tests that need Meltano, DuckDB, PostgreSQL, singer-check-tap and PyAirbyte
	$(VENV)/bin/python -m pytest -m e2e

bench: $(VENV)/$(READY)  ## measure pace, processor and memory, and write docs/performance.md (BENCH=--all, BENCH="pace start")
	@$(VENV)/bin/python -m tools.bench.run --write $(BENCH)

soak: $(VENV)/$(READY) $(LOADER_VENV)/$(READY)  ## ten minutes of faults, limits and kills, compared row by row (SOAK="--seconds 60 --seed 7")
	@$(VENV)/bin/python -m tools.soak $(SOAK)

check: $(VENV)/$(READY)  ## format, lint, types, generated files
	@$(VENV)/bin/ruff format --check --quiet . || { echo 'Run: $(VENV)/bin/ruff format .'; exit 1; }
	@$(VENV)/bin/ruff check --quiet . || { echo 'Try: $(VENV)/bin/ruff check --fix .'; exit 1; }
	@$(VENV)/bin/mypy
	@$(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor.meltano meltano.yml
	@$(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(VENV)/bin/python -m tools.docs.generate --check

audit: $(VENV)/$(READY) $(AUDIT_VENV)/$(READY)  ## look up known vulnerabilities of what is installed (needs the network)
	@$(VENV)/bin/python -m pip --disable-pip-version-check list --format freeze --exclude-editable > $(AUDIT_VENV)/installed.txt
	@# Strict: a package that cannot be looked up is no reassurance.
	@$(AUDIT_VENV)/bin/pip-audit --progress-spinner off --strict --disable-pip --no-deps --requirement $(AUDIT_VENV)/installed.txt

docs: $(VENV)/$(READY)  ## write what the code says about itself into README.md and meltano.yml
	@$(VENV)/bin/python -m tools.docs.generate

clean:  ## remove the environments and everything that runs have left behind
	rm -rf $(VENV) $(MELTANO_VENV) $(CHECKS_VENV) $(AIRBYTE_VENV) $(LOADER_VENV) $(POSTGRES_VENV) $(PIPELINEWISE_VENV) $(ANALYTICS_VENV) $(DIALECTS_VENV) $(AUDIT_VENV) .meltano output/* tools/demo/.work dist build
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The tap, its tests and its checks.
$(VENV)/$(READY): pyproject.toml
	$(call environment,$(VENV))
	@$(VENV)/bin/python $(PIP) install --group dev --editable .
	@touch $@

# Meltano and the tap cannot share an environment: their requirements exclude each other.
$(MELTANO_VENV)/$(READY): tools/demo/requirements-meltano.txt
	$(call environment,$(MELTANO_VENV))
	@$(MELTANO_VENV)/bin/python $(PIP) install --requirement $<
	@touch $@

# singer-tools brings `backoff`, which would overwrite the SDK's `python-backoff`.
$(CHECKS_VENV)/$(READY): tests/e2e/requirements-singer-tools.txt
	$(call environment,$(CHECKS_VENV))
	@$(CHECKS_VENV)/bin/python $(PIP) install --requirement $<
	@touch $@

# PyAirbyte brings half of its destinations' clients along: nothing else should live with it.
$(AIRBYTE_VENV)/$(READY): tests/e2e/requirements-pyairbyte.txt
	$(call environment,$(AIRBYTE_VENV))
	@$(AIRBYTE_VENV)/bin/python $(PIP) install --requirement $<
	@touch $@

# The loader that `meltano.yml` names, without Meltano.
$(LOADER_VENV)/$(READY): tools/demo/loader/pyproject.toml tools/demo/loader/target_duckdb_no_header.py
	$(call environment,$(LOADER_VENV))
	@$(LOADER_VENV)/bin/python $(PIP) install ./tools/demo/loader
	@touch $@

$(POSTGRES_VENV)/$(READY): tests/e2e/requirements-target-postgres.txt
	$(call environment,$(POSTGRES_VENV))
	@$(POSTGRES_VENV)/bin/python $(PIP) install --requirement $<
	@touch $@

# Without looking at what it asks for: the file says why.
$(PIPELINEWISE_VENV)/$(READY): tests/e2e/requirements-pipelinewise-postgres.txt
	$(call environment,$(PIPELINEWISE_VENV))
	@$(PIPELINEWISE_VENV)/bin/python $(PIP) install --no-deps --requirement $<
	@touch $@

# dbt brings some sixty packages of its own, which have no business beside the tap's.
$(ANALYTICS_VENV)/$(READY): analytics/requirements.txt
	$(call environment,$(ANALYTICS_VENV))
	@$(ANALYTICS_VENV)/bin/python $(PIP) install --requirement $<
	@touch $@

# Only the tests use it: dbt for warehouses that no test can reach.
$(DIALECTS_VENV)/$(READY): tests/e2e/requirements-dialects.txt
	$(call environment,$(DIALECTS_VENV))
	@$(DIALECTS_VENV)/bin/python $(PIP) install --requirement $<
	@touch $@

# Apart from what it looks at: its own requirements would be looked up too.
$(AUDIT_VENV)/$(READY): pyproject.toml
	$(call environment,$(AUDIT_VENV))
	@$(AUDIT_VENV)/bin/python $(PIP) install 'pip-audit>=2.9,<3'
	@touch $@

# pip older than 25.1 does not know dependency groups, and Python brings an old one.
define environment
@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 10) else "Python 3.10 or newer is needed, this is %s. Name another: make PYTHON=python3.12 ..." % sys.version.split()[0])'
@echo "Installing into $(1) ..."
@$(1)/bin/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(1)
@$(1)/bin/python $(PIP) install 'pip>=25.1'
endef
