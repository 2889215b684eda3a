"""The history of conversations from whichever log of changes is loaded, on DuckDB."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.e2e.project import CHECKOUT

DBT = CHECKOUT / ".venv-analytics" / "bin" / "dbt"
MODELS = ("+kustomer__conversation_changes", "+kustomer__time_in_status")
# In order of arrival: events of webhooks come in no order of their own times.
ENTRIES = (
    ("e1", "conversation", "c1", "2026-01-01 00:00:00", None),
    ("e3", "conversation", "c1", "2026-01-01 03:00:00", {"status": ("snoozed", "done")}),
    ("e2", "conversation", "c1", "2026-01-01 01:00:00",
     {"status": ("open", "snoozed"), "rev": (1, 2)}),
    ("e4", "customer", "x", "2026-01-01 01:00:00", {"name": ("a", "b")}),
)  # fmt: skip


def document(fields: dict[str, tuple[Any, Any]] | None) -> str | None:
    """Return `changes` as Kustomer sends it."""
    if fields is None:
        return None
    found = {name: {"op": "replace", "before": a, "after": b} for name, (a, b) in fields.items()}
    return json.dumps({"attributes": found, "relationships": {}})


@pytest.mark.parametrize("streams", [["webhook_events"], ["audit_logs"],
                                     ["audit_logs", "webhook_events"]])  # fmt: skip
@pytest.mark.skipif(not DBT.exists(), reason="dbt does not run on this Python")
def test_each_changed_field_is_a_row_and_statuses_add_up(
    streams: list[str], tmp_path: Path
) -> None:
    """Where both are loaded, a change still counts once."""
    path = tmp_path / "kustomer.duckdb"
    with duckdb.connect(str(path)) as warehouse:
        for stream in streams:
            warehouse.execute(
                f"create table {stream} (id varchar, org_id varchar, object_type varchar, "
                "object_id varchar, created_at timestamp, changes json)"
            )
            for id_, kind, object_id, moment, fields in ENTRIES:
                row = [id_, "org", kind, object_id, moment, document(fields)]
                warehouse.execute(f"insert into {stream} values (?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - our own names
        warehouse.execute(
            "create table conversations (id varchar, org_id varchar, status varchar, "
            "created_at timestamp, updated_at timestamp)"
        )
        warehouse.execute(
            "insert into conversations values "
            "('c1', 'org', 'done', '2026-01-01 00:00:00', '2026-01-01 04:00:00')"
        )
    folder = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path / "logs")}
    done = subprocess.run(
        [str(DBT), "run", "--profiles-dir", ".", "--select", *MODELS],
        cwd=CHECKOUT / "analytics",
        env={**os.environ, **folder, "KUSTOMER_DUCKDB_PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:]

    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute("set search_path = 'analytics'")
        changes = warehouse.execute(
            "select change_id, field, value_before, value_after, change_from "
            "from kustomer__conversation_changes order by happened_at, field"
        ).fetchall()
        seconds = warehouse.execute(
            "select status, seconds_by_changes from kustomer__time_in_status order by status"
        ).fetchall()
    assert changes == [
        ("e2", "rev", "1", "2", streams[0]),
        ("e2", "status", "open", "snoozed", streams[0]),
        ("e3", "status", "snoozed", "done", streams[0]),
    ]
    assert seconds == [("done", 3600), ("snoozed", 7200)]
