"""Kustomer's own count by month, and the ids that it has: whole, proven, and cheap."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import Fault, Org, Simulator
from simulator.clock import DAY
from tests.support import Output, catalog_of, sync_tap

YEARS = 4 * 365


@pytest.fixture
def server() -> Iterator[Simulator]:
    """Serve an org of four years: many rows are idle, some deleted softly."""
    org = Org(seed=8, realistic=False)
    now = org.clock.now()
    for context, count in (("customer", 300), ("message", 200)):
        created = [now - (number + 1) * YEARS * DAY / (count + 1) for number in range(count)]
        org.add(context, count, created_at=created,
                updated_at=[now - (now - moment) * 0.7 for moment in created])  # fmt: skip
    for id_ in org.ids("customer")[::17]:
        org.delete("customer", id_)
    with Simulator(org, limits=False) as simulator:
        yield simulator


def config_of(server: Simulator, **settings: Any) -> dict[str, Any]:
    """Return a config that offers the streams, and reads all there is."""
    streams = ["row_counts", "present_ids"]
    fast = {"search_requests_per_minute": 100_000, "requests_per_minute": 1_000_000}
    config = {**server.config, **fast, "start_date": "2000-01-01"}
    return {**config, "optional_streams": streams, **settings}


def months(server: Simulator, context: str) -> dict[str, int]:
    """Return how many rows the org has by month of creation."""
    created = [row["attributes"]["createdAt"] for row in server.org.rows(context)]
    return dict(Counter(f"{moment[:7]}-01" for moment in created))


def counted(output: Output, stream: str) -> dict[str, int]:
    """Return what was counted by month, where there is something."""
    return {
        row["month"]: row["live_rows"] + (row["archived_rows"] or 0)
        for row in output.records("row_counts")
        if row["stream"] == stream and row["live_rows"] + (row["archived_rows"] or 0)
    }


def test_every_month_is_counted_as_the_org_has_it(server: Simulator) -> None:
    """Live and archived, deleted ones included; rows around the edge count once."""
    server.set(edge_offset_seconds=-3 * DAY)  # the live search has more than two years
    output = sync_tap(config_of(server), ["customers", "messages", "row_counts"])

    assert output.status == 0, output.stderr
    assert counted(output, "customers") == months(server, "customer")
    assert counted(output, "messages") == months(server, "message")
    rows = output.records("row_counts")
    assert sum(row["archived_rows"] for row in rows) > 100
    assert {row["org_id"] for row in rows} == {server.org.org_id}
    counts_searches(server, rows)


def counts_searches(server: Simulator, rows: list[dict[str, Any]]) -> None:
    """Check that counting cost at most two searches for each month, and ten more."""
    counting = [log for log in server.searches() if log.query["pageSize"] == "1"]
    assert len(counting) <= 2 * len(rows) + 10


@pytest.mark.parametrize("knob", ["yes", "capped", "ignored", "refused"])
def test_a_capped_total_is_counted_in_parts(server: Simulator, knob: str) -> None:
    """A total of exactly the cap is at least so many."""
    org = server.org
    org.add("customer", 10_500, created_at=org.clock.now() - 40 * DAY,
            updated_at=lambda number: org.clock.now() - 30 * DAY + number)  # fmt: skip
    org.add("customer", 10_500, created_at=lambda number: org.clock.now() - 100 * DAY + number)
    server.set(track_total_hits=knob)
    config = config_of(server, optional_streams=["row_counts"])
    output = sync_tap(config, ["row_counts"])
    if knob == "ignored":  # more at one instant than it counts: nothing else can be said
        assert output.status == 1
        assert "cannot be counted" in output.stderr
    else:
        assert output.status == 0, output.stderr
        assert counted(output, "customers") == months(server, "customer")


def test_totals_are_read_as_by_the_search(server: Simulator) -> None:
    """Elasticsearch's own form says by itself whether a total is exact."""

    def as_elasticsearch(document: dict[str, Any]) -> dict[str, Any]:
        total = {"value": document["meta"]["total"], "relation": "eq"}
        return {**document, "meta": {**document["meta"], "total": total}}

    server.faults.add(Fault("rewrite", rewrite=as_elasticsearch, times=None,
                            path="/v1/customers/search"))  # fmt: skip
    output = sync_tap(config_of(server), ["customers", "messages", "row_counts"])

    assert output.status == 0, output.stderr
    assert counted(output, "customers") == months(server, "customer")


