"""What docs/operations.md promises: alerts that ring when they should, and a shared budget."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path
from typing import Any

import duckdb as duckdb_types
import pytest
import yaml

from simulator import Clock, Fault, Org, Simulator
from tests.docs.pages import CHECKOUT, blocks_of
from tests.support import FAST, ROOT, catalog_of, read_messages, run_tap, sync_tap, tap_command

duckdb = pytest.importorskip("duckdb")

PAGE = CHECKOUT / "docs" / "operations.md"
ALERTS = {block.remark: block.text for block in blocks_of(PAGE) if block.language == "sql"}
DAY = 86_400.0
STREAMS = ["customers", "tags", "teams", "users", "sync_runs"]


@pytest.fixture(scope="module")
def runs() -> list[list[dict[str, Any]]]:
    """Return the rows of `sync_runs` of a good run three days ago and a bad one today."""
    roles = ("search.create", "tag.read", "user.read")  # that of teams is missing
    org = Org(seed=1, clock=Clock(), roles=[f"org.permission.{role}" for role in roles])
    today = org.clock.now()
    org.clock.set(today - 3 * DAY)
    org.add("customer", 3)
    tags = org.add("tag", 20)
    org.add("user", 4)
    with Simulator(org) as sim:
        good = sync_tap(sim.config, STREAMS)
        org.clock.set(today)
        for tag in tags[:15]:
            org.erase("tag", tag)
        # After the first, which asks who the key belongs to.
        sim.faults.add(Fault("status", status=400, path="/v1/users", after=1, times=None))
        bad = sync_tap(sim.config, STREAMS, state=good.state)
    assert (good.status, bad.status) == (0, 1)
    return [good.records("sync_runs"), bad.records("sync_runs")]


def loaded(rows: list[dict[str, Any]]) -> duckdb_types.DuckDBPyConnection:
    """Return a database with the rows as a loader leaves them: times in UTC without a zone."""
    connection: duckdb_types.DuckDBPyConnection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute(
        "create table sync_runs (id text, stream text, started_at timestamp, ended_at timestamp, "
        "status text, error text, row_count hugeint)"
    )
    for row in rows:
        values = [row[c] for c in ("id", "stream", "started_at", "ended_at", "status", "error")]
        connection.execute(
            "insert into sync_runs values (?, ?, ?, ?, ?, ?, ?)", [*values, row["row_count"]]
        )
    return connection


def ringing(alert: str, rows: list[dict[str, Any]]) -> set[str]:
    """Return the first column of what an alert answers: the streams."""
    return {str(row[0]) for row in loaded(rows).execute(ALERTS[alert]).fetchall()}


@pytest.mark.parametrize(
    ("alert", "streams"),
    [
        ("stale", {"users"}),
        ("failed", {"users"}),
        ("row count down", {"tags"}),
        ("key may not read", {"teams"}),
    ],
)
def test_an_alert_names_the_stream_to_look_at(
    alert: str, streams: set[str], runs: list[list[dict[str, Any]]]
) -> None:
    """That one and no other."""
    good, bad = runs
    assert ringing(alert, good + bad) == streams


@pytest.mark.parametrize("alert", sorted(set(ALERTS) - {"key may not read"}))
def test_an_alert_is_silent_after_good_runs(alert: str, runs: list[list[dict[str, Any]]]) -> None:
    """Whoever is woken for nothing switches it off."""
    now = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None)
    rows = [
        {**row, "id": f"{row['id']}-{back}", "started_at": at, "ended_at": at}
        for back in (1, 0)
        for at in [now - dt.timedelta(hours=back)]
        for row in runs[0]
    ]
    assert ringing(alert, rows) == set()


def test_a_rejected_key_rings_by_the_rows_that_do_not_come(
    runs: list[list[dict[str, Any]]],
) -> None:
    """Its runs leave none."""
    good, bad = runs
    assert len(ringing("key rejected", good)) == 1
    assert len(ringing("key rejected", [])) == 1
    assert ringing("key rejected", good + bad) == set()


def test_a_key_that_is_revoked_in_a_run_rings_as_a_failed_stream(
    sim: Simulator, tmp_path: Path
) -> None:
    """The row is written, though the run ends there."""
    sim.org.add("customer", 3)
    catalog = catalog_of(sim.config, ["customers", "sync_runs", "tags", "teams"])
    sim.faults.add(Fault("status", status=401, path="/v1/tags", times=None))

    output = run_tap(sim.config, catalog=catalog, folder=tmp_path)

    assert output.status == 1
    assert ringing("failed", output.records("sync_runs")) == {"tags"}
    assert "`api_key`" in output.newest("sync_runs").popitem()[1]["error"]


def test_two_taps_with_half_the_budget_each_stay_under_it_together(tmp_path: Path) -> None:
    """Not one request is refused, though there is more to read than a minute allows."""
    org = Org(seed=1, clock=Clock(speed=FAST), realistic=False, search_limit=20)
    org.add("customer", 14)
    org.add("note", 14)
    with Simulator(org) as sim:
        config = {
            **sim.config,
            "page_size": 1,
            "search_requests_per_minute": org.search_limit,
            "api_utilization_percentage": 50,
        }
        taps = []
        for stream in ("customers", "notes"):
            folder = tmp_path / stream
            folder.mkdir()
            command = tap_command(config, select=[stream], speed=FAST, folder=folder)
            taps.append(
                subprocess.Popen(  # noqa: S603 - the tap itself
                    command,
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
        rows = [
            sum(message["type"] == "RECORD" for message in read_messages(tap.communicate()[0]))
            for tap in taps
        ]

        assert [tap.returncode for tap in taps] == [0, 0]
        assert all(count >= 14 for count in rows)
        assert len(sim.searches()) > 1.5 * org.search_limit
        assert sim.refused == 0


def test_the_snippet_of_split_jobs_divides_budget_and_streams() -> None:
    """Each stream is in one of the two selections, and the shares are no more than the default."""
    (block,) = (one for one in blocks_of(PAGE) if one.remark == "split")
    content = yaml.safe_load(block.text)
    quick, rest = content["plugins"]["extractors"]
    shares = [one["config"]["api_utilization_percentage"] for one in (quick, rest)]
    assert sum(shares) <= 100
    taken = {name for name in quick["select"] if name != "sync_runs.*"}
    assert {f"!{name}" for name in taken} == set(rest["select"]) - {"*.*"}
    tasks = [task for job in content["jobs"] for task in job["tasks"]]
    assert [task.split()[0] for task in tasks] == [quick["name"], rest["name"]]
