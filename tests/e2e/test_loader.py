"""The loader puts into DuckDB exactly what it was given (docs/target-duckdb.md)."""

from __future__ import annotations

import datetime as dt
import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.e2e.project import MeltanoProject

TEXT = {"type": ["string", "null"]}
TIME = {"type": ["string", "null"], "format": "date-time"}
LONGEST_NAME = "k" * 63
PROPERTIES: dict[str, Any] = {
    "id": {"type": "string"},
    "name": TEXT,
    LONGEST_NAME: TEXT,
    "count": {"type": ["integer", "null"]},
    "share": {"type": ["number", "null"]},
    "done": {"type": ["boolean", "null"]},
    "created_at": TIME,
    "_sdc_deleted_at": TIME,
    "tags": {"type": ["array", "null"], "items": TEXT},
    "meta": {"type": ["object", "null"]},
    "custom": {"type": "object", "properties": {"orderNumberNum": {"type": ["number", "null"]}}},
}
JSON_COLUMNS = {"tags", "meta", "custom"}
BATCH = 50  # rows

# Linux counts the memory of the process that starts another one into the other's peak, and after
# thousands of tests that is much: this small one stands between.
PEAK = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
sys.stdin.close()
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""

# Whatever could be taken for a delimiter, a quote, an escape, a comment, a null or a line's end.
PIECES = ['"', "'", ",", ";", "|", "\t", "\n", "\r", "\r\n", "\\", "\\N", "#", "null", "NULL"]
PIECES += ["true", "0", "2026-01-01", "{", "[]", " ", "\u2028", "é", "😀", "word", "x" * 99]


