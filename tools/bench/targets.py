"""What the tap is meant to reach, judged by the figures of the other tables."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tools.bench.analytics import LARGE
from tools.bench.loaders import DUCKDB, SHIPPED
from tools.bench.processor import OURS, rates
from tools.bench.quiet import DISCOVER, NOTHING_NEW
from tools.bench.report import Column, Figures
from tools.bench.reserve import DEFAULT_SHARE
from tools.bench.webhooks import CEILING

__all__ = ["COLUMNS", "TARGETS", "Target", "judged"]

_LARGE = 60_000  # rows, from which on the first and last pages no longer count for much
_DEFAULT_IN_FLIGHT = 4
_MILLION = 1_000_000


@dataclass(frozen=True)
class Target:
    """A limit for the worst of some figures: the part they are in, which rows, which value."""

    name: str
    part: str
    of: Callable[[Figures], bool]
    value: Callable[[Figures], float]
    limit: float
    form: str  # how value and limit are written
    at_least: bool = False
    among: Callable[[list[Figures]], list[Figures]] = list

    def worst(self, rows: list[Figures]) -> float | None:
        """Return the value to judge; None where nothing was measured."""
        values = [self.value(row) for row in self.among(rows) if self.of(row)]
        if not values:
            return None
        return min(values) if self.at_least else max(values)

    def holds(self, value: float) -> bool:
        """Say whether ``value`` is within the limit."""
        return value >= self.limit if self.at_least else value <= self.limit


def _defaults(share: int) -> Callable[[Figures], bool]:
    return lambda row: (
        row["rows"] >= _LARGE and row["in_flight"] == _DEFAULT_IN_FLIGHT and row["share"] == share
    )


def _small(row: Figures) -> bool:
    settings = (row["in_flight"], row["share"])
    return settings == (_DEFAULT_IN_FLIGHT, DEFAULT_SHARE) and bool(row["rows"] < _LARGE)


def _nearest_to_real_time(rows: list[Figures]) -> list[Figures]:
    """Return each case of the pace once, measured with the slowest clock."""
    slowest: dict[tuple[float, ...], Figures] = {}
    for row in sorted(rows, key=lambda row: -float(row["speed"])):
        slowest[row["rows"], row["share"], row["in_flight"]] = row
    return list(slowest.values())


def _always(_row: Figures) -> bool:
    return True


def _searches(row: Figures) -> float:
    return float(row["searches"] / row["ideal"])


def _seconds(row: Figures) -> float:
    return float(row["seconds"] / row["floor"])


def _refused(row: Figures) -> float:
    return float(100 * row["refused"] / row["requests"])


TARGETS = (
    Target(
        "searches / ideal, 60,000 rows and more",
        "pace", lambda row: row["rows"] >= _LARGE, _searches, 1.05, "{:.3f}",
    ),
    Target(
        "time / floor with the defaults, 60,000 rows and more",
        "pace", _defaults(DEFAULT_SHARE), _seconds, 1.1, "{:.2f}",
        among=_nearest_to_real_time,
    ),
    Target(
        "the same at `api_utilization_percentage` 100",
        "pace", _defaults(100), _seconds, 1.1, "{:.2f}",
        among=_nearest_to_real_time,
    ),
    Target("429 among the requests, pace", "pace", _always, _refused, 1.0, "{:.1f} %"),
    Target(
        "429 among the requests, beside an agent",
        "reserve", lambda row: row["share"] == DEFAULT_SHARE, _refused, 1.0, "{:.1f} %",
    ),
    Target(
        "an agent's requests that were refused",
        "reserve", lambda row: row["share"] == DEFAULT_SHARE,
        lambda row: float(row["agent_refused"]), 0, "{:.0f}",
    ),
    Target(
        "rows per processor second, start-up included",
        "processor", lambda row: row["tap"] == OURS,
        lambda row: statistics.median(rates(row)), 30_000, "{:,.0f}", at_least=True,
    ),
    Target(
        "peak MiB at 1,000,000 rows, without budget or latency",
        "processor", lambda row: row["tap"] == OURS and row["rows"] >= _MILLION,
        lambda row: float(max(row["peak_mib"])), 200, "{:.0f}",
    ),
    Target(
        "peak MiB with both, any number of rows",
        "pace", _always, lambda row: float(row["peak_mib"]), 200, "{:.0f}",
    ),
    Target(
        "processor seconds until the first request",
        "start", lambda row: row["name"] == OURS,
        lambda row: float(min(row["cpu"])), 0.6, "{:.2f}",
    ),
    Target(
        "searches of a quiet run, without klasses",
        "quiet", lambda row: row["klasses"] == 0 and row["case"] == NOTHING_NEW,
        lambda row: float(row["searches"]), 12, "{:.0f}",
    ),
    Target(
        "all requests of a quiet run, without klasses",
        "quiet", lambda row: row["klasses"] == 0 and row["case"] == NOTHING_NEW,
        lambda row: float(row["requests"]), 40, "{:.0f}",
    ),
    Target(
        "searches of a quiet run, 50 klasses",
        "quiet", lambda row: row["klasses"] > 0 and row["case"] == NOTHING_NEW,
        lambda row: float(row["searches"]), 20, "{:.0f}",
    ),
    Target(
        "all requests of a quiet run, 50 klasses",
        "quiet", lambda row: row["klasses"] > 0 and row["case"] == NOTHING_NEW,
        lambda row: float(row["requests"]), 100, "{:.0f}",
    ),
    Target(
        "requests of `--discover`, 50 klasses",
        "quiet", lambda row: row["case"] == DISCOVER,
        lambda row: float(row["requests"]), 60, "{:.0f}",
    ),
    Target(
        "seconds of `--discover`, 50 klasses, start-up not included",
        "quiet", lambda row: row["case"] == DISCOVER,
        lambda row: float(row["seconds"] - row["startup"]), 3.0, "{:.1f}",
    ),
    Target(
        "time / floor with the defaults, twenty pages",
        "pace", _small, _seconds, 1.4, "{:.2f}",
    ),
    Target(
        "searches of a run each minute",
        "minute", _always, lambda row: float(row["searches"]), 12, "{:.0f}",
    ),
    Target(
        "other requests of a run each minute",
        "minute", _always, lambda row: float(row["others"]), 15, "{:.0f}",
    ),
    Target(
        "seconds until 95 of 100 changes are loaded by a run each minute",
        "minute", _always, lambda row: float(row["p95"]), 90, "{:.0f}",
    ),
    Target(
        "milliseconds of 99 of 100 answers to webhooks, 40 a second",
        "webhooks", lambda row: row["rate"] == CEILING,
        lambda row: float(row["milliseconds"][1]), 50, "{:.0f}",
    ),
    Target(
        "peak MiB of the DuckDB loader, up to 1,000,000 rows",
        "loaders", lambda row: row["loader"] == DUCKDB and row["told"] == SHIPPED,
        lambda row: float(row["peak_mib"]), 500, "{:.0f}",
    ),
    Target(
        f"seconds of `dbt build` on {LARGE:,} conversations",
        "analytics", lambda row: row["conversations"] >= LARGE,
        lambda row: float(row["seconds"]), 120, "{:.0f}",
    ),
    Target(
        "peak MiB of it",
        "analytics", lambda row: row["conversations"] >= LARGE,
        lambda row: float(row["peak_mib"]), 4 * 1024, "{:,.0f}",
    ),
)  # fmt: skip


def judged(parts: Mapping[str, list[Figures]]) -> Iterator[Figures]:
    """Yield a row for each target, from the figures of all parts."""
    for target in TARGETS:
        worst = target.worst(parts.get(target.part, []))
        bound = "at least" if target.at_least else "at most"
        yield {
            "target": target.name,
            "limit": f"{bound} {target.form.format(target.limit)}",
            "worst": "not measured" if worst is None else target.form.format(worst),
            "holds": "" if worst is None else ("yes" if target.holds(worst) else "**no**"),
        }


COLUMNS = (
    Column("what", lambda row: row["target"]),
    Column("target", lambda row: row["limit"]),
    Column("measured, the worst case", lambda row: row["worst"]),
    Column("holds", lambda row: row["holds"]),
)
