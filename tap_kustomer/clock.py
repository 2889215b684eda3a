"""The world's time, and the wish to stop: everything that waits does it here.

A wait ends at once when a signal asked the tap to stop. The signal handler only sets a plain
attribute: an ``Event`` set from a handler can deadlock with the thread that it interrupted.
"""

from __future__ import annotations

import time
from threading import Condition

__all__ = ["Clock", "ServerTime", "StopRequested"]

# How long a waiting thread takes to notice that it shall stop, in seconds.
_TICK = 0.1


class StopRequested(BaseException):
    """A signal asked the tap to stop; not an error of any stream."""

    def __init__(self, exit_status: int = 143) -> None:
        """Keep the status with which the process shall end."""
        super().__init__()
        self.exit_status = exit_status


class Clock:
    """Wall clock, monotonic clock and sleep, all in seconds; replaced as a whole in tests."""

    def __init__(self, speed: float = 1.0) -> None:
        """Make a clock; ``speed`` 10 lets ten of its seconds pass in one."""
        self.stop_requested = False
        self.exit_status = 143  # 128 and the number of the signal that asked
        self._speed = speed
        self._origin = time.time()
        self._started = time.monotonic()

    def now(self) -> float:
        """Return this machine's Unix time in seconds."""
        return self._origin + self.monotonic()

    def monotonic(self) -> float:
        """Return seconds since the clock was made; never goes back."""
        return (time.monotonic() - self._started) * self._speed

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds``. Raises ``StopRequested`` as soon as a stop is wanted."""
        end = self.monotonic() + seconds
        self.check()
        while (left := end - self.monotonic()) > 0:
            time.sleep(min(left / self._speed, _TICK))
            self.check()

    def wait_for(self, changed: Condition) -> None:
        """Return once ``changed`` is notified, or after a moment. Raises ``StopRequested``."""
        changed.wait(_TICK)
        self.check()

    def check(self) -> None:
        """Raise ``StopRequested`` when a stop is wanted."""
        if self.stop_requested:
            raise StopRequested(self.exit_status)


class ServerTime:
    """Kustomer's time, known from the ``Date`` header; this machine's only without one.

    A clock that is twenty minutes off here would otherwise put bookmarks in the wrong place.
    ``Date`` has whole seconds, cut, so this time is at most a second behind, never ahead. One
    answer that tells another time decides nothing, as a cache keeps the header with what it kept:
    of the last five, the latest time but one counts. Slow answers only tell one that is too early.
    """

    def __init__(self, clock: Clock) -> None:
        """Start with this machine's time."""
        self._clock = clock
        self._told: tuple[float, ...] = ()  # by the last answers: seconds ahead of the clock

    def observe(self, epoch: float) -> None:
        """Note the time of an answer, in Unix seconds."""
        self._told = (*self._told[-4:], epoch - self._clock.monotonic())

    def now(self) -> float:
        """Return Kustomer's Unix time in seconds."""
        told = sorted(self._told)
        return told[-2:][0] + self._clock.monotonic() if told else self._clock.now()
