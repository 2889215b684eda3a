"""Growth: what a run costs as rows, streams and klasses become more, and when nothing is new."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tools.bench.measure import Measured, catalog_of, command_of_tap, measure
from tools.bench.orgs import OrgPlan, served
from tools.bench.pace import LATENCY
from tools.bench.report import Column, Figures, Part

__all__ = ["GROWTH"]

_SPEED = 10.0  # of the clock: these runs wait for answers, and the processor does little
_LIST_LATENCY = 0.3  # the clock's seconds for all but a search
_KNOBS = {"page_latency": LATENCY, "latency": _LIST_LATENCY}
_MOST_KLASSES = 50
_PEOPLE = 100  # customers of an org with some of everything


class _Case(NamedTuple):
    """One run: what grows, which streams are selected (None: all default ones), the org."""

    grows: str
    select: tuple[str, ...] | None
    plan: dict[str, Any]  # of `OrgPlan`
    again: bool = False  # and once more from the state of that run
    discover: bool = False
    long: bool = False


_FIVE = ("customers", "conversations", "messages", "notes", "companies")

_CASES = (
    *(
        _Case(f"{rows:,} rows, one stream", ("conversations",), {"conversations": rows}, long=long)
        for rows, long in (
            (0, False), (400, False), (5_000, False), (50_000, False), (500_000, True)
        )
    ),
    _Case("1 stream, the rest of the org not selected", _FIVE[:1], {"customers": _PEOPLE}),
    _Case("5 streams", _FIVE, {"customers": _PEOPLE}),
    _Case("all default streams", None, {"customers": _PEOPLE}, again=True),
    *(
        _Case(
            f"all default streams, {klasses} klasses of 20 rows, nothing else",
            None,
            {"klasses": klasses},
            again=klasses == _MOST_KLASSES,
        )
        for klasses in (0, 10, _MOST_KLASSES)
    ),
    *(
        _Case(f"`--discover`, {klasses} klasses", None, {"klasses": klasses}, discover=True)
        for klasses in (0, 10, _MOST_KLASSES)
    ),
)  # fmt: skip


def _run(everything: bool) -> Iterator[Figures]:  # noqa: FBT001 - what a part is
    for case in _CASES:
        if case.long and not everything:
            continue
        plan = OrgPlan(**{"rows_per_klass": 20, **case.plan}, speed=_SPEED, knobs=_KNOBS)
        with served(plan) as org:
            if case.discover:
                found = measure(org, [*command_of_tap(_SPEED), "--discover"])
                yield _figures(case.grows, 0, found)
                continue
            catalog = catalog_of(org, case.select)
            streams = selected(catalog)
            found = measure(org, catalog=catalog)
            yield _figures(case.grows, streams, found)
            if case.again:
                again = measure(org, catalog=catalog, state=found.state)
                yield _figures("the same again, nothing new", streams, again)


def selected(catalog: dict[str, Any]) -> int:
    """Return how many streams a catalog selects."""
    return sum(
        metadata["metadata"].get("selected", False)
        for entry in catalog["streams"]
        for metadata in entry["metadata"]
        if not metadata["breadcrumb"]
    )


def _figures(case: str, streams: int, found: Measured) -> Figures:
    told = {told_apart(one) for one in found.requests}
    return {
        "case": case,
        "streams": streams,
        "emitted": found.rows,
        "searches": found.searches,
        "requests": len(found.requests),
        "repeated": len(found.requests) - len(told),
        "cpu": found.cpu,
        "startup": found.startup,
        "seconds": found.seconds,
        "refused": found.refused,
    }


def told_apart(request: dict[str, Any]) -> str:
    """Return what a request reads: a search's queryContext or a list's path and filters."""
    if request["is_search"]:
        return f"search {request['context']} {request['is_archive']}"
    rest = {name: value for name, value in request["query"].items() if name != "page"}
    return f"{request['path']} {sorted(rest.items())}"


def _ratio(requests: int, streams: int) -> str:
    return f"{requests / streams:.1f}" if streams else ""


GROWTH = Part(
    "growth",
    (
        Column("run", lambda row: row["case"]),
        Column("streams", lambda row: str(row["streams"] or "")),
        Column("rows", lambda row: f"{row['emitted']:,}"),
        Column("searches", lambda row: f"{row['searches']:,}"),
        Column("all requests", lambda row: f"{row['requests']:,}"),
        Column("a stream", lambda row: _ratio(row["requests"], row["streams"])),
        Column("asked before", lambda row: str(row["repeated"])),
        Column("processor seconds", lambda row: f"{row['cpu']:.2f}"),
        Column("seconds", lambda row: f"{row['seconds']:,.1f}"),
    ),
    _run,
)
