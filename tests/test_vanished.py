"""Streams that are known and no longer offered are missed, by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Clock as OrgClock
from simulator import Fault, Org, Simulator
from tap_kustomer.clock import Clock
from tests.support import Output, catalog_of, run_tap, sync_tap

SPEED = 200.0
HTML = "<html>a login page</html>"
OWN = {"errors": [{"status": 404, "code": "notfound", "source": {"parameter": "path"}}]}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """An org with one klass."""
    org = Org(seed=1, clock=OrgClock(speed=SPEED), realistic=False)
    org.add("customer", 5)
    org.add("tag", 5)
    org.add_klass("order")
    org.add("kobject_order", 5)
    with Simulator(org) as simulator:
        yield simulator


def run(sim: Simulator, *select: str, state: Any = None, **options: Any) -> Output:
    """Run the tap on the org's clock."""
    config = {**sim.config, "backoff_max_elapsed_seconds": 60, **options}
    return sync_tap(config, [*select, "sync_runs"], state=state, clock=Clock(SPEED))


def statuses(output: Output) -> dict[str, str]:
    """Return what `sync_runs` says of each stream."""
    return {row["stream"]: row["status"] for row in output.records("sync_runs")}


@pytest.mark.parametrize("how", ["deleted", "disabled", "optional"])
def test_a_stream_that_is_no_longer_offered_is_missed(sim: Simulator, how: str) -> None:
    """By a warning and a row of its own; the run goes on and succeeds."""
    known = "kobjects" if how == "optional" else "kobject_order"
    first = run(sim, "customers", known, optional_streams=["kobjects"])
    if how == "deleted":
        sim.org.remove_klass("order")
    elif how == "disabled":
        sim.org.set_klass_status("order", "disabled")

    second = run(sim, "customers", state=first.state)

    assert first.status == second.status == 0
    assert statuses(second) == {"customers": "complete", known: "missing"}
    assert f"{known}: earlier runs read this stream" in second.stderr
    assert second.state["bookmarks"][known] == first.state["bookmarks"][known]


def test_a_stream_that_the_catalog_deselects_is_not_missed(sim: Simulator) -> None:
    """That is the user's wish."""
    first = run(sim, "customers", "kobject_order")
    catalog = catalog_of(sim.config, ["customers", "sync_runs"])
    sim.org.remove_klass("order")

    second = sync_tap(
        sim.config, ["customers"], catalog=catalog, state=first.state, clock=Clock(SPEED)
    )

    assert second.status == 0
    assert "kobject_order" not in second.stderr


@pytest.mark.parametrize(
    ("status", "body"), [(403, HTML), (404, HTML), (404, OWN), (500, None)], ids=str
)
def test_klasses_that_cannot_be_listed_fail_their_streams(
    sim: Simulator, tmp_path: Path, status: int, body: Any
) -> None:
    """Those that the state knows, those that the catalog selects; `--discover` fails as well."""
    first = run(sim, "customers", "kobject_order")
    catalog = catalog_of(sim.config, ["customers", "kobject_order"])
    sim.faults.add(Fault("status", path="/v1/klasses", status=status, body=body, times=None))

    by_state = run(sim, "customers", "tags", state=first.state)
    by_catalog = sync_tap(
        {**sim.config, "backoff_max_elapsed_seconds": 60},
        ["customers", "tags", "sync_runs"],
        catalog=catalog,
        clock=Clock(SPEED),
    )
    discovered = run_tap(
        {**sim.config, "backoff_max_elapsed_seconds": 60},
        "--discover",
        speed=SPEED,
        folder=tmp_path,
    )

    for output in (by_state, by_catalog):
        assert output.status == 1
        assert "kobject_order: not read, as the org's klasses could not be listed" in output.stderr
        assert output.counts["tags"] == 5
    assert statuses(by_state)["kobject_order"] == "failed"
    assert by_state.bookmark("kobject_order") == first.bookmark("kobject_order")
    assert discovered.status == 1
    assert not discovered.stdout
    assert "Klasses could not be listed" in discovered.stderr
    assert "Traceback" not in discovered.stderr


