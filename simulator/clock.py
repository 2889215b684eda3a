"""The simulated org's time: it can run fast, stand still or jump; real time is never asked for."""

from __future__ import annotations

import datetime as dt
import re
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.jsontypes import Instant

DAY = 86_400.0  # seconds
TWO_YEARS = 730 * DAY

_FRACTION = re.compile(r"\.(\d+)")


class Clock:
    """The server's time in unix seconds; budgets, `updatedAt` and the two-year edge follow it.

    ``speed`` 10 lets a 60-second window pass in six real seconds, ``speed`` 0 stops the clock
    until it is moved. ``offset`` is how far it is ahead of this machine's clock, in seconds.
    """

    def __init__(self, speed: float = 1.0, offset: float = 0.0) -> None:
        self.speed = speed
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._base = time.time() + offset

    def now(self) -> float:
        """Return unix seconds."""
        with self._lock:
            return self._base + (time.monotonic() - self._started) * self.speed

    def now_ms(self) -> int:
        """Return unix milliseconds, the resolution of Kustomer's timestamps."""
        return int(self.now() * 1000)

    def advance(self, seconds: float) -> None:
        """Jump ahead."""
        with self._lock:
            self._base += seconds

    def set(self, instant: Instant) -> None:
        """Go on from ``instant``."""
        with self._lock:
            self._base, self._started = to_ms(instant) / 1000, time.monotonic()

    def real_seconds(self, seconds: float) -> float:
        """Return how long ``seconds`` of this clock last in real time."""
        return seconds / self.speed if self.speed else seconds

    def http_date(self) -> str:
        """Return the `Date` header for this moment."""
        return formatdate(self.now(), usegmt=True)


def to_ms(instant: Instant) -> int:
    """Return unix milliseconds; text without an offset counts as UTC.

    Raises: ``ValueError`` when the text is no ISO 8601 date.
    """
    if isinstance(instant, (int, float)):
        return round(instant * 1000)
    moment = _parse(instant) if isinstance(instant, str) else instant
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.timezone.utc)
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    return since // dt.timedelta(milliseconds=1)


def to_iso(milliseconds: int) -> str:
    """Return a timestamp as Kustomer prints it: UTC, three decimals, `Z`."""
    moment = dt.datetime.fromtimestamp(milliseconds // 1000, dt.timezone.utc)
    return f"{moment.isoformat()[:19]}.{milliseconds % 1000:03d}Z"  # strftime is slow


def _parse(text: str) -> dt.datetime:
    # Python 3.10 reads neither `Z` nor fractions of other than 3 or 6 digits.
    padded = _FRACTION.sub(lambda match: "." + match[1][:6].ljust(6, "0"), text)
    return dt.datetime.fromisoformat(padded.replace("Z", "+00:00"))
