"""What Kustomer forgets over the years is forgotten here, and nothing is missing: dbt proves it."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from simulator import Org, Simulator
from simulator.clock import DAY
from tests.e2e.project import CHECKOUT
from tests.support import run_tap

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.project import MeltanoProject

PACKAGE = CHECKOUT / "analytics"
DBT = CHECKOUT / ".venv-analytics" / "bin" / "dbt"
STREAMS = ("customers", "conversations", "messages", "notes", "conversation_events", "deletions",
           "present_ids", "row_counts", "sync_runs")  # fmt: skip
CHECKS = ("kustomer__completeness", "kustomer__reconciliation")
STAGED = tuple(f"stg_kustomer__{table}" for table in STREAMS[:3])

pytestmark = pytest.mark.skipif(not DBT.exists(), reason="dbt does not run on this Python")


class Warehouse:
    """A DuckDB file, what loads it and what checks it."""

    def __init__(self, folder: Path, loader: Path) -> None:
        self.folder, self.loader = folder, loader
        self.path = folder / "kustomer.duckdb"

    def load(self, messages: str) -> None:
        """Load what the tap printed."""
        config = self.folder / "loader.json"
        config.write_text(json.dumps({"path": str(self.path), "default_target_schema": "main"}))
        command = [str(self.loader), "--config", str(config)]
        done = subprocess.run(command, input=messages, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run dbt."""
        folders = ("--project-dir", str(PACKAGE), "--profiles-dir", str(PACKAGE))
        env = {
            **os.environ,
            "KUSTOMER_DUCKDB_PATH": str(self.path),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            "DBT_TARGET_PATH": str(self.folder / "target"),
        }
        return subprocess.run([str(DBT), *arguments, *folders, "--target", "duckdb"],
                              cwd=self.folder, env=env, capture_output=True, text=True,
                              check=False)  # fmt: skip

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what a query answers."""
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(sql).fetchall()


def test_what_is_gone_is_gone_and_what_is_missing_is_named(
    installed_project: MeltanoProject, tmp_path: Path
) -> None:
    """Soft deletes, deletes for good, cascades and retention, in runs that are weeks apart."""
    loader = installed_project.executable("target-duckdb", "target-duckdb-no-header")
    warehouse = Warehouse(tmp_path, loader)
    org = Org(seed=3)
    org.seed(customers=40)
    state = None
    with Simulator(org, limits=False) as server:
        config = {
            **server.config,
            "start_date": "2000-01-01",
            "tombstones": True,
            "optional_streams": [one for one in STREAMS if one not in ("customers", "conversations",
                                 "messages", "notes", "sync_runs")],
            "present_ids_of": ["customers", "conversations", "messages"],
            "search_requests_per_minute": 100_000,
            "requests_per_minute": 1_000_000,
        }  # fmt: skip
        for number in range(5):
            output = run_tap(config, select=STREAMS, state=state, folder=tmp_path)
            assert output.status == 0, output.stderr
            warehouse.load(output.stdout)
            state = output.state
            if number < 4:
                org.clock.advance(80 * DAY)
                org.erase("customer", org.ids("customer")[0])
                org.erase("conversation", org.ids("conversation")[0])
                org.delete("customer", org.ids("customer")[3])
                org.retain()
                org.clock.advance(7200)
        present = {table: set(org.ids(table[:-1])) for table in STREAMS[:3]}

    built = warehouse.dbt("build", "--select", *STAGED, *CHECKS)
    assert built.returncode == 0, built.stdout
    for table, ids in present.items():
        staged = warehouse.query(f"select {table[:-1]}_id from analytics.stg_kustomer__{table}")  # noqa: S608
        assert {id_ for (id_,) in staged} == ids
    assert warehouse.dbt("run-operation", "kustomer_erase").returncode == 0
    erased = warehouse.dbt("run-operation", "kustomer_erase", "--args", "{dry_run: false}")
    assert erased.returncode == 0, erased.stdout
    for table, ids in present.items():
        assert {id_ for (id_,) in warehouse.query(f"select id from {table}")} == ids  # noqa: S608

    [(id_, month)] = warehouse.query(
        "select id, strftime(created_at, '%Y-%m') from customers order by id limit 1"
    )
    warehouse.query(f"delete from customers where id = '{id_}'")  # noqa: S608
    broken = warehouse.dbt("build", "--select", *CHECKS)
    assert broken.returncode == 1
    assert f"customers created in {month}" in broken.stdout
