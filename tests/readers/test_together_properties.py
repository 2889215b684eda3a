"""Klasses that are searched together, whatever happens to them: nothing is lost, nothing passed.

A trial is a few runs over some klasses with small pages, hours or seconds apart, some of them
killed; the last one is quiet. ``HYPOTHESIS_PROFILE=long`` draws thousands of new trials.
"""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings

from simulator import Clock, Fault, Org, Simulator
from tap_kustomer import clock as tap_clock
from tests.direct import without_sockets
from tests.readers.draws import drawn, maybe, several, share, some, whole
from tests.readers.trials import DAY, SPEED, check_states, examples, version_of
from tests.support import Output, sync_tap

settings.load_profile("trials")
_OVER_HTTP = 8  # every so many stories; the others ask the simulator by a call
_ARRIVING = 0.4  # of the changes between two runs are new rows


@dataclass(frozen=True)
class Story:
    """Some klasses and their fate."""

    seed: int = 1
    page_size: int = 6
    klasses: int = 4
    rows: int = 6  # of a klass, at most
    ties: int = 0  # rows that share one timestamp, over all klasses
    fresh: float = 0.0  # share of rows that were updated within the last minutes
    lag: float = 0.0  # seconds, at most, until the index shows a change
    lookback: int = 60
    fresh_documents: bool = False
    drift: float = 0.0  # rows that are updated before each search
    arrivals: float = 0.0  # new rows before each search
    between: int = 3  # changes between two runs, at most
    pauses: tuple[float, ...] = (3600.0, 3600.0, 3600.0)  # seconds before each further run
    kill: float | None = None  # where each run but the last ends: share of what it printed
    appears: bool = False
    disabled: bool = False
    refused: bool = False  # the context of all klasses, in every other run
    unsearched: bool = False  # no klass can be searched by itself, so all share one search
    fault: str | None = None
    concurrency: int = 3


stories = drawn(
    Story,
    seed=whole(0, 10_000),
    page_size=whole(3, 14),
    klasses=whole(3, 6),
    rows=whole(0, 9),
    ties=some([0, 0, 3, 9, 20]),
    fresh=some([0.0, 0.2, 0.6]),
    lag=some([0.0, 0.0, 20.0, 60.0]),
    lookback=some([60, 120]),
    fresh_documents=some([False, True]),
    drift=some([0.0, 0.0, 0.2, 0.6]),
    arrivals=some([0.0, 0.0, 0.3]),
    between=whole(0, 6),
    pauses=several(some([1.0, 90.0, 3_600.0, 3_600.0, 50_000.0]), 2, 4),
    kill=maybe(share()),
    appears=some([False, True]),
    disabled=some([False, True]),
    refused=some([False, False, True]),
    unsearched=some([False, False, True]),
    fault=some([None, None, "short_page", "shrink_total", "timed_out", "status"]),
    concurrency=whole(1, 4),
)


def build(story: Story, rng: random.Random) -> Org:
    """Return the story's org."""
    org = Org(
        seed=story.seed,
        clock=Clock(speed=SPEED),
        realistic=False,
        plan_limit=1_000_000,
        search_limit=1_000_000,
        index_lag=lambda: rng.uniform(0, story.lag),
    )
    now = org.clock.now()
    for number in range(story.klasses):
        org.add_klass(f"k-{number}")
        for _ in range(rng.randint(0, story.rows)):
            age = rng.uniform(0.01, 60) * DAY
            if rng.random() < story.fresh:
                age = rng.uniform(0, 2 * story.lookback)
            org.add(f"kobject_k-{number}", updated_at=now - age)
    tie = now - rng.uniform(0.01, 10) * DAY
    for _ in range(story.ties):
        org.add(f"kobject_k-{rng.randrange(story.klasses)}", updated_at=tie)
    org.clock.advance(max(story.lag, 1))
    return org


def change(org: Org, rng: random.Random, klasses: list[str], *, arrives: bool) -> None:
    """Update a row of any klass, or add one."""
    kind = f"kobject_{rng.choice(klasses)}"
    if arrives or not org.ids(kind):
        org.add(kind, updated_at=org.clock.now(), created_at=org.clock.now())
    else:
        org.update_random(kind, 1)


