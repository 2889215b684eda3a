"""What a person sees while a sync runs: a line per stream every ten seconds, or live bars.

A thread watches the runs from outside, so no stream has to report anything.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from typing_extensions import Self

from tap_kustomer.cli.terminal import Lines, print_summary, shows_bars
from tap_kustomer.client.rate_limit import RateLimiter
from tap_kustomer.run import StreamRun
from tap_kustomer.summary import duration

__all__ = ["Pace", "Progress", "describe"]

logger = logging.getLogger("tap-kustomer")

_LINE_SECONDS = 10.0
_LOOK_SECONDS = 1.0
_BAR_SECONDS = 0.25


class Watched(Protocol):
    """A sync, as far as it is watched."""

    @property
    def runs(self) -> Sequence[StreamRun]:
        """The streams that have begun; one is under way until it has an ``ended_at``."""

    @property
    def planned(self) -> int:
        """How many streams there will be."""

    @property
    def seconds(self) -> float:
        """How long the sync has taken so far."""


class Pace(NamedTuple):
    """How fast a stream is read, and how fast it may be."""

    seconds: float  # since its first row was asked for
    waited: float = 0.0  # of these, for the rate limit
    waits: float = 0.0  # from now until the rate limit allows the next request
    share: int = 80  # searches a minute that the tap may send
    free: int = 80  # of these, how many it may send now
    requests: int = 240  # a minute that the tap may send, of any kind


class Progress:
    """Shows the streams that are being read; a context manager around a sync."""

    def __init__(
        self, sync: Watched, limiter: RateLimiter, *, line_seconds: float = _LINE_SECONDS
    ) -> None:
        """Show how far ``sync`` is, with a line every ``line_seconds``."""
        self._sync = sync
        self._limiter = limiter
        self._line_seconds = line_seconds
        self._closed = threading.Event()
        self._began: dict[str, tuple[float, float]] = {}  # seconds, and those waited until then
        self._waited = 0.0
        self._waits_until = 0.0  # monotonic seconds
        self._before = limiter.on_wait
        self._bars = Console(stderr=True) if shows_bars() else None
        self._thread = threading.Thread(target=self._show, name="progress", daemon=True)

    def __enter__(self) -> Self:
        """Begin to show."""
        self._limiter.on_wait = self._note_wait
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing; on a terminal, print a table of what became of the streams."""
        self._closed.set()
        self._thread.join(timeout=1)
        self._limiter.on_wait = self._before
        if self._bars is not None and self._sync.runs:
            print_summary(self._bars, self._sync.runs, self._sync.seconds)

    def _note_wait(self, seconds: float) -> None:
        self._before(seconds)
        now = time.monotonic()
        until = now + seconds
        # Several threads wait for the same moment: its seconds count once.
        self._waited += max(until - max(now, self._waits_until), 0.0)
        self._waits_until = max(self._waits_until, until)

    def _show(self) -> None:
        if self._bars is None:
            self._show_lines()
        else:
            self._show_bars(self._bars)

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
        active = [run for run in list(self._sync.runs) if run.ended_at is None]
        for run in active:
            self._began.setdefault(run.stream, (now, self._waited))
        return active

    def line(self, run: StreamRun) -> str:
        """Return how far ``run`` is, in one line."""
        return f"{run.stream} ({self._place(run)}): {describe(run, self._pace(run))}"

    def _place(self, run: StreamRun) -> str:
        begun = [one.stream for one in self._sync.runs if one.status != "missing"]
        return f"stream {begun.index(run.stream) + 1} of {self._sync.planned}"

    def _pace(self, run: StreamRun) -> Pace:
        now = time.monotonic()
        began, waited_before = self._began.get(run.stream, (now, self._waited))
        share, requests = self._limiter.shares
        return Pace(
            seconds=now - began,
            waited=self._waited - waited_before,
            waits=max(self._waits_until - now, 0.0),
            share=share,
            free=max(share - self._limiter.searches_in_last_minute, 0),
            requests=requests,
        )

    # ------------------------------------------------------------ bars

    def _show_bars(self, console: Console) -> None:
        """Draw a bar for each stream, and let log lines pass above the bars."""
        bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
            redirect_stderr=False,
        )
        tasks: dict[str, TaskID] = {}
        with bars:
            _log_to(Lines(console))
            try:
                while not self._closed.wait(_BAR_SECONDS):
                    self._draw(bars, tasks)
            finally:
                _log_to(sys.stderr)

    def _draw(self, bars: Bars, tasks: dict[str, TaskID]) -> None:
        for run in self._under_way():
            note = ", ".join([self._place(run), *_outlook(run, self._pace(run))])
            task = tasks.get(run.stream)
            if task is None:
                task = tasks[run.stream] = bars.add_task(run.stream, total=None, note=note)
            done, expected = _progress(run)
            bars.update(task, completed=done, total=expected, note=note)
        for run in list(self._sync.runs):
            if run.ended_at is not None and run.stream in tasks:
                bars.remove_task(tasks.pop(run.stream))


def describe(run: StreamRun, pace: Pace) -> str:
    """Return how far a stream is, how fast it is read, and how long that will take."""
    done, expected = _progress(run)
    of = f" of about {expected:,}" if expected and expected > done else ""
    rate = run.rows / pace.seconds if pace.seconds > 0 else 0.0
    parts = [f"{run.rows:,}{of} rows", f"{rate:,.0f} rows/s"]
    if run.parents is not None:
        parts = [f"{run.rows:,} rows", f"{rate:,.0f} rows/s", f"below {done:,}{of} parents"]
    return ", ".join([*parts, *_outlook(run, pace)])


def _progress(run: StreamRun) -> tuple[int, int | None]:
    """Return how much of a stream is read, and how much there is: rows, or parents of rows."""
    if run.parents is None:
        return run.rows, run.expected
    return run.parents, run.parents_expected


def _outlook(run: StreamRun, pace: Pace) -> list[str]:
    left = _seconds_left(run, pace)
    parts = [] if left is None else [f"about {duration(max(left, 1.0))} left"]
    if pace.waits >= 1:
        parts.append(f"waiting for the rate limit for {pace.waits:.0f} s")
    return parts


def _seconds_left(run: StreamRun, pace: Pace) -> float | None:
    """Return the seconds that the rest of a stream takes; ``None`` while that is unknown.

    The slower of two: the pace so far without its waits, and the rate limit. Their average would
    jump with each wait.
    """
    reading = pace.seconds - pace.waited
    done, expected = _progress(run)
    if not expected or expected <= done or not done or reading <= 0:
        return None
    share_done = done / (expected - done)
    requests = run.requests / share_done
    minutes = (requests - pace.free) / pace.share
    if run.parents is not None:
        minutes = requests / pace.requests  # few of them are searches
    return max(reading / share_done, minutes * 60)


def _log_to(stream: object) -> None:
    """Point console handlers at ``stream``: while bars are drawn, at what prints above them."""
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            handler.setStream(stream)
