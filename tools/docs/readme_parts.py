"""Parts of the pages that come from running the tap against a simulated org."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from simulator import Clock, Org, Simulator
from tap_kustomer.tap import STREAM_TYPES

__all__ = ["check_output", "minutes_table"]

CHECKOUT = Path(__file__).resolve().parents[2]
TODAY = "2026-01-01T12:00:00Z"  # of the simulated org: the same rows each time
_MISSING = "org.permission.snooze.read"


def minutes_table(tap: Any) -> str:  # noqa: ANN401 - what the tap says about itself
    """Return how long a first extract takes at least."""
    defaults = {name: one.get("default") for name, one in tap["settings"]["properties"].items()}
    page, budget = defaults["page_size"], defaults["search_requests_per_minute"]
    share = defaults["api_utilization_percentage"]
    lines = [
        f"| rows, all search streams together | searches | at {share} % of the budget | at 100 % |",
        "|---:|---:|---:|---:|",
    ]
    for rows in (100_000, 1_000_000, 10_000_000):
        searches = math.ceil(rows / page)
        times = (_duration(searches / (budget * part / 100)) for part in (share, 100))
        lines.append(f"| {rows:,} | {searches:,} | {' | '.join(times)} |")
    return "\n".join(lines) + "\n"


def _duration(minutes: float) -> str:
    hours, rest = divmod(math.ceil(minutes), 60)
    return f"{hours} h {rest:02} min" if hours else f"{rest} min"


def check_output(_tap: Any) -> str:  # noqa: ANN401 - what the tap says about itself
    """Return what ``--check`` prints for a small org whose key lacks a role."""
    clock = Clock()
    clock.set(TODAY)
    roles = {role for stream in STREAM_TYPES for role in stream.roles} - {_MISSING}
    roles = {role for role in roles if role.startswith("org.permission.")}
    roles.add("org.permission.klass.read")
    org = Org(seed=7, clock=clock, roles=roles)
    org.seed(customers=200, children=False)
    with Simulator(org) as served, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.json"
        config.write_text(json.dumps(served.config), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "tap_kustomer", "--config", str(config), "--check"],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            check=False,  # 1: a role is missing
        )
    printed = done.stdout.replace(served.url, "https://acme.api.kustomerapp.com")
    lines = [line.rstrip() for line in printed.splitlines()]
    return "\n".join(["```text", *(line for line in lines if line), "```"]) + "\n"
