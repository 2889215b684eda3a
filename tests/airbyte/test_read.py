"""source-kustomer read: the same rows, one state per stream, an end for every stream."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from simulator import Clock as SimulatorClock
from simulator import Fault, Org, Simulator
from tap_kustomer.clock import Clock
from tap_kustomer.streams.registry import OPTIONAL_STREAMS
from tests.airbyte.support import (
    Printed,
    configured,
    read_lines,
    run_source,
    source_command,
    spawn_source,
)
from tests.support import FAST, ROOT, sync_tap

ALL = "2015-01-01"
# All but the stream that reads a file instead of Kustomer.
EVERYTHING: dict[str, Any] = {
    # The spool of webhooks is not set; counts by month and all ids take minutes of the budget.
    "optional_streams": sorted(
        {*OPTIONAL_STREAMS} - {"webhook_events", "row_counts", "present_ids"}
    ),
    "requests_per_minute": 5000,
    "search_requests_per_minute": 1000,
}


@pytest.fixture
def org() -> Org:
    """A small org with something in nearly every stream."""
    org = Org(seed=5, search_limit=1000, plan_limit=5000)  # else reads wait for the next minute
    org.seed(customers=25)
    org.add_klass("empty_klass")
    return org


@pytest.fixture
def sim(org: Org) -> Iterator[Simulator]:
    """Serve it in real time."""
    with Simulator(org) as served:
        yield served


def discovered(config: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Return the streams that ``discover`` offers."""
    (catalog,) = run_source("discover", folder, config=config).of_type("CATALOG")
    return list(catalog["streams"])


def whole(sim: Simulator, **settings: object) -> dict[str, Any]:
    """Return the config that reads everything."""
    return {**sim.config, "start_date": ALL, "search_requests_per_minute": 1000, **settings}


def read(
    sim: Simulator,
    folder: Path,
    *select: str,
    state: object = None,
    clock: Clock | None = None,
    config: dict[str, Any] | None = None,
    **catalog: Any,
) -> Printed:
    """Discover and read the streams ``select``."""
    config = config or whole(sim)
    streams = discovered(config, folder)
    chosen = configured(streams, select or None, **catalog)
    return run_source("read", folder, config=config, catalog=chosen, state=state, clock=clock)


def texts(rows: list[dict[str, Any]]) -> set[str]:
    """Return rows as a set: their order, and whether one comes twice, is left to the reader."""
    return {json.dumps(row, sort_keys=True) for row in rows}


def test_singer_and_airbyte_output_hold_the_same_rows(sim: Simulator, tmp_path: Path) -> None:
    """Every stream, the optional ones too; only what is about the run itself differs."""
    config = whole(sim, **EVERYTHING)

    airbyte = read(sim, tmp_path, config=config)
    streams = {one["name"] for one in discovered(config, tmp_path)}
    singer = sync_tap(config, streams)

    assert (airbyte.status, singer.status) == (0, 0)
    assert {*EVERYTHING["optional_streams"]} < streams
    assert airbyte.counts["messages"] > 50
    for name in streams - {"sync_runs"}:
        assert texts(airbyte.records(name)) == texts(singer.records(name)), name
    assert airbyte.counts["sync_runs"] == singer.counts["sync_runs"] == len(streams) - 1


@pytest.mark.parametrize("page_size", [20, 50])
def test_a_read_of_a_quiet_org_brings_no_row_twice(
    sim: Simulator, tmp_path: Path, page_size: int
) -> None:
    """PyAirbyte merges by key between reads, not within one."""
    printed = read(sim, tmp_path, config=whole(sim, page_size=page_size))

    twice = {
        name: rows - len(texts(printed.records(name))) for name, rows in printed.counts.items()
    }
    assert not {name: rows for name, rows in twice.items() if rows}


def test_every_stream_starts_runs_and_completes_once(sim: Simulator, tmp_path: Path) -> None:
    """Without a terminal status Airbyte fails the sync; an empty stream is no exception."""
    config = whole(sim, **EVERYTHING)
    streams = discovered(config, tmp_path)

    printed = run_source("read", tmp_path, config=config, catalog=configured(streams))

    for stream in streams:
        assert printed.statuses(stream["name"]) == ["STARTED", "RUNNING", "COMPLETE"]
    assert "kobject_empty_klass" in {stream["name"] for stream in streams}
    assert not printed.counts["kobject_empty_klass"]


