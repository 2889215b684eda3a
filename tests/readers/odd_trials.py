"""Small orgs, read by three runs, of which one gets an odd answer; and what must hold of them.

The target is modelled as loaders work: rows are upserted by key, and ACTIVATE_VERSION drops the
rows of other versions. The org changes between the runs; in the last run nothing is odd.
"""

from __future__ import annotations

import contextlib
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from simulator import Clock, Org, to_iso
from simulator.clock import DAY
from tap_kustomer import clock as tap_clock
from tap_kustomer.errors import KustomerError
from tap_kustomer.streams import audit_logs
from tap_kustomer.streams.list_objects import Tags
from tests.direct import without_sockets
from tests.readers.odd_answers import PARTS, PRIVATE, Odd, OddSimulator, area_of
from tests.readers.trials import SPEED
from tests.support import Output, sync_tap

__all__ = ["STREAMS", "OddTrial", "run_odd_trial"]

# One of these is enough to fail a stream: the key must not follow, a row has no place in a table.
FAIL_AT_ONCE = {"next elsewhere", "row without id"}
_REQUESTS_PER_ODD_ANSWER = 20
_FEW_TIMES = 8
_OVER_HTTP = 8  # every so many trials; the others ask the simulator by a call

LOOKBACK = 60
LIST_PAGE = 5
RUNS = 3
KLASS = "order"
# What is read where answers of an area are odd, and how many requests there are, about.
STREAMS = {
    "search": ("customers", "kobject_order"),
    "archive": ("customers",),
    "list": ("tags", "teams", "snoozes"),
    "cursor": ("audit_logs", "deletions", "customers"),
    "child": ("conversations", "conversation_events"),
    "klasses": ("kobject_order", "klasses", "custom_attributes"),
    "metadata": ("customers", "kobject_order", "custom_attributes"),
    "start": ("customers", "tags"),
}
SEARCHED = {
    "customers": "customer",
    "conversations": "conversation",
    "kobject_order": "kobject_order",
}
LISTED = {"tags": "tag", "teams": "team", "snoozes": "snooze", "klasses": "klass"}


@dataclass(frozen=True)
class OddTrial:
    """One org and the odd answer of one run."""

    area: str
    kind: str
    run: int = 1  # 0 is the first
    place: float = 0.0  # of the odd answer, as a share of the run's answers in the area
    times: int = 1
    seed: int = 1
    page_size: int = 6
    rows: int = 30
    changes: int = 3
    lag: float = 0.0
    concurrency: int = 2


class Table:
    """A table of the target."""

    def __init__(self) -> None:
        """Begin without rows."""
        self.rows: dict[str, dict[str, Any]] = {}
        self._runs: dict[str, int] = {}

    def upsert(self, record: dict[str, Any], run: int) -> None:
        """Take in a row."""
        key = str(record["id"]) if "id" in record else repr(sorted(record.items()))
        self.rows[key] = record
        self._runs[key] = run

    def activate(self, run: int) -> None:
        """Drop what is not of this run: versions are seconds, and runs here take less."""
        for key in [key for key, one in self._runs.items() if one != run]:
            del self.rows[key], self._runs[key]


