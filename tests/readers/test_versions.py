"""Two versions of a row in one run: the newer is the last, by `rev`, then by `updatedAt`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Fault, Simulator, to_iso
from tap_kustomer import clock as tap_clock
from tap_kustomer.readers.search.emitted import EmittedRows
from tap_kustomer.readers.search.page import OrderedPage, peek
from tap_kustomer.readers.versions import Version
from tests.support import FAST, Output, one_by_one, sync_tap

DAY = 86_400.0
SEARCH = "/v1/customers/search"


def read(sim: Simulator) -> Output:
    """Run the tap over customers, with pages so small that fresh rows are shown again."""
    config = {**sim.config, "page_size": 5, "search_requests_per_minute": 100_000}
    return sync_tap(config, ["customers"], clock=tap_clock.Clock(FAST))


def test_a_row_that_changes_twice_in_a_millisecond_is_read_as_it_is_last(
    fast_sim: Simulator,
) -> None:
    """Routing and an agent's click fall together; only `rev` tells the two versions apart."""
    org = fast_sim.org
    others = org.add("customer", 30, updated_at=org.clock.now() - 60 * DAY)
    twins = set(org.add("customer", 3, updated_at=org.clock.now(), rev=1))
    shown: set[str] = set()

    def look(document: dict[str, Any]) -> dict[str, Any]:
        shown.update(row["id"] for row in document["data"])
        return document

    def change() -> None:
        for id_ in twins & shown:
            org.update("customer", id_, at_once=True, name="second change")
            twins.remove(id_)

    fast_sim.before_each_search(change)
    # So that the newest rows are looked at again.
    fast_sim.before_each_search(one_by_one(others, lambda one: org.update("customer", one)))
    fast_sim.faults.add(Fault("rewrite", path=SEARCH, times=None, rewrite=look))
    output = read(fast_sim)

    assert (output.status, twins) == (0, set())
    held = output.newest("customers").values()
    assert [row["rev"] for row in held if row["name"] == "second change"] == [2, 2, 2]


@pytest.mark.parametrize("seconds", [0, 3600])
def test_an_older_version_never_replaces_a_newer_one(fast_sim: Simulator, seconds: int) -> None:
    """A replica that is behind shows a row with a smaller `rev`, whatever its time says."""
    org = fast_sim.org
    others = org.add("customer", 30, updated_at=org.clock.now() - 60 * DAY)
    [id_] = org.add("customer", updated_at=org.clock.now(), rev=7)
    shown: list[str] = []

    def behind(document: dict[str, Any]) -> dict[str, Any]:
        for row in document["data"]:
            if row["id"] == id_:
                shown.append(id_)
                if len(shown) > 1:
                    moment = org.clock.now() + seconds
                    row["attributes"] |= {
                        "rev": 6,
                        "name": "as it was",
                        "updatedAt": to_iso(int(moment * 1000)),
                    }
        return document

    fast_sim.before_each_search(one_by_one(others, lambda one: org.update("customer", one)))
    fast_sim.faults.add(Fault("rewrite", path=SEARCH, times=None, rewrite=behind))
    output = read(fast_sim)

    assert len(shown) > 1
    assert output.newest("customers")[id_]["rev"] == 7


versions = st.tuples(
    st.sampled_from("abc"),
    st.none() | st.integers(1, 4),
    st.integers(0, 5).map(lambda second: f"2026-01-01T00:00:0{second}.000Z"),
)


@settings(max_examples=400, deadline=None)
@given(
    pages=st.lists(st.lists(versions, max_size=6), max_size=6),
    watermark=st.integers(0, 5).map(lambda second: f"2026-01-01T00:00:0{second}.500Z"),
    keeps_all=st.booleans(),
)
def test_of_the_rows_behind_the_watermark_the_newest_version_is_the_last_written(
    pages: list[list[tuple[str, int | None, str]]], watermark: str, *, keeps_all: bool
) -> None:
    """Whatever versions come in whatever order: nothing written is older than what was before."""
    emitted = EmittedRows()
    emitted.watermark, emitted.keeps_all = watermark, keeps_all
    last: dict[str, Version] = {}
    for page in pages:
        rows = [
            {"id": id_, "attributes": {"updatedAt": updated, **({"rev": rev} if rev else {})}}
            for id_, rev, updated in page
            if keeps_all or updated > watermark
        ]
        indexes = set(emitted.new_rows(OrderedPage(peek(json.dumps({"data": rows}).encode()))))
        for index, row in enumerate(rows):
            version = Version.of(row)
            is_newer = row["id"] not in last or version.is_newer_than(last[str(row["id"])])
            assert (index in indexes) == is_newer
            if is_newer:
                last[str(row["id"])] = version
