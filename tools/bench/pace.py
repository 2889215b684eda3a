"""Pace: requests, time and refusals of one large stream, against the least that is possible."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from tools.bench.floor import floor_seconds
from tools.bench.measure import catalog_of, measure
from tools.bench.orgs import OrgPlan, served
from tools.bench.report import Column, Figures, Part

__all__ = ["LATENCY", "PACE", "Case", "measured"]

LATENCY = 1.5  # the clock's seconds for a page
_PAGE_SIZE = 500
_SEARCHES_PER_MINUTE = 100  # Kustomer's limit, of which the tap takes a share


class Case(NamedTuple):
    """One run: conversations in the org, the clock's speed, two settings; long ones on request."""

    rows: int
    speed: float
    share: int  # api_utilization_percentage
    in_flight: int  # max_concurrency
    long: bool = False


# All that the tap computes weighs `speed` times as much against the latency as it would in real
# time, so a faster clock only makes it look slower. Where the latency binds (few requests in
# flight, or few rows), the clock is four or five times as fast; where the budget binds for long,
# ten times. The cases in real time show what is left of the difference. The small org has 9,900
# rows: a total of exactly 10,000 is a known cap, which is counted in parts.
_CASES = (
    Case(9_900, 1, 80, 4),
    Case(9_900, 5, 80, 1),
    Case(9_900, 5, 80, 2),
    Case(9_900, 5, 80, 4),
    Case(9_900, 5, 80, 8),
    Case(9_900, 5, 100, 4),
    Case(60_000, 1, 80, 4),
    Case(60_000, 1, 100, 4),
    Case(60_000, 5, 80, 1),
    Case(60_000, 5, 80, 2),
    Case(60_000, 5, 80, 4),
    Case(60_000, 5, 80, 8),
    Case(60_000, 5, 100, 1, long=True),
    Case(60_000, 5, 100, 2, long=True),
    Case(60_000, 5, 100, 4),
    Case(60_000, 5, 100, 8, long=True),
    Case(200_000, 4, 80, 4),
    Case(200_000, 4, 100, 4),
    Case(1_000_000, 10, 80, 4, long=True),
    Case(1_000_000, 10, 100, 4, long=True),
)


def _run(everything: bool) -> Iterator[Figures]:  # noqa: FBT001 - what a part is
    cases = [case for case in _CASES if everything or not case.long]
    for (rows, speed), group in groupby(cases, key=lambda case: (case.rows, case.speed)):
        yield from measured(list(group), rows, speed)


def measured(cases: list[Case], rows: int, speed: float) -> Iterator[Figures]:
    """Yield the figures of cases that differ in settings only: one org serves them all."""
    plan = OrgPlan(conversations=rows, speed=speed, knobs={"page_latency": LATENCY})
    ideal = math.ceil(rows / _PAGE_SIZE)
    with served(plan) as org:
        catalog = catalog_of(org, ["conversations"])
        for case in cases:
            found = measure(
                org,
                catalog=catalog,
                settings={
                    "api_utilization_percentage": case.share,
                    "max_concurrency": case.in_flight,
                },
            )
            budget = _SEARCHES_PER_MINUTE * case.share // 100
            yield {
                **case._asdict(),
                "emitted": found.rows,
                "ideal": ideal,
                "searches": found.searches,
                "requests": len(found.requests),
                "seconds": found.seconds,
                "floor": floor_seconds(
                    ideal, share=budget, concurrency=case.in_flight, latency=LATENCY
                ),
                "refused": found.refused,
                "busy": found.busy,
                "server_busy": found.server_busy,
                "peak_mib": found.peak_mib,
            }


def _floor_of_searches(row: Figures) -> float:
    """Return the least time for the searches that were made: a few more than the ideal."""
    return floor_seconds(
        row["searches"],
        share=_SEARCHES_PER_MINUTE * row["share"] // 100,
        concurrency=row["in_flight"],
        latency=LATENCY,
    )


PACE = Part(
    "pace",
    (
        Column("rows", lambda row: f"{row['rows']:,}"),
        Column("share", lambda row: f"{row['share']} %"),
        Column("in flight", lambda row: str(row["in_flight"])),
        Column("clock", lambda row: f"x {row['speed']:g}"),
        Column("searches", lambda row: f"{row['searches']:,}"),
        Column("/ ideal", lambda row: f"{row['searches'] / row['ideal']:.3f}"),
        Column("seconds", lambda row: f"{row['seconds']:,.0f}"),
        Column("floor", lambda row: f"{row['floor']:,.0f}"),
        Column("/ floor", lambda row: f"{row['seconds'] / row['floor']:.2f}"),
        Column("/ its searches'", lambda row: f"{row['seconds'] / _floor_of_searches(row):.2f}"),
        Column("429", lambda row: f"{100 * row['refused'] / row['requests']:.1f} %"),
        Column("core busy", lambda row: f"{100 * row['busy']:.0f} %"),
        Column("server's", lambda row: f"{100 * row['server_busy']:.0f} %"),
        Column("peak MiB", lambda row: f"{row['peak_mib']:.0f}"),
    ),
    _run,
)
