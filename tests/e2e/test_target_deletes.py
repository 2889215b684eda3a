"""What each target does with what is deleted: the table in docs/deletes.md, row by row."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from simulator import Org, Simulator
from simulator.clock import DAY
from tests.e2e.postgres import LOADERS, Database
from tests.e2e.project import CHECKOUT, MeltanoProject
from tests.support import Output, catalog_of, run_tap

PAGE = CHECKOUT / "docs" / "deletes.md"
_ROW = re.compile(
    r"^\| (?P<target>[^|]*target-\w+)[^|]* \| (?P<settings>[^|]*) \| (?P<fates>.*) \|$"
)


@dataclass(frozen=True)
class Case:
    """A row of the table: a target, its settings, and what becomes of what was deleted."""

    target: str
    settings: dict[str, bool]
    fates: tuple[str, ...]  # of a tombstone, a soft deletion, a row that a list lacks

    def __str__(self) -> str:
        """Name the test."""
        return "-".join([self.target, *(f"{k}={v}" for k, v in self.settings.items())])


def cases() -> list[Case]:
    """Return the rows of the table."""
    rows = filter(None, map(_ROW.match, PAGE.read_text(encoding="utf-8").splitlines()))
    return [
        Case(
            row["target"].removesuffix(" target-postgres"),
            {name: text == "true" for name, text in re.findall(r"`(\w+): (\w+)`", row["settings"])},
            tuple(row["fates"].split(" | ")),
        )
        for row in rows
    ]


ENDS = "the load ends"
NUMBERS = itertools.count(1)  # of databases


@dataclass(frozen=True)
class Life:
    """Two runs of the tap, and what was deleted in between."""

    runs: tuple[Output, Output]
    gone: str
    marked: str
    stays: str
    brand: str


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Read a customer who is deleted for good, one who is marked, and a brand that goes."""
    org = Org(seed=4, realistic=False, audit=True)
    gone, marked, stays = org.add("customer", 3, name="Ann")
    brand, *_ = org.add("brand", 3, name="Acme")
    folder = tmp_path_factory.mktemp("runs")
    with Simulator(org, limits=False) as served:
        config = {
            **served.config,
            "optional_streams": ["deletions"],
            "tombstones": True,
            "emit_activate_version_messages": True,
        }
        streams = ["customers", "brands", "deletions"]
        first = run_tap(config, select=streams, folder=folder)
        org.clock.advance(DAY)
        wait_for_another_version()
        org.erase("customer", gone)
        org.delete("customer", marked)
        org.erase("brand", brand)
        second = run_tap(config, select=streams, state=first.state, folder=folder)
    for run in (first, second):
        assert run.status == 0, run.stderr
    return Life((first, second), gone, marked, stays, brand)


def wait_for_another_version() -> None:
    """Wait until the next second: the SDK's version of a table is that in which a run began."""
    second = int(time.time())
    while int(time.time()) == second:
        time.sleep(0.05)


def fate(query: Callable[[str], list[dict[str, Any]]], table: str, id_: str) -> str:
    """Say what a table has of a row: nothing, something, and whether it is marked."""
    rows = query(f"select * from {table} where id = '{id_}'")  # noqa: S608
    if not rows:
        return "removed"
    [row] = rows
    kept = "stays" if row["name"] else "emptied"
    return f"{kept}, marked" if row.get("_sdc_deleted_at") else kept


