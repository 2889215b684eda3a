"""The two budgets: never more than the tap's share, and what a refusal asks for is waited out."""

from __future__ import annotations

import heapq
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Clock as OrgClock
from simulator import Fault, Org, Simulator
from tap_kustomer.client.rate_limit import Budget, RateLimiter
from tap_kustomer.clock import Clock
from tests.support import FAST, Output, sync_tap

REFUSED = 429


class FakeClock(Clock):
    """Stands still; a sleep moves it, and lets the answers come that are due meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1000.0
        self.due: list[tuple[float, int, AbstractContextManager[None]]] = []

    def monotonic(self) -> float:
        """Return the time that the test has made."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move the time."""
        end = self.time + seconds
        while self.due and self.due[0][0] <= end:
            self.answer()
        self.time = max(self.time, end)

    def answer(self) -> None:
        """Let the next answer come."""
        at, _, turn = heapq.heappop(self.due)
        self.time = max(self.time, at)
        turn.__exit__(None, None, None)


LATENCIES = st.tuples(st.floats(0, 30), st.floats(0, 1))  # seconds; when the server counts in it


@settings(max_examples=150, deadline=None)
@given(
    limit=st.integers(1, 12),
    threads=st.integers(1, 6),
    requests=st.lists(LATENCIES, min_size=20, max_size=60),
)
def test_no_minute_at_the_server_holds_more_than_the_share(
    limit: int, threads: int, requests: list[tuple[float, float]]
) -> None:
    """The server counts a request at any moment between its sending and its answer."""
    clock = FakeClock()
    limiter = RateLimiter(clock, search_per_minute=limit, utilization=1.0)
    counted: list[float] = []
    for number, (latency, part) in enumerate(requests):
        while len(clock.due) >= threads:
            clock.answer()
        turn = limiter.turn(Budget.SEARCH)
        turn.__enter__()
        counted.append(clock.time + latency * part)
        heapq.heappush(clock.due, (clock.time + latency, number, turn))
    counted.sort()
    for first, moment in enumerate(counted):
        # One microsecond less than a minute: sums of floats are not exact.
        within = [one for one in counted[first:] if one < moment + 60 - 1e-6]
        assert len(within) <= limit


def take(limiter: RateLimiter, budget: Budget = Budget.SEARCH) -> None:
    """Send one request and have its answer at once."""
    with limiter.turn(budget):
        pass


def observe(limiter: RateLimiter, budget: Budget, status: int = 200, **headers: Any) -> None:
    """Show an answer to the limiter; the server's time is 1,000,000,000."""
    names = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    limiter.observe(budget, status, names, 1e9)


def waited(limiter: RateLimiter, clock: FakeClock, budget: Budget) -> float:
    """Return how long the next request of ``budget`` waits."""
    before = clock.time
    take(limiter, budget)
    return clock.time - before


def test_a_slot_is_free_a_minute_after_its_answer() -> None:
    """Not after its sending: the server may have counted it later."""
    clock = FakeClock()
    limiter = RateLimiter(clock, search_per_minute=1, utilization=1.0)
    with limiter.turn(Budget.SEARCH):
        clock.time += 25
    assert waited(limiter, clock, Budget.SEARCH) == pytest.approx(60)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x_ratelimit_reset": 1_000_000_042}, 42),
        ({"x_ratelimit_reset": 1_000_000_042_000}, 42),
        ({"x_ratelimit_reset": 42}, 42),
        ({"retry_after": 42}, 42),
        ({"retry_after": "Sun, 09 Sep 2001 01:47:22 GMT"}, 42),
        ({"retry_after": 7, "x_ratelimit_reset": 42}, 7),
        ({"retry_after": "soon"}, 60),
        ({"x_ratelimit_reset": "soon"}, 60),
        ({}, 60),
    ],
)
def test_a_refusal_is_waited_out(headers: dict[str, Any], seconds: float) -> None:
    """In whatever form it says for how long; without any for the rest of the minute."""
    for budget in Budget:
        clock = FakeClock()
        limiter = RateLimiter(clock)
        observe(limiter, budget, REFUSED, **headers)
        assert seconds <= waited(limiter, clock, budget) <= seconds + 1


def test_a_refused_search_does_not_hold_lists_back() -> None:
    """The search budget is its own, unless the org's is used up too."""
    clock = FakeClock()
    limiter = RateLimiter(clock)
    observe(limiter, Budget.SEARCH, REFUSED, x_ratelimit_limit=300, x_ratelimit_remaining=250)
    assert waited(limiter, clock, Budget.ORG) == 0
    observe(limiter, Budget.SEARCH, REFUSED, x_ratelimit_limit=300, x_ratelimit_remaining=0)
    assert waited(limiter, clock, Budget.ORG) >= 60


