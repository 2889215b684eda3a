"""The tap's command with a clock that runs faster: ``python -m tests.fast_tap SPEED ...``."""

from __future__ import annotations

import functools
import sys

import tap_kustomer.tap
from tap_kustomer.cli.start import end_with
from tap_kustomer.clock import Clock
from tests.short_pauses import shorten_pauses

__all__ = ["main"]


def main() -> None:
    """Run the command of ``sys.argv``, whose first argument is the speed of the clock."""
    shorten_pauses()
    speed = float(sys.argv.pop(1))
    vars(tap_kustomer.tap)["Clock"] = functools.partial(Clock, speed)
    end_with(tap_kustomer.tap.TapKustomer.cli)


if __name__ == "__main__":
    main()
