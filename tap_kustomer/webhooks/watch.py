"""Starts a command when events are in the spool; never two of it at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from tap_kustomer.webhooks.errors import SpoolError, WebhookError
from tap_kustomer.webhooks.lock import lock
from tap_kustomer.webhooks.logs import logger
from tap_kustomer.webhooks.spool import Spool

__all__ = ["Watcher", "backoff"]

_TICK = 0.2  # seconds between two looks at the command and the signals
_LOOK = 1.0  # seconds between two looks into the spool
_LONGEST_BACKOFF = 3600.0  # seconds
_LEAST_BACKOFF = 10.0  # seconds after the first failure
_STOP_SECONDS = 30.0  # that a command has to end after a signal


class Watcher:
    """Runs ``command`` when there are events that it has not seen, or when it was long ago."""

    def __init__(
        self,
        path: str,
        command: Sequence[str],
        *,
        every: float,
        at_least_every: float,
    ) -> None:
        """Watch the spool at ``path``.

        ``every`` and ``at_least_every`` are the seconds from one start to the next that must
        and that may pass at most; 0 for the latter: only events start the command.
        """
        self._path = path
        self._command = list(command)
        self._every = every
        self._at_least_every = at_least_every
        self._signal: int | None = None
        self._started: float | None = None  # of the last command; monotonic
        self._not_before = 0.0  # monotonic
        self._failures = 0
        self._trouble = ""  # that was logged last

    def run(self) -> int:
        """Watch until a signal comes; return the exit status, 128 and the signal's number.

        Raises: ``SpoolError`` when another process watches this spool.
        """
        # The command inherits the lock: while it outlives a watcher that was killed, no other
        # watcher can start a second one.
        held = lock(
            Path(f"{self._path}.watch.lock"),
            "another `kustomer-webhooks watch`, or a command that one has started",
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note_signal)
        logger.info("watching", extra={"fields": {"spool": self._path}})
        begun = time.monotonic()
        looked = -_LOOK
        while self._signal is None:
            now = time.monotonic()
            if now >= self._not_before and now - looked >= _LOOK:
                looked = now
                since = now - (begun if self._started is None else self._started)
                overdue = 0 < self._at_least_every <= since
                last = self._last_unseen()
                if last is not None or overdue:
                    self._run_command(held, last)
            time.sleep(_TICK)
        return 128 + self._signal

    def _note_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number

    def _last_unseen(self) -> int | None:
        """Return the sequence of the newest event if no command that succeeded has seen it."""
        try:
            with Spool(self._path) as spool:
                last = spool.last_sequence
                # A spool that was put back from a copy has fewer than the command has seen.
                return None if last == spool.synced else last
        except SpoolError as error:
            self._log_trouble(str(error))
        return None

    def _run_command(self, held: int, last: int | None) -> None:
        self._started = time.monotonic()
        self._trouble = ""
        logger.info("starting", extra={"fields": {"command": self._command[0]}})
        status = self._status_of_command(held)
        seconds = round(time.monotonic() - self._started, 1)
        fields = {"exit_status": status, "seconds": seconds}
        if status == 0:
            self._failures = 0
            self._not_before = self._started + self._every
            logger.info("finished", extra={"fields": fields})
            if last is not None:
                self._note_synced(last)
            return
        self._failures += 1
        wait = backoff(self._failures, self._every)
        self._not_before = time.monotonic() + wait
        logger.error("failed", extra={"fields": {**fields, "next_in_seconds": wait}})

    def _status_of_command(self, held: int) -> int:
        """Run the command to its end and return its exit status, as a shell gives it."""
        try:
            process = subprocess.Popen(self._command, pass_fds=[held], start_new_session=True)  # noqa: S603 - what the user asks for
        except OSError as error:
            msg = f"`{self._command[0]}` cannot be started: {error.strerror}."
            raise WebhookError(msg) from None
        told_at: float | None = None
        while (status := process.poll()) is None:
            if self._signal is not None and told_at is None:
                told_at = time.monotonic()
                process.send_signal(self._signal)
            if told_at is not None and time.monotonic() - told_at > _STOP_SECONDS:
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(_TICK)
        return status if status >= 0 else 128 - status

    def _note_synced(self, last: int) -> None:
        try:
            with Spool(self._path) as spool:
                spool.set_synced(last)
        except SpoolError as error:
            self._log_trouble(str(error))

    def _log_trouble(self, sentence: str) -> None:
        """Log why the spool cannot be read, once: it is looked at every second."""
        if sentence != self._trouble:
            self._trouble = sentence
            logger.warning("%s", sentence)


def backoff(failures: int, every: float) -> float:
    """Return the seconds to wait after so many failures in a row.

    >>> [backoff(failures, every=0) for failures in (1, 2, 3, 99)]
    [10.0, 20.0, 40.0, 3600.0]
    >>> backoff(99, every=7200)
    7200
    """
    wait = max(every, _LEAST_BACKOFF) * 2.0 ** min(failures - 1, 20)
    return max(min(wait, _LONGEST_BACKOFF), every)
