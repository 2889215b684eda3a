"""Receiver and tap are killed again and again, and no event is lost that was answered with 200.

`WEBHOOK_EVENTS=20000 make e2e` sends as many events; the receiver is killed at random moments.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Clock, Org, Simulator
from tap_kustomer.webhooks.events import read_event
from tap_kustomer.webhooks.spool import Spool
from tests.support import ROOT, catalog_of, tap_command
from tests.webhooks.support import SECONDS, SECRET, Receiver, event, spooled_ids

EVENTS = int(os.environ.get("WEBHOOK_EVENTS", "1500"))
SPEED = 300.0  # of the org's clock: Kustomer's first retry comes after 0.2 seconds, the last in 13
STREAM = "webhook_events"


@pytest.fixture
def org() -> Iterator[Simulator]:
    """An org whose retries come soon, with a conversation."""
    with Simulator(Org(seed=3, clock=Clock(speed=SPEED), realistic=False)) as simulator:
        simulator.org.add("conversation")
        yield simulator


def free_port() -> int:
    """Return a port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Killed(threading.Thread):
    """A receiver on one port that is killed at random moments and started again at once."""

    def __init__(self, spool: Path, port: int) -> None:
        super().__init__()
        self.spool, self.port = spool, port
        self.kills = 0
        self.ready, self.done = threading.Event(), threading.Event()

    def run(self) -> None:
        """Kill until it is done; the last one lives until then."""
        moments = random.Random(7)
        while not self.done.is_set():
            # The last --port wins.
            with Receiver(self.spool, "--port", str(self.port)) as receiver:
                self.ready.set()
                if not self.done.wait(moments.uniform(0.02, 1.2)):
                    receiver.process.send_signal(signal.SIGKILL)
                    receiver.process.wait(SECONDS)
                    self.kills += 1


def test_a_receiver_that_is_killed_loses_nothing_that_it_answered(
    org: Simulator, tmp_path: Path
) -> None:
    """Kustomer never sends it again."""
    port = free_port()
    killed = Killed(tmp_path / "spool", port)
    killed.start()
    try:
        assert killed.ready.wait(SECONDS)
        org.webhooks.adjust(duplicates=0.05, disorder_seconds=60)
        org.webhooks.subscribe(f"http://127.0.0.1:{port}/kustomer", SECRET)
        [conversation] = org.org.ids("conversation")
        for number in range(EVENTS):
            org.org.update("conversation", conversation, name=f"name {number}")
        org.webhooks.wait(timeout=max(120, EVENTS / 20))
    finally:
        killed.done.set()
        killed.join()

    spooled = spooled_ids(tmp_path / "spool")
    taken = org.webhooks.taken
    assert killed.kills >= 3
    assert len(taken | set(org.webhooks.given_up)) == EVENTS
    assert taken - set(spooled) == set()
    assert len(spooled) == len(set(spooled))


class Target:
    """What a target holds: rows by key, and the state behind those it has."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.state: dict[str, Any] | None = None
        self.received = 0

    def take(self, line: str) -> None:
        """Load one message."""
        message = json.loads(line)
        if message["type"] == "RECORD":
            self.received += 1
            self.rows[message["record"]["id"]] = message["record"]
        elif message["type"] == "STATE":
            self.state = message["value"]


def test_a_run_that_is_killed_while_it_drains_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """And while it drains, events are removed and others arrive."""
    path, count = tmp_path / "spool", 6000
    arrived = 0
    with Spool(path, create=True) as spool, Simulator(Org(seed=1)) as sim:
        spool.set_keep(0)

        def arrive(more: int) -> None:
            nonlocal arrived
            bodies = [json.dumps(event(arrived + n)).encode() for n in range(more)]
            spool.append([read_event(body) for body in bodies])
            arrived += more

        arrive(count)
        config = {**sim.config, "optional_streams": [STREAM], "webhook_spool": str(path)}
        catalog = catalog_of(config, [STREAM])
        target, moments = Target(), random.Random(11)
        for lines in [*(moments.randrange(200, 1800) for _ in range(3)), None]:
            command = tap_command(config, catalog=catalog, state=target.state, folder=tmp_path)
            with subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as process:
                assert process.stdout is not None
                for number, line in enumerate(process.stdout):
                    if number == lines:
                        process.kill()
                        break
                    target.take(line)
            assert process.returncode == (0 if lines is None else -signal.SIGKILL)
            if lines is not None:
                arrive(100)

        assert len(target.rows) == arrived
        assert sorted(row["sequence"] for row in target.rows.values()) == list(
            range(1, arrived + 1)
        )
        assert spool.removed > 0
        # Of each run that was killed, at most the batch behind its last state came again.
        assert target.received <= arrived + 3 * 500
