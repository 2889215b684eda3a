"""Checks of a simulated org inside this process."""

from __future__ import annotations

import json
from typing import Any

from simulator import Simulator
from tap_kustomer.cli.check import Preflight
from tap_kustomer.clock import Clock
from tap_kustomer.tap import TapKustomer
from tests.support import FAST, quiet

__all__ = ["columns_of", "look_at", "preflight_of"]

# Time as fast as it can be: nothing here measures a pace.
LIMITS = {"search_requests_per_minute": 100_000, "backoff_max_elapsed_seconds": 30}


def preflight_of(sim: Simulator, **config: Any) -> Preflight:
    """Return what ``--check`` finds out."""
    with quiet():
        settings = {**sim.config, **LIMITS, **config}
        return TapKustomer(config=settings, clock=Clock(FAST), looks=True).preflight()


def look_at(sim: Simulator, **config: Any) -> dict[str, Any]:
    """Return what ``--check`` prints for machines."""
    found: dict[str, Any] = json.loads(preflight_of(sim, **config).as_json())
    return found


def columns_of(found: dict[str, Any]) -> dict[str, str]:
    """Return the column of each assumption."""
    return {one["id"]: one["column"] for one in found["assumptions"]}
