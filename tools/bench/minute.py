"""A job that reads the search streams each minute: what it costs, and how fresh rows are."""

from __future__ import annotations

import contextlib
import json
import math
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tools.bench.measure import catalog_of, command_of_tap, write_json
from tools.bench.orgs import CHECKOUT, OrgPlan, ServedOrg, served
from tools.bench.pace import LATENCY
from tools.bench.report import Column, Figures, Part

__all__ = ["MINUTE", "a_while"]

_SPEED = 10.0
_KNOBS = {"page_latency": LATENCY, "latency": 0.3}
_LAG = 20.0  # the clock's seconds until a search shows a change
_PERIOD = 60.0
_RUNS = 60
_STREAMS = ("customers", "conversations", "messages", "notes", "conversation_times", "sync_runs")
_CHANGES = (("customer", 2), ("conversation", 3), ("message", 4), ("note", 1))
_CHANGE_EVERY = 5.0  # the clock's seconds


def _run(everything: bool) -> Iterator[Figures]:  # noqa: ARG001, FBT001 - what a part is
    plan = OrgPlan(customers=50, speed=_SPEED, index_lag=_LAG, knobs=_KNOBS)
    with served(plan) as org:
        yield a_while(org, _RUNS)


def a_while(org: ServedOrg, runs: int) -> Figures:
    """Run the tap each minute while rows change; return what the runs cost, and the rows' ages.

    A row counts as loaded when the run ends that printed it first.
    """
    catalog = catalog_of(org, _STREAMS)
    org.forget()
    messages = _messages(org, catalog, {})
    known: set[tuple[str, str]] = set()
    ages: list[float] = []
    costs: list[tuple[int, int, float]] = []
    began = org.now()
    with _changing(org):
        for number in range(1, runs + 1):
            time.sleep(max(began + number * _PERIOD - org.now(), 0.0) / _SPEED)
            before, started = len(org.log()), org.now()
            messages = _messages(org, catalog, _last_state(messages))
            ended = org.now()
            log = org.log()[before:]
            searches = sum(one["is_search"] for one in log)
            costs.append((searches, len(log) - searches, ended - started))
            for one in messages:
                if one["type"] != "RECORD" or one["stream"] == "sync_runs":
                    continue
                row = one["record"]
                version = (row["id"], row.get("updated_at") or "")
                if version not in known and version[1]:
                    known.add(version)
                    changed = datetime.fromisoformat(version[1].replace("Z", "+00:00")).timestamp()
                    ages += [ended - changed] if changed > began else []
    ages.sort()
    return {
        "runs": runs,
        "speed": org.plan.speed,
        "lag": _LAG,
        "changed": len(ages),
        "searches": max(searches for searches, _, _ in costs),
        "others": max(others for _, others, _ in costs),
        "seconds": statistics.median(seconds for _, _, seconds in costs),
        "median": statistics.median(ages),
        "p95": ages[math.ceil(0.95 * len(ages)) - 1],
    }


def _messages(
    org: ServedOrg, catalog: dict[str, Any], state: dict[str, Any]
) -> list[dict[str, Any]]:
    """Run the tap; return what it printed. Raises ``CalledProcessError`` when it fails."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*command_of_tap(org.plan.speed)]
        files = {"config": org.config, "catalog": catalog, "state": state}
        for name, content in files.items():
            command += [f"--{name}", write_json(folder, name, content)]
        found = subprocess.run(  # noqa: S603 - the tap itself
            command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    return [json.loads(line) for line in found.stdout.splitlines()]


def _last_state(messages: list[dict[str, Any]]) -> dict[str, Any]:
    states = [one["value"] for one in messages if one["type"] == "STATE"]
    return dict(states[-1]) if states else {}


@contextlib.contextmanager
def _changing(org: ServedOrg) -> Iterator[None]:
    """Let rows change every few seconds, as long as the context lasts."""
    end = threading.Event()

    def live() -> None:
        while not end.wait(_CHANGE_EVERY / _SPEED):
            for context, rows in _CHANGES:
                org.change(context, rows)

    thread = threading.Thread(target=live, name="changes", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


MINUTE = Part(
    "minute",
    (
        Column("runs", lambda row: str(row["runs"])),
        Column("clock", lambda row: f"x {row['speed']:g}"),
        Column("index lag", lambda row: f"{row['lag']:.0f} s"),
        Column("changes", lambda row: f"{row['changed']:,}"),
        Column("searches a run, at most", lambda row: str(row["searches"])),
        Column("other requests, at most", lambda row: str(row["others"])),
        Column("seconds a run", lambda row: f"{row['seconds']:.0f}"),
        Column("changed to loaded, median", lambda row: f"{row['median']:.0f} s"),
        Column("95 of 100", lambda row: f"{row['p95']:.0f} s"),
    ),
    _run,
)
