"""One run as an orchestrator makes it: the tap piped into the loader, the state in between."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tools.soak.plan import CHECKOUT

__all__ = ["Outcome", "Pipeline", "SoakError"]

LONGEST_RUN = 240.0  # real seconds; a run that takes longer hangs
BATCH_ROWS = 500  # small, so that a kill finds rows loaded, rows waiting and states in between


class SoakError(Exception):
    """Something that must not happen whatever the trouble; its text says what."""


@dataclass
class Outcome:
    """How a run ended."""

    status: int
    loader_status: int
    state: dict[str, Any] | None  # the last that the loader printed
    killed: bool
    stop_seconds: float  # real ones from SIGTERM to the tap's end
    log: str


@dataclass
class Rows:
    """Counts what passes through the pipe, and what of it had passed before."""

    written: int = 0
    again: int = 0
    _seen: dict[tuple[str, str], str] = field(default_factory=dict)

    def forget(self) -> None:
        """Begin with another database, which has nothing yet."""
        self._seen.clear()

    def note(self, line: bytes) -> None:
        """Count a line if it is a row; one that was cut off is none."""
        if not line.startswith(b'{"type":"RECORD"') or not line.endswith(b"\n"):
            return
        message = json.loads(line)
        row, key = message["record"], (message["stream"], message["record"].get("id", ""))
        version = row.get("updated_at") or row.get("created_at")
        self.written += 1
        if version is not None:
            self.again += self._seen.get(key) == version
            self._seen[key] = version


class Pipeline:
    """Runs the tap into the loader; files in ``folder``, rows into ``database``."""

    def __init__(self, folder: Path, loader: Path, speed: float) -> None:
        """Start nothing yet."""
        self.rows = Rows()
        self._folder, self._loader, self._speed = folder, loader, speed
        (folder / "csv").mkdir(exist_ok=True)

    def discover(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the catalog. Raises ``SoakError`` if there is none."""
        done = subprocess.run(
            [*self._tap(config), "--discover"],
            cwd=CHECKOUT, capture_output=True, check=False, timeout=LONGEST_RUN,
        )  # fmt: skip
        if done.returncode:
            message = f"Discovery failed: {done.stderr.decode()[-2000:]}"
            raise SoakError(message)
        catalog: dict[str, Any] = json.loads(done.stdout)
        return catalog

    def run(
        self,
        config: Mapping[str, Any],
        catalog: Mapping[str, Any],
        state: Mapping[str, Any] | None,
        database: Path,
        watch: Callable[[], tuple[str, tuple[str, ...]] | None],
    ) -> Outcome:
        """Run once; ``watch`` is asked all the time for a signal and whom it goes to."""
        command = [*self._tap(config), "--catalog", self._file("catalog", catalog)]
        if state is not None:
            command += ["--state", self._file("state", state)]
        settings = {
            "path": str(database),
            "default_target_schema": "main",
            "batch_size_rows": BATCH_ROWS,
            "flush_all_streams": True,
            "temp_dir": str(self._folder / "csv"),
        }
        load = [str(self._loader), "--config", self._file("loader", settings)]
        with (
            (self._folder / "tap.log").open("w+b") as tap_log,
            (self._folder / "loader.log").open("w+b") as loader_log,
            _started(command, stdout=subprocess.PIPE, stderr=tap_log) as tap,
            _started(
                load, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=loader_log
            ) as loader,
        ):
            states: list[bytes] = []
            threads = [
                threading.Thread(target=_pump, args=(tap.stdout, loader.stdin, self.rows.note)),
                threading.Thread(target=_collect, args=(loader.stdout, states)),
            ]
            for thread in threads:
                thread.start()
            stopped_at = _attend({"tap": tap, "loader": loader}, watch)
            ended = time.monotonic()
            for thread in threads:
                thread.join()
            loader.wait()
            tap_log.seek(0)
            log = tap_log.read().decode(errors="replace")
        whole = [line for line in states if line.endswith(b"\n")]
        return Outcome(
            status=tap.returncode,
            loader_status=loader.returncode,
            state=json.loads(whole[-1]) if whole else None,
            killed=stopped_at is not None,
            stop_seconds=ended - stopped_at if stopped_at else 0.0,
            log=log,
        )

    def _tap(self, config: Mapping[str, Any]) -> list[str]:
        return [
            sys.executable, "-m", "tests.fast_tap", str(self._speed),
            "--config", self._file("config", config),
        ]  # fmt: skip

    def _file(self, name: str, content: Mapping[str, Any]) -> str:
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)


@contextlib.contextmanager
def _started(command: list[str], **streams: Any) -> Any:
    """Start a process; kill it whatever happens."""
    process = subprocess.Popen(command, cwd=CHECKOUT, **streams)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _attend(
    processes: Mapping[str, subprocess.Popen[bytes]],
    watch: Callable[[], tuple[str, tuple[str, ...]] | None],
) -> float | None:
    """Wait for the tap's end, killing on the way; return when a kill came."""
    began, killed_at = time.monotonic(), None
    while processes["tap"].poll() is None:
        order = watch()
        if order is not None and killed_at is None:
            killed_at = time.monotonic()
            for name in order[1]:
                processes[name].send_signal(getattr(signal, order[0]))
        if time.monotonic() - began > LONGEST_RUN:
            message = f"The tap was still running after {LONGEST_RUN:.0f} seconds."
            raise SoakError(message)
        time.sleep(0.02)
    return killed_at


def _pump(source: IO[bytes], sink: IO[bytes], note: Callable[[bytes], None]) -> None:
    """Carry lines as they are, a last one that was cut off too; end both when either ends."""
    with contextlib.suppress(BrokenPipeError):
        for line in source:
            note(line)
            sink.write(line)
    with contextlib.suppress(BrokenPipeError):
        sink.close()
    source.close()


def _collect(source: IO[bytes], lines: list[bytes]) -> None:
    lines.extend(source)
    source.close()
