"""Klasses that are searched together: what it costs, and that nothing is lost by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import Clock, Fault, Org, Simulator
from tap_kustomer.clock import Clock as TapClock
from tests.support import Output, sync_tap

DAY = 86_400.0
SPEED = 50.0
KLASSES = [f"klass-{number}" for number in range(8)]
STREAMS = [name.replace("-", "_") for name in KLASSES]


def stream_of(klass: str) -> str:
    """Return the name of the klass's stream."""
    return f"kobject_{klass.replace('-', '_')}"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """An org with eight klasses, whose last updates lie some days apart."""
    org = Org(seed=4, clock=Clock(speed=SPEED), realistic=False)
    for place, name in enumerate(KLASSES):
        org.add_klass(name)
        for number in range(4):
            age = (1 + place + 10 * number) * DAY
            org.add(f"kobject_{name}", updated_at=org.clock.now() - age)
    with Simulator(org, limits=False) as simulator:
        yield simulator


def read(
    sim: Simulator, state: Any = None, klasses: list[str] = KLASSES, **settings: Any
) -> Output:
    """Run the tap over the klasses an hour after the run before."""
    sim.org.clock.advance(3600)
    sim.reset_log()
    selected = [*map(stream_of, klasses), "sync_runs"]
    return sync_tap({**sim.config, **settings}, selected, state=state, clock=TapClock(SPEED))


def contexts(sim: Simulator) -> Counter[str]:
    """Return how many searches there were of each context."""
    return Counter(str(log.context) for log in sim.searches())


def own(sim: Simulator) -> set[str]:
    """Return the klasses that searched for themselves."""
    return {name for name in KLASSES if contexts(sim)[f"kobject_{name}"]}


def bookmarks(output: Output) -> dict[str, str | None]:
    """Return the bookmark of each klass."""
    return {name: output.bookmark(stream_of(name)) for name in KLASSES}


def test_quiet_klasses_cost_one_search(sim: Simulator) -> None:
    """From the second run on; no bookmark moves."""
    first = read(sim)
    assert own(sim) == set(KLASSES)
    second = read(sim, first.state)
    assert contexts(sim) == {"kobject": 1}
    third = read(sim, second.state)
    assert contexts(sim) == {"kobject": 1}

    assert bookmarks(first) == bookmarks(second) == bookmarks(third)
    assert {row["status"] for row in third.records("sync_runs")} == {"complete"}
    assert sum(third.counts[stream_of(name)] for name in KLASSES) == 0


def test_what_moved_is_dealt_to_its_streams(sim: Simulator) -> None:
    """Each gets its own rows, and its bookmark stands at its own last row."""
    state = read(sim, read(sim).state).state
    for name in KLASSES[:2]:
        sim.org.add(f"kobject_{name}", updated_at=sim.org.clock.now() + 3500)
    state = read(sim, state).state
    row = sim.org.ids("kobject_klass-0")[0]
    sim.org.update("kobject_klass-0", row)
    [new] = sim.org.add("kobject_klass-1", updated_at=sim.org.clock.now())
    output = read(sim, state)

    assert contexts(sim) == {"kobject": 1}
    assert row in output.ids("kobject_klass_0")
    assert new in output.ids("kobject_klass_1")
    after = bookmarks(output)
    for name in KLASSES:
        before = state["bookmarks"][stream_of(name)]["replication_key_value"]
        assert (after[name] != before) == (name in KLASSES[:2])
    assert after["klass-0"] == output.newest("kobject_klass_0")[row]["updated_at"]
    assert after["klass-1"] == output.newest("kobject_klass_1")[new]["updated_at"]


def test_a_klass_that_moved_long_after_its_bookmark_searches_for_itself(sim: Simulator) -> None:
    """The answer begins behind its bookmark, so it cannot tell what lies between."""
    state = read(sim, read(sim).state).state
    sim.org.update("kobject_klass-7", sim.org.ids("kobject_klass-7")[0])
    read(sim, state)

    assert own(sim) == {"klass-7"}


