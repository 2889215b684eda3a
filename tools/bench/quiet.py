"""Quiet runs: what a run costs in searches and requests when nothing, or nearly nothing, is new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tools.bench.growth import selected
from tools.bench.measure import Measured, catalog_of, command_of_tap, measure
from tools.bench.orgs import OrgPlan, served
from tools.bench.pace import LATENCY
from tools.bench.report import Column, Figures, Part

__all__ = ["DISCOVER", "LISTS_LATER", "NOTHING_NEW", "QUIET"]

_SPEED = 10.0  # of the clock: these runs wait for answers, and the processor does little
# Discovery is measured in real time: sixty short requests are as many things to do for the tap,
# which a faster clock would make ten times as long.
_SPEED_OF_DISCOVERY = 1.0
_LIST_LATENCY = 0.3  # the clock's seconds for all but a search
_KNOBS = {"page_latency": LATENCY, "latency": _LIST_LATENCY}
_KLASSES = (0, 10, 50)
_RUNS_A_DAY = 96  # one each quarter of an hour
_QUARTER = 900.0  # of an hour, in seconds
_LISTS_EVERY = 360  # minutes

NOTHING_NEW = "nothing new"
LISTS_LATER = f"nothing new, `lists_every_minutes` {_LISTS_EVERY}"
DISCOVER = "`--discover`"


def _run(everything: bool) -> Iterator[Figures]:  # noqa: ARG001, FBT001 - what a part is
    for klasses in _KLASSES:
        plan = OrgPlan(
            conversations=2_000,
            klasses=klasses,
            rows_per_klass=20,
            klass_days=200.0,
            speed=_SPEED,
            knobs=_KNOBS,
        )
        with served(replace(plan, speed=_SPEED_OF_DISCOVERY)) as org:
            found = measure(org, [*command_of_tap(_SPEED_OF_DISCOVERY), "--discover"])
            yield _figures(klasses, DISCOVER, 0, found)
        with served(plan) as org:
            catalog = catalog_of(org, None)
            streams = selected(catalog)
            found = measure(org, catalog=catalog)
            yield _figures(klasses, "first run", streams, found)
            for case, minutes in ((NOTHING_NEW, 0), (LISTS_LATER, _LISTS_EVERY)):
                org.wait(_QUARTER)
                settings = {"lists_every_minutes": minutes}
                found = measure(org, catalog=catalog, settings=settings, state=found.state)
                yield _figures(klasses, case, streams, found)


def _figures(klasses: int, case: str, streams: int, found: Measured) -> Figures:
    return {
        "klasses": klasses,
        "case": case,
        "streams": streams,
        "emitted": found.rows,
        "searches": found.searches,
        "requests": len(found.requests),
        "cpu": found.cpu,
        "startup": found.startup,
        "seconds": found.seconds,
        "refused": found.refused,
    }


def _a_day(row: Figures) -> str:
    is_repeated = row["case"] in {NOTHING_NEW, LISTS_LATER}
    return f"{row['searches'] * _RUNS_A_DAY:,}" if is_repeated else ""


QUIET = Part(
    "quiet",
    (
        Column("klasses", lambda row: str(row["klasses"])),
        Column("run", lambda row: row["case"]),
        Column("streams", lambda row: str(row["streams"] or "")),
        Column("rows", lambda row: f"{row['emitted']:,}"),
        Column("searches", lambda row: f"{row['searches']:,}"),
        Column("all requests", lambda row: f"{row['requests']:,}"),
        Column("searches a day, each quarter of an hour", _a_day),
        Column("seconds", lambda row: f"{row['seconds']:,.1f}"),
        Column("of them start-up", lambda row: f"{row['startup']:.1f}"),
    ),
    _run,
)
