"""The watcher starts a command when events come, and never two at a time."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tap_kustomer.webhooks.events import read_event
from tap_kustomer.webhooks.spool import Spool
from tap_kustomer.webhooks.watch import backoff
from tests.webhooks.support import SECONDS, Program, event

# Notes when it begins and ends, and what it was told; ends after so many seconds, or when it may.
COMMAND = """
import os, signal, sys, time
log, seconds, status = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
def note(word):
    with open(log, "a") as file:
        file.write(f"{word} {time.time()}\\n")
def told(*_):
    note("told")
    sys.exit(9)
signal.signal(signal.SIGTERM, told)
note("begin")
until = time.monotonic() + seconds
while time.monotonic() < until and not os.path.exists(log + ".may_end"):
    time.sleep(0.02)
note("end")
sys.exit(status)
"""


class Watched:
    """A spool, and what the command that is started for it noted."""

    def __init__(self, folder: Path) -> None:
        self.spool, self.notes = folder / "spool", folder / "notes"
        self.count = 0

    def create(self) -> None:
        """Make the spool."""
        Spool(self.spool, create=True).close()

    def arrive(self) -> None:
        """Let one event come."""
        self.count += 1
        with Spool(self.spool) as spool:
            spool.append([read_event(json.dumps(event(self.count)).encode())])

    def watcher(self, *options: str, seconds: float = 0, status: int = 0) -> Program:
        """Return a watcher whose command takes so long and ends so."""
        command = [sys.executable, "-c", COMMAND, str(self.notes), str(seconds), str(status)]
        return Program("watch", "--spool", str(self.spool), *options, "--", *command)

    def may_end(self) -> None:
        """Let the command end before its time."""
        Path(f"{self.notes}.may_end").touch()

    @property
    def noted(self) -> list[tuple[str, float]]:
        """What the commands noted, and when."""
        if not self.notes.exists():
            return []
        lines = self.notes.read_text().splitlines()
        return [(line.split()[0], float(line.split()[1])) for line in lines]

    @property
    def words(self) -> list[str]:
        """What the commands noted."""
        return [word for word, _ in self.noted]

    def wait_for(self, words: list[str]) -> None:
        """Wait until the commands have noted ``words``, and nothing else."""
        end = time.monotonic() + SECONDS
        while self.words != words:
            assert time.monotonic() < end, self.words
            time.sleep(0.05)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """An empty spool."""
    found = Watched(tmp_path)
    found.create()
    return found


def test_a_command_starts_when_events_came_and_once_more_for_those_meanwhile(
    watched: Watched,
) -> None:
    """Events that come while a sync runs may have come too late for it."""
    with watched.watcher("--every", "0", seconds=1.5) as watcher:
        watcher.wait_for("watching")
        time.sleep(1.5)
        assert watched.words == []  # nothing came

        watched.arrive()
        watcher.wait_for("starting")
        watched.wait_for(["begin"])
        watched.arrive()
        first: dict[str, Any] = watcher.wait_for("finished")
        watcher.wait_for("starting")
        watcher.wait_for("finished")
        time.sleep(1.5)

        assert first["exit_status"] == 0
        assert first["seconds"] >= 1.5
        assert watched.words == ["begin", "end", "begin", "end"]
        assert watcher.stop() == 128 + signal.SIGTERM


def test_a_storm_starts_one_command_at_a_time(watched: Watched) -> None:
    """Two syncs of one pipeline would overwrite each other's state."""
    storm = threading.Event()

    def blow() -> None:
        while not storm.is_set():
            watched.arrive()
            time.sleep(0.01)

    blowing = threading.Thread(target=blow)
    with watched.watcher("--every", "0", seconds=0.4) as watcher:
        blowing.start()
        for _ in range(4):
            watcher.wait_for("finished")
        storm.set()
        blowing.join(SECONDS)
        last_event = time.time()
        while watched.noted[-2:] and not (
            watched.words[-1] == "end" and watched.noted[-2][1] > last_event
        ):
            watcher.wait_for("finished")
        assert watcher.stop() == 128 + signal.SIGTERM

    assert watched.words == ["begin", "end"] * (len(watched.words) // 2)
    with Spool(watched.spool) as spool:
        assert spool.synced == spool.last_sequence == watched.count


def test_starts_keep_their_distance(watched: Watched) -> None:
    """A busy org would be read without a pause."""
    with watched.watcher("--every", "3") as watcher:
        watched.arrive()
        watcher.wait_for("finished")
        watched.arrive()
        watcher.wait_for("finished")

    first, second = (moment for word, moment in watched.noted if word == "begin")
    assert second - first >= 2.9


def test_a_watcher_that_comes_back_starts_nothing_that_was_done(watched: Watched) -> None:
    """A deployment is no reason to sync."""
    with watched.watcher("--every", "0") as watcher:
        watched.arrive()
        watcher.wait_for("finished")
        watcher.stop()

    with watched.watcher("--every", "0") as watcher:
        watcher.wait_for("watching")
        time.sleep(1.5)
        assert watched.words == ["begin", "end"]
        watched.arrive()
        watcher.wait_for("finished")


def test_the_command_of_a_killed_watcher_keeps_others_out(watched: Watched) -> None:
    """It still runs, and its successor would start a second one."""
    with watched.watcher("--every", "0", seconds=10 * SECONDS) as watcher:
        watched.arrive()
        watched.wait_for(["begin"])
        watcher.process.kill()
        watcher.process.wait(SECONDS)

        with watched.watcher() as second:
            assert second.wait() == 1
        assert "a command that one has started" in second.stderr

        watched.may_end()
        watched.wait_for(["begin", "end"])
        time.sleep(0.2)
        with watched.watcher("--every", "0") as third:  # nobody knows how the first ended
            third.wait_for("finished")
    assert watched.words == ["begin", "end"] * 2


def test_one_watcher_has_a_spool(watched: Watched) -> None:
    """Two of them would start two commands."""
    with watched.watcher() as first:
        first.wait_for("watching")
        with watched.watcher() as second:
            assert second.wait() == 1
    assert "held by another process" in second.stderr


def test_a_failure_is_logged_and_followed_by_a_pause(watched: Watched) -> None:
    """A pipeline that cannot work is not started every second."""
    with watched.watcher("--every", "0", status=7) as watcher:
        watched.arrive()
        failed = watcher.wait_for("failed")
        time.sleep(2.5)
        assert (failed["exit_status"], failed["next_in_seconds"]) == (7, 10)
        assert failed["level"] == "error"
        assert watched.words == ["begin", "end"]
    with Spool(watched.spool) as spool:
        assert spool.synced == 0


def test_pauses_grow_to_an_hour() -> None:
    """And no further, so that a pipeline that is mended runs the same day."""
    assert [backoff(failures, every=60) for failures in (1, 2, 3, 4)] == [60, 120, 240, 480]
    assert backoff(1000, every=60) == 3600
    assert backoff(1, every=7200) == 7200


def test_a_signal_ends_the_command_first(watched: Watched) -> None:
    """So that it can leave its last state."""
    with watched.watcher("--every", "0", seconds=60) as watcher:
        watched.arrive()
        watched.wait_for(["begin"])

        assert watcher.stop() == 128 + signal.SIGTERM
        assert watched.words == ["begin", "told"]
    assert '"exit_status": 9' in watcher.stderr


def test_without_events_the_command_starts_now_and_then(watched: Watched) -> None:
    """Kustomer does not push everything."""
    with watched.watcher("--every", "0", "--at-least-every", "2") as watcher:
        watcher.wait_for("finished")
        watcher.wait_for("finished")

    first, second = (moment for word, moment in watched.noted if word == "begin")
    assert second - first >= 1.9


def test_a_spool_may_come_later_than_its_watcher(tmp_path: Path) -> None:
    """Services start in any order."""
    watched = Watched(tmp_path)
    with watched.watcher("--every", "0") as watcher:
        watcher.wait_for("There is no spool")
        watched.create()
        watched.arrive()
        watcher.wait_for("finished")
    assert watcher.stderr.count("There is no spool") == 1


def test_a_command_that_is_not_there_is_a_sentence(watched: Watched) -> None:
    """Rather than silence until someone misses the rows."""
    watched.arrive()
    with Program("watch", "--spool", str(watched.spool), "--", "no-such-command") as watcher:
        assert watcher.wait() == 1
    last = json.loads(watcher.stderr.splitlines()[-1])
    assert last["message"] == "`no-such-command` cannot be started: No such file or directory."