def test_a_month_whose_rows_are_gone_is_told_as_empty(server: Simulator) -> None:
    """Else the count of an earlier run would stand for ever."""
    first = sync_tap(config_of(server), ["messages", "row_counts"])
    server.org.retain(1000 * DAY, contexts=["message"])
    second = sync_tap(config_of(server), ["messages", "row_counts"], state=first.state)

    rows = {r["month"]: r["live_rows"] + r["archived_rows"] for r in second.records("row_counts")}
    assert rows.keys() >= months(server, "message").keys()
    assert {row["month"] for row in first.records("row_counts")} <= rows.keys()
    assert {month for month, count in rows.items() if count} == months(server, "message").keys()


def test_a_filter_that_is_ignored_is_not_counted_by(server: Simulator) -> None:
    """Every month would have all rows."""
    server.set(ignore_filters=["customer_created_at"])
    output = sync_tap(config_of(server), ["customers", "row_counts"])

    assert output.status == 1
    assert "ignores the filter on the creation" in output.stderr
    assert output.records("row_counts") == []


def test_counts_of_a_part_of_the_index_are_counted_again(server: Simulator) -> None:
    """A month with too few rows would accuse the warehouse of having too many."""
    server.faults.add(Fault("shrink_total", context="customer", path="/v1/customers/search",
                            to=1, after=9, times=1))  # fmt: skip
    output = sync_tap(config_of(server), ["customers", "row_counts"])

    assert output.status == 0
    assert counted(output, "customers") == months(server, "customer")


@pytest.mark.parametrize("shape", ["identifiers", "ids"])
def test_present_ids_are_those_of_the_org(server: Simulator, shape: str) -> None:
    """Live and archived, in both shapes of the answer; the version is sent once it is whole."""
    server.set(ids_only_shape=shape)
    config = config_of(server, present_ids_of=["customers", "messages"],
                       emit_activate_version_messages=True)  # fmt: skip
    output = sync_tap(config, ["present_ids"])

    assert output.status == 0, output.stderr
    for stream, context in (("customers", "customer"), ("messages", "message")):
        ids = {row["id"] for row in output.records("present_ids") if row["stream"] == stream}
        assert ids == set(server.org.ids(context))
    [version] = output.of_type("ACTIVATE_VERSION", "present_ids")
    assert output.messages.index(version) > max(
        place for place, one in enumerate(output.messages)
        if one["type"] == "RECORD" and one["stream"] == "present_ids"
    )  # fmt: skip


@pytest.mark.parametrize("knobs", [{}, {"result_window": 1_000_000}])
def test_present_ids_cost_little_more_than_full_pages(knobs: dict[str, Any]) -> None:
    """In a history that is uneven, whatever the depth of pages."""
    org = Org(seed=3, realistic=False)
    now = org.clock.now()
    count = 20_000
    org.add("customer", count, created_at=lambda n: now - 600 * DAY * (1 - n / count) ** 3 - 900)
    with Simulator(org, limits=False, **knobs) as server:
        output = sync_tap(config_of(server, present_ids_of=["customers"]), ["present_ids"])

        assert output.status == 0, output.stderr
        assert {row["id"] for row in output.records("present_ids")} == set(org.ids("customer"))
        # The form of the search, the archive, the edge, rows without creation; each of them that
        # one page holds is asked for twice: 1.05 from 60,000 on.
        assert len(server.searches()) <= math.ceil(count / 500) + 10
        assert len(output.records("present_ids")) <= 1.01 * count