class Life:
    """The org, and what happens to it between two runs."""

    def __init__(self, trial: OddTrial) -> None:
        """Fill the org."""
        self.rng = rng = random.Random(trial.seed)
        self.trial = trial
        self.org = org = Org(
            seed=trial.seed,
            clock=Clock(speed=SPEED),
            realistic=False,
            plan_limit=10**6,
            search_limit=10**6,
            audit=trial.area == "cursor",
            index_lag=lambda: rng.uniform(0, trial.lag) if trial.lag else 0.0,
        )
        wanted = STREAMS[trial.area]
        now = org.clock.now()
        if "customers" in wanted:
            old = 0.4 if trial.area == "archive" else 0.0
            for _ in range(trial.rows):
                days = rng.uniform(735, 1000) if rng.random() < old else rng.uniform(0.01, 500)
                org.add("customer", updated_at=now - days * DAY, deleted=rng.random() < 0.2)
            org.add("customer", rng.choice((0, 0, 2 * trial.page_size)), updated_at=now - 90 * DAY)
        if "kobject_order" in wanted:
            org.add_klass(KLASS, attributes={"totalNum": {"type": "number"}})
            org.add("kobject_order", rng.randint(0, 2 * trial.page_size), totalNum=7)
        if "tags" in wanted:
            org.add("tag", rng.randint(0, 4 * LIST_PAGE))
            org.add("team", rng.randint(0, 3))
            org.add("snooze", rng.randint(0, 3))
        if "conversations" in wanted:
            for id_ in org.add("conversation", rng.randint(1, 2 * trial.page_size)):
                org.add("customer_event", rng.randint(0, 3), parents={"conversation": id_})
        self.erased: set[str] = set()

    def go_on(self) -> None:
        """Change rows of every kind: new, updated, marked as deleted, gone for good."""
        org, rng, wanted = self.org, self.rng, STREAMS[self.trial.area]
        org.clock.advance(rng.choice((LOOKBACK + 1, 3_600.0)))
        for stream in ("customers", "kobject_order", "conversations"):
            if stream in wanted and org.ids(SEARCHED[stream]):
                self._change(SEARCHED[stream])
        if "conversations" in wanted:
            for id_ in org.update_random("conversation", 2):
                org.add("customer_event", parents={"conversation": id_})
        if "customers" in wanted:
            org.add("customer", rng.randint(0, self.trial.changes), updated_at=org.clock.now())
        if "deletions" in wanted and org.ids("customer"):
            id_ = rng.choice(org.ids("customer"))
            org.erase("customer", id_)
            self.erased.add(id_)
        if "tags" in wanted:
            for id_ in rng.sample(org.ids("tag"), min(2, len(org.ids("tag")))):
                org.erase("tag", id_)
            org.add("tag", rng.randint(0, 3))

    def _change(self, context: str) -> None:
        org, rng = self.org, self.rng
        for _ in range(rng.randint(0, self.trial.changes)):
            org.update_random(context)
            org.clock.advance(rng.choice((0.0, 5.0, 600.0)))
        if rng.random() < 0.5:
            org.delete(context, rng.choice(org.ids(context)))


def run_odd_trial(trial: OddTrial) -> bool:
    """Run the tap three times, one of them with an odd answer; say whether there was one."""
    life = Life(trial)
    org = life.org
    org.clock.advance(1)
    tables: defaultdict[str, Table] = defaultdict(Table)
    state: dict[str, Any] | None = None
    most = 60  # requests that a run without odd answers took, at least
    calm = 0  # answers in the trial's area, in the run before
    happened = 0
    with (
        OddSimulator(org) as sim,
        contextlib.nullcontext() if trial.seed % _OVER_HTTP == 0 else without_sockets(sim),
        patch.object(Tags, "page_size", LIST_PAGE),
        patch.object(audit_logs, "COUNT", LIST_PAGE),
    ):
        config = _config(trial, sim)
        sim.remember()
        for number in range(RUNS):
            odd = None
            if number == trial.run:
                place = 1 + int(trial.place * _answers(trial, calm, number))
                odd = Odd(trial.area, trial.kind, place, trial.times, trial.seed)
            sim.begin_run(odd)
            output = _read(config, [*STREAMS[trial.area], "sync_runs"], state)
            calm = sum(area_of(log) == trial.area for log in sim.requests)
            where = f"run {number + 1} of {trial}"
            _check_words(output, where)
            struck = odd.happened if odd else 0
            happened += struck
            assert output.status == 0 or struck, f"{where}: {output.stderr}"
            if trial.times == 1 and trial.kind not in FAIL_AT_ONCE:
                assert output.status == 0, f"{where}: {output.stderr}"
            limit = 2 * most + _REQUESTS_PER_ODD_ANSWER * struck
            assert len(sim.requests) <= limit, f"{where}: {len(sim.requests)} requests"
            most = max(most, len(sim.requests))
            _load(output, tables, number)
            _check_versions(output, tables, org, where, hidden=bool(struck) and trial.kind in PARTS)
            state = output.state or state
            sim.remember()
            if number < RUNS - 2:
                life.go_on()
            org.clock.advance(LOOKBACK + 1)
    _check_all_there(life, tables)
    return happened > 0


def _answers(trial: OddTrial, calm: int, number: int) -> int:
    """Return about how many answers of the trial's area a run gets."""
    if number:
        return max(calm, 1)
    rows = trial.rows // max(trial.page_size - 1, 1) + 3
    return {"search": rows, "archive": 4, "list": 8, "cursor": 5, "child": 8, "start": 1}.get(
        trial.area, 5
    )


def _config(trial: OddTrial, sim: OddSimulator) -> dict[str, Any]:
    days = 1_100 if trial.area == "archive" else 600
    wanted = STREAMS[trial.area]
    return {
        **sim.config,
        "start_date": to_iso(int((sim.org.clock.now() - days * DAY) * 1000)),
        "page_size": trial.page_size,
        "lookback_seconds": LOOKBACK,
        "max_concurrency": trial.concurrency,
        "search_requests_per_minute": 100_000,
        "requests_per_minute": 100_000,
        # What lasts is given up soon; what passes is waited for, however busy this machine is.
        "backoff_max_elapsed_seconds": 60 if trial.times > _FEW_TIMES else 50_000,
        "emit_activate_version_messages": True,
        "optional_streams": [
            name for name in ("audit_logs", "deletions", "conversation_events") if name in wanted
        ],
    }


