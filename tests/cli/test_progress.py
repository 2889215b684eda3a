"""What a person sees while a sync runs."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from typing import TYPE_CHECKING

from tap_kustomer.cli.progress import Progress, describe
from tap_kustomer.client.rate_limit import RateLimiter
from tap_kustomer.clock import Clock
from tap_kustomer.run import StreamRun
from tests.support import ROOT, tap_command

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from simulator import Simulator


def test_a_line_tells_rows_pace_budget_and_the_time_left() -> None:
    """All that someone asks who waits for the first sync."""
    run = StreamRun("conversations", rows=12_500, expected=60_000)

    line = describe(run, 25.0, searches=76, share=80)

    assert line == (
        "conversations: 12,500 of about 60,000 rows, 500 rows/s, "
        "76 of 80 searches in the last minute, about 2 min left"
    )


def test_a_line_tells_until_when_the_rate_limit_is_waited_for() -> None:
    """Else a minute without rows looks like a hang."""
    line = describe(StreamRun("messages", rows=3), 2.0, searches=80, share=80, waits=30)

    assert "waiting for the rate limit until " in line
    assert line.endswith(" UTC")


def test_a_stream_with_an_unknown_number_of_rows_promises_no_end() -> None:
    """Most lists do not tell how many rows they have."""
    line = describe(StreamRun("tags", rows=100), 1.0, searches=0, share=80)

    assert line == "tags: 100 rows, 100 rows/s, 0 of 80 searches in the last minute"


def test_lines_are_logged_while_a_stream_is_under_way(caplog: pytest.LogCaptureFixture) -> None:
    """And no more once it has ended."""
    caplog.set_level("INFO", logger="tap-kustomer")
    run = StreamRun("messages", rows=7)

    with Progress(lambda: [run], RateLimiter(Clock()), line_seconds=0.05):
        time.sleep(0.3)
        run.ended_at = "2026-01-01T00:00:00.000Z"
        time.sleep(0.1)
        caplog.clear()
        time.sleep(0.2)

    assert not caplog.messages


def test_a_line_is_logged_for_the_stream_that_is_read(caplog: pytest.LogCaptureFixture) -> None:
    """The log of a job shows that it moves."""
    caplog.set_level("INFO", logger="tap-kustomer")

    with Progress(lambda: [StreamRun("messages", rows=7)], RateLimiter(Clock()), line_seconds=0.05):
        time.sleep(0.3)

    assert any(message.startswith("messages: 7 rows") for message in caplog.messages)


def test_a_terminal_shows_a_bar_instead_of_lines(sim: Simulator, tmp_path: Path) -> None:
    """Rows still go to the pipe, and nothing of the bar with them."""
    sim.org.add("customer", 2000)
    sim.set(page_latency=0.3)
    command = tap_command({**sim.config, "page_size": 500}, select=["customers"], folder=tmp_path)
    terminal, stderr = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - the tap itself
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, "TERM": "xterm"},
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

    assert process.returncode == 0
    assert "━".encode() in shown
    assert rows.count(b'"type":"RECORD"') == 2000
    assert b"\x1b" not in rows
