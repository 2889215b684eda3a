"""The benchmark: its floor, its tables, what it judges, and one small run of what it measures."""

from __future__ import annotations

import json
import math
import resource
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import Org, Simulator
from tests.support import sync_tap
from tools.bench import targets
from tools.bench.floor import floor_seconds
from tools.bench.measure import catalog_of, measure
from tools.bench.minute import MINUTE, a_while
from tools.bench.orgs import OrgPlan, ServedOrg, served
from tools.bench.pace import PACE, Case, measured
from tools.bench.report import PAGE, Column, Kept, markdown, place
from tools.bench.rows import add_conversations
from tools.bench.run import PARTS, rendered
from tools.bench.sampled import RULES
from tools.bench.sampler import REST, Rule, Sampler
from tools.bench.start import startup

ROWS = 1_200
LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells the time of each thread"
)
STALE = "Run `python -m tools.bench.run --tables`: the page does not show the figures kept."


@given(
    requests=st.integers(1, 300),
    share=st.integers(1, 100),
    concurrency=st.integers(1, 8),
    latency=st.floats(0.01, 10),
)
def test_the_floor_is_what_latency_or_budget_asks_for_whichever_binds(
    requests: int, share: int, concurrency: int, latency: float
) -> None:
    """Neither can be undercut; and where one is out of the way, the floor is the other."""
    floor = floor_seconds(requests, share=share, concurrency=concurrency, latency=latency)
    by_latency = math.ceil(requests / concurrency) * latency
    by_budget = (math.ceil(requests / share) - 1) * 60
    assert floor >= max(by_latency, by_budget) - 1e-6
    if requests <= share:
        assert floor == pytest.approx(by_latency)
    wide = floor_seconds(requests, share=share, concurrency=requests, latency=latency)
    assert wide == pytest.approx((by_budget // 60) * (60 + latency) + latency)


def test_conversations_are_as_large_as_the_page_says_and_all_different() -> None:
    """2.8 KB each; the server finds each by its own id and timestamp."""
    org = Org(seed=1, realistic=False)
    add_conversations(org, 200)
    versions = list(org.store.versions("conversation"))
    sizes = [len(version.body) for version in versions]
    assert 2_700 < sum(sizes) / len(sizes) < 2_900
    documents = [json.loads(version.body) for version in versions]
    assert [one["id"] for one in documents] == [version.id for version in versions]
    assert len({one["attributes"]["updatedAt"] for one in documents}) == 200
    assert all(one["links"]["self"].endswith(one["id"]) for one in documents)


@pytest.fixture(scope="module")
def org() -> Iterator[ServedOrg]:
    """A small org, served as the benchmark does it."""
    with served(OrgPlan(conversations=ROWS, speed=5, knobs={"page_latency": 1.5})) as one:
        yield one


@pytest.fixture(scope="module")
def catalog(org: ServedOrg) -> dict[str, Any]:
    """Its catalog, with the one large stream selected."""
    return catalog_of(org, ["conversations"])


def test_a_run_is_measured_as_the_server_saw_it(org: ServedOrg, catalog: dict[str, Any]) -> None:
    """Rows, searches, memory and time of a real run."""
    found = measure(org, catalog=catalog)
    assert found.rows == ROWS
    assert found.searches >= math.ceil(ROWS / 500)
    assert found.refused == 0
    assert found.seconds > 1.5 * math.ceil(ROWS / 500) / 4
    assert 0 < found.startup < found.seconds
    assert found.cpu > 0
    # Linux counts what the process had that started it, and after thousands of tests that is much.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert 20 < found.peak_mib < max(500, own + 1)
    assert found.state["bookmarks"]["conversations"]


def test_a_run_that_fails_is_no_measurement(org: ServedOrg, catalog: dict[str, Any]) -> None:
    """Its log says why."""
    with pytest.raises(RuntimeError, match="page_size"):
        measure(org, catalog=catalog, settings={"page_size": 5_000})


@LINUX
def test_the_profile_ends_with_the_seconds_of_each_stage(
    org: ServedOrg, catalog: dict[str, Any], tmp_path: Path
) -> None:
    """How they are spread depends on the machine; that they are written does not."""
    target = tmp_path / "profile.json"
    measure(org, [sys.executable, "-m", "tools.bench.sampled", str(target)], catalog=catalog)
    seconds = json.loads(target.read_text())
    assert seconds.keys() <= {rule.stage for rule in RULES} | {REST}
    assert sum(seconds.values()) > 0


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.path.startswith("/tap_kustomer/")])
def test_the_profile_knows_the_stages_of_the_hot_path(rule: Rule, passed: set[CodeType]) -> None:
    """A file or function that moves would put its time down to the rest, in silence."""
    assert any(rule.fits(code) for code in passed)


