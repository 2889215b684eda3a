"""Runs the whole tap against a simulated org and reads what it printed."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from singer_sdk.singerlib.catalog import MetadataMapping, StreamMetadata

from tap_kustomer.clock import Clock
from tap_kustomer.tap import TapKustomer
from tests import forked_tap

__all__ = ["FAST", "Output", "catalog_of", "logged", "one_by_one", "quiet", "run_tap", "sync_tap"]

ROOT = Path(__file__).parent.parent
FAST = 50.0  # clock speed of tests that wait; the simulator's clock must run as fast


@dataclass
class Output:
    """What one run of the tap left: messages, log, exit status."""

    status: int
    stderr: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    stdout: str = ""  # of a run that may print something else than messages

    def of_type(self, kind: str, stream: str | None = None) -> list[dict[str, Any]]:
        """Return the messages of a type, in order."""
        found = [one for one in self.messages if one["type"] == kind]
        return [one for one in found if stream is None or one["stream"] == stream]

    def records(self, stream: str) -> list[dict[str, Any]]:
        """Return the rows of a stream, in order, repeated ones included."""
        return [one["record"] for one in self.of_type("RECORD", stream)]

    def ids(self, stream: str) -> set[str]:
        """Return the ids of a stream's rows."""
        return {one["id"] for one in self.records(stream)}

    def newest(self, stream: str) -> dict[str, dict[str, Any]]:
        """Return the last row of each id: what an upserting target holds."""
        return {one["id"]: one for one in self.records(stream)}

    def schema(self, stream: str) -> dict[str, Any]:
        """Return the last schema of a stream."""
        return dict(self.of_type("SCHEMA", stream)[-1]["schema"])

    @property
    def streams(self) -> list[str]:
        """The streams that have a SCHEMA message, each once."""
        return list(dict.fromkeys(one["stream"] for one in self.of_type("SCHEMA")))

    @property
    def counts(self) -> Counter[str]:
        """Rows per stream."""
        return Counter(one["stream"] for one in self.of_type("RECORD"))

    @property
    def states(self) -> list[dict[str, Any]]:
        """All states, in order."""
        return [one["value"] for one in self.of_type("STATE")]

    @property
    def state(self) -> dict[str, Any]:
        """The last state; empty when there was none."""
        return self.states[-1] if self.states else {}

    def bookmark(self, stream: str) -> str | None:
        """Return the bookmark of a stream in the last state."""
        value = self.state.get("bookmarks", {}).get(stream, {}).get("replication_key_value")
        return None if value is None else str(value)


def one_by_one(ids: Iterable[str], act: Callable[[str], object]) -> Callable[[], None]:
    """Return what does ``act`` to the next of ``ids`` with each call, and then nothing more."""
    rest = iter(ids)

    def step() -> None:
        for id_ in rest:
            act(id_)
            return

    return step


def read_messages(text: str) -> list[dict[str, Any]]:
    """Return the messages in what a tap printed; a line that was cut off at the end is left out."""
    lines = text.split("\n")
    return [json.loads(line) for line in lines[:-1] if line]


def run_tap(  # noqa: PLR0913 - the options of the command line
    config: Mapping[str, Any],
    *args: str,
    select: Collection[str] | None = None,
    catalog: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
    speed: float = 1.0,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
    folder: Path,
) -> Output:
    """Run ``tap-kustomer`` as a process of its own, files in ``folder``."""
    command = tap_command(
        config, *args, select=select, catalog=catalog, state=state, speed=speed, folder=folder
    )
    environment = {**os.environ, **(env or {})}
    if forked_tap.can_run(environment):
        out, log = folder / "stdout", folder / "stderr"
        status = forked_tap.run(
            command[command.index("tests.fast_tap") + 1 :],
            environment=environment,
            cwd=ROOT,
            stdout=out,
            stderr=log,
            timeout=timeout,
        )
        stdout, stderr = out.read_bytes().decode(), log.read_bytes().decode()
    else:
        done = subprocess.run(  # noqa: S603 - the tap itself
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=ROOT,
            env=environment,
        )
        status, stdout, stderr = done.returncode, done.stdout, done.stderr
    messages = read_messages(stdout) if stdout.startswith('{"type"') else []
    return Output(status, stderr, messages, stdout)


def tap_command(  # noqa: PLR0913
    config: Mapping[str, Any],
    *args: str,
    select: Collection[str] | None = None,
    catalog: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
    speed: float = 1.0,
    folder: Path,
) -> list[str]:
    """Return the command line of the tap, its files written to ``folder``."""
    command = [sys.executable, "-m", "tests.fast_tap", str(speed)]
    command += ["--config", _file(folder, "config", config)]
    if select is not None:
        catalog = catalog_of(config, select)
    if catalog is not None:
        command += ["--catalog", _file(folder, "catalog", catalog)]
    if state is not None:
        command += ["--state", _file(folder, "state", state)]
    return [*command, *args]


def _file(folder: Path, name: str, content: Mapping[str, Any]) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content))
    return str(path)


def catalog_of(config: Mapping[str, Any], select: Collection[str]) -> dict[str, Any]:
    """Return the discovered catalog with only ``select`` selected."""
    with quiet():
        tap = TapKustomer(config=dict(config), setup_mapper=False)
        catalog: dict[str, Any] = json.loads(tap.catalog_json_text)
        tap.close()
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if not metadata["breadcrumb"]:
                metadata["metadata"]["selected"] = entry["tap_stream_id"] in select
    return catalog


def sync_tap(
    config: Mapping[str, Any],
    select: Collection[str],
    *,
    catalog: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
) -> Output:
    """Run the tap inside this process: quick enough for hundreds of examples."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    status = 1
    with logged() as log, quiet(), patch.object(sys, "stdout", stdout):
        tap = TapKustomer(
            config=dict(config),
            catalog=json.loads(json.dumps(catalog)) if catalog else None,
            state=json.loads(json.dumps(state)) if state else None,
            clock=clock or Clock(),
        )
        for stream in tap.streams.values():
            if stream.name in select:
                stream.selected = True
            else:
                # To settle every column of a stream that is not read costs more than most runs.
                stream._metadata = MetadataMapping({(): StreamMetadata(selected=False)})  # noqa: SLF001
                stream._mask = None  # noqa: SLF001
        try:
            tap.sync_all()
            status = tap.exit_status
        finally:
            tap.close()
    buffer = stdout.detach()
    text = buffer.getvalue().decode()
    return Output(status, log.getvalue(), read_messages(text))


@contextlib.contextmanager
def logged() -> Iterator[io.StringIO]:
    """Collect what the tap logs."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logger = logging.getLogger("tap-kustomer")
    logger.addHandler(handler)
    try:
        yield log
    finally:
        logger.removeHandler(handler)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the signal handlers of the test runner."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
