"""What each loader does with deletes and versions: the table in docs/loading.md, tried."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.e2e import postgres
from tests.e2e.project import CHECKOUT, MeltanoProject

MELTANOLABS = CHECKOUT / ".venv-target-postgres" / "bin" / "target-postgres"
PIPELINEWISE = CHECKOUT / ".venv-pipelinewise-postgres" / "bin" / "target-postgres"
WHEN = "2026-01-02T03:04:05.678Z"
TIME = {"type": ["string", "null"], "format": "date-time"}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "things",
    "schema": {
        "type": "object",
        "properties": {"id": {"type": "string"}, "deleted_at": TIME, "_sdc_deleted_at": TIME},
    },
    "key_properties": ["id"],
}


def row(id_: str, deleted_at: str | None = None, **message: int) -> dict[str, Any]:
    """Return a RECORD."""
    record = {"id": id_, "deleted_at": deleted_at, "_sdc_deleted_at": deleted_at}
    return {"type": "RECORD", "stream": "things", "record": record, **message}


def whole(version: int, *ids: str) -> list[dict[str, Any]]:
    """Return a full table of one version."""
    activate = {"type": "ACTIVATE_VERSION", "stream": "things", "version": version}
    return [SCHEMA, *(row(id_, version=version) for id_ in ids), activate]


DELETED = [SCHEMA, row("live"), row("dead", WHEN)]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Path, int]]:
    """Run a server; return psql and its port."""
    try:
        programs = postgres.install()
    except postgres.UnavailableError as error:
        pytest.skip(str(error))
    with postgres.server(programs) as port:
        yield programs / "psql", port


def load(loader: Path, settings: dict[str, Any], messages: Sequence[Any], folder: Path) -> int:
    """Run a loader and return its status."""
    config = folder / "loader.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    lines = "".join(json.dumps(message) + "\n" for message in messages)
    done = subprocess.run(
        [str(loader), "--config", str(config)],
        input=lines, capture_output=True, text=True, check=False, timeout=170,
    )  # fmt: skip
    return done.returncode


class Postgres:
    """One schema on the server, and what a loader is told of it."""

    def __init__(self, psql: Path, port: int, schema: str) -> None:
        self._psql, self._port, self._schema = psql, port, schema

    def settings(self, **more: bool) -> dict[str, Any]:
        """Return a loader's settings."""
        return {"host": "127.0.0.1", "port": self._port, "user": "postgres", "password": "none",
                "database": "postgres", "dbname": "postgres",
                "default_target_schema": self._schema, **more}  # fmt: skip

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the rows by id."""
        sql = f"select json_object_agg(id, to_json(t)) from {self._schema}.things t"  # noqa: S608
        command = [str(self._psql), "-h", "127.0.0.1", "-p", str(self._port), "-U", "postgres",
                   "-AtXc", sql]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        rows: dict[str, dict[str, Any]] = json.loads(done.stdout)
        return rows


def test_meltanolabs_marks_deleted_rows_and_removes_those_of_old_versions(
    server: tuple[Path, int], tmp_path: Path
) -> None:
    """`hard_delete` is about versions only: a row that arrives as deleted stays."""
    there = Postgres(*server, "meltanolabs")
    settings = there.settings(hard_delete=True)
    assert load(MELTANOLABS, settings, DELETED, tmp_path) == 0
    assert there.rows()["dead"]["_sdc_deleted_at"] is not None

    assert load(MELTANOLABS, settings, whole(1, "a", "b"), tmp_path) == 0
    assert load(MELTANOLABS, settings, whole(2, "a"), tmp_path) == 0
    assert set(there.rows()) == {"a"}


def test_meltanolabs_without_metadata_cuts_the_mark_off(
    server: tuple[Path, int], tmp_path: Path
) -> None:
    """The setting alone ends the load; Kustomer's own `deleted_at` stays."""
    there = Postgres(*server, "meltanolabs_bare")
    bare = there.settings(add_record_metadata=False)
    assert load(MELTANOLABS, bare, DELETED, tmp_path) != 0

    assert load(MELTANOLABS, {**bare, "activate_version": False}, DELETED, tmp_path) == 0
    dead = there.rows()["dead"]
    assert "_sdc_deleted_at" not in dead
    assert dead["deleted_at"] is not None


def test_pipelinewise_removes_deleted_rows_and_knows_no_versions(
    server: tuple[Path, int], tmp_path: Path
) -> None:
    """The other way round."""
    there = Postgres(*server, "pipelinewise")
    settings = there.settings(hard_delete=True)
    assert load(PIPELINEWISE, settings, DELETED, tmp_path) == 0
    assert set(there.rows()) == {"live"}

    for messages in (whole(1, "a", "b"), whole(2, "a")):
        assert load(PIPELINEWISE, settings, messages, tmp_path) == 0
    assert set(there.rows()) == {"live", "a", "b"}


def test_duckdb_removes_deleted_rows_and_knows_no_versions(
    installed_project: MeltanoProject, tmp_path: Path
) -> None:
    """As pipelinewise, whose descendant the loader is."""
    loader = installed_project.executable("target-duckdb", "target-duckdb-no-header")
    settings = {"path": str(tmp_path / "x.duckdb"), "default_target_schema": "main"}
    for messages in (DELETED, whole(1, "a", "b"), whole(2, "a")):
        assert load(loader, {**settings, "hard_delete": True}, messages, tmp_path) == 0

    with duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True) as connection:
        ids = connection.execute("select id from things order by id").fetchall()
    assert ids == [("a",), ("b",), ("live",)]