class Rows:
    """Repeatable rows full of text that a CSV reader could misread."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self) -> str:
        """Return a text that is never empty: target-duckdb loads an empty one as null."""
        return "".join(self._random.choices(PIECES, k=self._random.randint(1, 9)))

    def row(self, number: int, *, nulls: bool) -> dict[str, Any]:
        """Return row ``number``, with or without nulls."""
        choice = self._random.choice
        row = {
            "name": self.text(),
            LONGEST_NAME: self.text(),
            "count": choice([0, -1, 2**53 + 1]),
            "share": choice([0.1, -2.5, 1e300]),
            "done": choice([True, False]),
            "created_at": f"2026-02-03T04:05:{number % 60:02}.678Z",
            "_sdc_deleted_at": "2026-11-12T13:14:15.016Z",
            "tags": [self.text(), self.text()],
            "meta": {self.text(): {"nested": [self.text(), None, 1.5, True, {}]}},
        }
        kept = {k: v if not nulls or choice([True, False]) else None for k, v in row.items()}
        return {
            **kept,
            "id": f"id-{number}",
            "custom": {"orderNumberNum": number, "a": self.text()},
        }


def schema(properties: dict[str, Any], stream: str = "things") -> dict[str, Any]:
    """Return a SCHEMA message."""
    described = {"type": "object", "properties": properties}
    return {"type": "SCHEMA", "stream": stream, "schema": described, "key_properties": ["id"]}


def records(rows: Iterable[dict[str, Any]], stream: str = "things") -> list[dict[str, Any]]:
    """Return a RECORD message for each row."""
    return [{"type": "RECORD", "stream": stream, "record": row} for row in rows]


def load(loader: Path, messages: Sequence[dict[str, Any]], database: Path) -> str:
    """Send ``messages`` to ``loader``; return the states that it printed."""
    config = database.with_suffix(".json")
    settings = {"path": str(database), "default_target_schema": "main", "batch_size_rows": BATCH}
    config.write_text(json.dumps(settings), encoding="utf-8")
    done = subprocess.run(
        [str(loader), "--config", str(config)],
        input="".join(json.dumps(message) + "\n" for message in messages),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def table(database: Path, name: str = "things") -> dict[str, dict[str, Any]]:
    """Return the rows of a table by id, with values as they were sent."""
    with duckdb.connect(str(database), read_only=True) as connection:
        result = connection.execute(f'select * from "{name}"')  # noqa: S608  # our own names
        columns = [column[0] for column in result.description]
        rows = [dict(zip(columns, values, strict=True)) for values in result.fetchall()]
    return {row["id"]: {k: as_sent(k, v) for k, v in row.items()} for row in rows}


def as_sent(column: str, value: Any) -> Any:
    """Return a value of DuckDB in the form that the tap sends."""
    if value is None:
        return None
    if column in JSON_COLUMNS:
        return json.loads(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    return value


@pytest.fixture(scope="session")
def loader(installed_project: MeltanoProject) -> Path:
    """Return the loader that `meltano.yml` names."""
    return installed_project.executable("target-duckdb", "target-duckdb-no-header")


@pytest.fixture(scope="session")
def released_loader(installed_project: MeltanoProject) -> Path:
    """Return target-duckdb as it was released, from the same environment."""
    return installed_project.executable("target-duckdb", "target-duckdb")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("nulls", [True, False], ids=["nulls", "no_nulls"])
def test_every_value_arrives_as_it_was_sent(
    loader: Path, tmp_path: Path, seed: int, *, nulls: bool
) -> None:
    """Several full batches and a last one of a single row, of text made to be misread."""
    rows = [Rows(seed).row(number, nulls=nulls) for number in range(4 * BATCH + 1)]

    load(loader, [schema(PROPERTIES), *records(rows)], tmp_path / "x.duckdb")

    assert table(tmp_path / "x.duckdb") == {row["id"]: row for row in rows}


@pytest.mark.parametrize("column", [TEXT, TIME], ids=["text", "time"])
def test_a_batch_of_one_row_without_nulls_is_kept(
    loader: Path, tmp_path: Path, column: dict[str, Any]
) -> None:
    """The smallest batch is the one that the released loader empties."""
    row = {"id": "a", "created_at": "2026-01-01T00:00:00.000Z"}
    properties = {"id": TEXT, "created_at": column}

    load(loader, [schema(properties), *records([row])], tmp_path / "x.duckdb")

    assert set(table(tmp_path / "x.duckdb")) == {"a"}


def test_the_released_loader_still_loses_that_row(released_loader: Path, tmp_path: Path) -> None:
    """When this fails, a release has it fixed: `tools/demo/loader` and its page can go."""
    row = {"id": "a", "name": "b"}

    load(
        released_loader,
        [schema({"id": TEXT, "name": TEXT}), *records([row])],
        tmp_path / "x.duckdb",
    )

    assert table(tmp_path / "x.duckdb") == {}


def test_a_row_that_comes_again_replaces_the_first(loader: Path, tmp_path: Path) -> None:
    """Also the first row of its batch, whose update the released loader drops."""
    old = [Rows(1).row(number, nulls=True) for number in range(BATCH)]
    new = [Rows(2).row(number, nulls=False) for number in range(7, 20)]

    load(loader, [schema(PROPERTIES), *records(old)], tmp_path / "x.duckdb")
    load(loader, [schema(PROPERTIES), *records(new)], tmp_path / "x.duckdb")

    expected = {row["id"]: row for row in [*old, *new]}
    assert table(tmp_path / "x.duckdb") == expected


def test_a_new_column_is_added_and_the_old_rows_stay(loader: Path, tmp_path: Path) -> None:
    """A stream gains a property between two runs."""
    old, new = (Rows(3).row(number, nulls=False) for number in (1, 2))
    new["added"] = "text"

    load(loader, [schema(PROPERTIES), *records([old])], tmp_path / "x.duckdb")
    load(loader, [schema({**PROPERTIES, "added": TEXT}), *records([new])], tmp_path / "x.duckdb")

    expected = {old["id"]: {**old, "added": None}, new["id"]: new}
    assert table(tmp_path / "x.duckdb") == expected


@pytest.mark.parametrize("lines", [200_000, 1_000_000, 1_700_000], ids=["5_MB", "24_MB", "40_MB"])
@pytest.mark.parametrize("column", ["name", "custom"])
def test_a_line_of_many_megabytes_is_loaded(
    loader: Path, tmp_path: Path, column: str, lines: int
) -> None:
    """A message with its HTML body can exceed the 2 MB that DuckDB allows a line by default.

    To read one as JSON takes several times as much memory as to read it as text.
    """
    text = '<p>Dear, "customer"</p>\n' * lines
    small = {"id": "b", "name": "b", "custom": {"bodyTxt": "b"}}
    row = {**small, "id": "a", column: text if column == "name" else {"bodyTxt": text}}

    columns = {"id": TEXT, "name": TEXT, "custom": {"type": "object"}}
    messages = [schema(columns), *records([row]), schema(columns), *records([small])]
    state = {"bookmarks": {"things": {"replication_key_value": "2026-01-01T00:00:00.000Z"}}}
    messages.append({"type": "STATE", "value": state})
    printed = load(loader, messages, tmp_path / "x.duckdb")

    assert table(tmp_path / "x.duckdb") == {"a": row, "b": small}
    assert json.loads(printed.splitlines()[-1]) == state


def test_memory_stays_under_500_mib_whatever_comes(loader: Path, tmp_path: Path) -> None:
    """220 MB of rows, for which the released loader takes 1,040 MiB and this one about 260.

    `make bench BENCH=--all` loads a million rows (docs/performance.md).
    """
    config = tmp_path / "config.json"
    settings = {"path": str(tmp_path / "x.duckdb"), "default_target_schema": "main"}
    config.write_text(json.dumps(settings), encoding="utf-8")
    columns = {"id": {"type": "string"}, **{f"column_{i}": TEXT for i in range(6)}}
    text = "x" * 450
    command = [sys.executable, "-c", PEAK, str(loader), "--config", str(config)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        send = process.stdin.write
        send(json.dumps(schema(columns)).encode() + b"\n")
        for number in range(80_000):
            row = {"id": f"id-{number}", **{f"column_{i}": f"{number}{text}" for i in range(6)}}
            send(json.dumps(records([row])[0]).encode() + b"\n")
        printed, _ = process.communicate()
    status, kib = map(int, printed.split())
    assert status == 0
    assert kib < 500 * 1024


def test_a_load_that_fails_leaves_no_table_behind(loader: Path, tmp_path: Path) -> None:
    """The table of the batch goes with the process."""
    messages = [schema({"id": TEXT, "count": {"type": "integer"}})]
    messages += records([{"id": "a", "count": "no number"}])
    (tmp_path / "x.json").write_text(
        json.dumps({"path": str(tmp_path / "x.duckdb"), "default_target_schema": "main"})
    )

    done = subprocess.run(
        [str(loader), "--config", str(tmp_path / "x.json")],
        input="".join(json.dumps(message) + "\n" for message in messages),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode != 0
    with duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True) as connection:
        assert connection.execute("select table_name from duckdb_tables()").fetchall() == [
            ("things",)
        ]


def test_a_state_speaks_of_no_row_that_is_not_loaded(loader: Path, tmp_path: Path) -> None:
    """Two streams in turn, as a parent and its child: killed after a state, both are there.

    It comes long before the end of the input: no more than some megabytes are held in memory.
    """
    (tmp_path / "x.json").write_text(
        json.dumps({"path": str(tmp_path / "x.duckdb"), "default_target_schema": "main"})
    )
    process = subprocess.Popen(
        [str(loader), "--config", str(tmp_path / "x.json")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    properties = {"id": TEXT, "name": TEXT}
    names = ("parents", "children")

    for message in (schema(properties, name) for name in names):
        process.stdin.write(json.dumps(message) + "\n")
    for number in range(1, 1001):
        for name in names:
            (message,) = records([{"id": str(number), "name": "x" * 10_000}], name)
            process.stdin.write(json.dumps(message) + "\n")
        bookmarks = dict.fromkeys(names, number)
        process.stdin.write(json.dumps({"type": "STATE", "value": {"bookmarks": bookmarks}}) + "\n")
    process.stdin.flush()  # and not closed: the loader cannot take this for the end
    watchdog = threading.Timer(100, process.kill)
    watchdog.start()
    state = json.loads(process.stdout.readline())
    watchdog.cancel()
    process.kill()
    process.communicate()

    assert 0 < state["bookmarks"]["parents"] < 1000
    for name in names:
        expected = {str(number) for number in range(1, state["bookmarks"][name] + 1)}
        assert expected <= set(table(tmp_path / "x.duckdb", name))


def test_a_second_load_waits_for_the_first(loader: Path, tmp_path: Path) -> None:
    """DuckDB lets one process write to a file; two jobs that overlap both arrive."""
    database = tmp_path / "x.duckdb"
    holds = f"import duckdb, sys; c = duckdb.connect({str(database)!r}); print(); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        (tmp_path / "y.json").write_text(
            json.dumps({"path": str(database), "default_target_schema": "main"})
        )
        with subprocess.Popen(
            [str(loader), "--config", str(tmp_path / "y.json")],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as waiting:
            assert waiting.stderr is not None
            said = waiting.stderr.readline()
            holder.communicate()  # closes the file
            messages = [schema({"id": TEXT, "name": TEXT}), *records([{"id": "a", "name": "b"}])]
            waiting.communicate("".join(json.dumps(one) + "\n" for one in messages), timeout=120)

    assert "Another process has the file open" in said
    assert waiting.returncode == 0
    assert set(table(database)) == {"a"}


def test_the_last_state_is_passed_on(loader: Path, tmp_path: Path) -> None:
    """Meltano stores what the loader prints, not what the tap printed."""
    states = [{"type": "STATE", "value": {"bookmarks": {"things": n}}} for n in (1, 2)]
    rows = [Rows(4).row(number, nulls=False) for number in range(3)]
    messages = [schema(PROPERTIES), *records(rows[:2]), states[0], *records(rows[2:]), states[1]]

    printed = load(loader, messages, tmp_path / "x.duckdb")

    assert json.loads(printed.splitlines()[-1]) == {"bookmarks": {"things": 2}}
