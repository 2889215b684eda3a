"""What a person sees while a sync runs: a line per stream every ten seconds, or live bars.

A thread looks at the runs from outside, so no stream has to tell anything.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars

from tap_kustomer import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.progress import TaskID
    from typing_extensions import Self

    from tap_kustomer.client.rate_limit import RateLimiter
    from tap_kustomer.run import StreamRun

__all__ = ["Progress", "describe"]

logger = logging.getLogger("tap-kustomer")

_LINE_SECONDS = 10.0
_LOOK_SECONDS = 1.0
_BAR_SECONDS = 0.25


class Progress:
    """Shows the streams that are being read; a context manager around a sync."""

    def __init__(
        self,
        runs: Callable[[], Sequence[StreamRun]],
        limiter: RateLimiter,
        *,
        line_seconds: float = _LINE_SECONDS,
    ) -> None:
        """Show what ``runs`` returns; a run is under way until it has an ``ended_at``."""
        self._runs = runs
        self._limiter = limiter
        self._line_seconds = line_seconds
        self._closed = threading.Event()
        self._began: dict[str, float] = {}
        self._waits_until = 0.0  # monotonic seconds
        self._before = limiter.on_wait
        self._thread = threading.Thread(target=self._show, name="progress", daemon=True)

    def __enter__(self) -> Self:
        """Begin to show."""
        self._limiter.on_wait = self._note_wait
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing."""
        self._closed.set()
        self._thread.join(timeout=1)
        self._limiter.on_wait = self._before

    def _note_wait(self, seconds: float) -> None:
        self._before(seconds)
        self._waits_until = time.monotonic() + seconds

    def _show(self) -> None:
        if sys.stderr.isatty():
            self._show_bars()
        else:
            self._show_lines()

    # ------------------------------------------------------------ lines

    def _show_lines(self) -> None:
        spoke = time.monotonic()
        while not self._closed.wait(min(self._line_seconds, _LOOK_SECONDS)):
            runs = self._under_way()
            if time.monotonic() - spoke >= self._line_seconds:
                spoke = time.monotonic()
                for run in runs:
                    logger.info("%s", self.line(run))

    def _under_way(self) -> list[StreamRun]:
        now = time.monotonic()
        active = [run for run in self._runs() if run.ended_at is None]
        for run in active:
            self._began.setdefault(run.stream, now)
        return active

    def line(self, run: StreamRun) -> str:
        """Return how far ``run`` is, in one line."""
        seconds = time.monotonic() - self._began.get(run.stream, time.monotonic())
        waits = self._waits_until - time.monotonic()
        return describe(
            run,
            seconds,
            searches=self._limiter.searches_in_last_minute,
            share=self._limiter.shares[0],
            waits=max(waits, 0.0),
        )

    # ------------------------------------------------------------ bars

    def _show_bars(self) -> None:
        """Draw a bar for each stream, and let log lines pass above the bars."""
        console = Console(stderr=True)
        bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
        )
        tasks: dict[str, TaskID] = {}
        with bars:
            _log_to(sys.stderr)
            try:
                while not self._closed.wait(_BAR_SECONDS):
                    self._draw(bars, tasks)
            finally:
                _log_to(sys.__stderr__)

    def _draw(self, bars: Bars, tasks: dict[str, TaskID]) -> None:
        for run in self._under_way():
            note = self.line(run).partition(" rows, ")[2]
            task = tasks.get(run.stream)
            if task is None:
                task = tasks[run.stream] = bars.add_task(run.stream, total=None, note=note)
            bars.update(task, completed=run.rows, total=run.expected, note=note)
        for run in self._runs():
            if run.ended_at is not None and run.stream in tasks:
                bars.remove_task(tasks.pop(run.stream))


def describe(
    run: StreamRun,
    seconds: float,
    *,
    searches: int,
    share: int,
    waits: float = 0.0,
) -> str:
    """Return one line about a stream that has been read for ``seconds``.

    ``waits`` are the seconds until the rate limit gives the next turn; ``searches`` of ``share``
    were sent in the last minute.
    """
    of = f" of about {run.expected:,}" if run.expected and run.expected > run.rows else ""
    rate = run.rows / seconds if seconds > 0 else 0.0
    parts = [f"{run.stream}: {run.rows:,}{of} rows", f"{rate:,.0f} rows/s"]
    parts.append(f"{searches} of {share} searches in the last minute")
    if of and rate > 0:
        parts.append(f"about {_duration((run.expected or 0) - run.rows, rate)} left")
    if waits >= 1:
        until = timestamps.from_epoch(time.time() + waits)
        parts.append(f"waiting for the rate limit until {until[11:19]} UTC")
    return ", ".join(parts)


def _duration(rows: int, rate: float) -> str:
    seconds = rows / rate
    if seconds < 90:  # noqa: PLR2004 - below that, minutes say too little
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def _log_to(stream: object) -> None:
    """Point console handlers at ``stream``: while bars are drawn, a proxy of the terminal."""
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            handler.setStream(stream)
