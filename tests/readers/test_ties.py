"""Rows that share a timestamp, more of them than a page holds, in an order that never holds."""

from __future__ import annotations

import pytest

from simulator import MISSING, Clock, Org, Simulator
from tap_kustomer import clock as tap_clock
from tests.support import FAST, Output, sync_tap

DAY = 86_400.0


def read(
    org: Org, page_size: int = 500, window: int | None = None, **config: object
) -> tuple[Output, int]:
    """Return what a run prints, and how many searches it took."""
    with Simulator(org, result_window=window) as sim:
        settings = {**sim.config, "page_size": page_size, "search_requests_per_minute": 100_000}
        output = sync_tap({**settings, **config}, ["customers"], clock=tap_clock.Clock(FAST))
        return output, len(sim.searches("customer"))


@pytest.fixture
def org() -> Org:
    """An org in quick time without limits."""
    return Org(
        seed=3,
        clock=Clock(speed=FAST),
        realistic=False,
        plan_limit=100_000,
        search_limit=100_000,
    )


@pytest.mark.parametrize("count", [499, 500, 501, 600, 5_000])
def test_a_bulk_update_is_read_whole(org: Org, count: int) -> None:
    """A bulk update stamps any number of rows with one moment."""
    org.add("customer", 300)
    org.add("customer", count, updated_at=org.clock.now() - 90 * DAY)

    output, searches = read(org)

    assert output.status == 0
    assert output.ids("customers") == set(org.ids("customer"))
    # To look for them beside other slices may take one more.
    assert searches <= (count + 300) / 499 + 9


def test_more_ties_than_a_search_reaches_cost_few_requests(org: Org) -> None:
    """12,000 rows lie behind a result window of 10,000; their creation tells them apart."""
    org.add("customer", 2_000)
    org.add("customer", 12_000, updated_at=org.clock.now() - 90 * DAY)

    output, searches = read(org, window=10_000)

    assert output.ids("customers") == set(org.ids("customer"))
    assert len(output.records("customers")) <= 14_000 * 1.01
    assert searches <= 40


def test_ties_that_were_just_made_are_read(org: Org) -> None:
    """A bulk update may end a minute before the run, where the index is not complete yet."""
    org.add("customer", 30, updated_at=lambda n: org.clock.now() - 5 - n)
    org.add("customer", 60, updated_at=org.clock.now() - 60)

    output, _ = read(org, page_size=20)

    assert output.ids("customers") == set(org.ids("customer"))


def test_rows_without_a_creation_are_read_apart(org: Org) -> None:
    """A search for rows without a creation brings those that the order by creation lacks."""
    moment = org.clock.now() - 90 * DAY
    org.add("customer", 11_000, updated_at=moment)
    org.add("customer", 700, updated_at=moment, created_at=MISSING)

    output, searches = read(org)

    assert output.ids("customers") == set(org.ids("customer"))
    assert searches <= 70


def test_rows_created_at_one_moment_too_are_walked_by_number(org: Org) -> None:
    """A bulk import gives rows one creation and one update; pages come in another order each."""
    moment = org.clock.now() - 90 * DAY
    org.add("customer", 1_200, updated_at=moment, created_at=moment)

    output, _ = read(org)

    assert output.ids("customers") == set(org.ids("customer"))


def test_pages_are_walked_behind_ten_thousand_rows_while_they_bring_new_ones(org: Org) -> None:
    """13,472 rows of one query were seen: only page 100 is documented to be the last."""
    moment = org.clock.now() - 90 * DAY
    org.shuffle_ties = False  # one walk is enough
    org.add("customer", 10_600, updated_at=moment, created_at=moment)

    output, _ = read(org)

    assert output.status == 0
    assert output.ids("customers") == set(org.ids("customer"))


def test_rows_that_nothing_tells_apart_fail_the_stream(org: Org) -> None:
    """Behind the result window no search reaches them: better no end than a quiet one."""
    moment = org.clock.now() - 90 * DAY
    org.add("customer", 12_000, updated_at=moment, created_at=moment)

    output, searches = read(org, window=10_000)

    assert output.status == 1
    assert "12,000 rows share the timestamp" in output.stderr
    assert "Traceback" not in output.stderr
    assert searches < 60
    assert (output.bookmark("customers") or "") <= max(
        row["updated_at"] for row in output.records("customers")
    )


def test_ties_at_the_bookmark_are_not_lost_between_runs(org: Org) -> None:
    """The bookmark is the moment of the ties: a run that continues there reads all of them."""
    moment = org.clock.now() - 90 * DAY
    org.add("customer", 50, updated_at=moment)
    with Simulator(org) as sim:
        config = {**sim.config, "page_size": 20}
        first = sync_tap(config, ["customers"], clock=tap_clock.Clock(FAST))
        org.add("customer", 1, updated_at=moment)
        second = sync_tap(config, ["customers"], state=first.state, clock=tap_clock.Clock(FAST))

    assert second.ids("customers") == set(org.ids("customer"))
