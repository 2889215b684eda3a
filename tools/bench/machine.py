"""What the figures of a part depend on, without naming the machine."""

from __future__ import annotations

import os
import platform
import resource
import time
from pathlib import Path

from tools.bench.report import Column, Figures

__all__ = ["COLUMNS", "Watch"]

_ALL_CPUS = Path("/proc/stat")  # Linux; elsewhere it stays unknown what others used
_WORKING = (0, 1, 2, 5, 6, 7)  # places of user, nice, system, irq, softirq, steal in its first line


class Watch:
    """Looks from its making to ``told`` at what this and other programs use of the processor."""

    def __init__(self) -> None:
        """Begin."""
        self._began = time.monotonic()
        self._ours, self._all = _used_by_us(), _used_by_all()

    def told(self, part: str) -> Figures:
        """Return when and where ``part`` was measured, how long it took, and how quietly."""
        seconds = time.monotonic() - self._began
        ours, everything = _used_by_us() - self._ours, _used_by_all()
        others = None
        if everything is not None and self._all is not None:
            others = max(everything - self._all - ours, 0.0) / seconds
        return {
            "part": part,
            "day": time.strftime("%Y-%m-%d", time.gmtime()),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "processor": platform.machine(),
            "minutes": seconds / 60,
            "others": others,
        }


def _used_by_us() -> float:
    """Return the processor seconds of this process and of those it started that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _used_by_all() -> float | None:
    if not _ALL_CPUS.exists():
        return None
    ticks = [int(word) for word in _ALL_CPUS.read_text().split("\n", 1)[0].split()[1:]]
    return sum(ticks[place] for place in _WORKING) / os.sysconf("SC_CLK_TCK")


COLUMNS = (
    Column("part", lambda row: row["part"]),
    Column("measured on", lambda row: row["day"]),
    Column("Python", lambda row: row["python"]),
    Column("cores", lambda row: f"{row['cores']}, {row['processor']}"),
    Column("minutes", lambda row: f"{row['minutes']:.1f}"),
    Column(
        "cores that others used",
        lambda row: "unknown" if row["others"] is None else f"{row['others']:.1f}",
    ),
)
