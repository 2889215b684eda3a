"""The outputs on the page about a first contact, from checks of a simulated org."""

from __future__ import annotations

import io
import re
import signal
from collections.abc import Mapping
from functools import cache
from typing import Any

from simulator import Clock, Org, Simulator
from tap_kustomer.clock import Clock as TapClock
from tap_kustomer.contact.table import print_contact
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tap_kustomer.tap import TapKustomer
from tools.docs.readme_parts import TODAY

__all__ = ["assumptions_table", "contact_output", "report_output"]

# An org that is other than assumed in some ways, so that the page shows each column.
_OTHERWISE: Mapping[str, Any] = {
    "company_updated_at_supported": False,
    "queues_path": "/v1/queues",
    "ignore_filters": ("note_updated_at",),
    "work_item_attributes": ("work_item_updated_at", "work_item_created_at"),
    "work_session_attributes": ("work_session_updated_at", "work_session_created_at"),
}
_MOST_LINES = 60  # of the report


@cache
def _outputs() -> tuple[str, str]:
    """Return the tables and the report of one check."""
    clock = Clock()
    clock.set(TODAY)
    org = Org(seed=7, clock=clock, plan_limit=1000, search_limit=100_000)
    org.seed(customers=100, children=False)
    old = "2025-02-03T04:05:06.789Z"
    org.add("note", 3, updated_at=old, created_at=old)
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Simulator(org, **_OTHERWISE) as served:
            config = {**served.config, "start_date": "2025-06-01"}
            tap = TapKustomer(config=config, clock=TapClock(50.0), looks=True)
            found = tap.preflight()
            report = tap.report(found)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    printed = io.StringIO()
    assert found.contact is not None  # noqa: S101 - `looks` was asked for
    print_contact(found.contact, printed)
    return printed.getvalue(), report


def contact_output(_tap: Any) -> str:
    """Return what ``--check`` prints behind the table of streams."""
    return f"```text\n{_outputs()[0]}```\n"


def report_output(_tap: Any) -> str:
    """Return the middle of a report: its head names versions, its end is long."""
    text = _outputs()[1]
    lines = text[text.index("## What is assumed") :].splitlines()
    shapes = next(n for n, line in enumerate(lines) if "customers/search customer" in line)
    assumed, shape = lines[: _MOST_LINES // 4], lines[shapes : shapes + _MOST_LINES // 2]
    shown = "\n".join([*assumed, "...", *shape, "..."])
    return f"````markdown\n{re.sub(r'hash-[0-9a-f]{6}', 'hash-3f9c1e', shown)}\n````\n"


def assumptions_table(_tap: Any) -> str:
    """Return all assumptions as a table."""
    lines = ["| entry | what is assumed | what shows it | what is done otherwise |"]
    lines.append("|---|---|---|---|")
    for one in ASSUMPTIONS:
        shows = f"{one.shows} (not looked at: {one.unseen})" if one.unseen else one.shows
        otherwise = f"{one.otherwise}; please report it" if one.report else one.otherwise
        lines.append(f"| `{one.id}` | {one.assumed} | {shows} | {otherwise} |")
    return "\n".join(lines) + "\n"