def test_many_rows_are_left_to_each_klass(sim: Simulator) -> None:
    """More than two pages: the search of all klasses would read what each reads better."""
    state = read(sim, read(sim, page_size=10).state, page_size=10).state
    sim.org.add("kobject_klass-2", 40, updated_at=sim.org.clock.now())
    output = read(sim, state, page_size=10)

    assert own(sim) == set(KLASSES)
    assert output.counts["kobject_klass_2"] >= 40


def test_two_pages_are_read_together(sim: Simulator) -> None:
    """In windows that one answer holds whole."""
    state = read(sim, read(sim, page_size=10).state, page_size=10).state
    new = set(sim.org.add("kobject_klass-2", 9, updated_at=sim.org.clock.now()))
    sim.org.clock.advance(60)
    new |= set(sim.org.add("kobject_klass-2", 7, updated_at=sim.org.clock.now()))
    output = read(sim, state, page_size=10)

    assert not own(sim) - {"klass-2"}
    assert output.ids("kobject_klass_2") >= new


def test_a_klass_that_appears_searches_for_itself(sim: Simulator) -> None:
    """Nothing of it was ever read; the next run has it among the others."""
    state = read(sim, read(sim).state).state
    sim.org.add_klass("klass-new")
    old = sim.org.add("kobject_klass-new", 2, updated_at=sim.org.clock.now() - 50 * DAY)
    output = read(sim, state, [*KLASSES, "klass-new"])
    assert output.ids("kobject_klass_new") == set(old)
    assert contexts(sim) == {"kobject": 1, "kobject_klass-new": 1}
    state = output.state
    for _ in range(2):
        output = read(sim, state, [*KLASSES, "klass-new"])
        state = output.state
    assert contexts(sim) == {"kobject": 1}


def test_a_klass_that_is_disabled_disturbs_nobody(sim: Simulator) -> None:
    """Its rows may still be in the answer; they are nobody's."""
    state = read(sim, read(sim).state).state
    sim.org.set_klass_status("klass-1", "disabled")
    sim.org.update("kobject_klass-1", sim.org.ids("kobject_klass-1")[0])
    output = read(sim, state, [name for name in KLASSES if name != "klass-1"])

    assert output.status == 0
    assert contexts(sim) == {"kobject": 1}
    assert "kobject_klass_1" not in output.counts


@pytest.mark.parametrize(
    "knobs",
    [
        {"refused_contexts": ["kobject"]},
        {"include_deleted_supported": ["kobject_" + name for name in KLASSES]},
    ],
    ids=str,
)
def test_a_search_of_all_klasses_that_does_not_work_costs_no_row(
    sim: Simulator, knobs: dict[str, Any]
) -> None:
    """Then each klass searches for itself, and no stream is read in a weaker form."""
    state = read(sim).state
    sim.org.clock.advance(3600)
    sim.set(**knobs)
    [new] = sim.org.add("kobject_klass-4", updated_at=sim.org.clock.now())
    for name in KLASSES:
        sim.org.add(f"kobject_{name}", updated_at=sim.org.clock.now())
    output = read(sim, state)

    assert output.status == 0
    assert own(sim) == set(KLASSES)
    assert new in output.ids("kobject_klass_4")
    forms = {one["form"] for name, one in output.state["bookmarks"].items() if name != "sync_runs"}
    assert forms == {"kobject_updated_at"}


def hide(sim: Simulator, klass: str) -> None:
    """Let the search of all klasses leave one out, in silence."""

    def without(document: dict[str, Any]) -> dict[str, Any]:
        rows = document.get("data")
        if not isinstance(rows, list) or len({row["type"] for row in rows}) < 2:
            return document
        kept = [row for row in rows if row["type"] != f"kobject.{klass}"]
        left = len(rows) - len(kept)
        meta = {**document["meta"], "total": document["meta"]["total"] - left}
        return {**document, "data": kept, "meta": meta}

    sim.faults.add(Fault("rewrite", path="/v1/customers/search", times=None, rewrite=without))


def test_a_klass_that_the_search_never_showed_searches_for_itself(sim: Simulator) -> None:
    """An answer without it looks like one of a quiet klass."""
    hide(sim, "klass-6")
    state = read(sim).state
    for _ in range(3):
        [new] = sim.org.add("kobject_klass-6", updated_at=sim.org.clock.now() - 400)
        output = read(sim, state)
        state = output.state
        assert new in output.ids("kobject_klass_6")
        assert "klass-6" in own(sim)
        assert len(own(sim)) <= 2


