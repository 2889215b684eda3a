"""`make demo` shows a newcomer what the tap does, and leaves nothing running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import duckdb
import pytest
import requests

from tests.docs.pages import demo_lines, without_numbers
from tests.e2e.project import CHECKOUT
from tools.demo import analytics
from tools.demo.compare import stream_of
from tools.demo.deletes import Deleted
from tools.demo.run import DemoError, show_completeness, show_deletes

COMMAND = [sys.executable, "-m", "tools.demo.run"]
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@pytest.fixture
def demo() -> Iterator[subprocess.Popen[str]]:
    """Start the demo as a terminal would, so that it can be interrupted."""
    with subprocess.Popen(
        COMMAND,
        cwd=CHECKOUT,
        env={**os.environ, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def address_in(demo: subprocess.Popen[str]) -> str:
    """Wait until the demo names the simulator's address, and return it."""
    assert demo.stdout is not None
    for line in demo.stdout:
        if found := ADDRESS.search(line):
            return found[0]
    pytest.fail("The demo ended before the simulator started.")


def assert_no_answer(url: str) -> None:
    """Check that nobody listens at ``url``."""
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/_simulator/counts", timeout=5)


def assert_readme_shows(output: str) -> None:
    """Check that the README's lines are those of ``output``; `...` stands for some left out."""
    shown = demo_lines()
    if not analytics.available():  # then the report's lines are missing
        missing = re.compile("output/report.html|its messages|Complete:")
        shown = [line for line in shown if not missing.search(line)]
    real = [without_numbers(line) for line in output.splitlines() if line.strip()]
    position = 0
    for line in shown:
        if line != "...":
            assert line in real[position:], f"{line}\n\n{output}"
            position = real.index(line, position) + 1
    assert position == len(real) or not analytics.available(), output


def test_it_loads_all_and_ends_with_a_query(demo: subprocess.Popen[str]) -> None:
    """The tables and the answer are there, and the simulator is gone."""
    url = address_in(demo)
    output, _ = demo.communicate(timeout=300)

    assert demo.returncode == 0, output
    assert_readme_shows(output)
    assert re.search(r"customers +│ +400 │ yes", output), output
    for deleted in ("customer", "conversation"):
        assert re.search(rf"│ {deleted} [^│]+│ +1 │ +0 │", output), output
    assert re.search(r"email +│ +\d+ │ +\d+ (s|min|h)", output), output
    if analytics.available():
        assert "Open in a browser: output/report.html" in output, output
        assert re.search(r"its messages and notes +│ +[1-9]\d* │ +0 │", output), output
        counted = re.search(r"Complete: ([\d,]+) of ([\d,]+) rows, counted by Kustomer", output)
        assert counted is not None, output
        assert counted[1] == counted[2]
        assert (CHECKOUT / "output" / "report.html").stat().st_size > 100_000
    assert_no_answer(url)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl_c", "term"]
)
def test_interrupted_it_stops_the_simulator(
    demo: subprocess.Popen[str], number: int, status: int
) -> None:
    """The terminal's Ctrl-C reaches every process of the group at once."""
    url = address_in(demo)
    os.killpg(demo.pid, number)
    output, _ = demo.communicate(timeout=60)

    assert demo.returncode == status, output
    assert_no_answer(url)


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return a database with what the demo asks for, and one row of each table."""
    with duckdb.connect() as connection:
        connection.execute("create table customers as select 'c1' as id, now() as created_at")
        connection.execute("create schema analytics")
        connection.execute(
            "create table analytics.kustomer__completeness as select 7 as loaded_rows, "
            "8 as counted_rows, false as complete"
        )
        yield connection


def test_a_row_that_is_left_fails_the_demo(database: duckdb.DuckDBPyConnection) -> None:
    """An emptied row counts as gone, a full one does not."""
    customer = Deleted("customer Ann", ["customers"], "id", "c1")

    with pytest.raises(DemoError, match="still has"):
        show_deletes(database, [customer], [1])

    database.execute("update customers set created_at = null")
    show_deletes(database, [customer], [1])


def test_a_month_that_differs_fails_the_demo(database: duckdb.DuckDBPyConnection) -> None:
    """The line says how much is here."""
    with pytest.raises(DemoError, match="Not complete: 7 of 8 rows"):
        show_completeness(database)


@pytest.mark.parametrize(
    ("context", "stream"),
    [
        ("customer", "customers"),
        ("company", "companies"),
        ("holiday", "holidays"),
        ("klass", "klasses"),
        ("sub_status", "sub_statuses"),
        ("kobject_ecomm-order", "kobject_ecomm_order"),
    ],
)
def test_the_comparison_knows_the_stream_of_a_context(context: str, stream: str) -> None:
    """A wrong name would compare a table with nothing."""
    assert stream_of(context) == stream
