"""Trials whose fields are drawn evenly, each by dice of its own number.

Left to itself, Hypothesis draws small values and repeats what it drew before: of 150 orgs half had
the fewest rows, with one reader, and no more than 26 moments of a kill were tried. A fault that
eight evenly drawn orgs of a hundred show was never met. So Hypothesis draws a number here, never
the same one twice, and the number makes the org.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

__all__ = ["Draw", "drawn", "maybe", "several", "share", "some", "whole"]

T = TypeVar("T")
Draw = Callable[[random.Random], Any]


def drawn(make: Callable[..., T], **fields: Draw) -> st.SearchStrategy[T]:
    """Return what ``make`` makes of fields that are drawn one after the other."""

    def draw(number: int) -> T:
        rng = random.Random(number)
        return make(**{name: field(rng) for name, field in fields.items()})

    return st.integers(0, 2**63).map(draw)


def some(values: Sequence[Any]) -> Draw:
    """Draw one of ``values``."""
    return lambda rng: rng.choice(values)


def whole(low: int, high: int) -> Draw:
    """Draw a whole number, both ends included."""
    return lambda rng: rng.randint(low, high)


def share(low: float = 0.0, high: float = 1.0) -> Draw:
    """Draw a number between two others."""
    return lambda rng: rng.uniform(low, high)


def maybe(draw: Draw) -> Draw:
    """Draw ``None`` every other time."""
    return lambda rng: draw(rng) if rng.random() < 0.5 else None


def several(draw: Draw, least: int, most: int) -> Draw:
    """Draw a tuple of so many."""
    return lambda rng: tuple(draw(rng) for _ in range(rng.randint(least, most)))
