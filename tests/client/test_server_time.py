"""Kustomer's time is known from its answers, of which one may be odd."""

from __future__ import annotations

import pytest

from tap_kustomer.clock import Clock, ServerTime

HOUR = 3_600.0


class StandingClock(Clock):
    """A clock that is moved by hand."""

    seconds = 0.0

    def monotonic(self) -> float:
        """Return what was set."""
        return self.seconds


@pytest.fixture
def clock() -> StandingClock:
    """A clock at its beginning."""
    return StandingClock()


def test_the_time_of_the_answers_counts_not_that_of_this_machine(clock: StandingClock) -> None:
    """A machine that is wrong by an hour would put bookmarks in the wrong place."""
    time = ServerTime(clock)
    assert time.now() == clock.now()
    time.observe(1_000.0)
    clock.seconds = 7.0

    assert time.now() == 1_007.0


@pytest.mark.parametrize("hours", [-300_000, -3, 3])
def test_one_answer_that_tells_another_time_decides_nothing(
    clock: StandingClock, hours: float
) -> None:
    """A page out of a cache; the next ones are right again, until another is none."""
    time = ServerTime(clock)
    time.observe(1_000.0)
    time.observe(1_001.0)
    for place in range(12):
        time.observe(1_002.0 + place + (hours * HOUR if place % 5 == 0 else 0))
        assert 1_000.0 <= time.now() <= 1_014.0


def test_two_answers_that_agree_are_believed(clock: StandingClock) -> None:
    """The first may have been the odd one, or this machine slept meanwhile."""
    time = ServerTime(clock)
    time.observe(1_000.0 - HOUR)
    time.observe(1_000.0)
    assert time.now() == 1_000.0 - HOUR  # rather too early: a bookmark then stays behind
    clock.seconds = 2.0
    time.observe(1_002.0)

    assert time.now() == 1_002.0
