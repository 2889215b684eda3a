"""A run that is killed, stopped or left by its target continues, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Clock, Fault, Org, Simulator
from tap_kustomer import clock as tap_clock
from tests.support import FAST, ROOT, Output, read_messages, run_tap, sync_tap, tap_command

DAY = 86_400.0
WITHIN = 20.0  # seconds, from a signal to the end; five where the machine is not busy


@pytest.fixture
def big() -> Iterator[Simulator]:
    """An org of some pages, each a tenth of a second away."""
    org = Org(seed=9, realistic=False, plan_limit=100_000, search_limit=100_000)
    org.add("customer", 3_000)
    org.add("message", 1_000)
    with Simulator(org, page_latency=0.1) as sim:
        yield sim


def config_of(sim: Simulator, **config: Any) -> dict[str, Any]:
    """Return a config with small pages and no limit of our own."""
    return {
        **sim.config,
        "page_size": 100,
        "search_requests_per_minute": 10_000,
        "max_concurrency": 2,
        **config,
    }


@contextlib.contextmanager
def started(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the tap, its log in a file of ``folder``, and make sure that it ends."""
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(  # noqa: S603 - the tap itself
            command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def read_lines(process: subprocess.Popen[bytes], wanted: Callable[[bytes, int], bool]) -> bytes:
    """Return what the tap prints until a line is the wanted one."""
    assert process.stdout is not None
    text = b""
    for number, line in enumerate(process.stdout):
        text += line
        if wanted(line, number):
            return text
    pytest.fail("the tap ended before")


def rest(process: subprocess.Popen[bytes]) -> bytes:
    """Return what the tap still prints until it ends, soon."""
    begun = time.monotonic()
    assert process.stdout is not None
    text = process.stdout.read()
    process.wait()
    assert time.monotonic() - begun < WITHIN
    return text


def killed_after(sim: Simulator, folder: Path, lines: int, state: Any = None) -> Output:
    """Return what a run printed that was killed behind so many lines."""
    command = tap_command(config_of(sim), select=["customers"], state=state, folder=folder)
    with started(command, folder) as process:
        text = read_lines(process, lambda _line, number: number >= lines)
        process.kill()
        text += rest(process)  # what was in the pipe
    return Output(-9, "", read_messages(text.decode()))


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_a_run_continues(big: Simulator, tmp_path: Path, seed: int) -> None:
    """The last STATE line that left the tap is never ahead of its rows."""
    lines = random.Random(seed).randrange(3_000)
    first = killed_after(big, tmp_path, lines)
    big.knobs.page_latency = 0

    second = run_tap(
        config_of(big), select=["customers"], state=first.state or None, folder=tmp_path
    )

    assert second.status == 0, second.stderr
    ids = first.ids("customers") | second.ids("customers")
    assert ids == set(big.org.ids("customer"))


def test_a_kill_behind_7000_rows_repeats_little() -> None:
    """STATE comes behind each page, so that only what was in flight comes again."""
    org = Org(seed=2, realistic=False, clock=Clock(speed=FAST), search_limit=100_000)
    org.add("customer", 10_000)
    with Simulator(org) as sim:
        first = sync_tap(sim.config, ["customers"], clock=tap_clock.Clock(FAST))
        rows = 0
        for place, message in enumerate(first.messages):
            rows += message["type"] == "RECORD"
            if rows == 7_000:
                first.messages = first.messages[: place + 1]
                break
        second = sync_tap(sim.config, ["customers"], state=first.state, clock=tap_clock.Clock(FAST))

    assert first.ids("customers") | second.ids("customers") == set(org.ids("customer"))
    assert len(second.records("customers")) <= 4_000


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_with_a_last_state(
    big: Simulator, tmp_path: Path, number: int, status: int
) -> None:
    """The orchestrator's stop and Ctrl-C: within seconds, and the state continues."""
    command = tap_command(config_of(big), select=["customers"], folder=tmp_path)
    with started(command, tmp_path) as process:
        text = read_lines(process, lambda line, _number: b'"STATE"' in line)
        process.send_signal(number)
        text += rest(process)
    assert process.returncode == status
    assert "Traceback" not in (tmp_path / "log").read_text()
    first = Output(status, "", read_messages(text.decode()))
    assert first.messages[-1]["type"] == "STATE"
    assert first.bookmark("customers") is not None
    big.knobs.page_latency = 0

    second = run_tap(config_of(big), select=["customers"], state=first.state, folder=tmp_path)

    ids = first.ids("customers") | second.ids("customers")
    assert ids == set(big.org.ids("customer"))


def _wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_signal_ends_a_run_whose_target_does_not_read(big: Simulator, tmp_path: Path) -> None:
    """The pipe is full and writing blocks: the last STATE cannot leave, the tap does."""
    command = tap_command(config_of(big), select=["customers"], folder=tmp_path)
    with started(command, tmp_path) as process:
        _wait_for(lambda: len(big.searches("customer")) > 3)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=WITHIN)
        text = rest(process)
    assert process.returncode == 143
    first = Output(143, "", read_messages(text.decode()))
    big.knobs.page_latency = 0
    second = run_tap(
        config_of(big), select=["customers"], state=first.state or None, folder=tmp_path
    )
    ids = first.ids("customers") | second.ids("customers")
    assert ids == set(big.org.ids("customer"))


