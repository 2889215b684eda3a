"""Rows that are updated while they are read leave their place, and take nothing with them."""

from __future__ import annotations

import pytest

from simulator import Simulator
from tap_kustomer import clock as tap_clock
from tests.support import FAST, Output, one_by_one, sync_tap

DAY = 86_400.0


def read(sim: Simulator, state: dict[str, object] | None = None, page_size: int = 20) -> Output:
    """Run the tap in quick time."""
    config = {**sim.config, "page_size": page_size, "search_requests_per_minute": 100_000}
    return sync_tap(config, ["customers"], state=state, clock=tap_clock.Clock(FAST))


@pytest.mark.parametrize("count", [1, 5, 20, 60])
def test_rows_that_move_while_they_are_read_are_not_lost(fast_sim: Simulator, count: int) -> None:
    """Three times as many as a page brings: what moves behind the end is read in the end."""
    org = fast_sim.org
    org.search_limit = org.plan_limit = 100_000
    org.add("customer", 300)
    fast_sim.before_each_search(org.update_random, "customer", count)

    output = read(fast_sim)

    assert output.status == 0
    if count < 20:  # what a page brings
        assert output.ids("customers") == set(org.ids("customer"))
    fast_sim.clear_hooks()
    second = read(fast_sim, output.state)
    held = {**output.newest("customers"), **second.newest("customers")}
    truth = {row["id"]: row["attributes"]["updatedAt"] for row in org.rows("customer")}
    assert {id_: row["updated_at"] for id_, row in held.items()} == truth


def test_the_row_behind_an_updated_one_is_not_skipped(fast_sim: Simulator) -> None:
    """The oldest rows are updated while the first pages are read: page numbers would skip."""
    org = fast_sim.org
    ids = org.add("customer", 60)
    fast_sim.before_each_search(one_by_one(ids, lambda id_: org.update("customer", id_)))

    output = read(fast_sim, page_size=6)

    assert output.ids("customers") == set(ids)


def test_the_last_rows_may_move_too(fast_sim: Simulator) -> None:
    """They would leave the first pass for the part behind the run's start."""
    org = fast_sim.org
    ids = org.add("customer", 60)
    fast_sim.before_each_search(one_by_one(ids[::-1], lambda id_: org.update("customer", id_)))

    output = read(fast_sim, page_size=6)

    assert output.ids("customers") == set(ids)


def test_ties_may_move_while_they_are_read(fast_sim: Simulator) -> None:
    """The count of a group shrinks with each row that leaves; none that stays is missed."""
    org = fast_sim.org
    moment = org.clock.now() - 90 * DAY
    org.add("customer", 90, updated_at=moment, created_at=moment)
    org.add("customer", 90, updated_at=moment - DAY)
    fast_sim.before_each_search(org.update_random, "customer", 2)

    output = read(fast_sim)

    assert output.ids("customers") == set(org.ids("customer"))


def test_a_row_of_the_archive_that_is_updated_meanwhile_is_read(fast_sim: Simulator) -> None:
    """It leaves the archive for the newest rows, behind the answer that held all of those."""
    org = fast_sim.org
    [id_] = org.add("customer", updated_at=org.clock.now() - 800 * DAY)
    org.add("customer", 5)
    pending = [id_]
    fast_sim.before_each_search(
        lambda: (
            org.update("customer", pending.pop())
            if pending and len(fast_sim.searches()) > 1
            else None
        )
    )
    config = {**fast_sim.config, "start_date": "2020-01-01T00:00:00Z"}

    output = sync_tap(config, ["customers"], clock=tap_clock.Clock(FAST))

    assert not pending
    assert output.ids("customers") == set(org.ids("customer"))


def test_a_run_ends_though_rows_change_faster_than_they_are_read(fast_sim: Simulator) -> None:
    """The catch-up would flee before its reader for ever; the rest is the next run's."""
    org = fast_sim.org
    org.search_limit = org.plan_limit = 100_000
    org.add("customer", 100)
    fast_sim.before_each_search(org.update_random, "customer", 50)

    output = read(fast_sim, page_size=10)

    assert output.status == 0
    assert len(fast_sim.searches()) < 100
    fast_sim.clear_hooks()
    second = read(fast_sim, output.state)
    assert output.ids("customers") | second.ids("customers") == set(org.ids("customer"))


def test_each_row_comes_once_when_nothing_moves(fast_sim: Simulator) -> None:
    """Rows come again where readers overlap: not one in a hundred in a large run."""
    fast_sim.org.add("customer", 2_000)

    output = read(fast_sim, page_size=100)

    assert len(output.records("customers")) == 2_000
