"""Parts of the pages that come from running the tap against a simulated org."""

from __future__ import annotations

import functools
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from simulator import Clock, Org, Simulator
from tap_kustomer.streams.registry import STREAM_TYPES

__all__ = ["check_output", "minutes_table", "sample_query", "sample_row"]

CHECKOUT = Path(__file__).resolve().parents[2]
TODAY = "2026-01-01T12:00:00Z"  # of the simulated org: the same rows each time
_SHOWN = (
    "id",
    "customer_id",
    "status",
    "created_at",
    "updated_at",
    "tags",
    "queue_id",
    "custom",
    "_sdc_deleted_at",
)
_QUERY = """\
select status, count(*) as conversations
from conversations
where _sdc_deleted_at is null
group by status order by status"""
_MISSING = "org.permission.snooze.read"


def minutes_table(tap: Any) -> str:
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


def sample_row(_tap: Any) -> str:
    """Return a row of `conversations` as the tap writes it, some columns of it."""
    row = next(one for one in _conversations() if one["custom"] and one["tags"] and one["queue_id"])
    lines = [f'  "{name}": {json.dumps(row[name])}' for name in _SHOWN]
    return "\n".join(["```json", "{", ",\n".join(lines), "}", "```"]) + "\n"


def sample_query(_tap: Any) -> str:
    """Return a query, and what it returns of the simulated org."""
    with duckdb.connect() as connection, tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "conversations.json"
        rows.write_text("\n".join(map(json.dumps, _conversations())), encoding="utf-8")
        connection.execute(f"create view conversations as from read_json('{rows}')")
        found = connection.execute(_QUERY).fetchall()
    result = [f"{status:<8}{count:>14}" for status, count in [("status", "conversations"), *found]]
    return "\n".join(["```sql", _QUERY, "```", "", "```text", *result, "```"]) + "\n"


@functools.cache
def _conversations() -> list[dict[str, Any]]:
    """Return the rows of `conversations` of a small simulated org."""
    clock = Clock(speed=0)  # else a slow machine meets other rows at the edge of the two years
    clock.set(TODAY)
    org = Org(seed=7, clock=clock)
    org.seed(customers=20, children=False)
    with Simulator(org) as served, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.json"
        config.write_text(json.dumps(served.config), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "tap_kustomer", "--config", str(config)],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            check=True,
        )
    messages = map(json.loads, done.stdout.splitlines())
    return [
        one["record"]
        for one in messages
        if one.get("stream") == "conversations" and one["type"] == "RECORD"
    ]


def check_output(_tap: Any) -> str:
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
