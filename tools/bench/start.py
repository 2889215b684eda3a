"""Start-up: what a process costs until its first request leaves it.

Nothing answers that request. The process is ended the moment it arrives, so all that it has
used is start-up, exactly.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

from tools.bench.measure import write_json
from tools.bench.orgs import CHECKOUT
from tools.bench.report import Column, Figures, Part

__all__ = ["START", "startup"]

_REPEATS = 7
_PATIENCE = 60.0  # seconds for a first request


class _Case(NamedTuple):
    """A program, and whether it is one that asks Kustomer something."""

    name: str
    arguments: tuple[str, ...]
    asks: bool = True


_CASES = (
    _Case("Python", ("-c", ""), asks=False),
    _Case("Python and `import singer_sdk`", ("-c", "import singer_sdk"), asks=False),
    _Case("stock RESTStream", ("-m", "tools.bench.stock")),
    _Case("tap-kustomer", ("-m", "tap_kustomer")),
    _Case("tap-kustomer --discover", ("-m", "tap_kustomer", "--discover")),
)


def _run(everything: bool) -> Iterator[Figures]:  # noqa: ARG001, FBT001 - what a part is
    for case in _CASES:
        runs = [startup(case.arguments, asks=case.asks) for _ in range(_REPEATS)]
        cpu, seconds = (list(values) for values in zip(*runs, strict=True))
        yield {"name": case.name, "cpu": cpu, "seconds": seconds}


def startup(arguments: tuple[str, ...], *, asks: bool = True) -> tuple[float, float]:
    """Return the processor seconds and the seconds until the first request, or the end.

    Raises: ``RuntimeError`` when no request comes, or a program that asks nothing fails.
    """
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_PATIENCE)
        config = {
            "api_key": "a-key",
            "api_url": f"http://127.0.0.1:{server.getsockname()[1]}",
            "start_date": "2026-01-01T00:00:00Z",
        }
        command = [sys.executable, *arguments]
        if asks:
            command += ["--config", write_json(folder, "config", config)]
        started = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - the programs named above
            command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            if asks:
                _wait_for_request(server)
                seconds = time.monotonic() - started
                process.kill()
            _, status, usage = os.wait4(process.pid, 0)
            if not asks:
                seconds = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
    if not asks and status:
        message = f"{' '.join(command)} failed."
        raise RuntimeError(message)
    return usage.ru_utime + usage.ru_stime, seconds


def _wait_for_request(server: socket.socket) -> None:
    try:
        connection, _ = server.accept()
    except TimeoutError:
        message = f"No request within {_PATIENCE:.0f} seconds."
        raise RuntimeError(message) from None
    with connection:
        connection.settimeout(_PATIENCE)
        connection.recv(1)


START = Part(
    "start",
    (
        Column("until its first request, or its end", lambda row: row["name"]),
        Column("processor seconds", lambda row: f"{min(row['cpu']):.2f}"),
        Column("seconds", lambda row: f"{min(row['seconds']):.2f}"),
        Column("runs", lambda row: str(len(row["cpu"]))),
    ),
    _run,
)