def run_story(story: Story) -> None:
    """Run the tap again and again; at the end the tables hold what the org holds."""
    rng = random.Random(story.seed)
    org = build(story, rng)
    klasses = [f"k-{number}" for number in range(story.klasses)]
    gone = klasses[:1] if story.disabled else []
    knobs: dict[str, Any] = {"kobject_klass_attribute": None} if story.unsearched else {}
    with (
        Simulator(org, fresh_documents=story.fresh_documents, **knobs) as sim,
        contextlib.nullcontext() if story.seed % _OVER_HTTP == 0 else without_sockets(sim),
    ):
        disturb(sim, story, rng, klasses)
        runs = [run_once(sim, story, klasses, {})]
        for place, pause in enumerate(story.pauses):
            org.clock.advance(pause)
            for _ in range(rng.randint(0, story.between)):
                change(org, rng, klasses, arrives=rng.random() < _ARRIVING)
            if place == 0:
                happen(org, story, klasses, gone)
            refuses = story.refused and not story.unsearched and place % 2
            sim.set(refused_contexts=["kobject"] if refuses else [])
            left = [name for name in klasses if name not in gone]
            runs.append(run_once(sim, story, left, last_state(runs)))
        sim.clear_hooks()
        sim.faults.clear()
        org.clock.advance(max(story.lag, 1))
        left = [name for name in klasses if name not in gone]
        runs.append(run_once(sim, replace(story, kill=None), left, last_state(runs)))
    for name in left:
        kind = f"kobject_{name}"
        truth = {row["id"]: version_of(row["attributes"]) for row in org.rows(kind)}
        held: dict[str, str] = {}
        for run in runs:
            check_states(run, truth, held, stream_of(name))
        assert held == truth, name


def disturb(sim: Simulator, story: Story, rng: random.Random, klasses: list[str]) -> None:
    """Let rows change before each search, and some answers be odd."""

    def live() -> None:
        for likely, arrives in ((story.drift, False), (story.arrivals, True)):
            if rng.random() < likely:
                change(sim.org, rng, klasses, arrives=arrives)

    sim.before_each_search(live)
    if story.fault:
        detail: dict[str, Any] = {"status": 503} if story.fault == "status" else {}
        path = "/v1/customers"
        sim.faults.add(Fault(story.fault, path=path, probability=0.08, times=None, **detail))


def happen(org: Org, story: Story, klasses: list[str], gone: list[str]) -> None:
    """Let a klass come, and one go."""
    for name in gone:
        org.set_klass_status(name, "disabled")
    if story.appears:
        org.add_klass("k-new")
        klasses.append("k-new")


def run_once(sim: Simulator, story: Story, klasses: list[str], state: dict[str, Any]) -> Output:
    """Run the tap over the klasses; what it printed is cut off where it was killed."""
    config = {
        **sim.config,
        "start_date": "2025-01-01",
        "page_size": story.page_size,
        "lookback_seconds": story.lookback,
        "max_concurrency": story.concurrency,
        "search_requests_per_minute": 100_000,
        "requests_per_minute": 100_000,
    }
    clock = tap_clock.Clock(SPEED)
    run = sync_tap(config, [*map(stream_of, klasses)], state=state, clock=clock)
    assert run.status == 0, run.stderr
    if story.kill is not None:
        run.messages = run.messages[: round(len(run.messages) * story.kill)]
    return run


def last_state(runs: list[Output]) -> dict[str, Any]:
    """Return the last state that any run printed."""
    return next((run.state for run in reversed(runs) if run.state), {})


def stream_of(klass: str) -> str:
    """Return the name of the klass's stream."""
    return f"kobject_{klass.replace('-', '_')}"


@settings(max_examples=examples(40))
@given(story=stories)
def test_klasses_searched_together_lose_nothing(story: Story) -> None:
    """Ties, lag, drift, faults, kills, a klass that appears, one disabled, a context refused.

    And klasses of which none can be searched by itself.
    """
    run_story(story)
