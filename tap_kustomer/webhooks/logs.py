"""The log: a JSON object a line, on standard error. No body, no secret, no signature."""

from __future__ import annotations

import json
import logging
import sys
import time

from tap_kustomer import timestamps

__all__ = ["configure", "logger"]

logger = logging.getLogger("kustomer-webhooks")


class _JsonLines(logging.Formatter):
    """Formats a record; what ``extra={"fields": {...}}`` brings become members."""

    def format(self, record: logging.LogRecord) -> str:
        content = {
            "time": timestamps.from_epoch(record.created),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            content["error"] = record.exc_info[0].__name__  # its text could show a body
        return json.dumps(content, default=str)


def configure(level: str) -> None:
    """Log this program and uvicorn as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = _JsonLines()
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logger.setLevel(level.upper())
