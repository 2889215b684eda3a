"""What a look found, as a person reads it: 80 columns, what differs first."""

from __future__ import annotations

import textwrap
from typing import IO

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tap_kustomer.contact.allowance import NOT_ASKED
from tap_kustomer.contact.look import Contact
from tap_kustomer.ledger.ledger import HOW_TO_REPORT, Assumption, Column, Finding

__all__ = ["print_contact"]

_WIDTH = 80  # columns, where no terminal says how wide it is
_COLOURS = {Column.REPORT: "red", Column.HANDLED: "yellow"}
_SHOWN_PLACES = 4


def print_contact(contact: Contact, file: IO[str]) -> None:
    """Print what was found; colours on a terminal only."""
    console = Console(file=file, highlight=False, width=None if file.isatty() else _WIDTH)
    tables = [_assumed(contact)]
    if contact.searches:
        tables.insert(0, _searches(contact))
    for table in tables:
        with console.capture() as capture:
            console.print(table)
        for line in capture.get().splitlines():
            if line.strip():
                console.out(line.rstrip(), highlight=False)
    for sentence in _sentences(contact):
        for line in textwrap.wrap(sentence, console.width, break_on_hyphens=False):
            console.print(escape(line), soft_wrap=True)


def _searches(contact: Contact) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("search", no_wrap=True)
    for heading in ("page size", "total", "pages", "ties"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("filter and sort", no_wrap=True)
    for one in contact.searches:
        size = str(one.asked) if one.given == one.asked else f"{one.given} of {one.asked}"
        total = "not told" if one.total is None else f"{one.total:,}"
        kept = "kept" if one.in_order else "[red]not kept[/red]"
        table.add_row(escape(one.stream), size, total, str(one.pages), f"{one.ties:.0%}", kept)
    return table


def _assumed(contact: Contact) -> Table:
    """Return what differs in full, of the rest the names."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("this org", no_wrap=True)
    table.add_column("what is assumed", overflow="fold")
    found, assumptions = contact.ledger.findings, contact.ledger.assumptions
    for column, colour in _COLOURS.items():
        for id_, finding in found.items():
            if finding.column is column:
                told = escape(_told(assumptions[id_], finding))
                table.add_row(f"[{colour}]{column.value}[/]", told)
    unasked = set(contact.unasked)
    if unasked:
        table.add_row(Column.NOT_SEEN.value, _listed(contact.unasked, f", not asked: {NOT_ASKED}"))
    for column in (Column.NOT_SEEN, Column.AS_ASSUMED):
        ids = [id_ for id_, one in found.items() if one.column is column and id_ not in unasked]
        if ids:
            table.add_row(column.value, _listed(ids))
    return table


def _listed(ids: list[str], why: str = "") -> str:
    return f"{len(ids)}{why}: {', '.join(ids)}"


def _told(assumption: Assumption, finding: Finding) -> str:
    places = ", ".join(finding.places[:_SHOWN_PLACES])
    more = len(finding.places) - _SHOWN_PLACES
    if more > 0:
        places += f" and {more} more"
    seen = "; ".join(finding.how) + (f" ({places})" if places else "")
    return (
        f"{assumption.id}: {assumption.assumed}. Seen: {seen}. What is done: "
        f"{assumption.otherwise}."
    )


def _attributes(contact: Contact) -> str:
    told = f"{contact.custom_attributes} custom attributes"
    if contact.klasses_unasked:
        told += f" besides those of {contact.klasses_unasked} klasses that were not asked for"
    return told


def _sentences(contact: Contact) -> list[str]:
    answers = contact.answers
    limit = f"{answers.org_limit:,}" if answers.org_limit else "an unknown number of"
    sentences = []
    sentences.append(
        f"The org's plan allows {limit} requests a minute; the pod is "
        f"{', '.join(sorted(answers.pods)) or 'not told'}. There are {contact.klasses} klasses and "
        f"{_attributes(contact)}. The check took {contact.requests} requests, "
        f"{contact.searches_sent} of them searches."
    )
    if contact.stopped is not None:
        sentences.append(contact.stopped)
    columns = [one.column for one in contact.ledger.findings.values()]
    if Column.REPORT in columns:
        sentences.append(f"The tap does not handle all that differs: please {HOW_TO_REPORT}.")
    return sentences
