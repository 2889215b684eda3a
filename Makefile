# Every task of this project; `make help` lists them. Nothing but Python (3.10 or newer), make and
# git has to be there: each task first builds the environments that it needs, inside the checkout,
# and builds them again only when the file that lists their packages has changed.

PYTHON ?= python3
# Half of the time the tests wait for answers, so more workers than the two cores of a small machine.
PYTEST_WORKERS ?= 6
# Here each worker takes whole files: what a file installs or starts is its own.
E2E_WORKERS ?= 2

VENV := .venv
MELTANO_VENV := .venv-meltano
CHECKS_VENV := .venv-singer-tools
AIRBYTE_VENV := .venv-pyairbyte
LOADER_VENV := .venv-loader
# Two loaders for PostgreSQL; each names a program `target-postgres` and wants the room to itself.
POSTGRES_VENV := .venv-target-postgres
PIPELINEWISE_VENV := .venv-pipelinewise-postgres
JSONL_VENV := .venv-target-jsonl
# Loaders of warehouses that no test can reach: their own code runs, nothing connects.
BIGQUERY_VENV := .venv-target-bigquery
OLD_BIGQUERY_VENV := .venv-target-bigquery-0.6
SNOWFLAKE_VENV := .venv-target-snowflake
# The orchestrators of docs/operations.md, and Meltano with the places where it can keep a state.
AIRFLOW_VENV := .venv-airflow
DAGSTER_VENV := .venv-dagster
STATE_VENV := .venv-meltano-state
ANALYTICS_VENV := .venv-analytics
DIALECTS_VENV := .venv-dialects
AUDIT_VENV := .venv-audit
UV_VENV := .venv-uv
MUTANTS_VENV := .venv-mutants
READY := .ready

# Tests start the tap and workers by the dozen: Python keeps what it compiled, whatever the
# environment says, instead of compiling all of it each time.
export PYTHONDONTWRITEBYTECODE :=

# Warnings about a newer pip or a missing optional index would hide what matters.
PIP := -m pip --quiet --quiet --disable-pip-version-check --no-input

# Which versions are installed: those that were tested, or the newest or oldest that are allowed
# (the oldest of the tap's own environment only). After a change: make clean.
VERSIONS ?= tested
tested = $(if $(filter-out newest,$(VERSIONS)),--constraint constraints/$(1).txt)
oldest = $(if $(filter oldest,$(VERSIONS)),-oldest)

# dbt does not run on Python 3.14 yet: there, the demo ends without its report.
DBT := $(if $(shell $(PYTHON) -c 'import sys; sys.version_info < (3, 14) and print("runs")'),$(ANALYTICS_VENV)/$(READY))

# What `make bench` needs besides: nothing, where it is told which parts and `loaders` is not one.
BENCHED_LOADERS := $(if $(or $(findstring loaders,$(BENCH)),$(if $(filter-out --all,$(BENCH)),,all)),$(addsuffix /$(READY),$(LOADER_VENV) $(POSTGRES_VENV) $(PIPELINEWISE_VENV) $(JSONL_VENV)))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test e2e recipes soak mutants bench check audit docs release constraints clean

help:  ## list the tasks
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/$(READY) $(MELTANO_VENV)/$(READY) $(DBT)  ## load a simulated Kustomer org into DuckDB and query it
	@$(VENV)/bin/python -m tools.demo.run

test: $(VENV)/$(READY)  ## run the tests that need nothing but Python
	$(VENV)/bin/python -m pytest -m "not e2e" -n $(PYTEST_WORKERS) --dist worksteal

e2e: $(VENV)/$(READY) $(MELTANO_VENV)/$(READY) $(CHECKS_VENV)/$(READY) $(AIRBYTE_VENV)/$(READY) $(POSTGRES_VENV)/$(READY) $(PIPELINEWISE_VENV)/$(READY) $(DBT) $(if $(DBT),$(DIALECTS_VENV)/$(READY))  ## run the tests that need Meltano, DuckDB, PostgreSQL, singer-check-tap and PyAirbyte
	$(VENV)/bin/python -m pytest -m e2e --ignore tests/e2e/recipes -n $(E2E_WORKERS) --dist loadfile