def test_present_ids_with_ties_at_the_borders_of_pages(
    server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of one instant change places from page to page; the count shows what is missing."""
    monkeypatch.setattr("tap_kustomer.readers.census.PAGE_SIZE", 20)
    monkeypatch.setattr("tap_kustomer.readers.ids.DEEPEST_ROW", 100)
    org = server.org
    for number in range(4):
        org.add("customer", 30 + 7 * number, created_at=org.clock.now() - (90 + number) * DAY)
    output = sync_tap(config_of(server, present_ids_of=["customers"]), ["present_ids"])

    assert output.status == 0, output.stderr
    assert {row["id"] for row in output.records("present_ids")} == set(org.ids("customer"))


def test_rows_that_go_and_move_while_ids_are_read_leave_no_hole(
    server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is there from beginning to end is listed, whichever search has it by then."""
    monkeypatch.setattr("tap_kustomer.readers.census.PAGE_SIZE", 15)
    monkeypatch.setattr("tap_kustomer.readers.ids.DEEPEST_ROW", 60)
    org = server.org
    before = set(org.ids("customer"))

    def disturb() -> None:
        known = org.ids("customer")
        if org.rng.random() < 0.15 and len(known) > 150:
            org.erase("customer", org.rng.choice(known))
        if org.rng.random() < 0.3:
            org.update("customer", org.rng.choice(org.ids("customer")))
        org.clock.advance(600)

    server.before_each_search(disturb)
    output = sync_tap(config_of(server, present_ids_of=["customers"]), ["present_ids"])

    assert output.status == 0, output.stderr
    ids = {row["id"] for row in output.records("present_ids")}
    assert set(org.ids("customer")) <= ids <= before


@pytest.mark.parametrize(
    "fault",
    [
        Fault("empty_page", context="customer", after=3, times=1),
        Fault("short_page", context="customer", after=3, times=1),
        Fault("timed_out", context="customer", after=2, times=2),
        Fault("shrink_total", context="customer", after=1, times=1),
    ],
    ids=lambda fault: fault.kind,
)
def test_no_odd_answer_makes_ids_look_gone(
    server: Simulator, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target would drop rows that Kustomer has."""
    monkeypatch.setattr("tap_kustomer.readers.census.PAGE_SIZE", 50)
    server.faults.add(fault)
    output = sync_tap(config_of(server, present_ids_of=["customers"]), ["present_ids"])

    ids = {row["id"] for row in output.records("present_ids")}
    assert output.status == 0
    assert ids == set(server.org.ids("customer"))


def test_without_ids_only_ordinary_pages_are_read(server: Simulator) -> None:
    """A parameter that is refused is left out."""
    server.set(ids_only_shape="refused")
    output = sync_tap(config_of(server, present_ids_of=["customers"]), ["present_ids"])

    assert output.status == 0, output.stderr
    assert {row["id"] for row in output.records("present_ids")} == set(server.org.ids("customer"))


def test_a_stream_that_is_none_is_named(server: Simulator) -> None:
    """Only search streams have ids to list."""
    output = sync_tap(config_of(server, present_ids_of=["tags"]), ["present_ids"])

    assert output.status == 1
    assert "`present_ids_of` names tags" in output.stderr


def test_columns_can_be_deselected(server: Simulator) -> None:
    """As everywhere."""
    config = config_of(server)
    catalog = catalog_of(config, ["present_ids", "row_counts", "customers"])
    for entry in catalog["streams"]:
        for one in entry["metadata"]:
            if one["breadcrumb"] in (["properties", "read_at"], ["properties", "counted_at"]):
                one["metadata"]["selected"] = False
    output = sync_tap(config, ["present_ids", "row_counts", "customers"], catalog=catalog)

    assert output.records("present_ids")[0].keys() == {"stream", "id", "org_id"}
    assert "counted_at" not in output.records("row_counts")[0]
