"""Lists that are read only so often: what a run in between says, writes and asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from simulator import Clock, Fault, Org, Simulator, to_iso
from tests.support import Output, sync_tap

MINUTE = 60.0
STREAMS = ("tags", "custom_attributes", "customers", "sync_runs")


@pytest.fixture
def server() -> Iterator[Simulator]:
    """An org with a few tags and customers."""
    org = Org(seed=3, clock=Clock(speed=1.0), realistic=False)
    org.add("tag", 3)
    org.add("customer", 2)
    with Simulator(org, limits=False) as simulator:
        yield simulator


def read(server: Simulator, state: Any = None, *streams: str, **settings: Any) -> Output:
    """Run the tap; lists are due each hour."""
    config = {**server.config, "lists_every_minutes": 60, **settings}
    return sync_tap(config, streams or STREAMS, state=state)


def statuses(output: Output) -> dict[str, str]:
    """Return what `sync_runs` says of each stream."""
    return {row["stream"]: row["status"] for row in output.records("sync_runs")}


def after(server: Simulator, minutes: float, state: Any, **settings: Any) -> Output:
    """Run the tap ``minutes`` later."""
    server.org.clock.advance(minutes * MINUTE)
    server.reset_log()
    return read(server, state, **settings)


def asked(server: Simulator) -> int:
    """Return how often the list of tags was asked for."""
    return sum(log.path == "/v1/tags" for log in server.requests)


def test_a_list_is_read_again_once_it_is_due(server: Simulator) -> None:
    """In between it costs no request, writes nothing, and `sync_runs` says why."""
    first = read(server)
    between = after(server, 58, first.state)
    assert statuses(between) == {
        "tags": "not due", "custom_attributes": "not due", "customers": "complete",
    }  # fmt: skip
    assert asked(server) == 0
    assert between.status == 0
    assert {one["stream"] for one in between.of_type("SCHEMA")} == {"customers", "sync_runs"}
    [row] = [row for row in between.records("sync_runs") if row["stream"] == "tags"]
    assert (row["row_count"], row["requests"], row["read_to"]) == (0, 0, None)

    last = after(server, 2, between.state)
    assert statuses(last)["tags"] == "complete"
    assert last.counts["tags"] == 3


def test_a_job_of_each_hour_reads_a_list_of_each_hour(server: Simulator) -> None:
    """Though it begins a few seconds earlier than the hour before."""
    state = read(server).state
    for _ in range(3):
        output = after(server, 60 - 0.2, state)
        assert statuses(output)["tags"] == "complete"
        state = output.state


@pytest.mark.parametrize("settings", [{"lists_every_minutes": 0}, {"lists_every_minutes": None}])
def test_without_the_setting_each_run_reads_the_lists(
    server: Simulator, settings: dict[str, Any]
) -> None:
    """The default; what the state remembers has no say."""
    first = read(server)
    assert statuses(after(server, 1, first.state, **settings))["tags"] == "complete"


def test_what_an_earlier_run_read_without_the_setting_counts(server: Simulator) -> None:
    """Who sets it later does not pay for one more reading."""
    first = read(server, lists_every_minutes=0)
    assert statuses(after(server, 30, first.state))["tags"] == "not due"


def test_no_table_is_emptied_by_a_list_that_is_not_due(server: Simulator) -> None:
    """ACTIVATE_VERSION speaks of the rows of a run; a run without rows sends none."""
    settings = {"emit_activate_version_messages": True}
    first = read(server, **settings)
    between = after(server, 30, first.state, **settings)
    last = after(server, 31, between.state, **settings)

    assert len(first.of_type("ACTIVATE_VERSION", "tags")) == 1
    assert between.of_type("ACTIVATE_VERSION", "tags") == []
    [message] = last.of_type("ACTIVATE_VERSION", "tags")
    versions = {one["version"] for one in last.of_type("RECORD", "tags")}
    assert versions == {message["version"]}


@pytest.mark.parametrize("spoilt", [None, {}, "one stream", "yesterday", 7])
def test_a_state_that_does_not_tell_when_reads_the_list(server: Simulator, spoilt: Any) -> None:
    """Cleared as a whole, for the stream alone, or damaged."""
    state = read(server).state
    if spoilt == "one stream":
        del state["bookmarks"]["tags"]
    elif spoilt:
        state["bookmarks"]["tags"]["listed_at"] = spoilt
    else:
        state = spoilt
    output = after(server, 1, state)

    assert statuses(output)["tags"] == "complete"
    assert output.counts["tags"] == 3


def test_a_list_that_was_read_in_the_future_is_due(server: Simulator) -> None:
    """A clock that was wrong and jumped back must not hold the list up for years."""
    state = read(server).state
    state["bookmarks"]["tags"]["listed_at"] = "2099-01-01T00:00:00.000Z"
    output = after(server, 1, state)

    assert statuses(output)["tags"] == "complete"
    assert output.state["bookmarks"]["tags"]["listed_at"] < "2099"


def test_a_run_that_seems_to_begin_before_the_last_one_reads_no_list(server: Simulator) -> None:
    """Kustomer tells whole seconds, so of two runs at once the later may look the earlier."""
    state = read(server).state
    moment = to_iso(server.org.clock.now_ms() + 1_000)
    state["bookmarks"]["tags"]["listed_at"] = moment
    output = read(server, state)

    assert statuses(output)["tags"] == "not due"


def test_a_list_that_failed_stays_due(server: Simulator) -> None:
    """Only a reading to the end counts, and an older one does not count twice."""
    first = read(server)
    server.faults.add(Fault("status", path="/v1/tags", status=403, times=None))
    failed = after(server, 61, first.state)
    server.faults.clear()
    again = after(server, 1, failed.state)

    assert statuses(failed)["tags"] == "failed"
    assert failed.state["bookmarks"]["tags"] == first.state["bookmarks"]["tags"]
    assert statuses(again)["tags"] == "complete"


def test_a_list_that_a_key_may_not_read_is_asked_for_each_time(server: Simulator) -> None:
    """It was never read, and a run that may read nothing still fails."""
    server.faults.add(Fault("status", path="/v1/teams", status=403, times=None))
    first = read(server, None, "teams", "sync_runs")
    assert first.status == 1
    assert first.state.get("bookmarks", {}).get("teams", {}).get("listed_at") is None


def test_a_search_that_is_read_as_a_list_is_due_as_a_list(server: Simulator) -> None:
    """Where the search refuses `company_updated_at`; the other streams go on as before."""
    server.set(company_updated_at_supported=False)
    server.org.add("company", 2)
    first = read(server, None, "companies", "customers", "sync_runs")
    server.org.add("customer", 1)
    server.org.clock.advance(MINUTE)
    second = read(server, first.state, "companies", "customers", "sync_runs")

    assert first.counts["companies"] == 2
    assert statuses(second) == {"companies": "not due", "customers": "complete"}
    assert second.counts["customers"] >= 1


def test_a_run_of_lists_that_are_not_due_is_no_failure(server: Simulator) -> None:
    """Nothing was read, and nothing had to be."""
    first = read(server, None, "tags", "sync_runs")
    server.reset_log()
    second = read(server, first.state, "tags", "sync_runs")

    assert second.status == 0
    assert statuses(second) == {"tags": "not due"}
    assert asked(server) == 0
