"""The preflight as a person reads it: 80 columns, what fails first, notes below the table."""

from __future__ import annotations

import textwrap
from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table

from tap_kustomer.cli.check import Preflight, Sample
from tap_kustomer.cli.check_stream import (
    ABSENT,
    MISSING_ROLE,
    OPEN,
    SAMPLED,
    UNASKED,
    StreamCheck,
)
from tap_kustomer.contact.allowance import NOT_ASKED
from tap_kustomer.summary import duration

__all__ = ["print_table"]

_WIDTH = 80  # columns, where no terminal says how wide it is
_SHOWN = {OPEN: "yes", MISSING_ROLE: "no", ABSENT: "n/a", SAMPLED: "sampled", UNASKED: "?"}
_COLOURS = {OPEN: "green", ABSENT: "yellow", SAMPLED: "green", UNASKED: "yellow"}


def print_table(found: Preflight, file: IO[str]) -> None:
    """Print what ``found`` says; colours on a terminal only."""
    console = Console(file=file, highlight=False, width=None if file.isatty() else _WIDTH)
    console.print(f"Org {found.org_id or 'unknown'} at {found.api_url}", soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=True)
    readable = [one for one in found.streams if one.selected and one.readable == OPEN]
    rows = sum(one.rows or 0 for one in readable)
    requests = sum(one.searches + one.requests for one in readable)
    if found.sample is not None:
        rows += found.sample.rows or 0
        requests += found.sample.searches
    at_least = "at least " if _is_at_least(found, readable) else ""
    table.add_column("stream", footer="total of the selected", no_wrap=True)
    table.add_column("access", no_wrap=True)
    table.add_column("rows", footer=f"{at_least}{rows:,}", justify="right", no_wrap=True)
    table.add_column("requests", footer=f"{requests:,}", justify="right", no_wrap=True)
    together = found.sample.streams if found.sample is not None else []
    for one in sorted(found.streams, key=_place):
        if one.stream not in together:
            table.add_row(*_cells(one), style=None if one.selected else "dim")
    if found.sample is not None:
        table.add_row(*_cells(_as_line(found.sample)))
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        if line.strip():  # no lines of blanks, and no blanks at the ends
            console.out(line.rstrip(), highlight=False)
    for note in _notes(found):
        for line in textwrap.wrap(note, console.width, subsequent_indent=" " * _indent(note)):
            console.print(line, soft_wrap=True)


def _indent(note: str) -> int:
    return len(note) - len(note.lstrip())


def _place(one: StreamCheck) -> tuple[bool, bool]:
    """Order streams: selected ones that fail first; within that as they come."""
    return one.works, not one.selected


def _is_at_least(found: Preflight, readable: list[StreamCheck]) -> bool:
    """Whether there are more rows than those that were counted."""
    if found.sample is not None and found.sample.rows is None:
        return True
    return any(one.rows is None or one.at_least for one in readable)


def _as_line(sample: Sample) -> StreamCheck:
    """Return the line of the klasses that were looked at together."""
    name = f"{len(sample.streams):,} other kobject_*"
    readable = SAMPLED if sample.problem is None else UNASKED
    return StreamCheck(
        name, selected=True, readable=readable, rows=sample.rows, searches=sample.searches
    )


def _cells(one: StreamCheck) -> list[str]:
    known = one.readable in {OPEN, SAMPLED}
    requests = one.searches + one.requests
    colour = _COLOURS.get(one.readable, "red")
    return [
        one.stream,
        f"[{colour}]{_SHOWN.get(one.readable, 'error')}[/{colour}]",
        f"{one.rows:,}{'+' if one.at_least else ''}" if known and one.rows is not None else "",
        f"{requests:,}" if known and requests else "",
    ]


def _notes(found: Preflight) -> list[str]:
    notes = []
    if found.missing_roles:
        notes.append(
            "Create a new key with these roles as well (roles of an existing key can't be edited):"
        )
        for one in found.streams:
            if one.readable == MISSING_ROLE and one.selected:
                guess = " (a guess)" if "probably" in (one.problem or "") else ""
                notes.append(f"  {one.role}{guess} for {one.stream}")
    errors = [one for one in found.streams if one.readable not in _SHOWN]
    notes += [f"{one.stream}: {one.problem}" for one in errors]
    absent = [one.stream for one in found.streams if one.readable == ABSENT]
    if absent:
        notes.append(f"n/a: not part of this org, no rows: {', '.join(absent)}.")
    unasked = [one.stream for one in found.streams if one.readable == UNASKED]
    if found.sample is not None:
        unasked = [one for one in unasked if one not in found.sample.streams]
        told = "looked at by one search of all klasses."
        notes.append(
            f"{len(found.sample.streams):,} other kobject_*: {found.sample.problem or told}"
        )
    if unasked:
        notes.append(f"?: not asked for, since {NOT_ASKED}: {', '.join(unasked)}.")
    if found.sample is not None or unasked:
        notes.append("The exit status is by the streams that were asked for.")
    if any(not one.selected for one in found.streams):
        names = ", ".join(one.stream for one in found.streams if not one.selected)
        notes.append(f"Not selected: {names}.")
    since = f" updated since {found.rows_since[:10]}" if found.rows_since else ""
    notes.append(
        f"Searches count rows{since}; a blank is a stream that doesn't say how many rows it has. "
        "Requests are at least so many: finding out what an org supports takes a few more."
    )
    notes.append(
        f"A first sync takes {_time(found)} or more at {found.searches_per_minute:,} searches and "
        f"{found.requests_per_minute:,} requests a minute. Later runs load what "
        "changed, plus the small lists in full."
    )
    if not found.works:
        notes.append("At least one selected stream can't be read.")
    return notes


def _time(found: Preflight) -> str:
    return "about a minute" if found.minutes <= 1 else f"about {duration(found.minutes * 60)}"
