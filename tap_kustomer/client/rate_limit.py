"""Two budgets, one limiter: paces every request of the process.

Kustomer counts searches by API keys (100 a minute) and all requests of the org (300 to 2,000 a
minute) separately; agents in the app and other integrations spend the second one too.
Source: https://developer.kustomer.com/docs/concepts/rate-limits
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum

from tap_kustomer.client.responses import WINDOW, seconds_to_wait
from tap_kustomer.clock import Clock

__all__ = ["Budget", "RateLimiter"]

_FIRST_ORG_LIMIT = 300  # the smallest plan, until an answer tells the org's own
_TOO_MANY_REQUESTS = 429
_LOOK = 0.1  # seconds between two looks at what another thread's request found out
# Seconds until one request looks whether the reserve is there again: its answer tells, and a
# whole minute would leave much of the share unused. All looks of a minute are within the share.
_RESERVE_LOOK = 10.0
_JITTER = 0.5  # seconds; other clients of the org wait for the same moment


class Budget(Enum):
    """What a request is paid from."""

    SEARCH = "search"  # the search budget and the org's
    ORG = "org"  # the org's alone


@dataclass
class _Window:
    """The requests of the last minute against one limit, in the clock's seconds."""

    limit: int
    answered: deque[float] = field(default_factory=deque)
    in_flight: int = 0
    closed_until: float = 0.0
    refusals_in_a_row: int = 0

    def wait(self, now: float) -> float:
        """Return the seconds until one more request is allowed; none are left when it is now."""
        # A slot is free again a minute after its answer, not after its sending: Kustomer
        # counted the request at some moment between the two.
        while self.answered and self.answered[0] + WINDOW <= now:
            self.answered.popleft()
        wait = self.closed_until - now
        if self.refusals_in_a_row and self.in_flight:
            # One request tries whether the budget is open again; the others would be refused
            # all at once.
            wait = max(wait, _LOOK)
        if len(self.answered) + self.in_flight >= self.limit:
            free_at = self.answered[0] + WINDOW if self.answered else now + _LOOK
            wait = max(wait, free_at - now)
        return wait

    def refuse(self, now: float, asked: float | None) -> None:
        """Close the window for as long as the refusal asks, a minute if it does not say."""
        if now >= self.closed_until:  # else it was sent before the refusal of another came
            self.refusals_in_a_row += 1
        # A reset that has passed and still refuses would otherwise be asked without a pause.
        shortest = min(2.0 ** (self.refusals_in_a_row - 1), WINDOW)
        wait = max(WINDOW if asked is None else asked, shortest)
        until = now + wait + random.random() * _JITTER  # noqa: S311 - not a secret
        self.closed_until = max(self.closed_until, until)


