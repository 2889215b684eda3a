"""Analytics: what `dbt build` of the package costs on a DuckDB with many conversations."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tools.bench.report import Column, Figures, Part
from tools.bench.warehouse import MESSAGES_EACH, change, fill
from tools.demo.analytics import PACKAGE, PROGRAMS

__all__ = ["ANALYTICS", "LARGE", "built"]

LARGE = 3_000_000
_SIZES = (300_000, LARGE)
_SLOWEST = 3  # models that are named
_DAILY = 100  # one in so many rows is new on a day
_VARIABLES = '{"kustomer_incremental": true}'


def _run(everything: bool) -> Iterator[Figures]:  # noqa: FBT001 - what a part is
    for conversations in _SIZES if everything else _SIZES[:1]:
        with tempfile.TemporaryDirectory() as name:
            database = Path(name) / "kustomer.duckdb"
            fill(database, conversations)
            yield {"conversations": conversations, "what": "all of it", **built(database)}
            change(database, _DAILY)
            what = f"again, one in {_DAILY} changed"
            yield {"conversations": conversations, "what": what, **built(database)}


def built(database: Path) -> Figures:
    """Build every model, snapshot and test on ``database`` and return what that cost.

    Raises: ``RuntimeError`` with the end of its log when it fails.
    """
    folder = database.parent
    command = [str(PROGRAMS / "dbt"), "build", "--target", "duckdb", "--vars", _VARIABLES]
    command += ["--project-dir", str(PACKAGE), "--profiles-dir", str(PACKAGE)]
    env = {
        **os.environ,
        "KUSTOMER_DUCKDB_PATH": str(database),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    log = folder / "log"
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 - dbt
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(log.read_text(encoding="utf-8")[-2000:])
    nodes = json.loads((folder / "target" / "run_results.json").read_text("utf-8"))["results"]
    nodes.sort(key=lambda node: -node["execution_time"])
    return {
        "nodes": len(nodes),
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
        "slowest": [
            (node["unique_id"].split(".")[2], node["execution_time"]) for node in nodes[:_SLOWEST]
        ],
    }


ANALYTICS = Part(
    "analytics",
    (
        Column("conversations", lambda row: f"{row['conversations']:,}"),
        Column("messages", lambda row: f"{MESSAGES_EACH * row['conversations']:,}"),
        Column("`dbt build`", lambda row: row["what"]),
        Column("models and tests", lambda row: str(row["nodes"])),
        Column("seconds", lambda row: f"{row['seconds']:,.0f}"),
        Column("processor seconds", lambda row: f"{row['cpu']:,.0f}"),
        Column("peak MiB", lambda row: f"{row['peak_mib']:,.0f}"),
        Column(
            "slowest",
            lambda row: ", ".join(f"`{name}` {took:.1f} s" for name, took in row["slowest"]),
        ),
    ),
    _run,
)
