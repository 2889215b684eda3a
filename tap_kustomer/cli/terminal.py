"""What of the log a person sees: on a terminal warnings only, as bars and a table say the rest."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from tap_kustomer.run import StreamRun
from tap_kustomer.summary import closing

__all__ = ["Lines", "is_worth_reading", "print_summary", "quieten", "shows_bars"]

# What the SDK says about where settings come from: news to nobody, and "skipping" alarms.
_SDK_CHATTER = ("Skipping parse of env var", "Parsing env var")
_COLOURS = {"complete": "green", "skipped": "yellow", "missing": "yellow", "stopped": "yellow"}


def shows_bars() -> bool:
    """Whether a person watches: bars are drawn, and no log line has asked for the place."""
    return sys.stderr.isatty() and not _level_is_asked_for()


def _level_is_asked_for() -> bool:
    return bool(os.environ.get("TAP_KUSTOMER_LOGLEVEL") or os.environ.get("LOGLEVEL"))


def is_worth_reading(record: logging.LogRecord) -> bool:
    """Whether a record is more than what the SDK says at each start."""
    return not str(record.msg).startswith(_SDK_CHATTER)


def quieten(logger: logging.Logger, *, is_check: bool) -> None:
    """Leave warnings and errors only where a table or bars say the rest."""
    if logger.getEffectiveLevel() == logging.INFO and (is_check or shows_bars()):
        logger.setLevel(logging.WARNING)


class Lines:
    """Prints log lines above the bars, whole: a line that is cut into pieces cannot be copied."""

    def __init__(self, console: Console) -> None:
        """Print by ``console``, which the bars are drawn on."""
        self._console = console

    def write(self, text: str) -> None:
        """Print ``text``, which may be a line or its end."""
        if line := text.rstrip("\n"):
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)

    def flush(self) -> None:
        """Do nothing: each line is printed at once."""


def print_summary(console: Console, runs: Sequence[StreamRun], seconds: float) -> None:
    """Print a table of the streams and the closing sentence."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("stream", no_wrap=True)
    for heading in ("rows", "requests", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("result", no_wrap=True)
    for run in runs:
        colour = _COLOURS.get(run.status, "red")
        table.add_row(
            run.stream,
            f"{run.rows:,}",
            f"{run.requests:,}",
            f"{run.seconds:,.1f}",
            f"[{colour}]{run.status}[/{colour}]",
        )
    console.print(table)
    console.print(closing(runs, seconds), soft_wrap=True, highlight=False)
