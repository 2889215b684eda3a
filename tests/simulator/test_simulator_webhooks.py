"""The simulated org pushes its events as Kustomer does, and badly when it is told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import Clock, Org, Simulator
from tests.support import sync_tap
from tests.webhooks.support import ORG, SECRET, Receiver

MINUTES = 600.0  # of the org in a real one


@pytest.fixture
def hurried() -> Iterator[Simulator]:
    """An org whose retries come within a second."""
    with Simulator(Org(seed=1, clock=Clock(speed=MINUTES))) as simulator:
        yield simulator


def changed(sim: Simulator, count: int) -> str:
    """Change a conversation so many times; return its id."""
    [id_] = sim.org.add("conversation")
    for number in range(count):
        sim.org.clock.advance(0.01)  # no two at one moment: their order is asked for
        sim.org.update("conversation", id_, name=f"name {number}")
    sim.org.add("note")  # of which Kustomer pushes nothing
    sim.org.delete("conversation", id_)
    return id_


def test_events_come_at_least_once_in_no_order_and_arrive_once(
    hurried: Simulator, tmp_path: Path
) -> None:
    """From the change in Kustomer to the row, with everything that may happen on the way."""
    spool = tmp_path / "spool"
    with Receiver(spool) as receiver:
        hurried.webhooks.adjust(duplicates=0.5, disorder_seconds=300, wrong_signatures=7)
        hurried.webhooks.subscribe(receiver.url, SECRET)
        conversation = changed(hurried, 40)
        hurried.webhooks.wait()

    deliveries = hurried.webhooks.deliveries
    assert Counter(one.status for one in deliveries)[401] == 7
    assert len(hurried.webhooks.taken) == 41
    assert max(Counter(one.event for one in deliveries if one.status == 200).values()) > 1

    config = {
        **hurried.config,
        "optional_streams": ["webhook_events"],
        "webhook_spool": str(spool),
    }
    rows = sync_tap(config, ["webhook_events"]).records("webhook_events")
    assert len(rows) == 41
    assert {row["id"] for row in rows} == hurried.webhooks.taken
    assert {(row["object_id"], row["org_id"]) for row in rows} == {(conversation, ORG)}
    assert Counter(row["event"].split(".")[-1] for row in rows) == {"create": 1, "update": 40}
    assert [row["created_at"] for row in rows] != sorted(row["created_at"] for row in rows)
    history = [
        (change["before"], change["after"])
        for row in sorted(rows, key=lambda row: row["created_at"])
        if (change := ((row["changes"] or {}).get("attributes") or {}).get("name"))
    ]
    assert [after for _, after in history] == [f"name {number}" for number in range(40)]
    assert [before for before, _ in history[1:]] == [after for _, after in history[:-1]]


def test_an_event_that_nobody_takes_is_given_up_within_about_an_hour(hurried: Simulator) -> None:
    """Whoever is down for longer has polling."""
    hurried.webhooks.subscribe("http://127.0.0.1:9/kustomer", SECRET)
    changed(hurried, 0)
    hurried.webhooks.wait()

    [event] = hurried.webhooks.given_up
    assert [one.attempt for one in hurried.webhooks.deliveries] == list(range(8))
    assert {one.event for one in hurried.webhooks.deliveries} == {event}


def test_a_webhook_names_at_most_the_events_there_are(sim: Simulator) -> None:
    """As the API refuses it."""
    with pytest.raises(ValueError, match="At most 12"):
        sim.webhooks.subscribe("https://hooks.example.com", SECRET, ["kustomer.note.create"])
