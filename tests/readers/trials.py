"""Small random orgs, what happens to them while they are read, and what must hold of the runs.

A trial is three runs with small pages, so that every case of a large org is reached with a hundred
rows. The org changes between any two searches; the last run is quiet. Nearly all trials are run at
the reader's seam (``seam.py``), some through the whole tap, over HTTP and with real threads.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from typing_extensions import override

from simulator import MISSING, Clock, Fault, Org, Simulator, to_iso
from tap_kustomer import clock as tap_clock
from tests.readers.draws import Draw, drawn, maybe, share, whole
from tests.support import Output, sync_tap

__all__ = [
    "DAY",
    "LONG",
    "SPEED",
    "OrgTime",
    "Trial",
    "check_states",
    "examples",
    "run_trial",
    "through_the_tap",
    "trials",
    "version_of",
]

_FLEEING = 2  # updates within one run: one in the first pass, one in the catch-up behind it
SPEED = 400.0  # of trials in quick time: a run of 0.1 seconds takes 40 seconds of the org's
SEARCH_SECONDS = 2.0  # of the org's time that a search takes, at most: some runs outlast a lookback
DAY = 86_400.0
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
# "few" is for mutants: so many runs of the same tests that each has to be quick.
_SHARE = {"long": 12.0, "few": 0.1}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 1.0)

settings.register_profile(
    "trials",
    deadline=None,
    derandomize=not LONG,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    print_blob=LONG,
    suppress_health_check=list(HealthCheck),
)


def examples(number: int, *, long: int | None = None) -> int:
    """Return how many examples a test draws that draws ``number`` in `make test`.

    ``long`` is how many the long profile draws, where that is not twelve times as many.
    """
    return long if LONG and long is not None else max(int(number * _SHARE), 1)


@dataclass(frozen=True)
class Trial:
    """One org and its fate."""

    seed: int = 1
    page_size: int = 5
    rows: int = 40
    ties: tuple[int, ...] = ()  # sizes of groups that share `updated_at`
    ties_share_creation: bool = False
    missing_creation: float = 0.0  # share of rows
    fresh: float = 0.0  # share of rows that were updated within the last minutes
    old: float = 0.0  # share of rows that were updated two to three years ago
    at_edge: float = 0.0  # share of rows whose last update is two years old, give or take a day
    at_org_edge: float = 0.0  # the same, of the two years that the org goes by
    edge_offset: float = 0.0  # seconds by which the org's two years differ from ours
    drift: float = 0.0  # rows that are updated before each search, per row that it brings
    arrivals: float = 0.0  # new rows before each search, likewise
    twins: float = 0.0  # share of searches before which the newest row changes within its moment
    jump: float = 0.0  # seconds that pass with each search
    lag: float = 0.0  # seconds, at most
    lookback: int = 60
    fresh_documents: bool = False
    faults: tuple[str, ...] = ()
    clamp: int | None = None
    between: float = 0.0  # seconds that pass between two runs
    kill: float | None = None  # where the first run ends: share of what it would have printed
    concurrency: int = 3


class OrgTime(tap_clock.Clock):
    """The org's clock, for the tap: it stands still but for searches and for what the tap waits.

    So what a trial meets does not depend on how fast the machine is, and no wait costs real time.
    """

    def __init__(self, org: Org) -> None:
        """Begin at the org's time."""
        super().__init__()
        self._org_clock = org.clock
        self._began = org.clock.now()

    @override
    def now(self) -> float:
        return self._org_clock.now()

    @override
    def monotonic(self) -> float:
        return self._org_clock.now() - self._began

    @override
    def sleep(self, seconds: float) -> None:
        self.check()
        self._org_clock.advance(max(seconds, 0.001))  # more than a float of this size loses
        time.sleep(0)  # whoever is waited for has the processor


def trials(**fixed: Draw) -> st.SearchStrategy[Trial]:
    """Return random trials; what is not named keeps its harmless default."""
    common: dict[str, Draw] = {
        "seed": whole(0, 10_000),
        "page_size": whole(3, 12),
        "rows": whole(0, 90),
        "kill": maybe(share()),
        "concurrency": whole(1, 4),
    }
    return drawn(Trial, **{**common, **fixed})


