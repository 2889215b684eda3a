"""Shortens the short pauses of the tap's clock, where that runs in real time.

The tap asks a second time, after half a second or a second, before it believes a refusal or a page
that breaks a rule. Every org has such a refusal (metadata of a resource without attributes), so
thousands of tests would wait for nothing: the simulator's answer does not depend on the pause.
"""

from __future__ import annotations

from tap_kustomer.client import retries
from tap_kustomer.clock import Clock

__all__ = ["SHARE", "shorten_pauses"]

_SHORT = 2.0  # seconds: no pause before a second question is longer
SHARE = 50  # short pauses take this part of their time

_sleep = Clock.sleep


def shorten_pauses() -> None:
    """Let every short pause of a clock that runs in real time take a fiftieth of it."""
    Clock.sleep = _sleep_shortly  # type: ignore[method-assign]
    # This one is measured by the clock, so that it ends when the tap gives up the host.
    vars(retries)["_CONFIRMING_PAUSE"] /= SHARE


def _sleep_shortly(self: Clock, seconds: float) -> None:
    is_short = self._speed == 1.0 and seconds <= _SHORT
    _sleep(self, seconds / SHARE if is_short else seconds)
