"""Two budgets, one limiter: paces every request of the process.

Kustomer counts searches by API keys (100 a minute) and all requests of the org (300 to 2,000 a
minute) separately; agents in the app and other integrations spend the second one too.
Source: https://developer.kustomer.com/docs/concepts/rate-limits
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from tap_kustomer.client.responses import WINDOW, seconds_to_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tap_kustomer.clock import Clock

__all__ = ["Budget", "RateLimiter"]

_FIRST_ORG_LIMIT = 300  # the smallest plan, until an answer tells the org's own


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

    def wait(self, now: float) -> float:
        """Return the seconds until one more request is allowed; 0 when it is now."""
        # A slot is free again a minute after its answer, not after its sending: Kustomer
        # counted the request at some moment between the two.
        while self.answered and self.answered[0] <= now - WINDOW:
            self.answered.popleft()
        wait = self.closed_until - now
        if len(self.answered) + self.in_flight >= self.limit:
            free_at = self.answered[0] + WINDOW if self.answered else now + 1
            wait = max(wait, free_at - now)
        return max(wait, 0.0)


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
    ) -> None:
        """Start with empty windows; ``utilization`` is the share of both budgets, 0 to 1."""
        self._clock = clock
        self._lock = threading.Lock()
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

    def wait(self, budget: Budget, *, take: bool = False) -> None:
        """Return once a request is allowed; with ``take`` its turn is taken.

        Raises: ``StopRequested`` when the tap shall stop meanwhile.
        """
        while True:
            with self._lock:
                seconds = self._seconds(budget)
                if seconds <= 0:
                    if take:
                        self._org.in_flight += 1
                        if budget is Budget.SEARCH:
                            self._search.in_flight += 1
                    return
            self.on_wait(seconds)
            # An answer may change the wait meanwhile, so look again at least every second.
            self._clock.sleep(min(seconds, 1.0))

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
            # UNCONFIRMED whether searches show their own budget in the headers; a limit as
            # small as the search budget on a search can be nothing else.
            about_search = budget is Budget.SEARCH and (limit or 0) <= self._search_limit
            if status == 429:  # noqa: PLR2004 - HTTP's own number
                self._refuse(budget, remaining, asked, now, about_search=about_search)
            if limit is None or remaining is None or about_search:
                return
            if self._fixed_org_limit is None and limit > 0:
                self._org.limit = self._share(limit)
            reserve = limit * (1 - self._utilization)
            self._reserved_until = now + (asked or WINDOW) if remaining < reserve else 0.0

    def _refuse(
        self,
        budget: Budget,
        remaining: int | None,
        asked: float | None,
        now: float,
        *,
        about_search: bool,
    ) -> None:
        self.refusals += 1
        until = now + (WINDOW if asked is None else asked)
        if budget is Budget.SEARCH:
            self._search.closed_until = max(self._search.closed_until, until)
        if budget is Budget.ORG or (remaining == 0 and not about_search):
            self._org.closed_until = max(self._org.closed_until, until)

    def _share(self, limit: int) -> int:
        return max(int(limit * self._utilization), 1)


def _count(value: str | None) -> int | None:
    try:
        return int(float(value)) if value else None
    except (ValueError, OverflowError):
        return None