def build(trial: Trial) -> Org:
    """Return the trial's org."""
    rng = random.Random(trial.seed)

    def lag() -> float:
        return rng.uniform(0, trial.lag) if trial.lag else 0.0

    org = Org(
        seed=trial.seed,
        clock=Clock(speed=0),
        realistic=False,
        plan_limit=1_000_000,
        search_limit=1_000_000,
        index_lag=lag,
    )
    now = org.clock.now()
    stamps = [_moment(trial, rng, now) for _ in range(trial.rows)]
    for size in trial.ties:
        stamps += [_moment(trial, rng, now)] * size
    stamps.sort()
    shared: dict[float, float] = {}
    for stamp in stamps:
        created: object = shared.setdefault(stamp, stamp - rng.uniform(0, 90) * DAY)
        if not trial.ties_share_creation:
            created = stamp - rng.uniform(0, 90) * DAY
        if rng.random() < trial.missing_creation:
            created = MISSING
        org.add("customer", updated_at=stamp, created_at=created)  # type: ignore[arg-type]
    return org


def _moment(trial: Trial, rng: random.Random, now: float) -> float:
    place = rng.random()
    if place < trial.fresh:
        return now - rng.uniform(0, 2 * trial.lookback)
    if place < trial.fresh + trial.old:
        return now - rng.uniform(735, 1095) * DAY
    if place < trial.fresh + trial.old + trial.at_edge:
        return now - 730 * DAY + rng.uniform(-DAY, DAY)
    if place < trial.fresh + trial.old + trial.at_edge + trial.at_org_edge:
        return now - 730 * DAY + trial.edge_offset + rng.uniform(-1, 6) * rng.choice((0.1, 1)) * DAY
    return now - rng.uniform(0.01, 700) * DAY


class Runner(Protocol):
    """What makes one run: the whole tap, or the reader alone."""

    def __call__(
        self, sim: Simulator, config: dict[str, Any], state: dict[str, Any] | None = None
    ) -> Output:
        """Read ``customers`` once, from ``state``."""


def run_trial(trial: Trial, read: Runner) -> list[Output]:
    """Run until all was seen, checking each run; returns the runs."""
    org = build(trial)
    # What the index had not shown long before the first run counts as shown.
    org.clock.advance(1)
    knobs: dict[str, Any] = {
        "fresh_documents": trial.fresh_documents,
        "edge_offset_seconds": trial.edge_offset,
    }
    if trial.clamp is not None:
        knobs |= {"max_page_size": trial.clamp, "oversize": "clamp"}
    with Simulator(org, **knobs) as sim:
        start = to_iso(int((org.clock.now() - 1100 * DAY) * 1000))
        if not (trial.old or trial.at_edge or trial.at_org_edge):
            start = to_iso(int((org.clock.now() - 705 * DAY) * 1000))
        config = {
            **sim.config,
            "start_date": start,
            "page_size": trial.page_size,
            "lookback_seconds": trial.lookback,
            "max_concurrency": trial.concurrency,
            "search_requests_per_minute": 100_000,
            "requests_per_minute": 100_000,
        }
        for kind in trial.faults:
            detail: dict[str, Any] = {"status": 503} if kind == "status" else {}
            path = "/v1/customers"
            sim.faults.add(Fault(kind, path=path, probability=0.08, times=None, **detail))
        moves: Counter[str] = Counter()  # how often each row was updated since the first search
        sim.before_each_search(_life(trial, org, moves))
        known = _indexed(org)
        runs = [read(sim, config)]
        assert runs[0].status == 0, runs[0].stderr
        # A row that is updated once during a run is read where it was or where it went. One that
        # flees from each pass in turn may be left to the next run, and then this run says so.
        missing = {id_ for id_ in known - runs[0].ids("customers") if moves[id_] < _FLEEING}
        assert not missing, f"{len(missing)} rows were there when the run began"
        if known - runs[0].ids("customers"):
            assert "change faster than they can be read" in runs[0].stderr
        _check_requests(trial, runs[0], len(sim.searches("customer")))
        held: dict[str, str] = {}
        if trial.kill is not None:
            runs[0].messages = runs[0].messages[: round(len(runs[0].messages) * trial.kill)]
        org.clock.advance(trial.between)
        runs.append(read(sim, config, runs[0].state))
        sim.clear_hooks()
        sim.faults.clear()
        org.clock.advance(max(trial.lag, 1))
        runs.append(read(sim, config, runs[1].state or runs[0].state))
        truth = {row["id"]: version_of(row["attributes"]) for row in org.rows("customer")}
        for run in runs:
            assert run.status == 0, run.stderr
            check_states(run, truth, held)
        assert held == truth
    return runs


