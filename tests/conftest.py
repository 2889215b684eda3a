"""Fixtures: a simulated org and a fast one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator import Clock, Org, Simulator
from tests.short_pauses import shorten_pauses

shorten_pauses()


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """An empty org, in real time."""
    with Simulator(org=Org(seed=1)) as simulator:
        yield simulator


@pytest.fixture
def fast_sim() -> Iterator[Simulator]:
    """An empty org whose time runs as fast as ``FAST``: for tests that wait."""
    # Only here, since it loads the whole tap, which a test of one part does without.
    from tests.support import FAST  # noqa: PLC0415

    with Simulator(org=Org(seed=1, clock=Clock(speed=FAST))) as simulator:
        yield simulator