recipes: $(VENV)/$(READY) $(MELTANO_VENV)/$(READY) $(addsuffix /$(READY),$(BIGQUERY_VENV) $(OLD_BIGQUERY_VENV) $(SNOWFLAKE_VENV) $(AIRFLOW_VENV) $(DAGSTER_VENV) $(STATE_VENV))  ## run what docs recommend of Airflow, Dagster, twenty orgs, places for states, BigQuery and Snowflake
	$(VENV)/bin/python -m pytest -m e2e tests/e2e/recipes tests/e2e/test_warehouses.py

bench: $(VENV)/$(READY) $(BENCHED_LOADERS)  ## measure pace, processor and memory, and write docs/performance.md (BENCH=--all, BENCH="pace start")
	@$(VENV)/bin/python -m tools.bench.run --write $(BENCH)

soak: $(VENV)/$(READY) $(LOADER_VENV)/$(READY)  ## ten minutes of faults, limits and kills, compared row by row (SOAK="--seconds 60 --seed 7")
	@$(VENV)/bin/python -m tools.soak $(SOAK)

mutants: $(VENV)/$(READY) $(MUTANTS_VENV)/$(READY)  ## put small faults into readers, client and sync: the tests have to notice (MUTANTS="--sample 400")
	@$(VENV)/bin/python -m tools.mutants $(MUTANTS)

