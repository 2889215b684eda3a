"""Profile: where the processor time of a large stream goes, and how far the limit is."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tools.bench.measure import catalog_of, measure
from tools.bench.orgs import OrgPlan, served
from tools.bench.processor import UNLIMITED, one_page
from tools.bench.report import Column, Figures, Part

__all__ = ["PROFILE"]

_ROWS = 100_000
_REPEATS = 3
_LIMIT = "for comparison: decode and encode whole rows, by msgspec"
_LIMIT_PAGES = 100
_US = 1e6


def _run(everything: bool) -> Iterator[Figures]:  # noqa: ARG001, FBT001 - what a part is
    seconds: defaultdict[str, float] = defaultdict(float)
    rows = 0
    with served(OrgPlan(conversations=_ROWS, knobs={"limits": False})) as org:
        page = one_page(org)
        catalog = catalog_of(org, ["conversations"])
        for _ in range(_REPEATS):
            with tempfile.TemporaryDirectory() as folder:
                target = Path(folder) / "profile.json"
                command = [sys.executable, "-m", "tools.bench.sampled", str(target)]
                rows += measure(org, command, catalog=catalog, settings=UNLIMITED).rows
                for stage, used in json.loads(target.read_text()).items():
                    seconds[stage] += used
    whole = sum(seconds.values())
    for stage, used in sorted(seconds.items(), key=lambda one: -one[1]):
        yield {"stage": stage, "share": used / whole, "us": used / rows * _US}
    yield {"stage": "**all, start-up not included**", "share": 1.0, "us": whole / rows * _US}
    limit = least_per_row(page)
    yield {"stage": _LIMIT, "share": limit / (whole / rows), "us": limit * _US}


def least_per_row(page: bytes, pages: int = _LIMIT_PAGES) -> float:
    """Return the processor seconds that a row takes to be decoded and encoded, and no more."""
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode
    rows = len(decode(page)["data"])
    began = time.process_time()
    for _ in range(pages):
        for row in decode(page)["data"]:
            encode(row)
    return (time.process_time() - began) / (pages * rows)


PROFILE = Part(
    "profile",
    (
        Column("stage", lambda row: row["stage"]),
        Column("share", lambda row: f"{100 * row['share']:.0f} %"),
        Column("microseconds a row", lambda row: f"{row['us']:.1f}"),
        Column("rows per second", lambda row: f"{_US / row['us']:,.0f}" if row["us"] else ""),
    ),
    _run,
)
