"""A child stream searches its parents itself, from its own bookmark and in its own form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Clock, Fault, Org, Simulator
from tap_kustomer import clock as tap_clock
from tap_kustomer.tap import TapKustomer
from tests.support import FAST, Output, run_tap, sync_tap

DAY = 86_400.0
PAGE = 10
CHILDREN = ("conversation_events", "conversation_forwards")


def with_events(org: Org, count: int = 45, **conversation: Any) -> list[str]:
    """Add conversations with an event and a forward each; return their ids."""
    ids = org.add("conversation", count, **conversation)
    for id_ in ids:
        org.add("customer_event", parents={"conversation": id_})
        org.add("forward", parents={"conversation": id_})
    return ids


@pytest.fixture
def server() -> Iterator[Simulator]:
    """An org with five pages of conversations, in quick time."""
    org = Org(seed=3, clock=Clock(speed=FAST))
    with_events(org)
    with Simulator(org=org, limits=False) as simulator:
        yield simulator


def config_of(server: Simulator, **settings: Any) -> dict[str, Any]:
    """Return a config that offers the children, in small pages."""
    pace = {"requests_per_minute": 100_000, "search_requests_per_minute": 100_000}
    offered = [*CHILDREN, "satisfaction_responses"]
    return {**server.config, "optional_streams": offered, "page_size": PAGE, **pace, **settings}


def read(
    server: Simulator, *streams: str, state: Any = None, select: Any = (), **settings: Any
) -> Output:
    """Read the streams, or the events of conversations, and what became of them."""
    names = [*(streams or CHILDREN[:1]), *select, "sync_runs"]
    clock = tap_clock.Clock(FAST)
    return sync_tap(config_of(server, **settings), names, state=state, clock=clock)


def run_of(output: Output, stream: str = "conversation_events") -> dict[str, Any]:
    """Return what became of a stream."""
    (row,) = (one for one in output.records("sync_runs") if one["stream"] == stream)
    return row


def below(server: Simulator, tail: str = "/events") -> list[str]:
    """Return the parents whose children were asked for, in order."""
    paths = [log.path for log in server.requests if log.path.endswith(tail)]
    return [path.split("/")[3] for path in paths]


# ------------------------------------------------------------------ what it costs


def test_a_child_costs_a_search_for_each_page_of_parents_and_a_request_for_each_parent(
    server: Simulator,
) -> None:
    """The parent that is tried first is not asked for twice; the parent stream pays for none."""
    server.reset_log()
    output = read(server, "conversations", "conversation_events")

    assert sorted(below(server)) == sorted(server.org.ids("conversation"))
    parent, child = run_of(output, "conversations"), run_of(output)
    assert parent["requests"] + child["requests"] == len(server.searches()) + len(below(server))
    assert child["requests"] - len(below(server)) <= 45 / PAGE + 4  # last pages, and the count
    assert parent["rows_counted"] == len(server.org.ids("conversation"))
    assert child["rows_counted"] is None  # those were conversations, not events


def test_a_key_without_the_role_costs_one_search_and_no_more(server: Simulator) -> None:
    """A first run of a large org would search for hours before anybody read the warning."""
    server.refuse("/v1/conversations/*/events", 403)
    output = read(server, select=["tags"])

    assert run_of(output)["status"] == "skipped"
    assert len(server.searches("conversation")) == 1
    assert len(set(below(server))) == 1
    assert "conversation_events" not in output.state["bookmarks"]


def test_parents_that_name_nothing_are_passed_over_to_try_one_that_does(
    server: Simulator,
) -> None:
    """Only a conversation with a response shows whether responses may be read."""
    server.org.add("conversation", satisfactionLevel={"formResponse": f"{7:024x}"},
                   updated_at=server.org.clock.now() - 900 * DAY)  # fmt: skip
    server.refuse("/v1/satisfaction-responses/*", 403)
    output = read(server, "satisfaction_responses", "tags", start_date="2019-01-01")

    assert run_of(output, "satisfaction_responses")["status"] == "skipped"


@pytest.mark.parametrize("selected", [True, False])
def test_parents_that_may_not_be_searched_explain_why_the_children_are_not_read(
    server: Simulator, *, selected: bool
) -> None:
    """The role to ask for is that of the search; children that were read before fail."""
    state = read(server).state
    server.org.update_random("conversation", 3)
    server.faults.add(Fault("status", status=403, context="conversation", times=None))
    streams = ("conversations",) * selected + CHILDREN
    output = read(server, *streams, "tags", state=state)

    ended = {stream: run_of(output, stream)["status"] for stream in (*streams, "tags")}
    assert ended == {
        **dict.fromkeys(streams, "skipped"),
        "conversation_events": "failed",
        "tags": "complete",
    }
    for stream in CHILDREN:
        assert "its parent conversations" in run_of(output, stream)["error"]
        assert "org.permission.search.create" in run_of(output, stream)["error"]
    assert not below(server, "/forwards")


def test_the_run_tells_how_many_parents_are_read(
    server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest streams are those that somebody waits for."""
    seen: list[tuple[object, object]] = []

    def note(_self: object, run: Any) -> None:
        seen.append((run.parents, run.parents_expected))

    monkeypatch.setattr(TapKustomer, "stream_ended", note)
    read(server)

    assert (45, 45) in seen


