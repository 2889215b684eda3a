"""How often a request is tried, how long each pause is, and what the end means."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tap_kustomer.client.failures import Refused, Retry
from tap_kustomer.client.responses import Complaints
from tap_kustomer.client.retries import Tries
from tap_kustomer.errors import (
    CredentialsError,
    ForeignAnswerError,
    KustomerError,
    MissingRoleError,
    NotFoundError,
    RequestRefusedError,
)
from tests.client.test_turns import FakeClock
from tests.short_pauses import SHARE

FAILED = Retry("status 500")


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands."""
    return FakeClock()


def begun(clock: FakeClock, seconds: float = 1e6, page_tries: int | None = None, **o: Any) -> Tries:
    """Return tries whose first request was just sent and that are patient for ``seconds``."""
    tries = Tries(clock, lambda _error: seconds, page_tries, **o)
    tries.begin()
    return tries


def refused(
    error: type[KustomerError] = NotFoundError, complaints: Complaints | None = None
) -> Refused:
    """Return a refusal."""
    return Refused("status 404", error("There is no /x."), complaints)


def test_the_time_counts_from_the_first_sending(clock: FakeClock) -> None:
    """Waiting for a turn is no fault of Kustomer's."""
    tries = Tries(clock, lambda _error: 10, None)
    clock.time += 100
    assert tries.elapsed == 0
    tries.begin()
    clock.time += 4
    tries.begin()
    clock.time += 3
    assert tries.elapsed == 7


def test_a_failure_is_tried_again_until_its_time_is_up(clock: FakeClock) -> None:
    """However often; the patience is that with the last error."""
    patience: Callable[[Retry], float] = lambda error: 5 if error.unreachable else 60  # noqa: E731
    tries = Tries(clock, patience, None)
    tries.begin()
    for _ in range(50):
        tries.note(FAILED)
    clock.time += 4.9
    assert not tries.are_over(Retry("x", unreachable=True))
    clock.time += 0.1
    assert tries.are_over(Retry("x", unreachable=True))
    assert not tries.are_over(FAILED)
    clock.time += 55
    assert tries.are_over(FAILED)
    assert tries.confirmed(FAILED) is None


