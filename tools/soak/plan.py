"""How long, how fast and from which seed an endurance run goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["CHECKOUT", "LOOKBACK", "Plan"]

CHECKOUT = Path(__file__).resolve().parents[2]
LOOKBACK = 300.0  # seconds; the default of `lookback_seconds`, and the longest index lag


@dataclass(frozen=True)
class Plan:
    """What an endurance run is told.

    ``seconds`` are real ones; a chapter that began is brought to its end, and on a slow machine
    has ``fewest_runs`` all the same. ``speed`` is how many seconds of the org pass in one.
    """

    loader: Path
    seconds: float = 600.0
    chapter_seconds: float = 60.0
    fewest_runs: int = 4  # in a chapter, besides the quiet one
    seed: int = 1
    speed: float = 20.0
    customers: int = 250
