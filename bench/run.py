"""Measures the tap on simulated orgs and writes the tables of docs/performance.md: `make bench`.

Each part is a table of its own and can be run alone; what its figures mean says that page.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console

from bench import targets
from bench.growth import GROWTH
from bench.hotpath import PROFILE
from bench.pace import PACE
from bench.processor import PROCESSOR
from bench.report import PAGE, Column, Kept, markdown, place
from bench.reserve import RESERVE
from bench.start import START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report import Figures, Part

__all__ = ["PARTS", "rendered"]

PARTS: tuple[Part, ...] = (START, PROCESSOR, PROFILE, PACE, GROWTH, RESERVE)
_MACHINE = "machine"
_MACHINE_COLUMNS = (
    Column("part", lambda row: row["part"]),
    Column("measured on", lambda row: row["day"]),
    Column("Python", lambda row: row["python"]),
    Column("cores", lambda row: str(row["cores"])),
    Column("processor", lambda row: row["processor"]),
    Column("took", lambda row: f"{row['minutes']:.1f} minutes"),
)
console = Console(stderr=True, highlight=False)


def rendered(page: str, kept: Kept) -> str:
    """Return ``page`` with the table of every part that was ever measured, and the targets."""
    for part in PARTS:
        if part.name in kept.parts:
            page = place(page, part.name, markdown(part.columns, kept.parts[part.name]))
    page = place(page, "targets", markdown(targets.COLUMNS, targets.judged(kept.parts)))
    return place(page, _MACHINE, markdown(_MACHINE_COLUMNS, kept.parts.get(_MACHINE, [])))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with ``--write`` put the tables into the page."""
    options = _options(arguments)
    kept = Kept()
    for part in PARTS:
        if options.parts and part.name not in options.parts:
            continue
        began = time.monotonic()
        rows: list[Figures] = []
        console.rule(part.name)
        for row in part.run(options.all):
            rows.append(row)
            console.print("  ".join(f"{one.title}: {one.show(row)}" for one in part.columns))
        sys.stdout.write(f"{markdown(part.columns, rows)}\n")
        kept.parts[part.name] = rows
        machine = [row for row in kept.parts.get(_MACHINE, []) if row["part"] != part.name]
        here = _machine(part.name, (time.monotonic() - began) / 60)
        kept.parts[_MACHINE] = [*machine, here]
        if options.write:
            kept.save()
            text = rendered(PAGE.read_text(encoding="utf-8"), kept)
            PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(markdown(targets.COLUMNS, targets.judged(kept.parts)))
    sys.stdout.flush()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    names = [part.name for part in PARTS]
    parser.add_argument("parts", nargs="*", choices=[*names, []], help="all unless named")
    parser.add_argument("--all", action="store_true", help="the long cases too, to a million rows")
    parser.add_argument("--write", action="store_true", help=f"write into {PAGE.name}")
    return parser.parse_args(arguments)


def _machine(part: str, minutes: float) -> Figures:
    """Return what the figures of a part depend on, without naming the machine."""
    return {
        "part": part,
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "minutes": minutes,
    }


if __name__ == "__main__":
    main()