@pytest.fixture(scope="module")
def passed() -> set[CodeType]:
    """The functions that a run passes through, in any of its threads."""
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            seen.add(frame.f_code)

    org = Org(seed=1, realistic=False)
    org.add("conversation", 20)
    with Simulator(org) as simulator:
        threading.setprofile(note)
        sys.setprofile(note)
        try:
            sync_tap(simulator.config, ["conversations"])
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    return seen


def test_a_case_of_the_pace_fills_its_columns() -> None:
    """Against the ideal and the floor, both at least one."""
    [row] = measured([Case(ROWS, 20, 80, 4)], ROWS, 20)
    assert row["searches"] / row["ideal"] >= 1
    assert row["seconds"] / row["floor"] >= 1
    assert all(column.show(row) for column in PACE.columns)


def test_a_job_of_each_minute_sees_what_changes() -> None:
    """Its searches and other requests are counted, and the ages of the rows it brings."""
    plan = OrgPlan(customers=2, speed=30.0, index_lag=1.0)
    with served(plan) as org:
        row = a_while(org, 2)
    assert 4 <= row["searches"] <= 12
    assert 0 < row["others"] <= 20
    assert row["changed"] > 0
    assert 0 < row["median"] <= row["p95"]
    assert all(column.show(row) for column in MINUTE.columns)


def test_startup_ends_with_the_first_request() -> None:
    """A program that never asks is no measurement."""
    cpu, seconds = startup(("-m", "tap_kustomer"))
    assert cpu > 0
    assert seconds > 0
    with pytest.raises(RuntimeError, match="failed"):
        startup(("-c", "raise SystemExit(3)"), asks=False)


@LINUX
def test_the_sampler_puts_time_down_to_who_used_it() -> None:
    """A thread that waits costs nothing, one that works costs what it used."""
    sampler = Sampler([Rule("work", __file__, "_busy"), Rule("wait", __file__, "_idle")])
    leave = threading.Event()
    waiting = threading.Thread(target=_idle, args=(leave,))
    sampler.start()
    waiting.start()
    used = 0.0
    while sampler.seconds.get("work", 0.0) < 0.1 and used < 30:
        used += _busy(0.1)
    leave.set()
    waiting.join()
    sampler.stop()
    assert 0.1 <= sampler.seconds["work"] <= used + 0.1
    assert sampler.seconds["wait"] < 0.05


def _busy(seconds: float) -> float:
    began = time.thread_time()
    while time.thread_time() < began + seconds:
        sum(range(1000))
    return time.thread_time() - began


def _idle(leave: threading.Event) -> None:
    leave.wait()


def pace_of(**changed: object) -> dict[str, Any]:
    """Return the figures of one case of the pace."""
    return {
        "rows": 60_000, "share": 80, "in_flight": 4, "speed": 5, "searches": 120, "ideal": 120,
        "seconds": 80.0, "floor": 76.0, "refused": 0, "requests": 130, "peak_mib": 150.0,
        **changed,
    }  # fmt: skip


def judgement(rows: list[dict[str, Any]], column: str) -> dict[str, str]:
    """Return a column of the targets' table, by target."""
    return {row["target"]: row[column] for row in targets.judged({"pace": rows})}


def test_a_target_is_judged_by_the_worst_case() -> None:
    """One case above the limit is enough; what was not measured holds in no way."""
    words = judgement([pace_of(), pace_of(in_flight=8, searches=130)], "holds")
    assert words["searches / ideal, 60,000 rows and more"] == "**no**"
    assert words["time / floor with the defaults, 60,000 rows and more"] == "yes"
    assert words["processor seconds until the first request"] == ""


def test_time_is_judged_with_the_slowest_clock() -> None:
    """What the processor does weighs more in a faster one."""
    real, fast = pace_of(speed=1), pace_of(speed=10, seconds=99.0)
    for rows in ([real, fast], [fast, real]):
        worst = judgement(rows, "worst")
        assert worst["time / floor with the defaults, 60,000 rows and more"] == "1.05"


def test_a_table_goes_between_its_marks_and_nowhere_else() -> None:
    """The text around it is written by hand."""
    table = markdown([Column("a", lambda row: str(row["a"]))], [{"a": 1}])
    page = "before\n<!-- <x> -->\nold\n<!-- </x> -->\nafter\n"
    written = place(page, "x", table)
    assert written == f"before\n<!-- <x> -->\n{table}<!-- </x> -->\nafter\n"
    assert place(written, "x", table) == written
    with pytest.raises(ValueError, match="no marks for y"):
        place(page, "y", table)


def test_the_page_shows_the_figures_that_were_measured() -> None:
    """No table is changed by hand, and each part has its place."""
    page = PAGE.read_text(encoding="utf-8")
    assert rendered(page, Kept()) == page, STALE
    for part in PARTS:
        assert place(page, part.name, "")