def _read(config: dict[str, Any], streams: list[str], state: dict[str, Any] | None) -> Output:
    try:
        return sync_tap(config, streams, state=state, clock=tap_clock.Clock(SPEED))
    except KustomerError as error:  # which the command ends with, as a sentence
        return Output(1, str(error))


def _load(output: Output, tables: defaultdict[str, Table], run: int) -> None:
    versions = {message["version"] for message in output.of_type("ACTIVATE_VERSION")}
    for message in output.messages:
        if message["type"] == "RECORD":
            tables[message["stream"]].upsert(message["record"], run)
            assert not versions or message.get("version") in {None, *versions}
        elif message["type"] == "ACTIVATE_VERSION":
            tables[message["stream"]].activate(run)


def _check_words(output: Output, where: str) -> None:
    """Check that what the tap says is meant for people, and quotes nothing of an answer."""
    for word in (PRIVATE, "Traceback", "unexpected", "This is an error of tap-kustomer"):
        assert word not in output.stderr, f"{where}: {output.stderr}"
    assert output.status in {0, 1}
    if output.status == 1 and output.messages:
        failed = [one for one in output.records("sync_runs") if one["status"] == "failed"]
        assert all(one["error"] and one["error"].endswith((".", ")")) for one in failed), where
        assert failed, f"{where}: {output.stderr}"


def _check_versions(
    output: Output, tables: defaultdict[str, Table], org: Org, where: str, *, hidden: bool
) -> None:
    """Check that a version message left a table with all that the org has, and no more.

    ``hidden``: an answer was a part, or of before, and said nothing of it. Of a list of one page
    that is known only to the next run, and so is a row that was gone when it was shown.
    """
    for message in output.of_type("ACTIVATE_VERSION"):
        stream = message["stream"]
        assert stream not in SEARCHED, f"{where}: {stream} was not read from its beginning"
        if stream in LISTED:
            has, holds = set(org.ids(LISTED[stream])), set(tables[stream].rows)
            if hidden and (len(has) <= (LIST_PAGE if stream == "tags" else 100) or holds >= has):
                continue  # a row that was shown is one, until a run does not see it
            assert holds == has, f"{where}: {stream} lacks {has - holds}, keeps {holds - has}"


def _check_all_there(life: Life, tables: defaultdict[str, Table]) -> None:
    """Check that the target holds what the org does after a run in which nothing was odd."""
    trial, org = life.trial, life.org
    for stream in STREAMS[trial.area]:
        held = tables[stream].rows
        if stream in SEARCHED:
            truth = {
                row["id"]: (row["attributes"]["updatedAt"], row["attributes"].get("deleted", False))
                for row in org.rows(SEARCHED[stream])
            }
            have = {
                id_: (row["updated_at"], row["_sdc_deleted_at"] is not None)
                for id_, row in held.items()
                if id_ in truth
            }
            _assert_same(truth, have, stream, trial)
        elif stream in LISTED:
            _assert_same(set(org.ids(LISTED[stream])), set(held), stream, trial)
    if "deletions" in STREAMS[trial.area]:
        gone = {row["object_id"] for row in tables["deletions"].rows.values() if row["confirmed"]}
        _assert_same(life.erased, gone & life.erased, "deletions", trial)
        entries = {
            row["id"]
            for row in org.rows("audit_log")
            if row["attributes"]["objectType"] == "customer"
        }
        _assert_same(entries, set(tables["audit_logs"].rows) & entries, "audit_logs", trial)
    if "conversation_events" in STREAMS[trial.area] and trial.kind not in PARTS:
        events = set(org.ids("customer_event"))
        _assert_same(events, set(tables["conversation_events"].rows), "events", trial)


def _assert_same(wanted: Any, found: Any, stream: str, trial: OddTrial) -> None:
    if wanted == found:
        return
    lost: Iterable[Any] = set(wanted) - set(found)
    other: Iterable[Any] = set(found) - set(wanted)
    changed = []
    if isinstance(wanted, dict):
        changed = [
            (key, wanted[key], found[key])
            for key in wanted
            if key in found and wanted[key] != found[key]
        ]
    msg = f"{stream}: lost {lost}, too many {other}, old {changed} in {trial}"
    raise AssertionError(msg)
