"""Let the org's clock jump now and then: `pytest -p tests.jumping_clock`, for a plugin.

A test that takes two looks at the clock for one, or that expects a run to be over within some
seconds, passes nearly always on an idle machine and fails on a busy one. Here it fails at once.
"""

from __future__ import annotations

import os
import random

from simulator import Clock

SHARE = float(os.environ.get("CLOCK_JUMPS", "0.1"))  # of the looks at the clock
SECONDS = float(os.environ.get("CLOCK_JUMP_SECONDS", "1"))
RNG = random.Random(int(os.environ.get("CLOCK_JUMP_SEED", "1")))
UNCHANGED = Clock.now


def now(clock: Clock) -> float:
    """Return unix seconds, after a jump now and then; a clock that stands does not jump."""
    if clock.speed and RNG.random() < SHARE:
        clock.advance(SECONDS)
    return UNCHANGED(clock)


Clock.now = now  # type: ignore[assignment,method-assign]
