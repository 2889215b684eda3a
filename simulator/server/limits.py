"""The two budgets of an org: all requests, and searches by API keys.

Source: https://developer.kustomer.com/docs/concepts/rate-limits; that the 100 searches a minute
are counted per org and include the archive search is UNCONFIRMED (search-budget).
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.clock import Clock
    from simulator.knobs import Knobs
    from simulator.org.org import Org


@dataclass(frozen=True)
class Reading:
    """A budget after a request."""

    allowed: bool
    limit: int
    remaining: int
    resets_at: float


class Budget:
    """So many requests per window: windows of the clock's minute, or the last 60 seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._window = 0
        self._used = 0
        self._recent: deque[float] = deque()
        self._others_at = clock.now()
        self._others = 0.0

    def take(self, limit: int, knobs: Knobs, *, others: float, count: int = 1) -> Reading:
        """Take ``count`` turns if there are any; a refused request takes none.

        ``others`` is how many requests per minute other clients make meanwhile.
        """
        now, seconds = self._clock.now(), knobs.window_seconds
        if knobs.window == "sliding":
            self._take_others(now, others)
            return self._sliding(now, limit, seconds, count)
        window = math.floor(now / seconds)
        if window != self._window:
            self._window, self._used, self._others = window, 0, 0.0
            self._others_at = max(self._others_at, window * seconds)
        self._take_others(now, others)
        return self._fixed((window + 1) * seconds, limit, count)

    def _take_others(self, now: float, others: float) -> None:
        self._others += max(0.0, now - self._others_at) * others / 60
        self._others_at = now

    def _fixed(self, resets_at: float, limit: int, count: int) -> Reading:
        self._used += math.floor(self._others)
        self._others -= math.floor(self._others)
        allowed = self._used + count <= limit
        self._used += count if allowed else 0
        return Reading(allowed, limit, max(0, limit - self._used), resets_at)

    def _sliding(self, now: float, limit: int, seconds: float, count: int) -> Reading:
        self._recent.extend([now] * min(limit, math.floor(self._others)))
        self._others -= math.floor(self._others)
        while self._recent and self._recent[0] <= now - seconds:
            self._recent.popleft()
        allowed = len(self._recent) + count <= limit
        self._recent.extend([now] * count if allowed else ())
        resets_at = (self._recent[0] if self._recent else now) + seconds
        return Reading(allowed, limit, max(0, limit - len(self._recent)), resets_at)


class Limits:
    """Both budgets of one org, and the headers that tell of them."""

    def __init__(self, org: Org, knobs: Knobs) -> None:
        self._org, self._knobs = org, knobs
        self._all = Budget(org.clock)
        self._search = Budget(org.clock)
        self.refused: Counter[str] = Counter()

    def take(self, *, is_search: bool) -> tuple[bool, dict[str, str]]:
        """Count a request; return whether it is allowed, and its rate-limit headers."""
        knobs, org = self._knobs, self._org
        if not knobs.limits:
            return True, {}
        whole = self._all.take(org.plan_limit, knobs, others=knobs.other_client_org)
        shown, blocked = whole, None if whole.allowed else "org"
        if is_search:
            search = self._search.take(org.search_limit, knobs, others=knobs.other_client_search)
            if whole.allowed and not search.allowed:
                blocked = "search"
            shown = search if knobs.ratelimit_headers_on_search == "search" else whole
            if blocked == "search":
                # The reset of a refusal is the reset of what refused.
                shown = replace(shown, resets_at=search.resets_at)
        if blocked:
            self.refused[blocked] += 1
        return blocked is None, self._headers(shown, is_search=is_search, blocked=bool(blocked))

    def consume(self, *, org: int, search: int) -> None:
        """Let other clients take turns now."""
        for budget, limit, count in (
            (self._all, self._org.plan_limit, org),
            (self._search, self._org.search_limit, search),
        ):
            for _ in range(count):
                budget.take(limit, self._knobs, others=0)

    def _headers(self, reading: Reading, *, is_search: bool, blocked: bool) -> dict[str, str]:
        knobs = self._knobs
        headers = {}
        if knobs.ratelimit_headers and not (is_search and not knobs.ratelimit_headers_on_search):
            headers["x-ratelimit-limit"] = str(reading.limit)
            headers["x-ratelimit-remaining"] = str(reading.remaining)
        now = self._org.clock.now()
        if (blocked or knobs.ratelimit_reset_always) and knobs.ratelimit_reset:
            headers["x-ratelimit-reset"] = reset_text(knobs.ratelimit_reset, reading.resets_at, now)
        if blocked and knobs.retry_after:
            headers["Retry-After"] = retry_after_text(knobs.retry_after, reading.resets_at, now)
        return headers


def reset_text(form: str, resets_at: float, now: float) -> str:
    """Return `x-ratelimit-reset` as epoch seconds, milliseconds, or the seconds until then.

    Epoch seconds by one connector's source; the unit is UNCONFIRMED (rate-reset).
    """
    if form == "delta":
        return str(math.ceil(resets_at - now))
    return str(math.ceil(resets_at * (1000 if form == "milliseconds" else 1)))


def retry_after_text(form: str, resets_at: float, now: float) -> str:
    """Return `Retry-After` in seconds or as an HTTP date."""
    if form == "date":
        return formatdate(math.ceil(resets_at), usegmt=True)
    return str(math.ceil(resets_at - now))