@pytest.mark.parametrize("status", [403, 404])
def test_a_search_that_is_refused_behind_its_first_page_fails_the_child(
    server: Simulator, status: int
) -> None:
    """The key may search, and there are parents: no reason to skip what is half read."""
    fault = Fault("status", status=status, context="conversation", after=1, times=None)
    server.faults.add(fault)
    first = read(server)
    server.faults.clear()
    second = read(server, state=first.state)

    assert run_of(first)["status"] == "failed"
    assert "its parent conversations" in run_of(first)["error"]
    both = first.ids("conversation_events") | second.ids("conversation_events")
    assert both == set(server.org.ids("customer_event"))


# ------------------------------------------------------------------ the same rules as any search


def test_children_of_parents_that_were_idle_for_years_come_with_the_archive(
    server: Simulator,
) -> None:
    """The standard search has no older parents, and does not say so."""
    org = server.org
    old = with_events(org, 25, updated_at=lambda n: org.clock.now() - (1_400 - 40 * n) * DAY)
    output = read(server, start_date="2019-01-01")

    found = {row["conversation_id"] for row in output.records("conversation_events")}
    assert found == set(org.ids("conversation")) > set(old)
    assert output.ids("conversation_events") == set(org.ids("customer_event"))


def test_a_child_remembers_the_settings_that_it_was_read_with(server: Simulator) -> None:
    """A bookmark stands in front of parents that it was read without; each run says so."""
    before = read(server, include_archived=False, include_deleted=False, start_date="2019-01-01")
    after = read(server, start_date="2018-01-01", state=before.state)

    for setting in ("include_archived", "include_deleted", "start_date"):
        assert f"conversation_events: `{setting}`" in after.stderr
    assert after.status == 0


def test_a_form_that_worked_is_never_given_up_for_a_weaker_one(server: Simulator) -> None:
    """Children of deleted parents would be missing from then on."""
    state = read(server).state
    server.set(include_deleted_supported=False)
    later = read(server, state=state)
    first = read(server)

    assert run_of(later)["status"] == "failed"
    assert "no longer takes the request" in run_of(later)["error"]
    assert run_of(first)["status"] == "complete"


@pytest.mark.parametrize("parent_is_known", [True, False])
def test_a_state_of_an_earlier_version_is_continued(
    server: Simulator, *, parent_is_known: bool
) -> None:
    """A child kept its bookmark only; nothing is read again, and the parent's form counts."""
    org = server.org
    state = read(server, "conversations", "conversation_events").state
    bookmarks = state["bookmarks"]
    kept = ("replication_key", "replication_key_value", "read")
    bookmarks["conversation_events"] = {
        name: bookmarks["conversation_events"][name] for name in kept
    }
    if not parent_is_known:
        del bookmarks["conversations"]
    org.clock.advance(3_600)
    changed = org.update_random("conversation", 3)
    server.reset_log()
    output = read(server, state=state)

    assert output.status == 0
    assert set(changed) <= set(below(server))
    assert len(set(below(server)) - set(changed)) <= 1  # the one at the bookmark
    server.set(include_deleted_supported=False)
    weaker = read(server, state=state)
    assert run_of(weaker)["status"] == ("failed" if parent_is_known else "complete")


def test_an_end_date_bounds_the_parents(server: Simulator) -> None:
    """And the next run goes on from there."""
    end = server.org.rows("conversation")[20]["attributes"]["updatedAt"]
    part = read(server, end_date=end)
    rest = read(server, state=part.state)

    moments = {row["parent_updated_at"] for row in part.records("conversation_events")}
    assert max(moments) <= end
    assert run_of(part)["read_to"] == end
    both = part.ids("conversation_events") | rest.ids("conversation_events")
    assert both == set(server.org.ids("customer_event"))


def test_parents_that_an_answer_hid_are_missed_by_the_closing_count(
    server: Simulator,
) -> None:
    """The child then fails in front of them, as the parent's stream would."""
    hidden = server.org.ids("conversation")[12]

    def without(document: dict[str, Any]) -> dict[str, Any]:
        kept = [row for row in document["data"] if row["id"] != hidden]
        document["meta"]["total"] -= len(document["data"]) - len(kept)
        return {**document, "data": kept}

    server.faults.add(Fault("rewrite", context="conversation", times=3, rewrite=without))
    first = read(server)
    server.faults.clear()
    second = read(server, state=first.state)

    both = first.ids("conversation_events") | second.ids("conversation_events")
    assert both == set(server.org.ids("customer_event"))