def test_a_reset_that_has_passed_is_not_asked_again_without_a_pause() -> None:
    """A server that refuses and says `now` would otherwise be asked hundreds of times."""
    clock = FakeClock()
    limiter = RateLimiter(clock)
    waits = []
    for _ in range(7):
        observe(limiter, Budget.SEARCH, REFUSED, retry_after=0)
        waits.append(waited(limiter, clock, Budget.SEARCH))
    assert all(wait >= 2**number for number, wait in enumerate(waits[:6]))
    assert waits[-1] <= 61


def test_one_request_tries_whether_the_budget_is_open_again() -> None:
    """Four threads would be refused four times, in every window."""
    clock = FakeClock()
    limiter = RateLimiter(clock)
    observe(limiter, Budget.SEARCH, REFUSED, retry_after=10)
    first = limiter.turn(Budget.SEARCH)
    first.__enter__()
    heapq.heappush(clock.due, (clock.time + 5, 0, first))
    assert waited(limiter, clock, Budget.SEARCH) >= 5
    observe(limiter, Budget.SEARCH)
    with limiter.turn(Budget.SEARCH):
        assert waited(limiter, clock, Budget.SEARCH) == 0


def test_lists_leave_the_reserve_to_others_and_searches_do_not() -> None:
    """A fifth of the org's budget is for the agents in the app."""
    clock = FakeClock()
    limiter = RateLimiter(clock, utilization=0.8)
    observe(limiter, Budget.ORG, x_ratelimit_limit=300, x_ratelimit_remaining=60)
    assert waited(limiter, clock, Budget.ORG) == 0
    observe(limiter, Budget.ORG, x_ratelimit_limit=300, x_ratelimit_remaining=59)
    assert waited(limiter, clock, Budget.SEARCH) == 0
    assert waited(limiter, clock, Budget.ORG) > 0
    observe(limiter, Budget.ORG, x_ratelimit_limit=300, x_ratelimit_remaining=9)
    observe(limiter, Budget.SEARCH, x_ratelimit_limit=300, x_ratelimit_remaining=290)
    assert waited(limiter, clock, Budget.ORG) == 0


def test_one_list_at_a_time_looks_whether_the_reserve_is_there_again() -> None:
    """A few requests a minute, where a whole minute of waiting would waste the tap's share."""
    clock = FakeClock()
    limiter = RateLimiter(clock, utilization=0.8)
    observe(limiter, Budget.ORG, x_ratelimit_limit=300, x_ratelimit_remaining=59)
    began, looks = clock.time, 0
    while clock.time < began + 60:
        take(limiter, Budget.ORG)
        looks += 1
    assert 3 <= looks <= 7
    observe(limiter, Budget.ORG, x_ratelimit_limit=300, x_ratelimit_remaining=200)
    assert waited(limiter, clock, Budget.ORG) == 0
    assert waited(limiter, clock, Budget.ORG) == 0


def test_a_reset_on_good_answers_ends_the_reserve_and_an_empty_budget() -> None:
    """Then the moment is known, and nobody is refused first."""
    clock = FakeClock()
    limiter = RateLimiter(clock)
    headers = {"x_ratelimit_limit": 300, "x_ratelimit_reset": 1_000_000_007}
    observe(limiter, Budget.ORG, x_ratelimit_remaining=5, **headers)
    assert waited(limiter, clock, Budget.ORG) == pytest.approx(7)
    observe(limiter, Budget.ORG, x_ratelimit_remaining=0, **headers)
    assert waited(limiter, clock, Budget.SEARCH) == pytest.approx(7)


def test_the_org_limit_is_learned_unless_it_is_set() -> None:
    """300 until the first answer; a setting is never overruled."""
    learned = RateLimiter(FakeClock())
    assert learned.shares == (80, 240)
    observe(learned, Budget.ORG, x_ratelimit_limit=2000, x_ratelimit_remaining=1999)
    assert learned.shares == (80, 1600)
    fixed = RateLimiter(FakeClock(), org_per_minute=100)
    observe(fixed, Budget.ORG, x_ratelimit_limit=2000, x_ratelimit_remaining=1999)
    assert fixed.shares == (80, 80)


def test_a_smaller_search_budget_is_learned_from_a_search() -> None:
    """A limit below the search budget, on a search, can only be the search budget."""
    limiter = RateLimiter(FakeClock())
    observe(limiter, Budget.SEARCH, x_ratelimit_limit=50, x_ratelimit_remaining=49)
    assert limiter.shares == (40, 240)


# ---------------------------------------------------------------- over HTTP


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