def _life(trial: Trial, org: Org, moves: Counter[str]) -> Callable[[], None]:
    """Return what happens in the org during a search; ``moves`` counts the updates of each row."""
    rng = random.Random(trial.seed + 1)

    def live() -> None:
        org.clock.advance(trial.jump + rng.uniform(0, SEARCH_SECONDS))
        for _ in range(_some(rng, trial.drift * (trial.page_size - 1))):
            org.clock.advance(rng.uniform(0, 0.1))
            moves.update(org.update_random("customer", 1))
        if rng.random() < trial.twins:
            _change_newest(org)
        for _ in range(_some(rng, trial.arrivals * (trial.page_size - 1))):
            org.clock.advance(rng.uniform(0, 0.1))
            org.add("customer", updated_at=org.clock.now(), created_at=org.clock.now())

    return live


def version_of(row: Mapping[str, Any]) -> str:
    """Return what tells a version of a row from others; in the order of their time."""
    return f"{row.get('updatedAt') or row['updated_at']} {row['rev']:04}"


def _change_newest(org: Org) -> None:
    """Change the newest row once more in the millisecond of its last change, if that was now."""
    versions = list(org.store.versions("customer"))
    moment = max((one.updated or 0 for one in versions), default=0)
    if moment > org.clock.now_ms() - 10_000:
        last = [one.resource for one in versions if one.updated == moment]
        newest = max(last, key=lambda row: version_of(row["attributes"]))
        org.update("customer", newest["id"], at_once=True)


def _check_requests(trial: Trial, run: Output, searches: int) -> None:
    """Check that a calm run takes a tenth more searches than pages, and a few.

    The tail is read in windows that one answer holds whole, which tiny pages make dear. A page
    begins with the last row of the one before. Rows that only page numbers tell apart,
    and documents that do not tell where they are, cost more.
    """
    walks = trial.ties_share_creation or trial.missing_creation
    if trial.faults or trial.clamp or trial.fresh_documents or walks or trial.drift:
        return
    if trial.at_org_edge or (trial.at_edge and trial.jump):
        return  # the edge lies where it should not, or moves on by minutes with each search
    # The days around the two-year edge are read from both searches.
    readings = 2 if trial.at_edge else 1
    ideal = readings * len(run.records("customers")) / (trial.page_size - 1)
    # Rows that keep coming are read window by window, which tiny pages make dearer still.
    factor = 2.5 if trial.arrivals else 2.0 if trial.fresh else 1.1
    limit = factor * ideal + 10 + 5 * readings * len(trial.ties)
    assert searches <= limit, f"{searches} searches, {ideal} pages"


def _some(rng: random.Random, share: float) -> int:
    """Return a whole number that is ``share`` on average."""
    return int(share) + (rng.random() < share % 1)


def _indexed(org: Org) -> set[str]:
    """Return the ids that the search shows by now."""
    view = org.store.view("customer")
    return {version.id for version in view.documents.values()}


def check_states(
    run: Output, truth: dict[str, str], held: dict[str, str], stream: str = "customers"
) -> None:
    """Check that no STATE is ahead of a row, whatever line the run is killed behind.

    A row whose last version is not newer than the bookmark would never be read again, so it
    must have been written before. ``held`` is what a target holds; it is brought up to date.
    """
    waiting = {id_: stamp for id_, stamp in truth.items() if held.get(id_) != stamp}
    before, revs = "", dict[str, int]()
    for message in run.messages:
        if message["type"] == "RECORD" and message["stream"] == stream:
            row = message["record"]
            id_, stamp = row["id"], version_of(row)
            assert row["rev"] >= revs.setdefault(id_, row["rev"]), "an older version came last"
            revs[id_] = row["rev"]
            held[id_] = stamp
            if waiting.get(id_) == stamp:
                del waiting[id_]
        elif message["type"] == "STATE":
            bookmark = message["value"]["bookmarks"].get(stream, {})
            moment = bookmark.get("replication_key_value") or ""
            assert moment >= before, "the bookmark went back"
            before = moment
            # Up to there a klass that does not move is not read again for a day.
            moment = max(moment, (bookmark.get("together") or {}).get("quiet_until") or "")
            passed = [stamp for stamp in waiting.values() if stamp < moment]
            assert not passed, f"the bookmark {moment} passed {len(passed)} rows"


def through_the_tap(
    sim: Simulator, config: dict[str, Any], state: dict[str, Any] | None = None
) -> Output:
    """Run the whole tap, over HTTP."""
    return sync_tap(config, ["customers"], state=state, clock=OrgTime(sim.org))
