"""Standard output, which belongs to the protocol: whole lines only, whichever thread writes."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from tap_kustomer.airbyte.messages import log_message
from tap_kustomer.errors import frames_of
from tap_kustomer.messages import OutputClosed, write_lines

__all__ = ["LogMessages", "Output", "log_to"]

_LEVELS = (
    (logging.CRITICAL, "FATAL"),
    (logging.ERROR, "ERROR"),
    (logging.WARNING, "WARN"),
    (logging.INFO, "INFO"),
    (logging.DEBUG, "DEBUG"),
)
# Counters and timers of the SDK: Airbyte counts by itself, and the tap logs a summary.
_METRICS = "singer_sdk.metrics"


class Output:
    """The one way to standard output. Worker threads log while the main thread writes rows."""

    def __init__(self) -> None:
        """Write to whatever standard output is at the time of writing."""
        self._lock = threading.Lock()

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one message as one line. Raises ``OutputClosed``."""
        # ASCII: a lone surrogate in a file name or a log text is then no reason to fail.
        self.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def write(self, lines: bytes | bytearray) -> None:
        """Write whole lines. Raises ``OutputClosed`` when nobody reads any more."""
        with self._lock:
            write_lines(lines)


class LogMessages(logging.Handler):
    """Turns log records into LOG messages."""

    def __init__(self, output: Output) -> None:
        """Write to ``output``."""
        super().__init__()
        self._output = output
        self.addFilter(lambda record: record.name != _METRICS)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        level = next((name for least, name in _LEVELS if record.levelno >= least), "TRACE")
        trace = None
        if record.exc_info and record.exc_info[1] is not None:
            trace = frames_of(record.exc_info[1])
        try:
            self._output.send(log_message(level, record.getMessage(), trace))
        except OutputClosed:
            return  # the next row or state ends the run; a log line is no reason to


def log_to(output: Output) -> None:
    """Send all logs and warnings of this process to ``output``, and none to stderr."""
    level = logging.getLevelName(os.environ.get("TAP_KUSTOMER_LOGLEVEL", "INFO").upper())
    root = logging.getLogger()
    root.handlers[:] = [LogMessages(output)]
    root.setLevel(level if isinstance(level, int) else logging.INFO)
    logging.captureWarnings(capture=True)
