"""A search index that shows rows late, and documents that are fresher than their place in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simulator import Clock, Org, Simulator, to_iso
from tap_kustomer import clock as tap_clock
from tests.support import FAST, Output, sync_tap

DAY = 86_400.0
MINUTE = 60.0


class WrongClock(tap_clock.Clock):
    """This machine's clock, ahead of Kustomer's or behind."""

    def __init__(self, offset: float) -> None:
        """Be ``offset`` seconds ahead."""
        super().__init__(FAST)
        self._offset = offset

    def now(self) -> float:
        """Return the wrong time."""
        return super().now() + self._offset


def late_org(lag: float | Callable[[], float]) -> Org:
    """Return an org whose index is late."""
    return Org(
        seed=5,
        clock=Clock(speed=FAST),
        realistic=False,
        index_lag=lag,
        plan_limit=100_000,
        search_limit=100_000,
    )


def read(sim: Simulator, state: Any = None, offset: float = 0.0, **config: Any) -> Output:
    """Run the tap in quick time."""
    settings = {**sim.config, "page_size": 10, "search_requests_per_minute": 100_000, **config}
    return sync_tap(settings, ["customers"], state=state, clock=WrongClock(offset))


@pytest.mark.parametrize("offset", [-20 * MINUTE, 0, 20 * MINUTE])
@pytest.mark.parametrize("pause", [0, 60, 400])
def test_rows_that_the_index_shows_late_come_with_the_next_run(pause: float, offset: float) -> None:
    """A row appears at a moment that the first run had already passed."""
    org = late_org(250)
    org.add("customer", 50)
    org.add("customer", 30, updated_at=lambda n: org.clock.now() - 10 * n)
    known = {version.id for version in org.store.view("customer").documents.values()}
    with Simulator(org) as sim:
        first = read(sim, offset=offset)
        org.clock.advance(pause)
        second = read(sim, first.state, offset)
        org.clock.advance(300)
        third = read(sim, second.state, offset)

    assert known <= first.ids("customers")
    ids = first.ids("customers") | second.ids("customers") | third.ids("customers")
    assert ids == set(org.ids("customer"))


def test_a_long_run_keeps_its_bookmark_behind_the_start_of_its_pass() -> None:
    """Each search lets a minute pass: the run lasts longer than the lookback."""
    org = late_org(200)
    org.add("customer", 120)
    with Simulator(org) as sim:
        sim.before_each_search(org.clock.advance, MINUTE)
        sim.before_each_search(org.update_random, "customer", 2)
        first = read(sim)
        second = read(sim, first.state)
        sim.clear_hooks()
        org.clock.advance(300)
        third = read(sim, second.state)

    assert first.ids("customers") == set(org.ids("customer"))
    held = {
        **first.newest("customers"), **second.newest("customers"), **third.newest("customers"),
    }  # fmt: skip
    truth = {row["id"]: row["attributes"]["updatedAt"] for row in org.rows("customer")}
    assert {id_: row["updated_at"] for id_, row in held.items()} == truth


@pytest.mark.parametrize("fresh", [9, 10, 25, 60])
def test_documents_fresher_than_their_place_do_not_lead_past_unread_rows(fresh: int) -> None:
    """A page of rows that were all updated just now tells nothing of where the search is.

    Their timestamps lead behind the end of the range, and the rows after them would be lost.
    """
    org = late_org(0)
    ids = org.add("customer", 200)
    with Simulator(org, fresh_documents=True) as sim:
        org.store.index_lag = 250
        for id_ in ids[40 : 40 + fresh]:
            org.update("customer", id_)
        output = read(sim)
        org.clock.advance(300)
        second = read(sim, output.state)

    assert output.ids("customers") == set(ids)
    truth = {row["id"]: row["attributes"]["updatedAt"] for row in org.rows("customer")}
    held = {**output.newest("customers"), **second.newest("customers")}
    assert {id_: row["updated_at"] for id_, row in held.items()} == truth


def test_rows_updated_twice_within_the_lag_do_not_hide_others() -> None:
    """Twice the same bulk update: in order, but none in its place."""
    org = late_org(0)
    ids = org.add("customer", 80, updated_at=lambda n: org.clock.now() - 200 + n)
    with Simulator(org, fresh_documents=True) as sim:
        org.store.index_lag = 250
        for id_ in ids[:40]:
            org.update("customer", id_)
        output = read(sim)

    assert output.ids("customers") == set(ids)


def test_the_bookmark_follows_kustomers_clock() -> None:
    """Twenty minutes ahead, this machine's clock would put the bookmark behind unread rows."""
    org = late_org(0)
    org.add("customer", 5, updated_at=org.clock.now())
    with Simulator(org) as sim:
        output = read(sim, offset=20 * MINUTE, lookback_seconds=0)
        now = org.clock.now()
    assert (output.bookmark("customers") or "9") <= to_iso(int(now * 1000))
    org.add("customer", 1, updated_at=now)
    with Simulator(org) as sim:
        second = read(sim, output.state, 20 * MINUTE, lookback_seconds=0)
    assert output.ids("customers") | second.ids("customers") == set(org.ids("customer"))
