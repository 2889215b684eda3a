"""The two budgets over HTTP: a run stays within its share, and a refusal is waited out."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Clock as OrgClock
from simulator import Fault, Org, Simulator
from tap_kustomer.clock import Clock
from tests.support import FAST, Output, sync_tap

REFUSED = 429


def fast_org(**org: Any) -> Org:
    """Return an org whose minutes pass as fast as the tap's."""
    return Org(seed=1, clock=OrgClock(speed=FAST), **org)


def run(sim: Simulator, *select: str, **config: Any) -> Output:
    """Run the tap on the fast clock."""
    return sync_tap({**sim.config, **config}, select, clock=Clock(FAST))


def busiest_minute(moments: list[float]) -> int:
    """Return the most requests in any sixty seconds."""
    return max(sum(first <= one < first + 60 for one in moments) for first in moments)


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_a_long_run_stays_within_its_share(window: str) -> None:
    """More pages than a minute allows: the rest waits, and none is refused or lost."""
    org = fast_org(search_limit=20)
    org.add("message", count=400)
    with Simulator(org, window=window) as sim:
        output = run(sim, "messages", page_size=10, search_requests_per_minute=20)
        assert output.status == 0
        assert output.ids("messages") == set(org.ids("message"))
        assert sim.refused == 0
        assert busiest_minute([log.time for log in sim.searches()]) <= 16


@pytest.mark.parametrize(
    "knobs",
    [
        {"ratelimit_reset": "seconds"},
        {"ratelimit_reset": "milliseconds"},
        {"ratelimit_reset": "delta"},
        {"ratelimit_reset": None},
        {"ratelimit_reset": None, "retry_after": "seconds"},
        {"ratelimit_reset": None, "retry_after": "date"},
        {"ratelimit_headers": False, "ratelimit_reset": None},
        {"ratelimit_headers_on_search": "search"},
    ],
    ids=str,
)
def test_a_used_up_search_budget_is_waited_out(knobs: dict[str, Any]) -> None:
    """Whoever used it up: no page is lost, and a window sees a few refusals at most."""
    org = fast_org()
    org.add("customer", count=300)
    with Simulator(org, **knobs) as sim:
        sim.consume(search=100)
        output = run(sim, "customers", page_size=50)
        assert output.status == 0
        assert output.ids("customers") == set(org.ids("customer"))
        assert sim.refused <= 5
        assert_no_early_retry(sim)


def assert_no_early_retry(sim: Simulator) -> None:
    """A search that follows a refusal comes in a later window."""
    refused = [log for log in sim.searches() if log.status == REFUSED]
    for log in refused:
        later = [one.time for one in sim.searches() if one.time > log.answered]
        minute = log.time // 60
        assert all(one // 60 > minute for one in later)


def test_others_who_use_the_search_budget_too_cost_time_and_no_rows() -> None:
    """Another integration searches 70 times a minute: the rest is what is left."""
    org = fast_org()
    org.add("customer", count=600)
    with Simulator(org, other_client_search=70) as sim:
        output = run(sim, "customers", page_size=5)
        assert output.status == 0
        assert output.ids("customers") == set(org.ids("customer"))
        windows = len({log.time // 60 for log in sim.searches()})
        assert sim.refused <= 5 * windows


def test_a_refusal_in_the_middle_of_a_list_is_waited_out() -> None:
    """The page is asked for again, not skipped."""
    org = fast_org()
    org.add("tag", count=250)
    with Simulator(org) as sim:
        sim.faults.add(Fault("429", path="/v1/tags", after=1, seconds=30))
        output = run(sim, "tags")
        assert output.status == 0
        assert output.ids("tags") == set(org.ids("tag"))
        refused = next(log for log in sim.requests if log.status == REFUSED)
        again = next(log for log in sim.requests if log.time > refused.answered)
        assert again.time >= refused.answered + 30