@pytest.mark.parametrize("attribute", ["kobject_updated_at", None])
def test_rows_stand_between_start_and_end_of_their_stream(
    sim: Simulator, tmp_path: Path, attribute: str | None
) -> None:
    """Also where one search serves all klasses, so that rows come before their stream's turn."""
    sim.set(kobject_klass_attribute=attribute, archive_kobject_klass_attribute=attribute)

    printed = read(sim, tmp_path, config=whole(sim, **EVERYTHING))

    phase: dict[str, str] = {}
    for message in printed.messages:
        if message["type"] == "TRACE":
            status = message["trace"]["stream_status"]
            phase[status["stream_descriptor"]["name"]] = status["status"]
        elif message["type"] == "RECORD":
            assert phase[message["record"]["stream"]] == "RUNNING"
        elif message["type"] == "STATE":
            assert phase[message["state"]["stream"]["stream_descriptor"]["name"]] == "RUNNING"
    assert set(phase.values()) == {"COMPLETE"}
    assert {name for name in printed.counts if name.startswith("kobject_")}


def test_every_stream_ends_with_a_state_that_counts_its_rows(
    sim: Simulator, tmp_path: Path
) -> None:
    """Airbyte compares ``recordCount`` with what arrived; an empty stream has a state too."""
    config = whole(sim, page_size=20)
    streams = discovered(config, tmp_path)

    printed = run_source("read", tmp_path, config=config, catalog=configured(streams))

    told: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for message in printed.messages:
        if message["type"] == "RECORD":
            seen[message["record"]["stream"]] += 1
        elif message["type"] == "STATE":
            state = message["state"]
            name = state["stream"]["stream_descriptor"]["name"]
            told[name] += state["sourceStats"]["recordCount"]
            assert told[name] == seen[name], name
    assert told == printed.counts
    assert {name for name in told if not told[name]} >= {"kobject_empty_klass"}
    assert all(printed.states(stream["name"]) for stream in streams)
    assert len(printed.states("messages")) > 3


def test_no_two_states_with_rows_between_are_the_same(sim: Simulator, tmp_path: Path) -> None:
    """Airbyte fails a sync that repeats a state, also where the bookmark rightly stands still."""
    config = whole(sim, page_size=20, lookback_seconds=86_400)

    printed = read(sim, tmp_path, config=config)

    for name in printed.counts:
        states = printed.states(name)
        assert all(one != other for one, other in pairwise(states)), name


def test_the_second_read_brings_only_what_changed(org: Org, sim: Simulator, tmp_path: Path) -> None:
    """The state comes back as PyAirbyte hands it over: an array with null keys."""
    config = whole(sim, lookback_seconds=0)
    first = read(sim, tmp_path, "customers", "tags", config=config)
    org.clock.advance(3600)
    changed = org.update_random("customer", 2)
    (added,) = org.add("customer", updated_at=org.clock.now())
    state = [
        {
            **one,
            "global_": None,
            "data": None,
            "destinationStats": None,
            "stream": {
                **one["stream"],
                "stream_descriptor": {"name": name, "namespace": None},
            },
        }
        for one in first.state_file
        for name in [one["stream"]["stream_descriptor"]["name"]]
    ]

    second = read(sim, tmp_path, "customers", "tags", config=config, state=state)

    assert first.ids("customers") == set(org.ids("customer")) - {added}
    assert {*changed, added} <= second.ids("customers")
    assert len(second.records("customers")) < 10 < len(first.records("customers"))
    assert second.ids("tags") == set(org.ids("tag"))


def test_a_full_refresh_ignores_the_state(org: Org, sim: Simulator, tmp_path: Path) -> None:
    """Also when it could be continued."""
    state = read(sim, tmp_path, "customers").state_file

    again = read(sim, tmp_path, "customers", state=state, full_refresh=["customers"])

    assert again.ids("customers") == set(org.ids("customer"))
    assert "replication_key_value" not in again.states("customers")[-1]


def test_a_failed_read_resumes_from_its_last_state(
    org: Org, sim: Simulator, tmp_path: Path
) -> None:
    """The pages before the failure are not read again, and nothing behind it is missing."""
    org.seed(customers=200)
    config = whole(sim, page_size=20, include_archived=False, lookback_seconds=0)
    config |= {"start_date": "2025-06-01", "backoff_max_elapsed_seconds": 1}
    complete = read(sim, tmp_path, "customers", config=config)
    sim.faults.add(Fault("status", context="customer", after=4, times=None, status=500))

    failed = read(sim, tmp_path, "customers", "tags", config=config)
    sim.faults.clear()
    resumed = read(sim, tmp_path, "customers", config=config, state=failed.state_file)

    assert failed.status == 1
    assert failed.statuses("customers") == ["STARTED", "RUNNING", "INCOMPLETE"]
    assert failed.statuses("tags") == ["STARTED", "RUNNING", "COMPLETE"]
    (error,) = failed.errors
    assert error["failure_type"] == "transient_error"
    assert error["stream_descriptor"] == {"name": "customers"}
    assert "backoff_max_elapsed_seconds" in error["message"]
    assert 0 < len(failed.ids("customers")) < len(complete.ids("customers"))
    assert failed.ids("customers") | resumed.ids("customers") == complete.ids("customers")
    assert len(resumed.records("customers")) < len(complete.records("customers"))