def test_pauses_double_up_to_a_minute_and_each_is_half_of_it_by_chance(clock: FakeClock) -> None:
    """Clients that failed together must not come back together."""
    shares: list[float] = []
    for _ in range(60):
        tries = begun(clock)
        shares += [tries.pause(FAILED) / one for one in (1, 2, 4, 8, 16, 32, 60, 60)]
    assert all(0.5 <= share <= 1 for share in shares)
    assert min(shares) < 0.55
    assert max(shares) > 0.95


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_longest_pauses_are_of_a_minute(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    """And of half of it, by chance."""
    monkeypatch.setattr(random, "random", lambda: 2 * share - 1)
    tries = begun(clock)

    pauses = [tries.pause(FAILED) for _ in range(8)]

    assert pauses == [share * one for one in (1, 2, 4, 8, 16, 32, 60, 60)]


def test_a_pause_ends_with_the_time_and_not_before_the_answer_asks(clock: FakeClock) -> None:
    """The last try is made when the time is up; it is never negative."""
    tries = begun(clock, seconds=10)
    clock.time += 9.9
    assert tries.pause(FAILED) == pytest.approx(0.1)
    assert tries.pause(Retry("x", asked=30)) == 30
    clock.time += 5
    assert tries.pause(FAILED) == 0
    assert begun(clock).pause(Retry("x", asked=0.75)) >= 0.75


def test_a_refusal_is_asked_for_again_after_half_a_second(clock: FakeClock) -> None:
    """Tests shorten that. One that is not Kustomer's may take longer to pass."""
    tries = begun(clock)
    assert [tries.pause(refused()) * SHARE for _ in range(5)] == [pytest.approx(0.5)] * 5
    foreign = refused(ForeignAnswerError)
    assert [tries.pause(foreign) >= least for least in (0.5, 1, 2, 4)] == [True] * 4


@pytest.mark.parametrize(
    ("error", "options", "times"),
    [
        (NotFoundError, {}, 2),
        (MissingRoleError, {}, 2),
        (CredentialsError, {}, 2),
        (ForeignAnswerError, {}, 3),
        (NotFoundError, {"confirms": False}, 1),
        (MissingRoleError, {"confirms": False}, 1),
        (ForeignAnswerError, {"confirms": False}, 3),
        (CredentialsError, {"confirms": False}, 2),
        (CredentialsError, {"confirms_roles": False}, 2),
        (MissingRoleError, {"confirms_roles": False}, 1),
        (NotFoundError, {"confirms_roles": False}, 2),
        (ForeignAnswerError, {"confirms_roles": False}, 3),
    ],
)
def test_equal_refusals_end_the_tries(
    clock: FakeClock, error: type[KustomerError], options: dict[str, bool], times: int
) -> None:
    """Twice, a firewall's three times; once where one is enough."""
    tries = begun(clock, **options)
    for number in range(1, times + 1):
        last = refused(error)
        tries.note(last)
        assert tries.are_over(last) is (number == times)
        assert tries.confirmed(last) is (last.error if number == times else None)


@pytest.mark.parametrize(
    ("error", "options", "is_confirmed"),
    [
        (NotFoundError, {}, True),
        (MissingRoleError, {"confirms_roles": False}, True),
        (NotFoundError, {"confirms": False}, False),
        (ForeignAnswerError, {}, False),
    ],
)
def test_only_what_kustomer_said_twice_is_marked_as_confirmed(
    clock: FakeClock, error: type[NotFoundError], options: dict[str, bool], *, is_confirmed: bool
) -> None:
    """Whoever negotiates does not ask again then; a role is as sure as the caller takes it."""
    tries = begun(clock, **options)
    last = refused(error)
    for _ in range(3):
        tries.note(last)
    assert tries.confirmed(last) is last.error
    assert vars(last.error).get("confirmed") is is_confirmed


def test_refusals_that_differ_confirm_nothing_and_end_after_eight(clock: FakeClock) -> None:
    """By error, sentence or complaint; one more that is equal to the last but one is no pair."""
    kinds = [refused(), refused(MissingRoleError), refused(complaints=frozenset({("a", "b")}))]
    tries = begun(clock)
    for number in range(1, 9):
        last = kinds[number % 3]
        tries.note(last)
        assert tries.are_over(last) is (number == 8)
    assert tries.confirmed(last) is None


def test_a_failure_between_two_refusals_does_not_part_them(clock: FakeClock) -> None:
    """It says nothing of what is refused; two pairs need not be one."""
    tries = begun(clock)
    for one in (refused(), FAILED, refused()):
        tries.note(one)
    assert tries.are_over(refused())


def test_a_page_is_given_up_after_so_many_failures_that_a_smaller_one_may_avoid(
    clock: FakeClock,
) -> None:
    """Others do not count, nor do they end it; without a number only time ends the tries."""
    tries = begun(clock, page_tries=2)
    assert tries.are_of_page
    for other in (Retry("x", paced=True), Retry("x", unreachable=True), refused()):
        tries.note(other)
        assert not tries.page_failed(other)
    tries.note(FAILED)
    assert not tries.are_over(FAILED)
    tries.note(FAILED)
    assert tries.page_failed(FAILED)
    assert tries.are_over(FAILED)
    assert not tries.page_failed(Retry("x", unreachable=True))
    assert not begun(clock).are_of_page


def test_a_page_that_fails_when_the_time_is_up_is_given_up_too(clock: FakeClock) -> None:
    """A smaller one may still come; where none can be asked for, it is no failed page."""
    tries, whole = begun(clock, 60, page_tries=9), begun(clock, 60)
    tries.note(FAILED)
    clock.time += 59
    assert not tries.page_failed(FAILED)
    clock.time += 1
    assert tries.page_failed(FAILED)
    assert not whole.page_failed(FAILED)
    assert whole.are_over(FAILED)


def test_an_error_of_the_key_is_no_error_of_a_stream(clock: FakeClock) -> None:
    """It has no mark to set."""
    tries = begun(clock)
    last = refused(CredentialsError)
    for _ in range(2):
        tries.note(last)
    assert tries.confirmed(last) is last.error
    assert not hasattr(last.error, "confirmed")
    assert tries.confirmed(Refused("x", RequestRefusedError("x"), None)) is not None
