"""Starts `kustomer-webhooks` as processes of their own and talks to them over sockets."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import requests
from typing_extensions import Self

from tap_kustomer.webhooks.signature import SECRETS_VARIABLE, SIGNATURE_HEADER, sign
from tap_kustomer.webhooks.spool import Spool

__all__ = ["ORG", "SECRET", "Program", "Receiver", "change", "event", "spooled_ids"]

ROOT = Path(__file__).parent.parent.parent
SECRET = "a-secret-of-the-webhook"  # noqa: S105 - of a test
ORG = "5f0c5e1dd0a1b2c3d4e5f601"  # the simulated org's
SECONDS = 120.0  # longer than anything here takes


def event(number: int = 1, **members: Any) -> dict[str, Any]:
    """Return an event as Kustomer sends it."""
    return {
        "id": f"{number:024x}",
        "name": "kustomer.conversation.update",
        "org": ORG,
        "orgName": "acme",
        "partition": ORG,
        "createdAt": "2026-01-02T03:04:05.678Z",
        "persist": True,
        "client": "api-gw",
        "dataId": "60277f56264a9600131673d4",
        "data": {
            "type": "conversation",
            "id": "60277f56264a9600131673d4",
            "attributes": {"name": "whispered", "status": "done"},
        },
        "changes": {
            "attributes": {"status": {"op": "replace", "before": "open", "after": "done"}},
            "relationships": {},
        },
        **members,
    }


def spooled_ids(path: Path) -> list[str]:
    """Return the ids of the events in a spool, in order."""
    with Spool(path) as spool:
        found = spool.after(0, spool.last_sequence, limit=1_000_000)
        while found and found[-1].sequence < spool.last_sequence:
            following = spool.after(found[-1].sequence, spool.last_sequence, limit=1_000_000)
            if not following:
                break
            found += following
    return [one.id for one in found]


def change(path: Path, statement: str) -> None:
    """Change an SQLite file behind everyone's back."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


class Program:
    """A command of `kustomer-webhooks` that runs until it is stopped; a context manager."""

    def __init__(
        self,
        *arguments: str,
        secrets: str = SECRET,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._arguments = arguments
        self._environment = {**os.environ, SECRETS_VARIABLE: secrets}
        self._prepare = prepare
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.log: list[dict[str, Any]] = []
        self.stderr = ""

    def __enter__(self) -> Self:
        """Start it."""
        self.process = subprocess.Popen(  # noqa: S603 - the program itself
            [sys.executable, "-m", "tap_kustomer.webhooks", *self._arguments],
            cwd=ROOT,
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=self._prepare,  # noqa: PLW1509 - before other threads of the child
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, however it is."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        if self.process.stderr is not None:
            self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.stderr += line
            self._lines.put(line)
        self._lines.put("")

    def wait_for(self, message: str) -> dict[str, Any]:
        """Return the next line of the log with that message."""
        while line := self._lines.get(timeout=SECONDS):
            found: dict[str, Any] = json.loads(line)
            self.log.append(found)
            if message in found["message"]:
                return found
        raise AssertionError(self.stderr)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Return the exit status once it has ended by itself."""
        status = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        return status


class Receiver(Program):
    """`kustomer-webhooks serve` on a free port."""

    def __init__(self, spool: Path, *options: str, **details: Any) -> None:
        super().__init__("serve", "--spool", str(spool), "--port", "0", *options, **details)
        self.spool = spool
        self.session = requests.Session()

    def __enter__(self) -> Self:
        """Start it; it listens when this returns."""
        super().__enter__()
        try:
            listening = self.wait_for("listening")
        except BaseException:
            super().__exit__(None, None, None)
            raise
        self.url = f"http://127.0.0.1:{listening['port']}/kustomer"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections, and end it."""
        self.session.close()
        super().__exit__(kind, error, trace)

    def send(self, content: Any, secret: str = SECRET) -> requests.Response:
        """Send a signed body: bytes as they are, anything else as JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.post(body, {SIGNATURE_HEADER: sign(body, secret.encode())})

    def post(self, body: Any, headers: dict[str, str]) -> requests.Response:
        """Send a body with these headers."""
        return self.session.post(self.url, data=body, headers=headers, timeout=SECONDS)

    def health(self) -> int:
        """Return the status of the health check."""
        address = self.url.replace("/kustomer", "/healthz")
        return self.session.get(address, timeout=SECONDS).status_code

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the events in the spool."""
        return spooled_ids(self.spool)
