"""The simpler ways to read a search lose rows. Tiny readers show how, the tap beside them not.

Each reader is what other connectors do; the same org, read by the tap, comes out whole.
"""

from __future__ import annotations

from typing import Any

import requests

from simulator import Simulator, to_iso
from tap_kustomer import clock as tap_clock
from tests.support import FAST, Output, one_by_one, sync_tap

DAY = 86_400.0
PAGE = 10


def search(
    sim: Simulator, low: str, *, page: int = 1, operator: str = "gte", high: str | None = None
) -> list[dict[str, Any]]:
    """Return one page of customers in order of their update."""
    criteria: list[dict[str, Any]] = [{"customer_updated_at": {operator: low}}]
    if high is not None:
        criteria.append({"customer_updated_at": {"lte": high}})
    answer = requests.post(
        f"{sim.url}/v1/customers/search",
        params={"page": page, "pageSize": PAGE},
        json={
            "queryContext": "customer",
            "and": criteria,
            "sort": [{"customer_updated_at": "asc"}],
        },
        headers={"Authorization": f"Bearer {sim.knobs.api_key}"},
        timeout=10,
    )
    answer.raise_for_status()
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def stamp(row: dict[str, Any]) -> str:
    """Return when a row was updated."""
    return str(row["attributes"]["updatedAt"])


def keyset(sim: Simulator, low: str, high: str | None = None) -> tuple[set[str], str]:
    """Read by `gte` the last row's moment; return the ids, and that moment as the bookmark."""
    ids: set[str] = set()
    while True:
        rows = search(sim, low, high=high)
        new = {row["id"] for row in rows} - ids
        ids |= new
        if not new:
            return ids, low
        low = stamp(rows[-1])


def tap(sim: Simulator, state: Any = None) -> Output:
    """Read the same with the tap."""
    config = {**sim.config, "page_size": PAGE}
    clock = tap_clock.Clock(sim.org.clock.speed)
    return sync_tap(config, ["customers"], state=state, clock=clock)


def test_page_numbers_skip_rows_that_slide_forward(fast_sim: Simulator) -> None:
    """A row that is updated leaves its page, and each row behind it moves up by one."""
    org = fast_sim.org
    ids = set(org.add("customer", 95))
    oldest = sorted(org.rows("customer"), key=stamp)
    waiting = [row["id"] for row in oldest[:20]]
    fast_sim.before_each_search(one_by_one(waiting[::-1], lambda id_: org.update("customer", id_)))
    seen: set[str] = set()
    number = 1
    while rows := search(fast_sim, fast_sim.config["start_date"], page=number):
        seen |= {row["id"] for row in rows}
        number += 1

    assert ids - seen, "the simpler rule would do"

    waiting.extend(row["id"] for row in oldest[:20])
    assert tap(fast_sim).ids("customers") == ids


def test_going_on_behind_the_last_row_skips_its_ties(fast_sim: Simulator) -> None:
    """`gt` the last row's moment leaves out the rows of that moment on the next page."""
    org = fast_sim.org
    moments = [org.clock.now() - n * DAY for n in range(20, 0, -1)]
    ids = set(org.add("customer", 60, updated_at=lambda n: moments[n // 3]))
    low, seen = fast_sim.config["start_date"], set()
    while rows := search(fast_sim, low, operator="gt"):
        seen |= {row["id"] for row in rows}
        low = stamp(rows[-1])

    assert ids - seen, "the simpler rule would do"
    assert tap(fast_sim).ids("customers") == ids


def test_going_on_at_the_last_row_ends_in_a_tie(fast_sim: Simulator) -> None:
    """When a whole page shares one moment, the next search brings the same page again."""
    org = fast_sim.org
    org.add("customer", 40, updated_at=org.clock.now() - 90 * DAY)
    ids = set(org.add("customer", 20)) | set(org.ids("customer"))
    org.shuffle_ties = False

    seen, _ = keyset(fast_sim, fast_sim.config["start_date"])

    assert ids - seen, "the simpler rule would do"
    assert tap(fast_sim).ids("customers") == ids


def test_without_a_catch_up_rows_flee_behind_the_end(fast_sim: Simulator) -> None:
    """A row that is updated before its turn lies behind the run's start, outside the run."""
    org = fast_sim.org
    ids = set(org.add("customer", 60))
    newest = sorted(org.rows("customer"), key=stamp)
    waiting = [row["id"] for row in newest[-8:]]
    fast_sim.before_each_search(one_by_one(waiting[::-1], lambda id_: org.update("customer", id_)))
    high = to_iso(org.clock.now_ms())

    seen, _ = keyset(fast_sim, fast_sim.config["start_date"], high)

    assert ids - seen, "the simpler rule would do"
    waiting.extend(row["id"] for row in newest[-8:])
    assert tap(fast_sim).ids("customers") == ids


def test_a_bookmark_at_the_last_row_passes_late_ones(sim: Simulator) -> None:
    """The index shows a row after one that was updated later: it never comes again."""
    org = sim.org
    org.add("customer", 20)
    lags = iter([240.0, 0.0])
    org.store.index_lag = lambda: next(lags, 0.0)
    now = org.clock.now()
    org.add("customer", 1, updated_at=now - 10)  # shown in 230 seconds, which no busy machine takes
    org.add("customer", 1, updated_at=now - 5)  # shown at once
    ids = set(org.ids("customer"))

    seen, bookmark = keyset(sim, sim.config["start_date"])
    first = tap(sim)
    org.clock.advance(240)
    again, _ = keyset(sim, bookmark)

    assert ids - seen - again, "the simpler rule would do"
    second = tap(sim, first.state)
    assert first.ids("customers") | second.ids("customers") == ids


def test_the_standard_search_alone_lacks_what_is_older_than_two_years(fast_sim: Simulator) -> None:
    """It does not say so."""
    org = fast_sim.org
    ids = set(org.add("customer", 20, updated_at=lambda n: org.clock.now() - (720 + n) * DAY))
    start = "2019-01-01T00:00:00.000Z"

    seen, _ = keyset(fast_sim, start)

    assert ids - seen, "the simpler rule would do"
    config = {**fast_sim.config, "start_date": start}
    assert sync_tap(config, ["customers"], clock=tap_clock.Clock(FAST)).ids("customers") == ids
