"""Pace to the tables: the tap piped into each loader, and what the loader takes for it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from tests.e2e import postgres
from tools.bench.measure import catalog_of, command_of_tap, write_json
from tools.bench.orgs import CHECKOUT, OrgPlan, ServedOrg, served
from tools.bench.processor import UNLIMITED
from tools.bench.report import Column, Figures, Part

__all__ = ["DUCKDB", "LOADERS", "SHIPPED"]

DUCKDB, SHIPPED = "DuckDB", "as in `meltano.yml`"
_STREAMS = ("conversations", "messages")  # each holds half of the rows
_KIB_PER_MIB = 1024.0
_LOG_TAIL = 2000  # characters of a failed load's log that are shown
_AS_SHIPPED: Mapping[str, Any] = MappingProxyType({})


class _Case(NamedTuple):
    """A loader, and what it is told besides where to load to."""

    loader: str
    told: str
    program: str  # below the checkout
    rows: int = 100_000
    settings: Mapping[str, Any] = _AS_SHIPPED
    long: bool = False


_DUCKDB = ".venv-loader/bin/target-duckdb-no-header"
_RELEASED = ".venv-loader/bin/target-duckdb"
_MELTANOLABS = ".venv-target-postgres/bin/target-postgres"
_PIPELINEWISE = ".venv-pipelinewise-postgres/bin/target-postgres"
_JSONL = ".venv-target-jsonl/bin/target-jsonl"
_COPY = {"use_copy": True}
_UNCHECKED = {**_COPY, "validate_records": False}
_CASES = (
    _Case(DUCKDB, SHIPPED, _DUCKDB),
    _Case(DUCKDB, "target-duckdb 0.8.0 as released", _RELEASED),
    _Case("PostgreSQL, MeltanoLabs", "its own defaults", _MELTANOLABS),
    _Case("PostgreSQL, MeltanoLabs", "`use_copy`", _MELTANOLABS, settings=_COPY),
    _Case(
        "PostgreSQL, MeltanoLabs",
        "`use_copy`, no `validate_records`",
        _MELTANOLABS,
        settings=_UNCHECKED,
    ),
    _Case("PostgreSQL, pipelinewise", "its own defaults", _PIPELINEWISE),
    _Case("JSON lines", "its own defaults", _JSONL),
    _Case(DUCKDB, SHIPPED, _DUCKDB, rows=1_000_000, long=True),
)


def _run(everything: bool) -> Iterator[Figures]:  # noqa: FBT001 - what a part is
    with postgres.server(postgres.install()) as port:
        for case in _CASES:
            if case.long and not everything:
                continue
            half = case.rows // len(_STREAMS)
            plan = OrgPlan(conversations=half, messages=half, knobs={"limits": False})
            with served(plan) as org, tempfile.TemporaryDirectory() as folder:
                yield {
                    "loader": case.loader,
                    "told": case.told,
                    "rows": case.rows,
                    **_load(org, case, port, Path(folder)),
                }


def _config(case: _Case, port: int, folder: Path) -> dict[str, Any]:
    """Return the loader's settings; those of `meltano.yml` where the case has none of its own."""
    if case.loader == DUCKDB:
        config = {"path": str(folder / "x.duckdb"), "default_target_schema": "main"}
        return {**_shipped("target-duckdb"), **config} if case.program == _DUCKDB else config
    if case.program == _JSONL:
        return {"destination_path": str(folder)}
    server = {"host": "127.0.0.1", "port": port, "user": "postgres", "password": "none"}
    names = {"database": "postgres", "dbname": "postgres"}
    schema = f"bench_{folder.name.lower()}"
    return {**server, **names, "default_target_schema": schema, **case.settings}


def _shipped(loader: str) -> dict[str, Any]:
    """Return what `meltano.yml` sets for a loader."""
    content = yaml.safe_load((CHECKOUT / "meltano.yml").read_text(encoding="utf-8"))
    (found,) = (one for one in content["plugins"]["loaders"] if one["name"] == loader)
    config: dict[str, Any] = found["config"]
    return config


def _load(org: ServedOrg, case: _Case, port: int, folder: Path) -> Figures:
    """Pipe the tap into the loader and return what that cost.

    Raises: ``RuntimeError`` with the end of its log when either fails.
    """
    place = str(folder)
    tap = [*command_of_tap(), "--config", write_json(place, "tap", {**org.config, **UNLIMITED})]
    tap += ["--catalog", write_json(place, "catalog", catalog_of(org, _STREAMS))]
    program = str(CHECKOUT / case.program)
    loader = [program, "--config", write_json(place, "loader", _config(case, port, folder))]
    began = time.monotonic()
    with (folder / "log").open("wb") as log:
        extract = subprocess.Popen(tap, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=log)  # noqa: S603 - the tap itself
        load = subprocess.Popen(  # noqa: S603 - the loader
            loader, cwd=folder, stdin=extract.stdout, stdout=subprocess.DEVNULL, stderr=log
        )
        assert extract.stdout is not None  # noqa: S101 - it is a pipe
        extract.stdout.close()  # the loader has it; else the tap would not notice its end
        _, status, usage = os.wait4(load.pid, 0)
        load.returncode = os.waitstatus_to_exitcode(status)
    if extract.wait() or load.returncode:
        message = f"The load failed: {(folder / 'log').read_text()[-_LOG_TAIL:]}"
        raise RuntimeError(message)
    return {
        "seconds": time.monotonic() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / _KIB_PER_MIB,
    }


LOADERS = Part(
    "loaders",
    (
        Column("loader", lambda row: row["loader"]),
        Column("told", lambda row: row["told"]),
        Column("rows", lambda row: f"{row['rows']:,}"),
        Column("seconds", lambda row: f"{row['seconds']:,.0f}"),
        Column("rows a second", lambda row: f"{row['rows'] / row['seconds']:,.0f}"),
        Column(
            "rows per processor second of the loader",
            lambda row: f"{row['rows'] / row['cpu']:,.0f}",
        ),
        Column("the loader's peak MiB", lambda row: f"{row['peak_mib']:,.0f}"),
    ),
    _run,
)