def test_a_first_run_without_klasses_fails_though_nobody_knows_their_streams(
    sim: Simulator,
) -> None:
    """Without a catalog all streams are wanted."""
    sim.faults.add(Fault("status", path="/v1/klasses", status=403, body=HTML, times=None))

    output = run(sim, "customers")

    assert output.status == 1
    assert statuses(output) == {"customers": "complete", "kobject_*": "failed"}


def test_a_klass_that_the_list_left_out_fails_its_stream(sim: Simulator) -> None:
    """It looks like one that was deleted, so Kustomer is asked for it by its id."""
    first = run(sim, "customers", "kobject_order")

    def without_rows(document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "data": []} if isinstance(document["data"], list) else document

    sim.faults.add(Fault("rewrite", path="/v1/klasses", times=None, rewrite=without_rows))
    second = run(sim, "customers", state=first.state)

    assert second.status == 1
    assert statuses(second) == {"customers": "complete", "kobject_order": "failed"}
    assert "left its klass out" in second.stderr


def test_a_key_without_the_role_for_klasses_fails_only_what_was_read(
    sim: Simulator, tmp_path: Path
) -> None:
    """Streams that were never read are left out with a warning that names the role."""
    first = run(sim, "customers", "kobject_order")
    sim.refuse("/v1/klasses", 403)

    fresh = run(sim, "customers")
    second = run(sim, "customers", state=first.state)
    discovered = run_tap(sim.config, "--discover", folder=tmp_path)

    assert fresh.status == 0
    assert "org.permission.klass.read" in fresh.stderr
    assert second.status == 1
    assert statuses(second)["kobject_order"] == "failed"
    assert discovered.status == 0
    assert "customers" in {one["tap_stream_id"] for one in json.loads(discovered.stdout)["streams"]}


@pytest.mark.parametrize("known_by", ["state", "catalog"])
def test_a_klass_that_one_answer_left_out_is_read(sim: Simulator, known_by: str) -> None:
    """One odd answer decides nothing: where a known klass is not listed, all are listed again."""
    sim.org.add_klass("ticket")
    first = run(sim, "customers", "kobject_order")
    catalog = catalog_of(sim.config, ["kobject_order", "sync_runs"])
    sim.reset_log()

    times = [1]

    def without_the_oldest(document: dict[str, Any]) -> dict[str, Any]:
        rows = document["data"]
        return {**document, "data": rows[times.pop() :]} if rows and times else document

    sim.faults.add(Fault("rewrite", path="/v1/klasses", times=None, rewrite=without_the_oldest))
    if known_by == "state":
        output = run(sim, "kobject_order", state=first.state)
    else:
        output = sync_tap(sim.config, ["kobject_order"], catalog=catalog, clock=Clock(SPEED))

    assert output.status == 0, output.stderr
    assert output.counts["kobject_order"]
    assert sum(log.path == "/v1/klasses" for log in sim.requests) == 6


def test_klasses_are_listed_again_only_where_a_wanted_one_is_gone(sim: Simulator) -> None:
    """A disabled one is still listed, and one that the catalog deselects is not wanted."""
    sim.org.add_klass("ticket")
    first = run(sim, "customers", "kobject_order")
    deselected = catalog_of(sim.config, ["customers", "sync_runs"])
    for gone in (False, True):
        sim.org.set_klass_status("order", "disabled")
        if gone:
            sim.org.remove_klass("order")
        sim.reset_log()
        for catalog in (None, deselected):
            sync_tap(
                sim.config, ["customers"], catalog=catalog, state=first.state, clock=Clock(SPEED)
            )
        asked = sum(log.path == "/v1/klasses" for log in sim.requests)
        assert asked == (9 if gone else 6)