check: $(VENV)/$(READY)  ## format, lint, types, generated files
	@$(VENV)/bin/ruff format --check --quiet . || { echo 'Run: $(VENV)/bin/ruff format .'; exit 1; }
	@$(VENV)/bin/ruff check --quiet . || { echo 'Try: $(VENV)/bin/ruff check --fix .'; exit 1; }
	@$(VENV)/bin/mypy
	@$(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor.meltano meltano.yml
	@$(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(VENV)/bin/python -m tools.docs.generate --check
	@$(VENV)/bin/python -m tools.docs.words

audit: $(VENV)/$(READY) $(AUDIT_VENV)/$(READY)  ## look up known vulnerabilities of what is installed (needs the network)
	@$(VENV)/bin/python -m pip --disable-pip-version-check list --format freeze --exclude-editable > $(AUDIT_VENV)/installed.txt
	@# Strict: a package that cannot be looked up is no reassurance.
	@$(AUDIT_VENV)/bin/pip-audit --progress-spinner off --strict --disable-pip --no-deps --requirement $(AUDIT_VENV)/installed.txt

docs: $(VENV)/$(READY)  ## write what the code says about itself into README.md and meltano.yml
	@$(VENV)/bin/python -m tools.docs.generate

release: $(VENV)/$(READY)  ## say what is left to fill in before a version is published
	@$(VENV)/bin/python -m tools.docs.release

constraints: $(UV_VENV)/$(READY)  ## take the newest versions that are allowed for what `make` installs (needs the network)
	@$(call pin,dev) --group pyproject.toml:dev pyproject.toml
	@$(call pin,dev-oldest) --resolution lowest-direct --group pyproject.toml:dev pyproject.toml
	@$(call pin,meltano) tools/demo/requirements-meltano.txt
	@$(call pin,loader) tools/demo/loader/pyproject.toml
	@$(call pin,analytics) analytics/requirements.txt
	@for name in singer-tools pyairbyte target-postgres target-jsonl target-bigquery target-bigquery-0.6 target-snowflake airflow dagster meltano-state dialects; do \
	  $(call pin,$$name) tests/e2e/requirements-$$name.txt || exit 1; done
	@$(call pin,pipelinewise-postgres) --no-deps tests/e2e/requirements-pipelinewise-postgres.txt
	@echo 'pip-audit>=2.9,<3' | $(call pin,audit) -
	@echo 'cosmic-ray>=8.4,<9' | $(call pin,mutants) -

clean:  ## remove the environments and everything that runs have left behind
	rm -rf $(VENV) $(MELTANO_VENV) $(CHECKS_VENV) $(AIRBYTE_VENV) $(LOADER_VENV) $(POSTGRES_VENV) $(PIPELINEWISE_VENV) $(JSONL_VENV) $(BIGQUERY_VENV) $(OLD_BIGQUERY_VENV) $(SNOWFLAKE_VENV) $(AIRFLOW_VENV) $(DAGSTER_VENV) $(STATE_VENV) $(ANALYTICS_VENV) $(DIALECTS_VENV) $(AUDIT_VENV) $(MUTANTS_VENV) $(UV_VENV) .meltano output/* tools/demo/.work tools/mutants/.work dist build
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The tap, its tests and its checks.
$(VENV)/$(READY): pyproject.toml constraints/dev.txt
	$(call environment,$(VENV))
	@$(VENV)/bin/python $(PIP) install $(call tested,dev$(oldest)) --group dev --editable .
	@touch $@

# Meltano and the tap cannot share an environment: their requirements exclude each other.
$(MELTANO_VENV)/$(READY): tools/demo/requirements-meltano.txt constraints/meltano.txt
	$(call environment,$(MELTANO_VENV))
	@$(MELTANO_VENV)/bin/python $(PIP) install $(call tested,meltano) --requirement $<
	@touch $@

# singer-tools brings `backoff`, which would overwrite the SDK's `python-backoff`.
$(CHECKS_VENV)/$(READY): tests/e2e/requirements-singer-tools.txt constraints/singer-tools.txt
	$(call environment,$(CHECKS_VENV))
	@$(CHECKS_VENV)/bin/python $(PIP) install $(call tested,singer-tools) --requirement $<
	@touch $@

# PyAirbyte brings half of its destinations' clients along: nothing else should live with it.
$(AIRBYTE_VENV)/$(READY): tests/e2e/requirements-pyairbyte.txt constraints/pyairbyte.txt
	$(call environment,$(AIRBYTE_VENV))
	@$(AIRBYTE_VENV)/bin/python $(PIP) install $(call tested,pyairbyte) --requirement $<
	@touch $@

# The loader that `meltano.yml` names, without Meltano.
$(LOADER_VENV)/$(READY): tools/demo/loader/pyproject.toml tools/demo/loader/target_duckdb_no_header.py constraints/loader.txt
	$(call environment,$(LOADER_VENV))
	@$(LOADER_VENV)/bin/python $(PIP) install $(call tested,loader) ./tools/demo/loader
	@touch $@

$(POSTGRES_VENV)/$(READY): tests/e2e/requirements-target-postgres.txt constraints/target-postgres.txt
	$(call environment,$(POSTGRES_VENV))
	@$(POSTGRES_VENV)/bin/python $(PIP) install $(call tested,target-postgres) --requirement $<
	@touch $@

# Without looking at what it asks for: the file says why.
$(PIPELINEWISE_VENV)/$(READY): tests/e2e/requirements-pipelinewise-postgres.txt constraints/pipelinewise-postgres.txt
	$(call environment,$(PIPELINEWISE_VENV))
	@$(PIPELINEWISE_VENV)/bin/python $(PIP) install $(call tested,pipelinewise-postgres) --no-deps --requirement $<
	@touch $@

$(JSONL_VENV)/$(READY): tests/e2e/requirements-target-jsonl.txt constraints/target-jsonl.txt
	$(call environment,$(JSONL_VENV))
	@$(JSONL_VENV)/bin/python $(PIP) install $(call tested,target-jsonl) --requirement $<
	@touch $@

$(BIGQUERY_VENV)/$(READY): tests/e2e/requirements-target-bigquery.txt constraints/target-bigquery.txt
	$(call environment,$(BIGQUERY_VENV))
	@$(BIGQUERY_VENV)/bin/python $(PIP) install $(call tested,target-bigquery) --requirement $<
	@touch $@

$(OLD_BIGQUERY_VENV)/$(READY): tests/e2e/requirements-target-bigquery-0.6.txt constraints/target-bigquery-0.6.txt
	$(call environment,$(OLD_BIGQUERY_VENV))
	@$(OLD_BIGQUERY_VENV)/bin/python $(PIP) install $(call tested,target-bigquery-0.6) --requirement $<
	@touch $@

$(SNOWFLAKE_VENV)/$(READY): tests/e2e/requirements-target-snowflake.txt constraints/target-snowflake.txt
	$(call environment,$(SNOWFLAKE_VENV))
	@$(SNOWFLAKE_VENV)/bin/python $(PIP) install $(call tested,target-snowflake) --requirement $<
	@touch $@

# An orchestrator brings packages that contradict everybody else's.
$(AIRFLOW_VENV)/$(READY): tests/e2e/requirements-airflow.txt constraints/airflow.txt
	$(call environment,$(AIRFLOW_VENV))
	@$(AIRFLOW_VENV)/bin/python $(PIP) install $(call tested,airflow) --requirement $<
	@touch $@

$(DAGSTER_VENV)/$(READY): tests/e2e/requirements-dagster.txt constraints/dagster.txt
	$(call environment,$(DAGSTER_VENV))
	@$(DAGSTER_VENV)/bin/python $(PIP) install $(call tested,dagster) --requirement $<
	@touch $@

$(STATE_VENV)/$(READY): tests/e2e/requirements-meltano-state.txt constraints/meltano-state.txt
	$(call environment,$(STATE_VENV))
	@$(STATE_VENV)/bin/python $(PIP) install $(call tested,meltano-state) --requirement $<
	@touch $@

# dbt brings some sixty packages of its own, which have no business beside the tap's.
$(ANALYTICS_VENV)/$(READY): analytics/requirements.txt constraints/analytics.txt
	$(call environment,$(ANALYTICS_VENV))
	@$(ANALYTICS_VENV)/bin/python $(PIP) install $(call tested,analytics) --requirement $<
	@touch $@

# Only the tests use it: dbt for warehouses that no test can reach.
$(DIALECTS_VENV)/$(READY): tests/e2e/requirements-dialects.txt constraints/dialects.txt
	$(call environment,$(DIALECTS_VENV))
	@$(DIALECTS_VENV)/bin/python $(PIP) install $(call tested,dialects) --requirement $<
	@touch $@

# Apart from what it looks at: its own requirements would be looked up too.
$(AUDIT_VENV)/$(READY): constraints/audit.txt
	$(call environment,$(AUDIT_VENV))
	@$(AUDIT_VENV)/bin/python $(PIP) install $(call tested,audit) 'pip-audit>=2.9,<3'
	@touch $@

# It only writes the mutants' texts: the tests run where the tap is.
$(MUTANTS_VENV)/$(READY): constraints/mutants.txt
	$(call environment,$(MUTANTS_VENV))
	@$(MUTANTS_VENV)/bin/python $(PIP) install $(call tested,mutants) 'cosmic-ray>=8.4,<9'
	@touch $@

# Resolves once for every Python that is allowed; pip resolves for the one that runs it.
$(UV_VENV)/$(READY): Makefile
	$(call environment,$(UV_VENV))
	@$(UV_VENV)/bin/python $(PIP) install 'uv>=0.9,<1'
	@touch $@

pin = $(UV_VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 --no-annotate --no-header --output-file constraints/$(1).txt

# pip older than 25.1 does not know dependency groups, and Python brings an old one.
define environment
@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 10) else "Python 3.10 or newer is needed, this is %s. Name another: make PYTHON=python3.12 ..." % sys.version.split()[0])'
@echo "Installing into $(1) ..."
@$(1)/bin/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(1)
@$(1)/bin/python $(PIP) install 'pip>=25.1'
endef