@pytest.mark.parametrize("case", cases(), ids=str)
def test_a_target_does_what_the_table_says(
    case: Case, life: Life, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The row that stays in Kustomer stays as it is, whatever happens to the others."""
    if case.target == "target-duckdb":
        query = on_duckdb(case, life, request.getfixturevalue("installed_project"), tmp_path)
        schema = "main"
    else:
        database = database_of(case, request)
        if ENDS in case.fates:
            with pytest.raises(AssertionError, match="`activate_version`"):
                database.load(life.runs[0], tmp_path, **case.settings)
            return
        for run in life.runs:
            database.load(run, tmp_path, **case.settings)
        query, schema = database.query, "kustomer"

    assert fate(query, f"{schema}.customers", life.stays) == "stays"
    fates = [("customers", life.gone), ("customers", life.marked), ("brands", life.brand)]
    assert tuple(fate(query, f"{schema}.{table}", id_) for table, id_ in fates) == case.fates
    # Kustomer's own mark stays wherever the row does, also where the target cuts `_sdc_` off.
    marked = f"select deleted_at from {schema}.customers where id = '{life.marked}'"  # noqa: S608
    assert all(row["deleted_at"] for row in query(marked))


def database_of(case: Case, request: pytest.FixtureRequest) -> Database:
    """Return an empty database for a loader and its settings."""
    programs, port = (request.getfixturevalue(one) for one in ("programs", "port"))
    name = f"deletes_{next(NUMBERS)}"
    database = Database(programs / "psql", port, case.target.lower(), name)
    database.create()
    return database


@pytest.mark.parametrize(
    "window",
    [{"start_date": "2026-11-01"}, {"start_date": "2026-06-01", "end_date": "2026-06-02"}],
    ids=["since", "one day"],
)
def test_a_window_removes_no_row_outside(
    window: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Read as full tables into the target that removes what a version lacks; lists are whole."""
    case = Case("meltanolabs", {"hard_delete": True}, ())
    database = database_of(case, request)
    org = Org(seed=4, realistic=False)
    now = org.clock.now()
    for days in (0, 90, 179, 400):
        org.add("customer", 2, updated_at=now - days * DAY)
    brand, *brands = org.add("brand", 3, updated_at=now - 400 * DAY)
    streams = ["customers", "brands", "sync_runs"]
    with Simulator(org, limits=False) as served:
        config = {**served.config, "emit_activate_version_messages": True}
        catalog = catalog_of(config, streams)
        for entry in catalog["streams"]:
            entry["replication_method"] = "FULL_TABLE"
        whole = run_tap({**config, "start_date": "2015-01-01"}, catalog=catalog, folder=tmp_path)
        org.erase("brand", brand)
        wait_for_another_version()
        part = run_tap({**config, **window}, catalog=catalog, folder=tmp_path)
    assert part.counts["customers"] < whole.counts["customers"] == len(org.ids("customer"))
    for output in (whole, part):
        database.load(output, tmp_path, **case.settings)

    assert database.ids() == {
        "customers": frozenset(org.ids("customer")), "brands": frozenset(brands)
    }  # fmt: skip
    assert len(database.query("select id from kustomer.sync_runs")) == 2 * 2


def on_duckdb(
    case: Case, life: Life, project: MeltanoProject, folder: Path
) -> Callable[[str], list[dict[str, Any]]]:
    """Load DuckDB, and return what asks it."""
    path, config = folder / "kustomer.duckdb", folder / "loader.json"
    settings = {"path": str(path), "default_target_schema": "main", **case.settings}
    config.write_text(json.dumps(settings), encoding="utf-8")
    loader = str(project.executable("target-duckdb", "target-duckdb-no-header"))
    for run in life.runs:
        done = subprocess.run(
            [loader, "--config", str(config)],
            input=run.stdout, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]

    def query(sql: str) -> list[dict[str, Any]]:
        with duckdb.connect(str(path), read_only=True) as connection:
            result = connection.execute(sql)
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    return query


def test_the_table_has_every_target_with_and_without_its_settings() -> None:
    """A row that is misspelt would be no test."""
    tried = {(case.target.lower(), *case.settings) for case in cases()}

    assert {target for target, *_ in tried} == {*LOADERS, "target-duckdb"}
    for target in {*LOADERS, "target-duckdb"}:
        assert (target,) in tried
        assert any(name == target and "hard_delete" in more for name, *more in tried)
