"""Measures the tap on simulated orgs and writes the tables of docs/performance.md: `make bench`.

Each part is a table of its own and can be run alone; what its figures mean says that page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from tools.bench import machine, targets
from tools.bench.analytics import ANALYTICS
from tools.bench.growth import GROWTH
from tools.bench.hotpath import PROFILE
from tools.bench.loaders import LOADERS
from tools.bench.machine import Watch
from tools.bench.minute import MINUTE
from tools.bench.pace import PACE
from tools.bench.processor import PROCESSOR
from tools.bench.quiet import QUIET
from tools.bench.report import PAGE, Figures, Kept, Part, markdown, place
from tools.bench.reserve import RESERVE
from tools.bench.start import START
from tools.bench.webhooks import WEBHOOKS

__all__ = ["PARTS", "rendered"]

PARTS: tuple[Part, ...] = (
    START,
    PROCESSOR,
    PROFILE,
    PACE,
    GROWTH,
    QUIET,
    MINUTE,
    RESERVE,
    WEBHOOKS,
    LOADERS,
    ANALYTICS,
)
_MACHINE = "machine"
console = Console(stderr=True, highlight=False)


def rendered(page: str, kept: Kept) -> str:
    """Return ``page`` with the table of every part that was ever measured, and the targets."""
    for part in PARTS:
        if part.name in kept.parts:
            page = place(page, part.name, markdown(part.columns, kept.parts[part.name]))
    page = place(page, "targets", markdown(targets.COLUMNS, targets.judged(kept.parts)))
    return place(page, _MACHINE, markdown(machine.COLUMNS, kept.parts.get(_MACHINE, [])))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with ``--write`` put the tables into the page."""
    options = _options(arguments)
    kept = Kept()
    if options.tables:
        _write(kept)
        return
    for part in PARTS:
        if options.parts and part.name not in options.parts:
            continue
        watch = Watch()
        rows: list[Figures] = []
        console.rule(part.name)
        for row in part.run(options.all):
            rows.append(row)
            console.print("  ".join(f"{one.title}: {one.show(row)}" for one in part.columns))
        sys.stdout.write(f"{markdown(part.columns, rows)}\n")
        kept.parts[part.name] = rows
        others = [one for one in kept.parts.get(_MACHINE, []) if one["part"] != part.name]
        kept.parts[_MACHINE] = [*others, watch.told(part.name)]
        if options.write:
            kept.save()
            _write(kept)
    sys.stdout.write(markdown(targets.COLUMNS, targets.judged(kept.parts)))
    sys.stdout.flush()


def _write(kept: Kept) -> None:
    text = rendered(PAGE.read_text(encoding="utf-8"), kept)
    PAGE.write_text(text, encoding="utf-8")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.run", description=__doc__)
    names = [part.name for part in PARTS]
    parser.add_argument("parts", nargs="*", choices=[*names, []], help="all unless named")
    parser.add_argument("--all", action="store_true", help="the long cases too, to a million rows")
    parser.add_argument("--write", action="store_true", help=f"write into {PAGE.name}")
    parser.add_argument(
        "--tables", action="store_true", help="measure nothing: write the kept figures again"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
