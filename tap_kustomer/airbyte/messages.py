"""The messages of the Airbyte protocol as plain JSON objects.

Source: https://docs.airbyte.com/platform/understanding-airbyte/airbyte-protocol
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    JSON: TypeAlias = dict[str, Any]

__all__ = [
    "FailureType",
    "Status",
    "catalog_message",
    "connection_status",
    "error_trace",
    "log_message",
    "now_ms",
    "spec_message",
    "state_message",
    "status_trace",
]

FailureType: TypeAlias = Literal["config_error", "transient_error", "system_error"]
Status: TypeAlias = Literal["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"]


def now_ms() -> int:
    """Return the moment as the protocol counts it: Unix milliseconds."""
    return int(time.time() * 1000)


def spec_message(specification: Mapping[str, Any]) -> JSON:
    """Return the answer to ``spec``."""
    return {"type": "SPEC", "spec": specification}


def connection_status(problem: str | None) -> JSON:
    """Return the answer to ``check``; ``problem`` is the sentence of a failed one."""
    status = (
        {"status": "SUCCEEDED"} if problem is None else {"status": "FAILED", "message": problem}
    )
    return {"type": "CONNECTION_STATUS", "connectionStatus": status}


def catalog_message(streams: list[JSON]) -> JSON:
    """Return the answer to ``discover``."""
    return {"type": "CATALOG", "catalog": {"streams": streams}}


def log_message(level: str, text: str, stack_trace: str | None = None) -> JSON:
    """Return a LOG message."""
    log = {"level": level, "message": text}
    if stack_trace is not None:
        log["stack_trace"] = stack_trace
    return {"type": "LOG", "log": log}


def state_message(stream: str, stream_state: Mapping[str, Any], rows: int) -> JSON:
    """Return the state of one stream, behind ``rows`` RECORDs since the one before."""
    return {
        "type": "STATE",
        "state": {
            "type": "STREAM",
            "stream": {"stream_descriptor": {"name": stream}, "stream_state": stream_state},
            # The protocol asks for a decimal point, though it counts rows.
            "sourceStats": {"recordCount": float(rows)},
        },
    }


def status_trace(stream: str, status: Status, quota_reset: int | None = None) -> JSON:
    """Return the status of a stream; with ``quota_reset`` (Unix ms) it waits for its budget."""
    stream_status: JSON = {"stream_descriptor": {"name": stream}, "status": status}
    if quota_reset is not None:
        reason = {"type": "RATE_LIMITED", "rate_limited": {"quota_reset": quota_reset}}
        stream_status["reasons"] = [reason]
    return _trace("STREAM_STATUS", stream_status=stream_status)


def error_trace(sentence: str, failure_type: FailureType, stream: str | None = None) -> JSON:
    """Return an error; ``sentence`` says what happened and what to do."""
    error: JSON = {"message": sentence, "failure_type": failure_type}
    if stream is not None:
        error["stream_descriptor"] = {"name": stream}
    return _trace("ERROR", error=error)


def _trace(kind: str, **content: JSON) -> JSON:
    return {"type": "TRACE", "trace": {"type": kind, "emitted_at": float(now_ms()), **content}}
