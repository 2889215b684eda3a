"""Run the endurance run from the command line: ``python -m tools.soak``."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tools.soak.endurance import Endurance
from tools.soak.pipeline import SoakError
from tools.soak.plan import CHECKOUT, Plan

SHOWN = 20  # differences


def main() -> int:
    """Run, print the figures, return the exit status; what a failure leaves is kept."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="real ones")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--speed", type=float, default=Plan.speed, help="of the org's time")
    parser.add_argument("--customers", type=int, default=Plan.customers)
    parser.add_argument(
        "--loader",
        type=Path,
        default=CHECKOUT / ".venv-loader" / "bin" / "target-duckdb-no-header",
    )
    given = parser.parse_args()
    plan = Plan(
        loader=given.loader,
        seconds=given.seconds,
        seed=given.seed,
        speed=given.speed,
        customers=given.customers,
    )
    console = Console(highlight=False, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="tap-kustomer-soak-"))
    console.print(f"Seed {plan.seed}, {plan.seconds:.0f} seconds, {plan.speed:.0f} times as fast.")
    endurance = Endurance(plan, folder, console.print)
    try:
        report = endurance.go()
    except SoakError as error:
        console.print(f"[red]{error}[/red] What the run left is in {folder}.")
        return 1
    console.print(report.table())
    if report.passed:
        shutil.rmtree(folder)
        return 0
    for line in report.failures:
        console.print(line, style="red", markup=False)
    for difference in report.differences[:SHOWN]:
        console.print(
            f"{difference.stream} {difference.id} {difference.what}", style="red", markup=False
        )
    console.print(f"What the run left is in {folder}.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