def test_a_klass_that_cannot_be_searched_alone_gives_its_own_children_only() -> None:
    """The search of all klasses shows the others' objects, too."""
    org = Org(seed=6, clock=Clock(speed=FAST))
    for klass in ("order", "other"):
        org.add_klass(klass)
        for id_ in org.add(f"kobject_{klass}", 12):
            thing = {"type": "thing", "id": f"of-{id_}", "attributes": {"name": "x"}}
            org.show(f"/v1/customobjects/{id_}/things", [thing])
    entry = {
        "name": "things",
        "path": "/v1/customobjects/{id}/things",
        "parent": "kobject_order",
    }
    with Simulator(org, limits=False, kobject_klass_attribute=None) as server:
        outputs = [
            read(server, "things", select=select, extra_streams=[entry])
            for select in ((), ("kobject_order", "kobject_other"))
        ]

    for output in outputs:
        assert output.status == 0
        assert {row["parent_row_id"] for row in output.records("things")} == set(
            org.ids("kobject_order")
        )
    assert outputs[1].ids("kobject_other") == set(org.ids("kobject_other"))


# ------------------------------------------------------------------ threads


@pytest.mark.parametrize("concurrency", [1, 4])
def test_full_buffers_hold_up_no_children(
    server: Simulator, monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    """The search waits for room while children are fetched: they must not wait for it.

    A child that fails leaves the search behind, which the next child must not find in its way.
    """
    monkeypatch.setattr("tap_kustomer.readers.prefetch.BUFFER_BYTES", 1)
    with_events(server.org, 10 * PAGE)
    rows = server.org.rows("conversation")
    late = sorted(rows, key=lambda row: row["attributes"]["updatedAt"])[PAGE + 2]["id"]
    server.refuse(f"/v1/conversations/{late}/events", 422)
    alone = read(server)
    # Two pages are read, two wait and one is on its way; one each of two slices behind it.
    assert len(server.searches()) <= 2 + 2 + 1 + 2
    output = read(server, *CHILDREN, max_concurrency=concurrency)
    assert run_of(alone)["status"] == "failed"

    assert run_of(output, "conversation_events")["status"] == "failed"
    assert run_of(output, "conversation_forwards")["status"] == "complete"
    assert output.ids("conversation_forwards") == set(server.org.ids("forward"))


# ------------------------------------------------------------------ before a run


def test_a_check_counts_parents_as_searches_and_requests(tmp_path: Path) -> None:
    """Children take by far the longest, so a plan without them is none."""
    org = Org(seed=3)
    with_events(org, 30)
    org.add("conversation", 440)
    for number in range(10):
        org.add("conversation", satisfactionLevel={"formResponse": f"{number:024x}"})
    named = [
        row
        for row in org.rows("conversation")
        if (row["attributes"].get("satisfactionLevel") or {}).get("formResponse")
    ]
    with Simulator(org) as sim:
        sim.refuse("/v1/conversations/*/forwards", 403)
        config = {
            **sim.config,
            "optional_streams": [*CHILDREN, "satisfaction_responses"],
            "requests_per_minute": 300,
        }
        output = run_tap(
            config, "--check", "--format", "json", folder=tmp_path, select=CHILDREN[:1]
        )
        searches = len(sim.searches("conversation"))
    found = json.loads(output.stdout)
    by_name = {one["stream"]: one for one in found["streams"]}

    events, forwards = by_name["conversation_events"], by_name["conversation_forwards"]
    assert (events["readable"], events["rows"]) == ("yes", None)
    assert (events["searches"], events["requests"]) == (1, 480)
    assert by_name["satisfaction_responses"]["requests"] == len(named)
    assert found["minutes"] == 3  # 481 requests at 240 a minute
    assert searches == 2  # of the child that is selected, and of all that come after it
    assert (forwards["readable"], forwards["role"]) == ("no", "org.permission.draft.read")


def test_a_check_counts_archived_parents_too(tmp_path: Path) -> None:
    """One question to the archive does for a parent and its children."""
    org = Org(seed=3)
    with_events(org, 30)
    with_events(org, 600, updated_at=org.clock.now() - 900 * DAY)
    with Simulator(org) as sim:
        config = {
            **sim.config,
            "optional_streams": list(CHILDREN),
            "start_date": "2019-01-01",
        }
        output = run_tap(config, "--check", "--format", "json", folder=tmp_path)
        asked = [log for log in sim.searches("conversation") if log.is_archive]
    by_name = {one["stream"]: one for one in json.loads(output.stdout)["streams"]}

    for stream in CHILDREN:
        assert by_name[stream]["requests"] == 630
        assert by_name[stream]["searches"] == by_name["conversations"]["searches"] == 3
    assert len(asked) == 1


def test_a_check_says_that_parents_cannot_be_searched(tmp_path: Path) -> None:
    """The role that is missing is that of the search."""
    org = Org(seed=3, roles=["org.permission.event.read"])
    org.add("conversation", 3)
    with Simulator(org) as sim:
        config = {**sim.config, "optional_streams": list(CHILDREN)}
        output = run_tap(config, "--check", "--format", "json", folder=tmp_path)
    by_name = {one["stream"]: one for one in json.loads(output.stdout)["streams"]}

    assert by_name["conversation_events"]["readable"] == "no"
    assert by_name["conversation_events"]["role"] == "org.permission.search.create"


def test_a_test_asks_for_few_children(server: Simulator, tmp_path: Path) -> None:
    """One row is wanted, so a page of parents is too many."""
    run_tap(config_of(server), "--test", folder=tmp_path)

    assert 0 < len(below(server)) <= 5
