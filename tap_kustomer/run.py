"""What became of one stream in one run of the tap."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["StreamRun"]


@dataclass
class StreamRun:
    """What became of one stream in this run; a row of ``sync_runs`` and of the summary."""

    stream: str
    rows: int = 0
    requests: int = 0
    seconds: float = 0.0
    started_at: str | None = None
    ended_at: str | None = None
    from_: str | None = None
    to: str | None = None
    status: str = "pending"
    error: str | None = None
    rows_counted: int | None = None  # by Kustomer, where its closing count was due
    rows_in_range: int | None = None  # that were read where it counted
    expected: int | None = field(default=None, compare=False)  # rows, as far as announced
    parents: int | None = field(default=None, compare=False)  # read below, of a child stream
    parents_expected: int | None = field(default=None, compare=False)  # as far as announced
    cause: type[Exception] | None = None  # of a failure or a skip
