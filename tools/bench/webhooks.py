"""Webhooks: how soon the receiver answers, each answer being an event that is on disk."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import aiohttp

from tap_kustomer.webhooks.signature import SECRETS_VARIABLE, SIGNATURE_HEADER, sign
from tap_kustomer.webhooks.spool import Spool
from tools.bench.orgs import CHECKOUT
from tools.bench.report import Column, Figures, Part

__all__ = ["CEILING", "WEBHOOKS", "Case", "measured"]

CEILING = 40  # events a second; Kustomer sends at most some 2,000 a minute
_SECRET = "of-the-benchmark"  # noqa: S105 - known to nobody but this file
_ORG = "5f0c5e1dd0a1b2c3d4e5f601"
_BODY = 6_000  # bytes: a conversation with its changes
_START_SECONDS = 30.0


class Case(NamedTuple):
    """``rate`` events a second, sent when they are due; None: as fast as ``senders`` can."""

    rate: int | None
    seconds: float
    senders: int = 64


_CASES = (Case(CEILING, 30), Case(4 * CEILING, 15), Case(None, 15, senders=32))
_LONG = (Case(CEILING, 300),)


def _run(everything: bool) -> Iterator[Figures]:  # noqa: FBT001 - what a part is
    for case in (*_CASES, *(_LONG if everything else ())):
        yield measured(case)


def measured(case: Case) -> Figures:
    """Return what one case gave. Raises ``RuntimeError`` when an event was not stored."""
    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder) / "spool"
        process, port = _receiver(spool, Path(folder) / "log")
        try:
            began = time.monotonic()
            latencies = asyncio.run(_send(f"http://127.0.0.1:{port}/", case))
            seconds = time.monotonic() - began
        finally:
            process.send_signal(signal.SIGTERM)
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
        with contextlib.closing(Spool(spool)) as opened:
            if opened.last_sequence != len(latencies):
                message = f"{len(latencies)} events were answered, {opened.last_sequence} stored."
                raise RuntimeError(message)
    latencies.sort()
    return {
        "rate": case.rate,
        "seconds": seconds,
        "events": len(latencies),
        "milliseconds": [1000 * _at(latencies, share) for share in (0.5, 0.99, 1.0)],
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _receiver(spool: Path, log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Return a receiver that listens, and its port."""
    command = [sys.executable, "-m", "tap_kustomer.webhooks", "serve", "--port", "0"]
    with log.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603 - the receiver itself
            [*command, "--spool", str(spool)],
            cwd=CHECKOUT,
            env={**os.environ, SECRETS_VARIABLE: _SECRET},
            stderr=stderr,
        )
    end = time.monotonic() + _START_SECONDS
    while b"\n" not in (text := log.read_bytes()):
        if time.monotonic() > end or process.poll() is not None:
            process.kill()
            message = f"The receiver does not start: {text.decode()}"
            raise RuntimeError(message)
        time.sleep(0.02)
    return process, int(json.loads(text.split(b"\n", 1)[0])["port"])


async def _send(url: str, case: Case) -> list[float]:
    """Send what the case says and return the seconds from when each was due to its answer."""
    latencies: list[float] = []
    numbers = itertools.count()
    began = time.monotonic()

    async def one(session: aiohttp.ClientSession, due: float) -> None:
        body = _event(next(numbers))
        headers = {SIGNATURE_HEADER: sign(body, _SECRET.encode())}
        async with session.post(url, data=body, headers=headers) as answer:
            answer.raise_for_status()
            await answer.read()
        latencies.append(time.monotonic() - due)

    async def when_due(session: aiohttp.ClientSession, due: float) -> None:
        await asyncio.sleep(max(due - time.monotonic(), 0))
        await one(session, due)

    async def all_the_time(session: aiohttp.ClientSession) -> None:
        while (now := time.monotonic()) < began + case.seconds:
            await one(session, now)

    connector = aiohttp.TCPConnector(limit=case.senders)
    async with aiohttp.ClientSession(connector=connector) as session:
        if case.rate is None:
            await asyncio.gather(*(all_the_time(session) for _ in range(case.senders)))
        else:
            dues = [began + number / case.rate for number in range(int(case.rate * case.seconds))]
            await asyncio.gather(*(when_due(session, due) for due in dues))
    return latencies


def _event(number: int) -> bytes:
    content = {
        "id": f"{number:024x}",
        "name": "kustomer.conversation.update",
        "org": _ORG,
        "createdAt": "2026-01-02T03:04:05.678Z",
        "data": {"type": "conversation", "id": f"{number:024x}", "attributes": {"text": ""}},
        "changes": {"attributes": {"status": {"op": "replace", "before": "open", "after": "done"}}},
    }
    content["padding"] = "x" * (_BODY - len(json.dumps(content)))
    return json.dumps(content).encode()


WEBHOOKS = Part(
    "webhooks",
    (
        Column("events a second", lambda row: str(row["rate"] or "as many as it takes")),
        Column("events", lambda row: f"{row['events']:,}"),
        Column("answered a second", lambda row: f"{row['events'] / row['seconds']:,.0f}"),
        Column("median ms", lambda row: f"{row['milliseconds'][0]:.1f}"),
        Column("99 of 100 ms", lambda row: f"{row['milliseconds'][1]:.1f}"),
        Column("slowest ms", lambda row: f"{row['milliseconds'][2]:.0f}"),
        Column("core busy", lambda row: f"{100 * row['cpu'] / row['seconds']:.0f} %"),
        Column("peak MiB", lambda row: f"{row['peak_mib']:.0f}"),
    ),
    _run,
)
