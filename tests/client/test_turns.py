"""Whose turn it is: never more than the tap's share of either budget, by a clock that stands."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_kustomer.client.rate_limit import Budget, RateLimiter
from tap_kustomer.clock import Clock, StopRequested

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
    for least in (1, 2, 4, 8, 16, 32, 60, 60):
        observe(limiter, Budget.SEARCH, REFUSED, retry_after=0)
        assert least <= waited(limiter, clock, Budget.SEARCH) <= least + 0.5
    observe(limiter, Budget.SEARCH)
    observe(limiter, Budget.SEARCH, REFUSED, retry_after=0)
    assert waited(limiter, clock, Budget.SEARCH) <= 1.5  # a good answer ends the row


def test_one_request_tries_whether_the_budget_is_open_again() -> None:
    """Four threads would be refused four times, in every window."""
    clock = FakeClock()
    limiter = RateLimiter(clock)
    observe(limiter, Budget.SEARCH, REFUSED, retry_after=10)
    first = limiter.turn(Budget.SEARCH)
    first.__enter__()
    heapq.heappush(clock.due, (clock.time + 5.5, 0, first))
    assert 5.5 <= waited(limiter, clock, Budget.SEARCH) <= 5.65  # it is looked for often
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
    waits = [waited(limiter, clock, Budget.ORG) for _ in range(6)]
    assert waits == [pytest.approx(10)] * 6
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


def test_the_oldest_answer_frees_the_next_slot() -> None:
    """Not the newest; who waits is told how long, and looks again each second."""
    clock = FakeClock()
    limiter = RateLimiter(clock, search_per_minute=2, utilization=1.0)
    told: list[float] = []
    limiter.on_wait = told.append
    take(limiter)
    clock.time += 30
    take(limiter)
    assert waited(limiter, clock, Budget.SEARCH) == pytest.approx(30)
    assert told == [pytest.approx(30 - second) for second in range(30)]
    assert max(clock.slept) == 1


def test_waiting_takes_no_turn() -> None:
    """It is done before the next page is asked for, whose request takes it."""
    clock = FakeClock()
    limiter = RateLimiter(clock, search_per_minute=1, utilization=1.0)
    for _ in range(3):
        limiter.wait(Budget.SEARCH)
    assert waited(limiter, clock, Budget.SEARCH) == 0


def test_searches_of_the_last_minute_are_counted_with_those_in_flight() -> None:
    """So that a report can say how much of the budget is used."""
    clock = FakeClock()
    limiter = RateLimiter(clock)
    take(limiter)
    take(limiter, Budget.ORG)
    clock.time += 59
    with limiter.turn(Budget.SEARCH):
        assert limiter.searches_in_last_minute == 2
        clock.time += 1
        assert limiter.searches_in_last_minute == 1
    assert limiter.searches_in_last_minute == 1


def test_refusals_are_counted() -> None:
    """Of both budgets, and nothing else."""
    limiter = RateLimiter(FakeClock())
    for number, budget in enumerate([Budget.SEARCH, Budget.ORG, Budget.SEARCH]):
        assert limiter.refusals == number
        observe(limiter, budget, REFUSED)
        observe(limiter, budget, 503)


@pytest.mark.parametrize(
    ("headers", "shares"),
    [
        ({"x_ratelimit_limit": 1000}, (80, 240)),
        ({"x_ratelimit_remaining": 7}, (80, 240)),
        ({"x_ratelimit_limit": 0, "x_ratelimit_remaining": 0}, (80, 240)),
        ({"x_ratelimit_limit": -5, "x_ratelimit_remaining": 0}, (80, 240)),
        ({"x_ratelimit_limit": "many", "x_ratelimit_remaining": 7}, (80, 240)),
        ({"x_ratelimit_limit": "inf", "x_ratelimit_remaining": 7}, (80, 240)),
        ({"x_ratelimit_limit": "", "x_ratelimit_remaining": 7}, (80, 240)),
        ({"x_ratelimit_limit": 1, "x_ratelimit_remaining": 1}, (80, 1)),
        ({"x_ratelimit_limit": "1000.0", "x_ratelimit_remaining": 900}, (80, 800)),
    ],
)
def test_a_limit_is_learned_from_headers_that_make_sense(
    headers: dict[str, Any], shares: tuple[int, int]
) -> None:
    """A share is at least one request, or nothing would ever be read."""
    limiter = RateLimiter(FakeClock())
    observe(limiter, Budget.ORG, **headers)
    assert limiter.shares == shares


@pytest.mark.parametrize(
    ("limit", "org_waits"), [(None, False), (100, False), (101, True), (300, True)]
)
def test_a_search_that_is_refused_with_the_orgs_budget_used_up_closes_both(
    limit: int | None, *, org_waits: bool
) -> None:
    """Which of the two the headers are about is told by the size of the limit."""
    clock = FakeClock()
    limiter = RateLimiter(clock)
    headers = {"x_ratelimit_limit": limit} if limit else {}
    observe(limiter, Budget.SEARCH, REFUSED, x_ratelimit_remaining=0, **headers)
    assert (waited(limiter, clock, Budget.ORG) > 0) is org_waits


@pytest.mark.parametrize(("remaining", "seconds"), [(0, 7), (1, 0), (250, 0)])
def test_a_reset_closes_only_a_budget_that_is_used_up(remaining: int, seconds: int) -> None:
    """Some servers send it with each answer."""
    clock = FakeClock()
    limiter = RateLimiter(clock)
    observe(
        limiter,
        Budget.ORG,
        x_ratelimit_limit=300,
        x_ratelimit_remaining=remaining,
        x_ratelimit_reset=1_000_000_007,
    )
    assert waited(limiter, clock, Budget.SEARCH) == pytest.approx(seconds)


def test_a_list_may_go_while_no_less_than_the_reserve_is_left() -> None:
    """The share of others is theirs, and not one request more."""
    for remaining, seconds in ((150, 0), (149, 10)):
        clock = FakeClock()
        limiter = RateLimiter(clock, utilization=0.5)
        observe(limiter, Budget.ORG, x_ratelimit_limit=300, x_ratelimit_remaining=remaining)
        assert waited(limiter, clock, Budget.ORG) == seconds


def test_a_limiter_that_is_used_while_the_tap_stops_ends_at_once() -> None:
    """Before it gives a turn."""
    clock = FakeClock()
    clock.stop_requested = True
    with pytest.raises(StopRequested):
        take(RateLimiter(clock))


# ---------------------------------------------------------------- room


class Room:
    """Stands for the condition: who waits for room lets the next answer come, or time pass."""

    clock: FakeClock
    waits: int = 0
    meanwhile: Callable[[], None] | None = None

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        """Keep the lock, which a waiting thread gives back."""
        self.lock = lock

    def wait(self, seconds: float) -> None:
        """Let the world go on."""
        Room.waits += 1
        assert Room.waits < 1000, "no end"
        self.lock.__exit__(None, None, None)
        try:
            if Room.meanwhile is not None:
                Room.meanwhile()
            elif self.clock.due:
                self.clock.answer()
            else:
                self.clock.time += seconds
        finally:
            self.lock.__enter__()

    def notify_all(self) -> None:
        """Nobody sleeps."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """A clock that stands, also for who waits for room."""
    Room.clock, Room.waits, Room.meanwhile = FakeClock(), 0, None
    monkeypatch.setattr(threading, "Condition", Room)
    return Room.clock


def sent(limiter: RateLimiter, clock: FakeClock, budget: Budget, seconds: float) -> None:
    """Send a request whose answer comes after so many seconds."""
    turn = limiter.turn(budget)
    turn.__enter__()
    heapq.heappush(clock.due, (clock.time + seconds, len(clock.due), turn))


def test_a_limiter_begins_with_both_budgets_open(clock: FakeClock) -> None:
    """Also when the clock begins at zero; lists are no fewer than searches then."""
    clock.time = 0.0
    limiter = RateLimiter(clock, in_flight=2)
    with limiter.turn(Budget.ORG):
        assert waited(limiter, clock, Budget.ORG) == 0
    assert waited(limiter, clock, Budget.SEARCH) == 0
    assert clock.time == 0
    assert limiter.refusals == 0
    assert RateLimiter(clock, utilization=1.0).shares == (100, 300)


@pytest.mark.parametrize("budget", list(Budget))
@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_requests_are_in_flight_than_set(
    clock: FakeClock, limit: int, budget: Budget
) -> None:
    """The next goes when the first answer is there, and takes that place alone."""
    limiter = RateLimiter(clock, in_flight=limit)
    began = clock.time
    for number in range(limit):
        sent(limiter, clock, budget, 5 + number)
    assert clock.time == began
    sent(limiter, clock, budget, 50)
    assert clock.time == began + 5
    if limit > 1:
        sent(limiter, clock, budget, 50)
        assert clock.time == began + 6


def test_any_number_may_be_in_flight_where_none_is_set(clock: FakeClock) -> None:
    """Of both kinds."""
    limiter = RateLimiter(clock)
    for budget in [*Budget] * 20:
        sent(limiter, clock, budget, 5)
    assert not Room.waits


@pytest.mark.parametrize(("limit", "waits"), [(1, 0), (2, 1), (3, 0)])
def test_the_place_of_a_search_is_kept_a_moment_for_the_next(
    clock: FakeClock, limit: int, waits: int
) -> None:
    """A slot of the search budget is lost with each that is late; lists have time."""
    limiter = RateLimiter(clock, in_flight=limit)
    with limiter.turn(Budget.ORG) if limit > 1 else nullcontext():
        take(limiter)
        answered = clock.time
        take(limiter, Budget.ORG)
    assert Room.waits == waits
    assert clock.time == answered + 0.1 * waits


def test_the_place_of_a_list_is_kept_for_nobody(clock: FakeClock) -> None:
    """It is free for a search and for a list."""
    limiter = RateLimiter(clock, in_flight=2)
    sent(limiter, clock, Budget.ORG, 50)
    for budget in (Budget.ORG, Budget.ORG, Budget.SEARCH):
        take(limiter, budget)
    assert not Room.waits


class HeldBackError(Exception):
    """A list has to wait."""


def test_a_search_that_waits_for_room_comes_before_lists(clock: FakeClock) -> None:
    """Until it has its turn."""
    limiter = RateLimiter(clock, in_flight=1)
    sent(limiter, clock, Budget.ORG, 5)

    def hold_back() -> None:
        raise HeldBackError

    def meanwhile() -> None:
        clock.answer()  # there is room now
        Room.meanwhile = hold_back
        with pytest.raises(HeldBackError):
            take(limiter, Budget.ORG)
        Room.meanwhile = None

    Room.meanwhile = meanwhile
    take(limiter)
    assert Room.waits == 2
    clock.time += 1
    take(limiter, Budget.ORG)
    assert Room.waits == 2


def test_lists_that_wait_for_room_hold_back_no_list(clock: FakeClock) -> None:
    """Whichever comes first has it."""
    limiter = RateLimiter(clock, in_flight=1)
    sent(limiter, clock, Budget.ORG, 5)

    def meanwhile() -> None:
        clock.answer()
        Room.meanwhile = None
        take(limiter, Budget.ORG)

    Room.meanwhile = meanwhile
    take(limiter, Budget.ORG)
    assert Room.waits == 1
