"""One run of a tap, measured from outside: rows, seconds, processor, memory, requests.

This module imports nothing large: Linux counts the memory of the process that starts another
into the peak of the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from tools.bench.orgs import CHECKOUT, ServedOrg

__all__ = ["Measured", "catalog_of", "command_of_tap", "measure", "write_json"]

_KIB_PER_MIB = 1024.0
_BLOCK = 1 << 20
_RECORD = b'{"type":"RECORD"'
_STATE = b'{"type":"STATE"'
_REFUSED = 429
_NONE: Mapping[str, object] = MappingProxyType({})
_LOG_TAIL = 2000  # characters of a failed run's log that are shown


@dataclass(frozen=True)
class Measured:
    """What one run cost."""

    rows: int
    requests: list[dict[str, Any]]  # as the server noted them, refused ones included
    startup: float  # real seconds from the start of the process to its first request
    seconds: float  # `startup`, and from then on the clock's seconds until the process ended
    cpu: float  # real seconds of processor, start-up included
    server_cpu: float  # the same of the server, for this run
    busy: float  # share of one core from the first request on: the rest was waiting
    server_busy: float
    peak_mib: float
    state: dict[str, Any]

    @property
    def searches(self) -> int:
        """Searches sent, refused ones included."""
        return sum(one["is_search"] for one in self.requests)

    @property
    def refused(self) -> int:
        """Answers with status 429."""
        return sum(one["status"] == _REFUSED for one in self.requests)


def command_of_tap(speed: float = 1.0) -> list[str]:
    """Return the command of this tap with a clock of ``speed``."""
    return [sys.executable, "-m", "tests.fast_tap", str(speed)]


def catalog_of(org: ServedOrg, select: Collection[str] | None) -> dict[str, Any]:
    """Return what the tap discovers, with ``select`` selected; None: all that it offers."""
    with tempfile.TemporaryDirectory() as folder:
        config = write_json(folder, "config", org.config)
        command = [*command_of_tap(org.plan.speed), "--config", config, "--discover"]
        found = subprocess.run(  # noqa: S603 - the tap itself
            command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    catalog: dict[str, Any] = json.loads(found.stdout)
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if not metadata["breadcrumb"]:
                chosen = select is None or entry["tap_stream_id"] in select
                metadata["metadata"]["selected"] = chosen
    return catalog


def measure(  # noqa: PLR0913 - each is something that a run is told
    org: ServedOrg,
    command: Sequence[str] = (),
    *,
    settings: Mapping[str, object] = _NONE,
    catalog: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
    others: Callable[[dict[str, Any]], bool] = lambda _request: False,
) -> Measured:
    """Run ``command``, by default this tap, against a served org and return what it cost.

    ``settings`` are added to the org's config; ``others`` tells which requests were not the tap's.

    Raises: ``RuntimeError`` with the end of its log when the run fails.
    """
    speed = org.plan.speed
    org.forget()
    with tempfile.TemporaryDirectory() as folder:
        arguments = [*(command or command_of_tap(speed))]
        arguments += ["--config", write_json(folder, "config", {**org.config, **settings})]
        if catalog is not None:
            arguments += ["--catalog", write_json(folder, "catalog", catalog)]
        if state is not None:
            arguments += ["--state", write_json(folder, "state", state)]
        server_cpu, clock_started = org.cpu, org.now()
        started = time.monotonic()
        log = Path(folder) / "log"
        with log.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 - the tap itself
                arguments, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=stderr
            )
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            with process.stdout as output:
                rows, last_state = _read(output)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        real = time.monotonic() - started
        if status:
            message = f"The run failed: {log.read_text()[-_LOG_TAIL:]}"
            raise RuntimeError(message)
    requests = [one for one in org.log() if not others(one)]
    server_cpu = org.cpu - server_cpu
    startup = (requests[0]["time"] - clock_started) / speed if requests else real
    working = max(real - startup, 1e-9)
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(
        rows=rows,
        requests=requests,
        startup=startup,
        seconds=startup + (real - startup) * speed,
        cpu=cpu,
        server_cpu=server_cpu,
        busy=max(cpu - startup, 0.0) / working,
        server_busy=server_cpu / working,
        peak_mib=usage.ru_maxrss / _KIB_PER_MIB,
        state=last_state,
    )


def _read(output: IO[bytes]) -> tuple[int, dict[str, Any]]:
    """Return the number of RECORD messages and the last STATE, with little work for each row."""
    rows, rest, last_state = 0, b"", b""
    while block := output.read(_BLOCK):
        lines, newline, rest = (rest + block).rpartition(b"\n")
        lines += newline
        # No row can hold this behind a line break of its own: JSON escapes both.
        rows += lines.count(b"\n" + _RECORD) + lines.startswith(_RECORD)
        at = lines.rfind(b"\n" + _STATE) + 1
        if lines.startswith(_STATE, at):
            last_state = lines[at : lines.index(b"\n", at)]
    return rows, json.loads(last_state)["value"] if last_state else {}


def write_json(folder: str, name: str, content: dict[str, Any]) -> str:
    """Write a file of JSON and return its path."""
    path = Path(folder) / f"{name}.json"
    path.write_text(json.dumps(content))
    return str(path)
