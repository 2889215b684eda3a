"""What a person sees while a sync runs."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path

import pytest

from simulator import Simulator
from tap_kustomer.cli.progress import Pace, Progress, describe
from tap_kustomer.client.rate_limit import RateLimiter
from tap_kustomer.clock import Clock
from tap_kustomer.run import StreamRun
from tests.support import ROOT, tap_command


class Sync:
    """A sync as far as it is watched: two streams were read before."""

    planned = 26
    seconds = 0.0

    def __init__(self, run: StreamRun) -> None:
        """Read ``run`` now."""
        before = [StreamRun(name, ended_at="2026-01-01T00:00:00.000Z") for name in ("a", "b")]
        self.runs = [*before, run]


def test_a_line_tells_rows_pace_and_the_time_left() -> None:
    """All that someone asks who waits for the first sync."""
    run = StreamRun("conversations", rows=12_500, requests=25, expected=60_000)

    line = describe(run, Pace(seconds=25.0, free=80))

    assert line == "12,500 of about 60,000 rows, 500 rows/s, about 2 min left"


def test_a_line_about_children_tells_how_many_parents_are_left() -> None:
    """How many children there are nobody knows; each parent costs a request of the org's budget."""
    run = StreamRun("conversation_events", rows=900, requests=302, parents=300,
                    parents_expected=1_500)  # fmt: skip
    pace = Pace(seconds=100.0, waited=70.0, requests=240)

    assert describe(run, pace) == (
        "900 rows, 9 rows/s, below 300 of about 1,500 parents, about 5 min left"
    )


def test_a_line_tells_how_long_the_rate_limit_is_waited_for() -> None:
    """Else a minute without rows looks like a hang; a clock time would need a zone."""
    line = describe(StreamRun("messages", rows=3), Pace(seconds=2.0, waits=42))

    assert line.endswith(", waiting for the rate limit for 42 s")


def test_a_stream_with_an_unknown_number_of_rows_promises_no_end() -> None:
    """Most lists do not say how many rows they have."""
    assert describe(StreamRun("tags", rows=100), Pace(seconds=1.0)) == "100 rows, 100 rows/s"


def test_the_time_left_knows_the_rate_limit_and_does_not_jump_with_a_wait() -> None:
    """80 searches in 20 seconds, then 40 seconds of waiting: four minutes for 320 more."""
    run = StreamRun("messages", rows=40_000, requests=80, expected=200_000)
    burst = Pace(seconds=20.0, free=0)
    waited = Pace(seconds=60.0, waited=40.0, waits=0.5, free=0)

    assert "about 4 min left" in describe(run, burst)
    assert "about 4 min left" in describe(run, waited)


def test_a_line_says_which_stream_of_how_many_it_is() -> None:
    """The run as a whole is what people wait for."""
    run = StreamRun("messages", rows=7)

    line = Progress(Sync(run), RateLimiter(Clock())).line(run)

    assert line.startswith("messages (stream 3 of 26): 7 rows")


def test_lines_are_logged_while_a_stream_is_under_way(caplog: pytest.LogCaptureFixture) -> None:
    """And no more once it has ended."""
    caplog.set_level("INFO", logger="tap-kustomer")
    run = StreamRun("messages", rows=7)

    with Progress(Sync(run), RateLimiter(Clock()), line_seconds=0.05):
        time.sleep(0.3)
        run.ended_at = "2026-01-01T00:00:00.000Z"
        time.sleep(0.1)
        caplog.clear()
        time.sleep(0.2)

    assert not caplog.messages


def test_a_line_is_logged_for_the_stream_that_is_read(caplog: pytest.LogCaptureFixture) -> None:
    """The log of a job shows that it moves."""
    caplog.set_level("INFO", logger="tap-kustomer")

    with Progress(Sync(StreamRun("messages", rows=7)), RateLimiter(Clock()), line_seconds=0.05):
        until = time.monotonic() + 60
        while not caplog.messages and time.monotonic() < until:
            time.sleep(0.01)

    assert caplog.messages[0].startswith("messages (stream 3 of 26): 7 rows")


def on_terminal(command: list[str], columns: int = 80) -> tuple[int, str, bytes]:
    """Run ``command`` with a terminal as stderr; returns status, what is shown, and stdout."""
    terminal, stderr = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if not k.endswith("LOGLEVEL")}
    with subprocess.Popen(  # noqa: S603 - the tap itself
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**environment, "TERM": "xterm", "COLUMNS": str(columns)},
    ) as process:
        os.close(stderr)
        assert process.stdout is not None
        shown, rows = b"", b""
        watched = [terminal, process.stdout.fileno()]
        while watched:
            for ready in select.select(watched, [], [], 30)[0]:
                try:
                    part = os.read(ready, 65536)
                except OSError:  # how a closed terminal says that it is over
                    part = b""
                if not part:
                    watched.remove(ready)
                elif ready == terminal:
                    shown += part
                else:
                    rows += part
    os.close(terminal)
    return process.returncode, shown.decode(), rows


def test_a_terminal_shows_bars_and_a_table_instead_of_lines(sim: Simulator, tmp_path: Path) -> None:
    """Rows still go to the pipe, and nothing of the bar with them."""
    sim.org.add("customer", 2000)
    sim.set(page_latency=0.3)
    command = tap_command({**sim.config, "page_size": 500}, select=["customers"], folder=tmp_path)

    status, shown, rows = on_terminal(command)

    assert status == 0
    assert "━" in shown
    assert "stream 1 of 1" in shown
    assert "INFO" not in shown
    assert re.search(r"customers +2,000 ", shown)
    assert "1 stream: 1 complete. 2,000 rows, " in shown
    assert rows.count(b'"type":"RECORD"') == 2000
    assert b"\x1b" not in rows


def test_a_warning_above_the_bars_is_one_line(sim: Simulator, tmp_path: Path) -> None:
    """A sentence that is cut after 80 columns cannot be copied into a search."""
    sim.org.add("customer", 500)
    sim.set(page_latency=0.3)
    sim.refuse("/v1/shortcuts", 404)
    command = tap_command(sim.config, select=["customers", "shortcuts", "tags"], folder=tmp_path)

    _, shown, _ = on_terminal(command)

    (warning,) = (line for line in shown.splitlines() if "WARNING" in line)
    assert len(warning) > 120
    assert "Deselect it" in warning
