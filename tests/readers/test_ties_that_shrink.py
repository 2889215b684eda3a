"""Rows of one timestamp, created at one moment too, that are updated while they are read."""

from __future__ import annotations

from simulator import Clock, Org, Simulator
from tap_kustomer import clock as tap_clock
from tests.support import FAST, sync_tap

ROWS = 300
PAGE = 50
SEARCHES = 250  # about forty walks over six pages; eight or so would do if nothing moved
MANY = 100_000  # requests a minute


def test_a_row_that_leaves_does_not_begin_the_count_anew() -> None:
    """Such rows have no order: each walk shows other ones, and counting them takes many walks."""
    org = Org(seed=3, clock=Clock(FAST), realistic=False, plan_limit=MANY, search_limit=MANY)
    moment = org.clock.now() - 3600
    ids = org.add("note", ROWS, created_at=moment, updated_at=moment)
    with Simulator(org) as sim:

        def update_one_now_and_then() -> None:
            if len(sim.searches("note")) % 12 == 0:
                org.update("note", ids[org.rng.randrange(ROWS)])

        sim.before_each_search(update_one_now_and_then)
        config = {**sim.config, "page_size": PAGE, "search_requests_per_minute": MANY}
        output = sync_tap(config, ["notes"], clock=tap_clock.Clock(FAST))

        assert output.status == 0, output.stderr
        assert output.ids("notes") == set(ids)
        assert len(sim.searches("note")) < SEARCHES
