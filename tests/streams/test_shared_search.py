"""Klasses of which none can be searched by itself: one search, from which each pulls its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from simulator import Clock, Fault, Org, Simulator
from tap_kustomer.clock import Clock as TapClock
from tests.support import Output, run_tap, sync_tap

DAY = 86_400.0
SPEED = 50.0
KLASSES = ["claim", "device", "order", "visit"]
STREAMS = [f"kobject_{name}" for name in KLASSES]
PAGE = 10
ROWS = 15  # of each klass


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """An org with four klasses, whose rows are mixed in time."""
    org = Org(seed=4, clock=Clock(speed=SPEED), realistic=False)
    for name in KLASSES:
        org.add_klass(name)
    for number in range(ROWS):
        for place, name in enumerate(KLASSES):
            age = (number + 1 + place / 10) * DAY
            org.add(f"kobject_{name}", updated_at=org.clock.now() - age)
    with Simulator(org, limits=False, kobject_klass_attribute=None) as simulator:
        yield simulator


def read(sim: Simulator, state: Any = None, **settings: Any) -> Output:
    """Run the tap over the klasses, with small pages, an hour after the run before."""
    sim.org.clock.advance(3600)
    sim.reset_log()
    config = {"page_size": PAGE, "start_date": "2024-01-01", **sim.config, **settings}
    return sync_tap(config, [*STREAMS, "sync_runs"], state=state, clock=TapClock(SPEED))


def statuses(output: Output) -> dict[str, str]:
    """Return how each klass's stream ended."""
    return {one["stream"]: one["status"] for one in output.records("sync_runs")}


def held(*outputs: Output) -> dict[str, set[str]]:
    """Return the rows that runs brought, by stream."""
    return {name: set().union(*(one.ids(name) for one in outputs)) for name in STREAMS}


def truth(sim: Simulator) -> dict[str, set[str]]:
    """Return the rows of the org, by stream."""
    return {name: set(sim.org.ids(name)) for name in STREAMS}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_one_search_serves_all(sim: Simulator, concurrency: int) -> None:
    """Each row once, and each bookmark behind the rows that are read of all."""
    output = read(sim, max_concurrency=concurrency)

    assert set(statuses(output).values()) == {"complete"}
    assert held(output) == truth(sim)
    assert all(output.counts[name] == ROWS for name in STREAMS)
    whole = [log for log in sim.searches("kobject") if log.status == 200 and log.rows]
    assert len(whole) <= 2 * len(KLASSES) * ROWS / PAGE  # halves of pages, the end, the count
    assert len({output.bookmark(name) for name in STREAMS}) == 1


def test_rows_of_a_page_leave_before_the_next_page_comes(sim: Simulator) -> None:
    """So no more than one page is kept, however many klasses wait for theirs."""
    rows = [(one["stream"], one["record"]["id"]) for one in read(sim).of_type("RECORD")]
    names = [name for name, _ in groupby(name for name, _ in rows if name in STREAMS)]

    assert len(names) > 2 * len(STREAMS)


def test_each_reads_from_its_own_bookmark(sim: Simulator) -> None:
    """The search begins at the earliest; the others take none of their rows again."""
    state = read(sim).state
    state["bookmarks"]["kobject_order"]["replication_key_value"] = "2024-01-01T00:00:00.000Z"
    output = read(sim, state)

    assert output.ids("kobject_order") == truth(sim)["kobject_order"]
    others = [output.counts[name] for name in STREAMS if name != "kobject_order"]
    assert sum(others) <= 1  # the row that the bookmarks stand at
    came_from = {one["stream"]: one["read_from"] for one in output.records("sync_runs")}
    assert came_from["kobject_order"] < min(came_from[n] for n in STREAMS if n != "kobject_order")


def test_one_whose_rows_cannot_be_written_fails_alone(sim: Simulator) -> None:
    """Whichever of them asked for the search."""
    maps = {STREAMS[0]: {"id": "1 / 0"}}
    output = read(sim, stream_maps=maps)

    assert statuses(output) == {
        name: "failed" if name == STREAMS[0] else "complete" for name in STREAMS
    }
    assert held(output) == {**truth(sim), STREAMS[0]: set()}
    again = read(sim, output.state)
    assert held(again)[STREAMS[0]] == truth(sim)[STREAMS[0]]


def test_a_search_that_breaks_off_fails_one_and_is_begun_again_by_the_others(
    sim: Simulator,
) -> None:
    """They go on from their bookmarks; the next run brings the rest of the one that failed."""
    sim.faults.add(Fault("status", context="kobject", status=422, after=4, times=2))
    output = read(sim, max_concurrency=1)

    ended = statuses(output)
    assert sorted(ended.values()) == ["complete"] * 3 + ["failed"]
    [failed] = [name for name, status in ended.items() if status == "failed"]
    whole = truth(sim)
    assert {**held(output), failed: set()} == {**whole, failed: set()}
    assert held(output)[failed] < whole[failed]
    assert held(output, read(sim, output.state)) == whole


def test_a_search_that_always_breaks_off_fails_all(sim: Simulator) -> None:
    """Each tries once, with a sentence of its own, and the run ends."""
    sim.faults.add(Fault("status", context="kobject", status=422, after=4, times=None))
    output = read(sim, max_concurrency=1)

    assert set(statuses(output).values()) == {"failed"}
    said = output.stderr.splitlines()
    assert all(any(line.startswith(f"{name}:") for line in said) for name in STREAMS)
    sim.faults.clear()
    assert held(output, read(sim, output.state)) == truth(sim)


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_killed_run_is_gone_on_with_where_each_stood(sim: Simulator, part: float) -> None:
    """All bookmarks move with the pages, not one stream after the other."""
    killed = read(sim)
    killed.messages = killed.messages[: round(len(killed.messages) * part)]
    following = read(sim, killed.state)

    assert held(killed, following) == truth(sim)
    assert sum(following.counts[name] for name in STREAMS) < len(STREAMS) * ROWS


def test_a_test_reads_one_page_for_a_klass_without_rows(sim: Simulator, tmp_path: Path) -> None:
    """Not all that the others have."""
    sim.org.add_klass("aaa")
    config = {**sim.config, "page_size": PAGE, "start_date": "2024-01-01"}
    output = run_tap(config, "--test", folder=tmp_path)

    assert output.status == 0, output.stderr
    assert [output.counts[name] for name in STREAMS] == [1, 1, 1, 1]
    assert len([log for log in sim.searches("kobject") if log.status == 200]) <= len(STREAMS)
