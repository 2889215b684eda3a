"""STREAM_STATUS: each configured stream starts, runs, and ends once, whatever happens to it."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from tap_kustomer.airbyte.messages import Status, status_trace
from tap_kustomer.airbyte.output import Output

__all__ = ["StreamStatuses"]

# A shorter wait is the ordinary spacing of requests, seconds.
_SHORTEST_WAIT = 1.0
# The same wait is told of again every second, with a moment that differs by a little.
_SAME_RESET_MS = 2000


class StreamStatuses:
    """Announces statuses in an order that Airbyte accepts; any thread may call it.

    Rows of a stream may come outside its own turn (a confirmed deletion is also written there), and
    worker threads tell of waits at any time, so every method brings the stream as far as needed.
    """

    def __init__(self, output: Output) -> None:
        """Announce to ``output``."""
        self._output = output
        self._lock = threading.RLock()
        self._last: dict[str, str] = {}
        self._current: str | None = None
        self._quota_reset = 0  # Unix milliseconds

    def start(self, stream: str) -> None:
        """Note that the turn of ``stream`` has come."""
        with self._lock:
            self._current = stream
            self._ensure_started(stream)

    def run(self, stream: str) -> None:
        """Announce, before its first row or after a wait, that ``stream`` delivers."""
        if self._last.get(stream) != "RUNNING" and not self.has_ended(stream):
            with self._lock:
                self._ensure_started(stream)
                self._announce(stream, "RUNNING")

    def wait(self, seconds: float, now: float) -> None:
        """Announce that requests wait for ``seconds`` from ``now`` (Unix seconds), once a wait."""
        if seconds < _SHORTEST_WAIT:
            return
        reset = int((now + seconds) * 1000)
        with self._lock:
            stream = self._current
            if stream is None or self.has_ended(stream):
                return
            if reset > self._quota_reset + _SAME_RESET_MS:
                self._quota_reset = reset
                self._last[stream] = "RATE_LIMITED"
                self._output.send(status_trace(stream, "RUNNING", reset))

    def end(self, stream: str, *, complete: bool) -> None:
        """Announce the end of ``stream``, unless it has ended already."""
        with self._lock:
            if self.has_ended(stream):
                return
            self._ensure_started(stream)
            self._announce(stream, "COMPLETE" if complete else "INCOMPLETE")

    def end_rest(self, streams: Iterable[str]) -> None:
        """Announce those of ``streams`` that have not ended as incomplete."""
        for stream in streams:
            self.end(stream, complete=False)

    def has_ended(self, stream: str) -> bool:
        """Whether the end of ``stream`` is announced."""
        return self._last.get(stream) in {"COMPLETE", "INCOMPLETE"}

    def _ensure_started(self, stream: str) -> None:
        if stream not in self._last:
            self._announce(stream, "STARTED")

    def _announce(self, stream: str, status: Status) -> None:
        self._last[stream] = status
        self._output.send(status_trace(stream, status))
