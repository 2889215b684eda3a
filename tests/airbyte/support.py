"""Runs source-kustomer against a simulated org; every line must be a message of the protocol."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import signal
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from airbyte_protocol.models import AirbyteMessage
from pydantic import BaseModel

from tap_kustomer.airbyte import source
from tap_kustomer.airbyte.output import Output, log_to
from tap_kustomer.clock import Clock
from tests.support import ROOT

__all__ = ["Printed", "configured", "read_lines", "run_source", "source_command", "spawn_source"]


@dataclass
class Printed:
    """What one command printed on standard output, and its status."""

    status: int
    messages: list[dict[str, Any]] = field(default_factory=list)
    stderr: str = ""

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Return the content of all messages of a type, in order."""
        key = {"CONNECTION_STATUS": "connectionStatus"}.get(kind, kind.lower())
        return [one[key] for one in self.messages if one["type"] == kind]

    def records(self, stream: str) -> list[dict[str, Any]]:
        """Return the rows of a stream, in order, repeated ones included."""
        return [one["data"] for one in self.of_type("RECORD") if one["stream"] == stream]

    def ids(self, stream: str) -> set[str]:
        """Return the ids of a stream's rows."""
        return {row["id"] for row in self.records(stream)}

    @property
    def counts(self) -> Counter[str]:
        """Rows per stream."""
        return Counter(one["stream"] for one in self.of_type("RECORD"))

    def states(self, stream: str) -> list[dict[str, Any]]:
        """Return the states of a stream, in order, without their envelope."""
        return [
            one["stream"]["stream_state"]
            for one in self.of_type("STATE")
            if one["stream"]["stream_descriptor"]["name"] == stream
        ]

    @property
    def state_file(self) -> list[dict[str, Any]]:
        """What Airbyte hands to the next ``read``: the last state of each stream."""
        last = {one["stream"]["stream_descriptor"]["name"]: one for one in self.of_type("STATE")}
        return list(last.values())

    def statuses(self, stream: str) -> list[str]:
        """Return the statuses of a stream, in order; a wait for the budget as RATE_LIMITED."""
        found = []
        for trace in self.of_type("TRACE"):
            status = trace.get("stream_status")
            if status and status["stream_descriptor"]["name"] == stream:
                found.append("RATE_LIMITED" if status.get("reasons") else status["status"])
        return found

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The TRACE errors."""
        return [one["error"] for one in self.of_type("TRACE") if one["type"] == "ERROR"]

    def logs(self, level: str = "WARN") -> list[str]:
        """Return the texts of a level's LOG messages."""
        return [one["message"] for one in self.of_type("LOG") if one["level"] == level]

    @property
    def check(self) -> dict[str, Any]:
        """The answer to ``check``."""
        (answer,) = self.of_type("CONNECTION_STATUS")
        return dict(answer)


def configured(
    streams: list[dict[str, Any]],
    select: Collection[str] | None = None,
    *,
    full_refresh: Collection[str] = (),
    destination: str = "append_dedup",
) -> dict[str, Any]:
    """Return the catalog that Airbyte makes of ``discover``'s: all incremental where possible."""
    return {
        "streams": [
            {
                "stream": one,
                "sync_mode": "full_refresh"
                if one["name"] in full_refresh
                else one["supported_sync_modes"][-1],
                "destination_sync_mode": destination,
                "cursor_field": one.get("default_cursor_field"),
                "primary_key": one["source_defined_primary_key"],
                "generation_id": 1,
                "minimum_generation_id": 0,
                "sync_id": 7,
            }
            for one in streams
            if select is None or one["name"] in select
        ]
    }


def _files(folder: Path, contents: Mapping[str, object]) -> dict[str, Path]:
    paths = {}
    for name, content in contents.items():
        if content is not None:
            paths[name] = folder / f"{name}.json"
            paths[name].write_text(json.dumps(content))
    return paths


def run_source(
    command: str,
    folder: Path,
    *,
    clock: Clock | None = None,
    **contents: object,
) -> Printed:
    """Run a command inside this process; ``contents`` are its files: config, catalog, state."""
    files: dict[str, Path | None] = {"config": None, "catalog": None, "state": None}
    options = Namespace(command=command, **{**files, **_files(folder, contents)})
    printed = io.BytesIO()
    stdout = io.TextIOWrapper(printed, encoding="utf-8")
    with _own_logging(), patch.object(sys, "stdout", stdout):
        output = Output()
        log_to(output)
        status = source.run(options, output, clock)
    return Printed(status, read_lines(printed.getvalue()))


def source_command(command: str, folder: Path, **contents: object) -> list[str]:
    """Return the command line of ``source-kustomer``, its files written to ``folder``."""
    files = [f"--{name}={path}" for name, path in _files(folder, contents).items()]
    return [sys.executable, "-m", "tap_kustomer.airbyte", command, *files]


def spawn_source(command: str, folder: Path, **contents: object) -> Printed:
    """Run ``source-kustomer`` as a process of its own."""
    done = subprocess.run(  # noqa: S603 - the source itself
        source_command(command, folder, **contents),
        capture_output=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    return Printed(done.returncode, read_lines(done.stdout), done.stderr.decode())


def read_lines(text: bytes) -> list[dict[str, Any]]:
    """Return the messages; fail unless each line is exactly what Airbyte's models declare."""
    lines = text.split(b"\n")
    assert not lines.pop(), "the last line is cut off"
    messages = []
    for line in lines:
        message = AirbyteMessage.model_validate_json(line, strict=True)
        assert not list(_undeclared(message)), f"unknown to Airbyte: {line[:300]!r}"
        messages.append(json.loads(line))
    return messages


def _undeclared(model: BaseModel) -> Iterator[str]:
    """Yield the fields that the models tolerate but do not declare; a state's content is free."""
    if type(model).__name__ == "AirbyteStateBlob":
        return
    yield from model.model_extra or {}
    for _, value in model:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, BaseModel):
                yield from _undeclared(one)


@contextlib.contextmanager
def _own_logging() -> Iterator[None]:
    """Give the command the logging and the signals of a process, and then take them back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)
        for number, handler in signals.items():
            signal.signal(number, handler)