def test_a_child_that_fails_leaves_its_parent_complete(sim: Simulator, tmp_path: Path) -> None:
    """Each has its own end, and the child's parent may be deselected."""
    config = whole(sim, **EVERYTHING, backoff_max_elapsed_seconds=1)
    sim.faults.add(Fault("status", path="/v1/customers/", method="GET", times=None, status=500))

    both = read(sim, tmp_path, "customers", "customer_drafts", config=config)
    alone = read(sim, tmp_path, "customer_drafts", config=config)

    assert both.status == alone.status == 1
    assert both.statuses("customers") == ["STARTED", "RUNNING", "COMPLETE"]
    assert both.statuses("customer_drafts") == ["STARTED", "INCOMPLETE"]
    assert alone.statuses("customer_drafts") == ["STARTED", "INCOMPLETE"]
    assert [one["stream_descriptor"]["name"] for one in alone.errors] == ["customer_drafts"]
    assert not alone.statuses("customers")


def test_unknown_streams_end_incomplete_and_do_not_fail_the_rest(
    sim: Simulator, tmp_path: Path
) -> None:
    """A klass was deleted in Kustomer; the connection still asks for it."""
    streams = discovered(whole(sim), tmp_path)
    gone = {**streams[0], "name": "kobject_gone"}
    catalog = configured([gone, *streams], ["kobject_gone", "tags"])

    printed = run_source("read", tmp_path, config=whole(sim), catalog=catalog)

    assert printed.status == 0
    assert printed.statuses("kobject_gone") == ["STARTED", "INCOMPLETE"]
    assert printed.statuses("tags") == ["STARTED", "RUNNING", "COMPLETE"]
    assert any("kobject_gone" in text and "Refresh the schema" in text for text in printed.logs())


def test_only_configured_streams_are_read(sim: Simulator, tmp_path: Path) -> None:
    """Nor do others appear in a state or a status."""
    printed = read(sim, tmp_path, "tags")

    assert set(printed.counts) == {"tags"}
    assert {one["stream"]["stream_descriptor"]["name"] for one in printed.of_type("STATE")} == {
        "tags"
    }


def test_columns_that_the_connection_leaves_out_are_not_sent(
    sim: Simulator, tmp_path: Path
) -> None:
    """Airbyte deselects a column by leaving it out of the schema; key columns stay."""
    streams = discovered(whole(sim), tmp_path)
    (customers,) = [one for one in streams if one["name"] == "customers"]
    properties = customers["json_schema"]["properties"]
    kept = {name: properties[name] for name in properties if name not in {"emails", "id", "name"}}
    customers["json_schema"] = {**customers["json_schema"], "properties": kept}

    printed = run_source("read", tmp_path, config=whole(sim), catalog=configured([customers]))

    rows = printed.records("customers")
    assert rows
    assert not any({"emails", "name"} & row.keys() for row in rows)
    assert not any({"emails", "name"} & (row["extra_attributes"] or {}).keys() for row in rows)
    assert all(row["id"] for row in rows)


