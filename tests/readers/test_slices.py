"""Long time ranges in slices: as many requests as pages, in order, in bounded memory."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

from simulator import Clock, Org, Simulator
from tap_kustomer import clock as tap_clock
from tests.support import FAST, Output, sync_tap

DAY = 86_400.0
PAGE = 100
ROWS = 12_000  # as many pages as 60,000 rows at 500 a page


def quick_org() -> Org:
    """Return an org without limits."""
    return Org(
        seed=4,
        clock=Clock(speed=FAST),
        realistic=False,
        plan_limit=100_000,
        search_limit=100_000,
    )


def read(sim: Simulator, state: Any = None, **config: Any) -> Output:
    """Run the tap in quick time."""
    settings = {**sim.config, "page_size": PAGE, "search_requests_per_minute": 100_000, **config}
    return sync_tap(settings, ["customers"], state=state, clock=tap_clock.Clock(FAST))


def evenly(rng: random.Random, now: float) -> float:
    """Rows all over 18 months."""
    return now - rng.uniform(1, 540) * DAY


def in_bursts(rng: random.Random, now: float) -> float:
    """Six imports of an hour each, months apart."""
    return now - rng.choice([12, 40, 150, 151, 300, 520]) * DAY + rng.uniform(0, 3_600)


def with_an_empty_year(rng: random.Random, now: float) -> float:
    """Some old rows, then nothing for a year."""
    return now - (rng.uniform(500, 540) if rng.random() < 0.3 else rng.uniform(1, 100)) * DAY


def in_one_day(rng: random.Random, now: float) -> float:
    """Everything was imported on one day."""
    return now - 200 * DAY + rng.uniform(0, DAY)


def more_and_more(rng: random.Random, now: float) -> float:
    """A growing company."""
    return now - 600 - min(rng.expovariate(1 / 30), 540) * DAY


def around_one_hot_moment(rng: random.Random, now: float) -> float:
    """A bulk update of a fifth of all rows."""
    return now - 90 * DAY if rng.random() < 0.2 else evenly(rng, now)


@pytest.mark.parametrize(
    ("when", "most"),
    [
        (evenly, 1.08),
        (in_bursts, 1.1),
        (with_an_empty_year, 1.1),
        (in_one_day, 1.08),
        (more_and_more, 1.08),
        (around_one_hot_moment, 1.1),
    ],
)
def test_a_run_takes_about_as_many_searches_as_pages(
    when: Callable[[random.Random, float], float], most: float
) -> None:
    """5 % more where they lie evenly; a little more where nobody can guess how they lie.

    A slice that ends in a gap or a burst is corrected, which costs a part of a page. To read
    the rows of one timestamp takes three searches more than their pages.
    """
    org = quick_org()
    rng, now = random.Random(6), org.clock.now()
    org.add("customer", ROWS, updated_at=sorted(when(rng, now) for _ in range(ROWS)))
    with Simulator(org) as sim:
        output = read(sim)
        searches = len(sim.searches("customer"))

    assert output.ids("customers") == set(org.ids("customer"))
    assert len(output.records("customers")) < ROWS * 1.01
    # Each page begins with the last row of the one before.
    assert searches <= most * ROWS / (PAGE - 1)


@pytest.mark.parametrize("rows", [0, 1, 99])
def test_what_one_answer_holds_takes_one_search(rows: int) -> None:
    """The first search has no upper bound and is the whole run."""
    org = quick_org()
    org.add("customer", rows)
    with Simulator(org) as sim:
        output = read(sim)
        assert len(sim.searches()) == 1

    assert output.ids("customers") == set(org.ids("customer"))


def test_a_quiet_run_takes_one_search_however_large_the_one_before_was() -> None:
    """What was counted is not counted again."""
    org = quick_org()
    org.add("customer", 10 * PAGE)
    with Simulator(org) as sim:
        first = read(sim)
        sim.reset_log()
        second = read(sim, state=first.state)

        assert len(sim.searches()) == 1
    assert second.status == 0


def test_slices_are_read_at_the_same_time() -> None:
    """A search takes seconds; one after another would leave the budget unused."""
    org = Org(seed=4, realistic=False, plan_limit=100_000, search_limit=100_000)
    org.add("customer", 3_000)
    with Simulator(org, page_latency=0.1) as sim:
        output = sync_tap(
            {**sim.config, "page_size": 20, "search_requests_per_minute": 10_000}, ["customers"]
        )
        searches = sim.searches()

    assert output.ids("customers") == set(org.ids("customer"))
    pairs = itertools.pairwise(searches)
    # How many there are depends on the machine; one reader alone would have none.
    assert any(later.time < earlier.answered for earlier, later in pairs)


def test_rows_leave_in_order_with_a_state_behind_each_page() -> None:
    """The bookmark is valid at any moment: no row in front of it is unwritten.

    It stays one page back, until the next answer agrees with the one before.
    """
    org = quick_org()
    org.add("customer", 3_000)
    with Simulator(org, page_latency=lambda: random.random() * 2) as sim:
        output = read(sim, page_size=20)

    stamps = [row["updated_at"] for row in output.records("customers")]
    assert stamps == sorted(stamps)
    unread, since = sorted(stamps, reverse=True), 0
    for message in output.messages:
        if message["type"] == "RECORD":
            since += 1
            unread.remove(message["record"]["updated_at"])
        elif message["type"] == "STATE":
            bookmark = message["value"]["bookmarks"]["customers"]
            # Behind the last row that was written, where a slice was divided there.
            assert not unread or bookmark.get("replication_key_value", "") <= unread[-1]
            assert since <= 2 * 20
            since = 0
