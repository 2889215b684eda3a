"""One run of a tap, measured from outside: rows, seconds, processor, memory, requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from tests.support import catalog_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Measured", "measure"]

CHECKOUT = Path(__file__).resolve().parent.parent
_MIB = 1024.0  # getrusage counts memory in KiB


@dataclass(frozen=True)
class Measured:
    """What one run cost. Times in the clock's seconds unless said."""

    rows: int
    searches: int
    refused: int  # answers with status 429
    wall: float
    cpu: float  # real seconds of processor
    peak_mib: float
    state: dict[str, Any]

    @property
    def rows_per_cpu_second(self) -> float:
        """Rows for each second of processor, start-up included."""
        return self.rows / self.cpu


def measure(
    command: Sequence[str],
    config: dict[str, Any],
    *,
    select: Sequence[str] = (),
    speed: float = 1.0,
    state: dict[str, Any] | None = None,
) -> Measured:
    """Run ``command`` against a served org and return what it cost.

    ``select`` names the streams of its catalog.

    Raises: ``RuntimeError`` when the run fails.
    """
    api_url = config["api_url"]
    # The run before has spent a part of the server's minute.
    requests.post(f"{api_url}/_simulator/advance", json={"seconds": 61}, timeout=60)
    requests.post(f"{api_url}/_simulator/reset-log", json={}, timeout=60)
    with tempfile.TemporaryDirectory() as folder:
        arguments = [*command, "--config", _file(folder, "config", config)]
        if select:
            arguments += ["--catalog", _file(folder, "catalog", catalog_of(config, select))]
        if state is not None:
            arguments += ["--state", _file(folder, "state", state)]
        log = Path(folder) / "log"
        started = time.monotonic()
        with log.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 - the tap itself
                arguments, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=stderr
            )
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            rows, last_state = 0, b""
            for line in process.stdout:
                if line.startswith(b'{"type":"RECORD"'):
                    rows += 1
                elif line.startswith(b'{"type":"STATE"'):
                    last_state = line
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
        if status:
            message = f"The run failed: {log.read_text()[-2000:]}"
            raise RuntimeError(message)
        wall = (time.monotonic() - started) * speed
    told = requests.get(f"{api_url}/_simulator/requests?limit=0", timeout=60).json()
    return Measured(
        rows=rows,
        searches=told["searches"],
        refused=told["refused"],
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss / _MIB,
        state=json.loads(last_state)["value"] if last_state else {},
    )


def tap_command(speed: float) -> list[str]:
    """Return the command of this tap with a clock of ``speed``."""
    return [sys.executable, "-m", "tests.fast_tap", str(speed)]


def _file(folder: str, name: str, content: dict[str, Any]) -> str:
    path = Path(folder) / f"{name}.json"
    path.write_text(json.dumps(content))
    return str(path)