@pytest.mark.parametrize(
    "trouble", ["the rate limit", "a retry", "an answer that does not come", "a partial page"]
)
def test_a_signal_ends_every_wait(big: Simulator, tmp_path: Path, trouble: str) -> None:
    """Whatever the tap waits for."""
    config = config_of(big)
    search = "/v1/customers/search"
    if trouble == "the rate limit":
        config["search_requests_per_minute"] = 3
    elif trouble == "a retry":
        big.faults.add(Fault("status", path=search, status=503, times=None, after=3))
    elif trouble == "a partial page":
        big.faults.add(Fault("timed_out", path=search, times=None, after=3))
    else:
        big.faults.add(Fault("hang", path=search, times=None, after=3))
    command = tap_command(config, select=["customers"], folder=tmp_path)
    with started(command, tmp_path) as process:
        text = read_lines(process, lambda line, _number: b'"STATE"' in line)
        time.sleep(1.5)
        process.send_signal(signal.SIGTERM)
        text += rest(process)
    assert process.returncode == 143
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert read_messages(text.decode())[-1]["type"] == "STATE"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_signal_cuts_no_line_in_two(
    big: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbuffered: str
) -> None:
    """A signal interrupts a write to a full pipe; without a buffer, half of it was lost."""
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    command = tap_command(config_of(big), select=["customers"], folder=tmp_path)
    with started(command, tmp_path) as process:
        text = read_lines(process, lambda line, _number: b'"STATE"' in line)
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        text += rest(process)
    assert process.returncode == 143
    assert read_messages(text.decode())[-1]["type"] == "STATE"


def test_a_second_signal_ends_the_run_at_once(big: Simulator, tmp_path: Path) -> None:
    """Someone presses Ctrl-C twice while an answer does not come."""
    big.faults.add(Fault("hang", path="/v1/customers/search", times=None, after=3))
    command = tap_command(config_of(big), select=["customers"], folder=tmp_path)
    with started(command, tmp_path) as process:
        read_lines(process, lambda line, _number: b'"STATE"' in line)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=WITHIN)
    assert process.returncode == 130


@pytest.mark.parametrize("hangs", [False, True])
def test_a_target_that_closes_the_pipe_ends_the_run_quietly(
    big: Simulator,
    tmp_path: Path,
    *,
    hangs: bool,
) -> None:
    """The target has failed and said why: the tap adds no traceback to it."""
    if hangs:  # requests in flight are not waited for
        big.faults.add(Fault("hang", path="/v1/customers/search", times=None, after=8))
    command = tap_command(config_of(big), select=["customers"], folder=tmp_path)
    with started(command, tmp_path) as process:
        read_lines(process, lambda _line, number: number > 100)
        assert process.stdout is not None
        process.stdout.close()
        process.wait(timeout=WITHIN)
    assert process.returncode == 1
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert "BrokenPipe" not in log


def test_the_last_state_is_complete_when_the_process_ends(big: Simulator, tmp_path: Path) -> None:
    """A pipe that is read slowly still gets every line."""
    command = tap_command(config_of(big), select=["customers"], folder=tmp_path)
    with started(command, tmp_path) as process:
        assert process.stdout is not None
        text = b""
        while part := os.read(process.stdout.fileno(), 200_000):
            text += part
            time.sleep(0.02)
        process.wait(timeout=120)
    assert text.endswith(b"\n")
    output = Output(0, "", read_messages(text.decode()))
    assert output.ids("customers") == set(big.org.ids("customer"))
    assert output.messages[-1]["type"] == "STATE"
