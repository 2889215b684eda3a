"""Measures the tap on simulated orgs and writes the tables of docs/performance.md: `make bench`.

Each table is measured in one run of one machine, and says ratios first: absolute times depend on
the machine. The clock of simulator and tap runs five times as fast, so a minute passes in
twelve seconds; seconds in the tables are the clock's, processor seconds are real.
"""

from __future__ import annotations

import argparse
import math
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bench.floor import floor_seconds
from bench.measure import CHECKOUT, Measured, measure, tap_command
from bench.orgs import served_org

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAGE = CHECKOUT / "docs" / "performance.md"
SPEED = 5.0
LATENCY = 1.5  # seconds for a page, of the clock
PAGE_SIZE = 500
console = Console(stderr=True, highlight=False)


def _table(heading: str, rows: list[str]) -> str:
    columns = heading.count("|") - 1
    return "\n".join([heading, "|" + "---|" * columns, *rows]) + "\n"


def _run(config: dict[str, Any], **options: Any) -> Measured:  # noqa: ANN401 - passed on
    speed = options.pop("speed", SPEED)
    return measure(tap_command(speed), config, select=["conversations"], speed=speed, **options)


def pace(sizes: list[int]) -> Iterator[str]:
    """Yield a row for each size and setting: requests, time and 429 against what is ideal."""
    for rows in sizes:
        with served_org(rows={"conversation": rows}, speed=SPEED, page_latency=LATENCY) as config:
            for percentage, concurrency in ((80, 1), (80, 4), (80, 8), (100, 4)):
                if rows > sizes[0] * 10 and concurrency != 4:  # noqa: PLR2004 - the default
                    continue
                found = _run(
                    {
                        **config,
                        "api_utilization_percentage": percentage,
                        "max_concurrency": concurrency,
                    },
                )
                ideal = math.ceil(rows / PAGE_SIZE)
                floor = floor_seconds(
                    ideal, share=percentage, concurrency=concurrency, latency=LATENCY
                )
                yield (
                    f"| {rows:,} | {percentage} % | {concurrency} | {found.searches:,} | "
                    f"{found.searches / ideal:.3f} | {found.wall:,.0f} | {floor:,.0f} | "
                    f"{found.wall / floor:.2f} | {found.refused} |"
                )
                console.print(f"{rows:,} rows, {percentage} %, {concurrency} in flight: done")


def processor(rows: int) -> Iterator[str]:
    """Yield a row for the tap and for the stock way: the same rows, no latency, no budget."""
    with served_org(rows={"conversation": rows}, limits=False) as config:
        free = {**config, "search_requests_per_minute": 100_000, "requests_per_minute": 1_000_000}
        ours = _run({**free, "api_utilization_percentage": 100}, speed=1.0)
        stock = measure([sys.executable, "-m", "bench.stock"], config)
    for name, found in (("tap-kustomer", ours), ("stock RESTStream", stock)):
        yield (
            f"| {name} | {found.rows:,} | {found.cpu:.1f} | {found.rows_per_cpu_second:,.0f} | "
            f"{found.rows_per_cpu_second / stock.rows_per_cpu_second:.1f} | {found.peak_mib:.0f} |"
        )


def overheads() -> Iterator[str]:
    """Yield a row for what does not grow with the rows."""
    with served_org(rows={"conversation": 2_000}, limits=False) as config:
        first = _run(config, speed=1.0)
        again = _run(config, speed=1.0, state=first.state)
        yield f"| incremental run, nothing new | {again.searches} | {again.cpu:.2f} |"
    for klasses in (0, 10, 50):
        with served_org(rows={}, klasses=klasses, limits=False) as config:
            found = measure([*tap_command(1.0), "--discover"], config)
            yield f"| discovery, {klasses} klasses | 0 | {found.cpu:.2f} |"


PARTS: dict[str, tuple[str, Callable[[argparse.Namespace], Iterator[str]]]] = {
    "pace": (
        "| rows | share | in flight | searches | / ideal | seconds | floor | / floor | 429 |",
        lambda options: pace([10_000, 60_000] + [200_000, 1_000_000] * options.all),
    ),
    "processor": (
        "| | rows | processor seconds | rows per processor second | ratio | peak MiB |",
        lambda options: processor(1_000_000 if options.all else 100_000),
    ),
    "overheads": (
        "| run | searches | processor seconds |",
        lambda _options: overheads(),
    ),
}


def main() -> None:
    """Measure and print; with ``--write`` put the tables into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all unless named")
    parser.add_argument("--all", action="store_true", help="up to a million rows")
    parser.add_argument("--write", action="store_true", help=f"write into {PAGE.name}")
    options = parser.parse_args()
    for name, (heading, produce) in PARTS.items():
        if options.parts and name not in options.parts:
            continue
        table = _table(heading, list(produce(options)))
        sys.stdout.write(f"{table}\n")
        sys.stdout.flush()
        if options.write:
            _write(PAGE, name, table)


def _write(page: Path, name: str, table: str) -> None:
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(f"<!-- <{name}> -->\n")
    _, mark, after = rest.partition(f"<!-- </{name}> -->")
    page.write_text(f"{before}<!-- <{name}> -->\n{table}{mark}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
