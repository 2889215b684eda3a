"""What a pass has read is proven by Kustomer's own count: one odd answer loses nothing for good."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from simulator import Clock, Fault, Org, Simulator
from tap_kustomer import clock as tap_clock
from tap_kustomer.readers.search.coverage import Coverage
from tap_kustomer.readers.search.page import Part, peek
from tests.readers.part_of_the_index import PartOfTheIndex
from tests.support import FAST, Output, sync_tap

DAY = 86_400.0
PAGE = 50
PATH = "/v1/customers"


def quick_org() -> Org:
    """Return an org without limits."""
    clock = Clock(speed=FAST)
    return Org(seed=3, clock=clock, realistic=False, plan_limit=10**6, search_limit=10**6)


def read(sim: Simulator, state: Any = None, **config: Any) -> Output:
    """Read the customers in quick time."""
    limits = {"search_requests_per_minute": 100_000, "requests_per_minute": 100_000}
    settings = {**sim.config, "page_size": PAGE, **limits, **config}
    return sync_tap(settings, ["customers", "sync_runs"], state=state, clock=tap_clock.Clock(FAST))


def run_of_customers(output: Output) -> dict[str, Any]:
    """Return the row of ``sync_runs`` about the customers."""
    (row,) = (one for one in output.records("sync_runs") if one["stream"] == "customers")
    return row


def spread(org: Org) -> None:
    """Rows over months."""
    org.add("customer", 700)


def tied(org: Org) -> None:
    """Three pages of one timestamp among others."""
    org.add("customer", 90)
    org.add("customer", 3 * PAGE, updated_at=org.clock.now() - 90 * DAY)


@pytest.mark.parametrize("fill", [spread, tied])
@pytest.mark.parametrize("share", [5, 1])
def test_a_search_answered_from_a_part_of_the_index_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, fill: Callable[[Org], None], share: int
) -> None:
    """Whichever search of the run it is: the answers behind it, or the count, show the rest."""
    index = PartOfTheIndex(monkeypatch)
    index.share = share
    org = quick_org()
    fill(org)
    with Simulator(org) as sim:
        read(sim)
        usual = index.searches
        for bad in random.Random(share).sample(range(2, usual + 1), min(usual - 1, 7)):
            index.searches, index.bad = 0, bad
            output = read(sim)

            assert output.status == 0, (bad, output.stderr)
            assert output.ids("customers") == set(org.ids("customer")), bad


def test_both_counts_stand_in_sync_runs() -> None:
    """The warehouse can prove it: as many counted by Kustomer as were read."""
    org = quick_org()
    spread(org)
    with Simulator(org) as sim:
        row = run_of_customers(read(sim))
        quiet = run_of_customers(read(sim, read(sim).state))

    assert row["status"] == "complete"
    assert 0 < row["rows_counted"] <= row["rows_in_range"] <= row["row_count"]
    assert quiet["rows_counted"] is None  # one answer held all there was


def counting_too_much(times: int | None) -> Fault:
    """Return what makes counts three rows too large."""

    def more(document: dict[str, Any]) -> dict[str, Any]:
        if document["meta"]["pageSize"] == 1:
            document["meta"]["total"] += 3
        return document

    return Fault("rewrite", path=PATH, times=times, rewrite=more)


def test_rows_that_are_counted_and_never_shown_fail_the_stream() -> None:
    """The sentence names the range, and the bookmark goes back in front of it."""
    org = quick_org()
    spread(org)
    with Simulator(org) as sim:
        fault = sim.faults.add(counting_too_much(None))
        output = read(sim)
        sim.faults.clear()
        second = read(sim, output.state)

    assert fault.happened
    assert output.status == 1
    assert "Kustomer counts 7" in output.stderr
    assert "bookmark stays in front" in output.stderr
    first = min(row["updated_at"] for row in output.records("customers"))
    assert output.bookmark("customers") <= first
    assert run_of_customers(output)["status"] == "failed"
    assert second.status == 0
    assert second.ids("customers") == set(org.ids("customer"))


def test_a_killed_run_leaves_to_the_next_what_was_not_counted() -> None:
    """Else rows that were missing before the kill would be missing for good."""
    org = quick_org()
    spread(org)
    with Simulator(org) as sim:
        first = read(sim)
        states = [m["value"] for m in first.messages if m["type"] == "STATE"]
        open_ = [s for s in states if s["bookmarks"].get("customers", {}).get("uncounted")]
        kept = open_[len(open_) // 2]
        second = read(sim, kept)

    uncounted = kept["bookmarks"]["customers"]["uncounted"]
    assert uncounted["until"] == kept["bookmarks"]["customers"]["replication_key_value"]
    assert run_of_customers(second)["rows_counted"] > uncounted["rows"] > 0
    assert first.state["bookmarks"]["customers"]["uncounted"] is None


def test_a_page_that_fails_for_its_size_is_asked_for_in_halves() -> None:
    """A page of large rows may be more than the server can make in time."""
    org = quick_org()
    org.add("customer", 120)
    with Simulator(org) as sim:
        sim.faults.add(Fault("status", path=PATH, status=502, times=3))
        output = read(sim, page_size=100)
        sizes = [log.query["pageSize"] for log in sim.searches("customer")]

    assert output.status == 0
    assert output.ids("customers") == set(org.ids("customer"))
    assert sizes[:4] == ["100", "100", "100", "50"]


@pytest.mark.parametrize(
    ("total", "proven", "at_least"),
    [
        ("12", 12, 12),
        ("12.0", 12, 12),
        ('"12"', 12, 12),
        ('{"value": 12, "relation": "eq"}', 12, 12),
        ('{"value": 12, "relation": "gte"}', None, 12),
        ("10000", None, 10_000),
        ("12.5", None, 0),
        ("-1", None, 0),
        ("true", None, 0),
        ("null", None, 0),
        ("[]", None, 0),
    ],
)
def test_only_a_whole_number_below_a_known_cap_is_a_total(
    total: str, proven: int | None, at_least: int
) -> None:
    """What proves no number is never taken for a proof."""
    page = peek(b'{"data": [], "meta": {"total": %s}}' % total.encode())

    assert (page.total, page.at_least) == (proven, at_least)


def test_parts_that_do_not_join_are_a_gap() -> None:
    """Laid end to end, a part that was planned and never read shows; one read again counts once."""
    coverage = Coverage()
    coverage.add([Part("a", "c", 3)])
    coverage.add([Part("d", "f", 2), Part("f", "h", 1)])

    assert coverage.gaps("a", "k") == [("c", "d"), ("h", "k")]
    coverage.add([Part("c", "d", 4), Part("d", "f", 5)])
    assert coverage.gaps("a", "h") == []
    assert coverage.rows("a", "h") == 3 + 4 + 5 + 1


def test_the_memory_of_a_coverage_does_not_grow_with_rows() -> None:
    """Older parts are joined; nothing is lost of their rows."""
    coverage = Coverage()
    for n in range(20_000):
        coverage.add([Part(f"{n:06}", f"{n + 1:06}", 2)])

    assert len(coverage.parts) <= 1_100
    assert coverage.gaps("000000", "020000") == []
    assert coverage.rows("000000", "020000") == 40_000
