"""Fixtures: a simulated org and a fast one."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from simulator import Clock, Org, Simulator
from tests.short_pauses import shorten_pauses

shorten_pauses()

LONG = {  # modules whose tests take ten seconds each, or sleep
    "test_completeness_properties.py",
    "test_odd_answers.py",
    "test_together_properties.py",
    "test_watch.py",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the long tests over all: none of them is the last that the others wait for.

    Each worker begins with as many tests that lie together, and takes from others what they have
    left.
    """
    long = [item for item in items if item.path.name in LONG]
    if len(long) * 100 > len(items):
        return  # some modules only
    others = [item for item in items if item.path.name not in LONG]
    for number, item in enumerate(long):
        others.insert(number * len(items) // len(long), item)
    items[:] = others


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives to the end: modules, and thousands of tests.

    It would look through all of them again and again: a quarter of the tests' processor time.
    Orgs of thousands of rows come and go; to look for garbage less often saves another tenth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


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
