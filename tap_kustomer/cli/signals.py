"""SIGTERM and SIGINT: finish the page, write the last STATE, leave with the signal's status."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from tap_kustomer.clock import Clock

__all__ = ["SignalStop"]

# An orchestrator kills after ten seconds or so; a target that no longer reads its pipe would
# keep the last STATE waiting for ever.
_LONGEST_SHUTDOWN = 4.0  # seconds


class SignalStop:
    """Turns a signal into the clock's wish to stop; a second signal ends the tap at once."""

    def __init__(self, clock: Clock) -> None:
        """Watch nothing yet."""
        self._clock = clock
        self.signal_number: int | None = None

    @property
    def exit_status(self) -> int:
        """128 and the signal's number: 143 for SIGTERM, 130 for SIGINT."""
        return 128 + (self.signal_number or signal.SIGTERM)

    def handle(self, number: int, _frame: FrameType | None = None) -> None:
        """Handle a signal; called in the main thread, between two steps of whatever runs."""
        if self.signal_number is not None:
            os._exit(128 + number)
        self.signal_number = number
        self._clock.exit_status = self.exit_status
        self._clock.stop_requested = True
        last_resort = threading.Timer(_LONGEST_SHUTDOWN, os._exit, [self.exit_status])
        last_resort.daemon = True
        last_resort.start()