def test_a_missing_role_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Never read: skipped with a warning. Read before: failed, so that no table goes stale."""
    roles = {"org.permission.search.create", "org.permission.team.read"}
    org = Org(seed=5, roles={*roles, "org.permission.tag.read"})
    org.seed(customers=5)
    with Simulator(org) as sim:
        state = read(sim, tmp_path, "tags", "teams").state_file
        org.roles = frozenset(roles)
        skipped = read(sim, tmp_path, "tags", "teams")
        failed = read(sim, tmp_path, "tags", "teams", state=state)

    assert skipped.status == 0
    assert skipped.statuses("tags")[-1] == "COMPLETE"
    assert any("tags" in text and "role" in text for text in skipped.logs())
    assert failed.status == 1
    assert failed.statuses("tags")[-1] == "INCOMPLETE"
    assert failed.statuses("teams")[-1] == "COMPLETE"
    (error,) = failed.errors
    assert error["failure_type"] == "config_error"
    assert "role" in error["message"]


def test_a_full_refresh_reads_its_lists_each_time(sim: Simulator, tmp_path: Path) -> None:
    """The destination may keep only what this sync brings: `lists_every_minutes` does not count."""
    config = {**sim.config, "lists_every_minutes": 60}
    catalog = configured(discovered(config, tmp_path), {"tags"}, destination="overwrite")
    first = run_source("read", tmp_path, config=config, catalog=catalog)
    second = run_source("read", tmp_path, config=config, catalog=catalog, state=first.state_file)

    assert second.statuses("tags")[-1] == "COMPLETE"
    assert second.ids("tags") == first.ids("tags") != set()


def test_a_list_that_is_gone_does_not_empty_its_table(sim: Simulator, tmp_path: Path) -> None:
    """With "overwrite" the destination would replace the table by no rows at all."""
    state = read(sim, tmp_path, "tags", "teams").state_file
    sim.faults.add(Fault("status", path="/v1/tags", times=None, status=404))

    printed = read(sim, tmp_path, "tags", "teams", state=state, destination="overwrite")
    never_read = read(sim, tmp_path, "tags", "teams", destination="overwrite")

    assert (printed.status, never_read.status) == (1, 0)
    assert printed.statuses("tags") == ["STARTED", "INCOMPLETE"]
    assert printed.statuses("teams")[-1] == "COMPLETE"
    # Without a state, too: the table may be filled all the same.
    assert never_read.statuses("tags")[-1] == "INCOMPLETE"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ([{"type": "LEGACY", "data": {"bookmarks": {"customers": "2024"}}}], "LEGACY"),
        ({"bookmarks": {"customers": "2024"}}, "array"),
        (
            [
                {
                    "type": "STREAM",
                    "stream": {
                        "stream_descriptor": {"name": "customers"},
                        "stream_state": {"updated_at": "2024-01-01T00:00:00Z"},
                    },
                }
            ],
            "another connector",
        ),
    ],
)
def test_a_state_of_another_connector_is_refused(
    sim: Simulator, tmp_path: Path, state: object, said: str
) -> None:
    """Its tables have other columns."""
    printed = read(sim, tmp_path, "customers", "tags", state=state)

    assert printed.status == 1
    (error,) = printed.errors
    assert said in error["message"]
    assert "To start fresh" in error["message"]
    assert error["failure_type"] == "config_error"
    assert printed.statuses("customers") == ["STARTED", "INCOMPLETE"]
    assert printed.statuses("tags") == ["STARTED", "INCOMPLETE"]
    assert not printed.counts


def test_a_state_of_another_org_is_refused(sim: Simulator, tmp_path: Path) -> None:
    """Ids of two orgs would mix in one table; a full refresh does not care."""
    state = read(sim, tmp_path, "customers").state_file
    blob = state[0]["stream"]["stream_state"]
    blob["tap_kustomer"]["org_id"] = "another"

    refused = read(sim, tmp_path, "customers", state=state)
    refreshed = read(sim, tmp_path, "customers", state=state, full_refresh=["customers"])

    assert "another Kustomer org" in refused.errors[0]["message"]
    assert refused.status == 1
    assert refreshed.status == 0
    assert refreshed.counts["customers"]


@pytest.mark.parametrize("state", [None, [], {}])
def test_an_empty_state_is_a_first_read(sim: Simulator, tmp_path: Path, state: object) -> None:
    """PyAirbyte sends an empty array, older platforms an empty object."""
    printed = read(sim, tmp_path, "tags", state=state)

    assert printed.status == 0
    assert printed.counts["tags"]


def test_waits_for_the_budget_are_announced(tmp_path: Path) -> None:
    """With the moment of the reset; once a wait; and the stream runs again afterwards."""
    org = Org(seed=5, clock=SimulatorClock(speed=FAST))
    org.seed(customers=30)
    with Simulator(org) as sim:
        config = {**sim.config, "start_date": ALL, "search_requests_per_minute": 5}
        config["page_size"] = 5
        printed = read(sim, tmp_path, "customers", config=config, clock=Clock(FAST))

    assert printed.status == 0
    statuses = printed.statuses("customers")
    assert statuses[-1] == "COMPLETE"
    assert 1 <= statuses.count("RATE_LIMITED") < 20
    assert "RUNNING" in statuses[statuses.index("RATE_LIMITED") :]
    resets = [
        reason["rate_limited"]["quota_reset"]
        for trace in printed.of_type("TRACE")
        for reason in (trace.get("stream_status") or {}).get("reasons", [])
    ]
    assert resets == sorted(resets)
    assert all(abs(reset / 1000 - time.time()) < 3600 for reset in resets)


def test_a_bad_setting_is_named_before_anything_is_sent(sim: Simulator, tmp_path: Path) -> None:
    """And every stream still gets its end."""
    catalog = configured(discovered(whole(sim), tmp_path), ["tags"])
    sim.reset_log()

    printed = run_source(
        "read", tmp_path, config=whole(sim, page_size=900, region="mars"), catalog=catalog
    )

    assert printed.status == 1
    (error,) = printed.errors
    assert error["failure_type"] == "config_error"
    assert "`page_size`" in error["message"]
    assert "`region`" in error["message"]
    assert printed.statuses("tags") == ["STARTED", "INCOMPLETE"]
    assert not sim.requests


def test_a_rejected_key_ends_every_stream(sim: Simulator, tmp_path: Path) -> None:
    """The key was deleted between two syncs."""
    catalog = configured(discovered(whole(sim), tmp_path), ["tags", "customers"])

    printed = run_source(
        "read", tmp_path, config=whole(sim, api_key="revoked-key-123"), catalog=catalog
    )

    assert printed.status == 1
    assert "`api_key`" in printed.errors[0]["message"]
    assert printed.errors[0]["failure_type"] == "config_error"
    for name in ("tags", "customers"):
        assert printed.statuses(name) == ["STARTED", "INCOMPLETE"]
    assert "revoked-key-123" not in str(printed.messages)


@pytest.mark.parametrize("catalog", [[], {"streams": [{"name": "tags"}]}, "text"])
def test_a_catalog_that_is_not_configured_is_explained(
    sim: Simulator, tmp_path: Path, catalog: object
) -> None:
    """What ``discover`` prints is often handed over as it is."""
    printed = run_source("read", tmp_path, config=whole(sim), catalog=catalog)

    assert printed.status == 1
    assert "ConfiguredAirbyteCatalog" in printed.errors[0]["message"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """One sentence on standard output, nothing on stderr."""
    command = source_command("read", tmp_path, config={"api_key": "x"})
    missing = tmp_path / "nowhere.json"
    done = subprocess.run(  # noqa: S603 - the source itself
        [*command, f"--catalog={missing}"], capture_output=True, check=False, cwd=ROOT, timeout=60
    )

    assert done.returncode == 1
    assert not done.stderr
    (error,) = Printed(1, read_lines(done.stdout)).errors
    assert str(missing) in error["message"]


def test_a_read_in_its_own_process_prints_messages_only(sim: Simulator, tmp_path: Path) -> None:
    """Logs of worker threads too; nothing on stderr, no torn line while pages are written."""
    config = whole(sim, page_size=100)
    catalog = configured(discovered(config, tmp_path))
    sim.faults.add(Fault("status", every=7, times=2, status=503))

    printed = spawn_source("read", tmp_path, config=config, catalog=catalog)

    assert printed.status == 0
    assert printed.stderr == ""
    assert any("503" in text for text in printed.logs())
    assert any("rows" in text for text in printed.logs("INFO"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_a_state_and_an_end_of_every_stream(
    sim: Simulator, tmp_path: Path, number: signal.Signals
) -> None:
    """Within five seconds, more where the machine is busy, with the signal's status."""
    catalog = configured(discovered(whole(sim), tmp_path), ["customers", "messages", "tags"])
    sim.set(page_latency=0.4)
    config = whole(sim, page_size=5, max_concurrency=1)
    command = source_command("read", tmp_path, config=config, catalog=catalog)
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:  # noqa: S603
        assert process.stdout is not None
        lines = b""
        while b'"type":"STATE"' not in lines:
            lines += process.stdout.readline()
        os.kill(process.pid, number)
        started = time.monotonic()
        rest, _ = process.communicate(timeout=30)

    assert process.returncode == 128 + number
    assert time.monotonic() - started < 20
    printed = Printed(process.returncode, read_lines(lines + rest))
    assert printed.statuses("customers")[-1] == "INCOMPLETE"
    assert printed.statuses("messages")[-1] == "INCOMPLETE"
    assert printed.statuses("tags") == ["STARTED", "INCOMPLETE"]
    assert printed.errors[-1]["failure_type"] == "transient_error"


def test_a_closed_output_ends_the_read_quietly(sim: Simulator, tmp_path: Path) -> None:
    """The platform went away."""
    catalog = configured(discovered(whole(sim), tmp_path))
    command = source_command("read", tmp_path, config=whole(sim, page_size=5), catalog=catalog)
    with subprocess.Popen(  # noqa: S603 - the source itself
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        stderr = process.stderr.read()
        assert process.wait(timeout=20) == 1
    assert not stderr
