"""What an endurance run counted, as a table for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rich.table import Table

from simulator import RequestLog
from tools.soak.truth import Difference

__all__ = ["Report"]

THOUSAND = 1000
TOO_MANY_REQUESTS = 429


@dataclass
class Report:
    """The figures of an endurance run, and what went wrong in it."""

    chapters: int = 0
    hours: float = 0.0  # of the org's time
    minutes: float = 0.0  # real ones
    runs: Counter[str] = field(default_factory=Counter)  # by how they ended
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    searches: int = 0
    refused: int = 0  # 429 by the org's budgets, not by a fault
    changes: int = 0
    rows: int = 0
    rows_again: int = 0
    compared: int = 0
    differences: list[Difference] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing was lost and nothing happened that must not."""
        return not self.differences and not self.failures and self.compared > 0

    @property
    def refused_per_thousand(self) -> float:
        """429 of the org's own budgets, per 1,000 requests."""
        return self.refused * THOUSAND / max(1, self.requests)

    def count_requests(self, logs: list[RequestLog]) -> None:
        """Take in the requests of a run."""
        self.requests += len(logs)
        self.searches += sum(log.is_search for log in logs)
        for log in logs:
            self.refused += log.status == TOO_MANY_REQUESTS and not log.faults
            for kind in log.faults:
                self.faults[_named(kind, log)] += 1

    def table(self) -> Table:
        """Return the figures."""
        table = Table("endurance run", "", show_header=True)
        again = self.rows_again * 100 / max(1, self.rows)
        for name, value in (
            ("org's time", f"{self.hours:,.0f} hours in {self.minutes:.1f} minutes"),
            ("changes in the org", f"{self.changes:,}"),
            ("chapters, each with a comparison", f"{self.chapters:,}"),
            ("runs", f"{self.runs.total():,} ({_listed(self.runs)})"),
            ("kills", f"{self.kills.total():,} ({_listed(self.kills)})"),
            ("faults", f"{self.faults.total():,} ({_listed(self.faults)})"),
            ("requests", f"{self.requests:,}, {self.searches:,} of them searches"),
            ("429 per 1,000 requests", f"{self.refused_per_thousand:.1f}"),
            ("rows written", f"{self.rows:,}"),
            ("of them sent before", f"{again:.1f} %"),
            ("rows compared", f"{self.compared:,}"),
            ("differences", f"{len(self.differences):,}"),
        ):
            table.add_row(name, value)
        return table


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items()))


def _named(kind: str, log: RequestLog) -> str:
    """Name a fault; a status by its number, where the answer was sent."""
    return f"status {log.status}" if kind == "status" and log.status else kind