@pytest.mark.parametrize("how", ["of customers", "out of order", "with errors", "a part"])
def test_an_odd_answer_is_not_believed(sim: Simulator, how: str) -> None:
    """A context, a sort or a filter that Kustomer ignores, or a part: each searches for itself."""
    state = read(sim).state

    def spoil(document: dict[str, Any]) -> dict[str, Any]:
        rows = document["data"]
        if len({row["type"] for row in rows}) < 2:
            return document
        if how == "of customers":
            return {**document, "data": [{**row, "type": "customer"} for row in rows]}
        if how == "out of order":
            return {**document, "data": rows[::-1]}
        if how == "a part":
            return {**document, "data": rows[:-1]}
        return {**document, "errors": [{"code": "odd"}]}

    sim.faults.add(Fault("rewrite", path="/v1/customers/search", times=None, rewrite=spoil))
    output = read(sim, state, backoff_max_elapsed_seconds=5)

    assert output.status == 0
    assert own(sim) == set(KLASSES)
    assert all(output.ids(f"kobject_{name}") for name in STREAMS)


def test_rows_that_were_passed_over_arrive_and_end_the_sharing(sim: Simulator) -> None:
    """Each klass searches for itself once a day, from its own bookmark."""
    state = read(sim, read(sim).state).state
    hide(sim, "klass-6")
    sim.org.add("kobject_klass-0", updated_at=sim.org.clock.now())
    [new] = sim.org.add("kobject_klass-6", updated_at=sim.org.clock.now())
    sim.org.add("kobject_klass-1", updated_at=sim.org.clock.now())
    output = read(sim, state)
    assert new not in output.ids("kobject_klass_6")
    assert (
        output.bookmark("kobject_klass_6")
        == state["bookmarks"]["kobject_klass_6"]["replication_key_value"]
    )

    found = False
    state = output.state
    for _ in range(len(KLASSES) + 1):
        sim.org.clock.advance(DAY)
        output = read(sim, state)
        state = output.state
        assert len(own(sim)) <= 2
        if new in output.ids("kobject_klass_6"):
            assert "passed over rows" in output.stderr
            found = True
            break
    assert found
    read(sim, state)
    assert "klass-6" in own(sim)


def test_a_bookmark_that_was_set_back_brings_its_rows_again(sim: Simulator) -> None:
    """What was noted beside another bookmark is void."""
    state = read(sim, read(sim).state).state
    for name in STREAMS:
        state["bookmarks"][f"kobject_{name}"]["replication_key_value"] = "2025-06-01T00:00:00.000Z"
    output = read(sim, state)

    for name in KLASSES:
        assert output.ids(stream_of(name)) == set(sim.org.ids(f"kobject_{name}"))


def test_klasses_without_rows_are_quiet_too(sim: Simulator) -> None:
    """They never show a row; that those of others are shown has to do, and their day's search."""
    for number in range(4):
        sim.org.add_klass(f"empty-{number}")
    klasses = [*KLASSES, *(f"empty-{number}" for number in range(4))]
    state = read(sim, read(sim, None, klasses).state, klasses).state
    read(sim, state, klasses)
    assert contexts(sim) == {"kobject": 1}

    [new] = sim.org.add("kobject_empty-2", updated_at=sim.org.clock.now())
    output = read(sim, state, klasses)
    assert output.ids("kobject_empty_2") == {new}


@pytest.mark.parametrize("klasses", [KLASSES[:1], KLASSES[:2]])
def test_few_klasses_search_for_themselves(sim: Simulator, klasses: list[str]) -> None:
    """It costs no more, and needs no proof."""
    state = read(sim, read(sim, None, klasses).state, klasses).state
    sim.org.add(f"kobject_{klasses[0]}", 3, updated_at=sim.org.clock.now() - 1_800)
    output = read(sim, state, klasses)
    assert contexts(sim) == {f"kobject_{name}": 1 for name in klasses}
    assert "passed over" not in output.stderr  # by a search that was never asked
