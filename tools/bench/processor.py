"""Processor and memory: this tap and the stock SDK way on the same rows, in turn."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator
from typing import NamedTuple

from tools.bench.measure import Measured, catalog_of, measure
from tools.bench.orgs import OrgPlan, ServedOrg, served
from tools.bench.report import Column, Figures, Part

__all__ = ["OURS", "PROCESSOR", "UNLIMITED", "one_page", "rates"]

OURS, STOCK = "tap-kustomer", "stock RESTStream"


class _Case(NamedTuple):
    """Runs of one or both taps over so many rows."""

    rows: int
    repeats: int
    taps: tuple[str, ...]
    long: bool = False


_CASES = (
    _Case(100_000, 3, (OURS, STOCK)),
    _Case(1_000_000, 1, (OURS,), long=True),
)

# No budget and no latency: nothing but the processor can be what is waited for.
UNLIMITED = {
    "search_requests_per_minute": 100_000,
    "requests_per_minute": 1_000_000,
    "api_utilization_percentage": 100,
}


def _run(everything: bool) -> Iterator[Figures]:  # noqa: FBT001 - what a part is
    for case in _CASES:
        if case.long and not everything:
            continue
        with served(OrgPlan(conversations=case.rows, knobs={"limits": False})) as org:
            page = one_page(org)
            row_bytes = len(page) / len(json.loads(page)["data"])
            catalog = catalog_of(org, ["conversations"])
            runs: dict[str, list[Measured]] = {tap: [] for tap in case.taps}
            for _ in range(case.repeats):
                for tap in case.taps:  # in turn, so that a busy moment of the machine hits both
                    runs[tap].append(
                        measure(org, catalog=catalog, settings=UNLIMITED)
                        if tap == OURS
                        else measure(org, [sys.executable, "-m", "tools.bench.stock"])
                    )
        for tap, found in runs.items():
            yield {
                "tap": tap,
                "rows": case.rows,
                "row_bytes": row_bytes,
                "emitted": [one.rows for one in found],
                "cpu": [one.cpu for one in found],
                "startup": [one.startup for one in found],
                "peak_mib": [one.peak_mib for one in found],
                "server_cpu": [one.server_cpu for one in found],
                "pages": [one.searches for one in found],
            }


def one_page(org: ServedOrg) -> bytes:
    """Return the first page of conversations as the server sends it."""
    body = {
        "queryContext": "conversation",
        "and": [{"conversation_updated_at": {"gte": org.config["start_date"]}}],
        "sort": [{"conversation_updated_at": "asc"}],
    }
    return org.api("POST", "/v1/customers/search?page=1&pageSize=500", json=body).content


def rates(row: Figures) -> list[float]:
    """Return the rows for each second of processor, of each repeat, start-up included."""
    return [rows / cpu for rows, cpu in zip(row["emitted"], row["cpu"], strict=True)]


def _spread(values: list[float]) -> str:
    middle = f"{statistics.median(values):,.0f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.0f} to {max(values):,.0f})"


def _server_per_page(row: Figures) -> float:
    return 1000 * sum(row["server_cpu"]) / sum(row["pages"])


PROCESSOR = Part(
    "processor",
    (
        Column("tap", lambda row: row["tap"]),
        Column("rows", lambda row: f"{row['rows']:,}"),
        Column("bytes a row", lambda row: f"{row['row_bytes']:,.0f}"),
        Column("runs", lambda row: str(len(row["cpu"]))),
        Column("processor seconds", lambda row: f"{statistics.median(row['cpu']):.1f}"),
        Column("rows per processor second", lambda row: _spread(rates(row))),
        Column("peak MiB", lambda row: _spread(row["peak_mib"])),
        Column("server's ms a page", lambda row: f"{_server_per_page(row):.1f}"),
    ),
    _run,
)
