"""A run of one search leaves its rows to the next to be looked at again, for no request more."""

from __future__ import annotations

import random
from typing import Any

import pytest

from simulator import Clock, Org, Simulator, to_iso
from tap_kustomer import clock as tap_clock
from tests.direct import without_sockets
from tests.readers.part_of_the_index import PartOfTheIndex
from tests.support import FAST, Output, sync_tap

DAY = 86_400.0
PAGE = 50


def quick_org(seed: int = 3) -> Org:
    """Return an org without limits."""
    clock = Clock(speed=FAST)
    return Org(seed=seed, clock=clock, realistic=False, plan_limit=10**6, search_limit=10**6)


def read(sim: Simulator, state: Any = None, **config: Any) -> Output:
    """Read the customers in quick time."""
    limits = {"search_requests_per_minute": 100_000, "requests_per_minute": 100_000}
    settings = {**sim.config, "page_size": PAGE, **limits, **config}
    return sync_tap(settings, ["customers"], state=state, clock=tap_clock.Clock(FAST))


def test_what_a_run_of_one_search_did_not_see_comes_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answer came from a part of the index, total and rows alike: only later ones can tell."""
    index = PartOfTheIndex(monkeypatch)
    org = quick_org()
    org.add("customer", 30)
    with Simulator(org) as sim:
        index.bad = 1
        first = read(sim)
        missing = set(org.ids("customer")) - first.ids("customers")
        asked = index.searches
        second = read(sim, first.state)
        again = read(sim, second.state)

    assert (first.status, asked, index.searches) == (0, 1, 3)
    assert len(missing) >= 3
    assert missing <= second.ids("customers")
    assert "Kustomer now shows more than the" in second.stderr
    assert "Kustomer now shows more" not in again.stderr


def test_rows_that_were_read_are_not_written_again() -> None:
    """The next run looks at them and writes what is new, and its last row once more."""
    org = quick_org()
    org.add("customer", 30)
    with Simulator(org) as sim:
        first = read(sim)
        org.clock.advance(60)
        (new,) = org.add("customer", updated_at=org.clock.now())
        org.clock.advance(200)
        sent = len(sim.searches())
        second = read(sim, first.state)
        searches = len(sim.searches()) - sent

    assert searches == 1
    assert new in second.ids("customers")
    assert len(second.records("customers")) <= 2
    assert "Kustomer now shows more" not in second.stderr


@pytest.mark.parametrize("change", ["update", "erase"])
def test_rows_that_left_meanwhile_hide_nothing_and_alarm_nobody(change: str) -> None:
    """Up to a bookmark rows only leave, so fewer of them are no wonder."""
    org = quick_org()
    org.add("customer", 30)
    with Simulator(org) as sim:
        first = read(sim)
        org.clock.advance(60)
        changed = org.ids("customer")[:4]
        for id_ in changed:
            if change == "update":
                org.update("customer", id_)
            else:
                org.erase("customer", id_)
        org.clock.advance(200)
        second = read(sim, first.state)

    assert "Kustomer now shows more" not in second.stderr
    assert second.ids("customers") >= ({*changed} if change == "update" else set())
    assert len(second.records("customers")) <= 5


@pytest.mark.parametrize("new", [15, 25, 60, 300])
def test_where_much_is_new_all_of_it_is_read(new: int) -> None:
    """One answer does not hold both: the run begins at its bookmark as ever."""
    org = quick_org()
    org.add("customer", 30)
    with Simulator(org) as sim:
        first = read(sim)
        org.clock.advance(60)
        for _ in range(new):
            org.clock.advance(1)
            org.add("customer", updated_at=org.clock.now())
        org.clock.advance(200)
        second = read(sim, first.state)

    assert first.ids("customers") | second.ids("customers") == set(org.ids("customer"))
    assert second.status == 0
    assert len(second.records("customers")) <= new + 3


def test_a_bookmark_that_was_changed_by_hand_is_where_the_run_begins() -> None:
    """What was noted beside another bookmark holds for that one only."""
    org = quick_org()
    org.add("customer", 30)
    with Simulator(org) as sim:
        state = read(sim).state
        assert state["bookmarks"]["customers"]["uncounted"]["recount"] is True
        moment = org.clock.now() - 400 * DAY
        early = to_iso(int(moment * 1000))
        state["bookmarks"]["customers"]["replication_key_value"] = early
        output = read(sim, state)
        later = {
            row["id"] for row in org.rows("customer") if row["attributes"]["updatedAt"] >= early
        }

    assert output.ids("customers") == later


def test_a_day_of_runs_loses_nothing_though_one_answer_was_a_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Forty stories of six runs, a row or ten between two of them; one search lacks a shard.

    Whichever it was, the run behind the next one has all that was there two runs before. Rows
    that are updated between make room for as many that were not shown, so none is.
    """
    index = PartOfTheIndex(monkeypatch)
    happened = 0
    for seed in range(40):
        rng = random.Random(seed)
        org = quick_org(seed)
        org.add("customer", rng.randint(0, 35))
        bad = rng.randint(1, 4)
        have: dict[str, str] = {}
        state: Any = None
        sim = Simulator(org)
        with without_sockets(sim):
            for number in range(6):
                index.searches, index.bad = 0, 1 if number == bad else 0
                index.share = rng.choice((1, 2, 5))
                output = read(sim, state, lookback_seconds=30)
                assert output.status == 0, (seed, output.stderr)
                state = output.state or state
                have |= {row["id"]: row["updated_at"] for row in output.records("customers")}
                happened += "Kustomer now shows more" in output.stderr
                if number < 4:
                    for _ in range(rng.choice((0, 1, 3, 10))):
                        org.clock.advance(rng.choice((0.01, 1, 600)))
                        org.add("customer", updated_at=org.clock.now())
                org.clock.advance(40)
        assert have.keys() == set(org.ids("customer")), seed
    assert happened >= 10
