"""Whose turn it is: never more than the tap's share of either budget, by a clock that stands."""

from __future__ import annotations

import heapq
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_kustomer.client.rate_limit import Budget, RateLimiter
from tap_kustomer.clock import Clock

REFUSED = 429
MOST_SLEEPS = 20_000


class FakeClock(Clock):
    """Stands still; a sleep moves it, and lets the answers come that are due meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1000.0
        self.due: list[tuple[float, int, AbstractContextManager[None]]] = []
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Return the time that the test has made."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move the time."""
        self.check()
        self.slept.append(seconds)
        assert len(self.slept) < MOST_SLEEPS, "no end"
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
