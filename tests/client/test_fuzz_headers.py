"""Whatever stands in a header, the tap waits for a sane time."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from tap_kustomer.client.rate_limit import Budget, RateLimiter
from tap_kustomer.client.responses import header_epoch, seconds_to_wait
from tap_kustomer.clock import Clock

NAMES = ("retry-after", "x-ratelimit-reset", "x-ratelimit-limit", "x-ratelimit-remaining")
NUMBERS = st.one_of(st.integers(), st.floats(), st.integers(-(10**400), 10**400)).map(str)
DATES = st.one_of(
    st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT")),
    st.from_regex(
        r"(Mon|Xyz), \d{1,3} (Jan|Foo) \d{1,5} \d\d:\d\d:\d\d ([+-]\d{4}|GMT|UTC|-0000)?"
    ),
)
HEADERS = st.dictionaries(
    st.sampled_from(NAMES), st.one_of(NUMBERS, DATES, st.text(max_size=20)), max_size=4
)


@settings(max_examples=300, deadline=None)
@given(headers=HEADERS, now=st.floats(0, 4e9))
def test_a_wait_is_never_negative_endless_or_a_crash(
    headers: Mapping[str, str], now: float
) -> None:
    """A quarter of an hour at most; nonsense counts as absent."""
    asked = seconds_to_wait(headers, now)
    assert asked is None or 0 <= asked <= 900


@settings(max_examples=300, deadline=None)
@given(value=st.one_of(st.none(), NUMBERS, DATES, st.text()))
def test_a_date_header_is_a_moment_or_nothing(value: str | None) -> None:
    """Servers and proxies send all kinds of dates."""
    epoch = header_epoch(value)
    assert epoch is None or math.isfinite(epoch)


def test_a_date_without_a_zone_is_utc() -> None:
    """The zone -0000 says that the sender knows no other than UTC."""
    assert header_epoch("Thu, 01 Jan 1970 00:00:42 -0000") == 42


@settings(max_examples=100, deadline=None)
@given(answers=st.lists(st.tuples(HEADERS, st.sampled_from([200, 429, 503])), max_size=8))
def test_a_limiter_opens_again_after_any_answers(
    answers: list[tuple[Mapping[str, str], int]],
) -> None:
    """At the latest after the longest wait that a header may ask for."""
    clock = FrozenClock()
    limiter = RateLimiter(clock)
    for headers, status in answers:
        for budget in Budget:
            limiter.observe(budget, status, headers, 1e9)
    began = clock.time
    for budget in Budget:
        limiter.wait(budget)
    assert clock.time - began <= 2 * 901
    assert all(share >= 1 for share in limiter.shares)


class FrozenClock(Clock):
    """Moves only by sleeping."""

    time = 1000.0

    def monotonic(self) -> float:
        """Return the time that the sleeps have made."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move the time."""
        self.time += seconds