class RateLimiter:
    """Gives each request its turn, never more than the tap's share in any minute.

    One per process; all methods may be called from any thread.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        search_per_minute: int = 100,
        org_per_minute: int | None = None,
        utilization: float = 0.8,
        in_flight: int | None = None,
    ) -> None:
        """Start with empty windows; ``utilization`` is the share of both budgets, 0 to 1.

        ``in_flight`` requests are between sending and answer at most, of all threads together;
        ``None`` for any number.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._turn_ended = threading.Condition(self._lock)
        self._in_flight_limit = in_flight
        self._searches_due = 0  # that wait for room only
        self._search_answered = -_LOOK
        self._utilization = utilization
        self._search_limit = search_per_minute
        self._fixed_org_limit = org_per_minute
        self._search = _Window(self._share(search_per_minute))
        self._org = _Window(self._share(org_per_minute or _FIRST_ORG_LIMIT))
        self._reserved_until = 0.0  # lists and children wait: others need the rest
        self.on_wait: Callable[[float], None] = lambda _seconds: None
        self.refusals = 0  # answers with status 429

    @property
    def searches_in_last_minute(self) -> int:
        """Searches answered in the last 60 seconds, and those in flight."""
        with self._lock:
            self._search.wait(self._clock.monotonic())
            return len(self._search.answered) + self._search.in_flight

    @property
    def shares(self) -> tuple[int, int]:
        """Requests a minute this tap may send: searches, and all together."""
        return self._search.limit, self._org.limit

    @contextmanager
    def turn(self, budget: Budget) -> Iterator[None]:
        """Wait for a turn and hold it until the answer is there."""
        windows = (self._search, self._org) if budget is Budget.SEARCH else (self._org,)
        self.wait(budget, take=True)
        try:
            yield
        finally:
            with self._lock:
                now = self._clock.monotonic()
                for window in windows:
                    window.in_flight -= 1
                    window.answered.append(now)
                if budget is Budget.SEARCH:
                    self._search_answered = now
                self._turn_ended.notify_all()

    def wait(self, budget: Budget, *, take: bool = False) -> None:
        """Return once a request is allowed; with ``take`` its turn is taken.

        Raises: ``StopRequested`` when the tap shall stop meanwhile.
        """
        while True:
            self._clock.check()
            with self._lock:
                seconds = self._seconds(budget)
                if seconds <= 0:
                    if not take:
                        return
                    if self._has_room(budget):
                        self._org.in_flight += 1
                        if budget is Budget.SEARCH:
                            self._search.in_flight += 1
                        elif self._reserved_until:  # this one looks, the others wait for it
                            self._reserved_until = self._clock.monotonic() + _RESERVE_LOOK
                        return
                    # Both budgets may be used up when another turn has ended, so look again.
                    self._searches_due += budget is Budget.SEARCH
                    self._turn_ended.wait(_LOOK)
                    self._searches_due -= budget is Budget.SEARCH
                    continue
            self.on_wait(seconds)
            # An answer may change the wait meanwhile, so look again at least every second.
            self._clock.sleep(min(seconds, 1.0))

    def _has_room(self, budget: Budget) -> bool:
        """Whether one more request may be in flight; every request is one of the org's.

        Searches come first, and the place of one that was just answered is kept for the next:
        a minute is lost with each that is late, since its slot is free again a minute after its
        answer. Lists and children have their time while searches wait for their budget.
        """
        limit, in_flight = self._in_flight_limit, self._org.in_flight
        if limit is None or budget is Budget.SEARCH:
            return limit is None or in_flight < limit
        followed = limit > 1 and self._clock.monotonic() < self._search_answered + _LOOK
        return not self._searches_due and in_flight + followed < limit

    def _seconds(self, budget: Budget) -> float:
        now = self._clock.monotonic()
        seconds = self._org.wait(now)
        if budget is Budget.SEARCH:
            return max(seconds, self._search.wait(now))
        return max(seconds, self._reserved_until - now)

    def observe(
        self,
        budget: Budget,
        status: int,
        headers: Mapping[str, str],
        server_now: float,
    ) -> None:
        """Learn from an answer: the org's limit, what is left of it, and a refusal's reset."""
        limit = _count(headers.get("x-ratelimit-limit"))
        remaining = _count(headers.get("x-ratelimit-remaining"))
        asked = seconds_to_wait(headers, server_now)
        with self._lock:
            now = self._clock.monotonic()
            # UNCONFIRMED (search-rate-headers) whether searches show their own budget in the
            # headers; a limit as small as the search budget on a search can be nothing else.
            about_search = budget is Budget.SEARCH and (
                limit is None or limit <= self._search_limit
            )
            if status == _TOO_MANY_REQUESTS:
                self.refusals += 1
                if budget is Budget.SEARCH:
                    self._search.refuse(now, asked)
                if budget is Budget.ORG or (remaining == 0 and not about_search):
                    self._org.refuse(now, asked)
                return
            self._org.refusals_in_a_row = 0
            if budget is Budget.SEARCH:
                self._search.refusals_in_a_row = 0
            if limit is None or remaining is None or limit <= 0:
                return
            window = self._search if about_search else self._org
            if remaining <= 0 and asked is not None:
                window.closed_until = max(window.closed_until, now + asked)
            if about_search:
                window.limit = self._share(min(limit, self._search_limit))
                return
            if self._fixed_org_limit is None:
                window.limit = self._share(limit)
            # Only lists and children wait: they can spend all of it, searches only their own.
            reserve = limit * (1 - self._utilization)
            self._reserved_until = now + (asked or _RESERVE_LOOK) if remaining < reserve else 0.0

    def _share(self, limit: int) -> int:
        return max(int(limit * self._utilization), 1)


def _count(value: str | None) -> int | None:
    try:
        return int(float(value)) if value else None
    except (ValueError, OverflowError):
        return None
