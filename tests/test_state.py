"""The state: whose it is, what wins over what, and what may never move it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator import Org, Simulator, to_iso
from tap_kustomer import clock as tap_clock
from tap_kustomer.state import MARK
from tests.support import FAST, Output, catalog_of, run_tap, sync_tap

DAY = 86_400.0

SINGER_IO = {"bookmarks": {"customers": "2019-12-26T18:39:38.186Z"}}
MELTANO_LABS = {
    "bookmarks": {
        "customers": {
            "replication_key": "updated_at",
            "replication_key_value": "2024-05-01T00:00:00.000Z",
        }
    }
}


def read(sim: Simulator, state: Any = None, **config: Any) -> Output:
    """Run the tap in quick time."""
    settings = {**sim.config, "page_size": 10, **config}
    return sync_tap(settings, ["customers"], state=state, clock=tap_clock.Clock(FAST))


def ago(sim: Simulator, days: float) -> str:
    """Return the moment that lies so many days back."""
    return to_iso(int((sim.org.clock.now() - days * DAY) * 1000))


@pytest.mark.parametrize("state", [SINGER_IO, MELTANO_LABS], ids=["singer-io", "MeltanoLabs"])
def test_the_state_of_another_tap_is_refused(
    sim: Simulator, tmp_path: Path, state: dict[str, Any]
) -> None:
    """Its tables have other columns; a sentence says how to start fresh."""
    sim.org.add("customer", 5)

    output = run_tap(sim.config, select=["customers"], state=state, folder=tmp_path)

    assert output.status == 1
    assert "another tap" in output.stderr
    assert "new schema" in output.stderr
    assert "Traceback" not in output.stderr
    assert not output.messages


def test_the_state_of_another_org_is_refused(sim: Simulator, tmp_path: Path) -> None:
    """Rows of two orgs in one table could not be told from updates."""
    sim.org.add("customer", 5)
    state = run_tap(sim.config, select=["customers"], folder=tmp_path).state
    with Simulator(Org(seed=2, org_id="5f0c5e1dd0a1b2c3d4e5f699")) as other:
        output = run_tap(other.config, select=["customers"], state=state, folder=tmp_path)

    assert output.status == 1
    assert "another Kustomer org" in output.stderr
    assert "Traceback" not in output.stderr
    assert not output.records("customers")


def test_a_new_key_of_the_same_org_continues(fast_sim: Simulator) -> None:
    """Roles of a key cannot be changed, so keys do."""
    fast_sim.org.add("customer", 30)
    first = read(fast_sim)
    fast_sim.set(api_key="a-new-key")

    second = read(fast_sim, first.state)

    assert second.status == 0
    assert len(second.records("customers")) <= 2


def test_the_mark_names_tap_version_and_org(fast_sim: Simulator) -> None:
    """From the first STATE on."""
    fast_sim.org.add("customer", 5)

    output = read(fast_sim)

    for state in output.states:
        assert state[MARK]["org_id"] == fast_sim.org.org_id
        assert state[MARK]["version"]


def test_a_bookmark_wins_over_the_start_date(fast_sim: Simulator) -> None:
    """A later `start_date` in the config does not skip rows."""
    org = fast_sim.org
    org.add("customer", 10)
    first = read(fast_sim)
    new = org.add("customer", 3, updated_at=org.clock.now())

    second = read(fast_sim, first.state, start_date=ago(fast_sim, 0))

    assert set(new) <= second.ids("customers")


def test_an_earlier_start_date_warns_with_the_recipe(fast_sim: Simulator) -> None:
    """It changes nothing by itself; the backfill is a run of its own."""
    org = fast_sim.org
    org.add("customer", 10, updated_at=lambda n: org.clock.now() - (n + 1) * DAY)
    org.add("customer", 10, updated_at=lambda n: org.clock.now() - (n + 200) * DAY)
    first = read(fast_sim, start_date=ago(fast_sim, 100))
    assert len(first.ids("customers")) == 10

    second = read(fast_sim, first.state, start_date=ago(fast_sim, 300))

    assert "`start_date` is ignored: this state starts at" in second.stderr
    assert "separate state ID" in second.stderr
    assert "`end_date`" in second.stderr
    assert len(second.ids("customers")) <= 1
    # The recipe: the range before, under a state of its own.
    backfill = read(fast_sim, start_date=ago(fast_sim, 300), end_date=ago(fast_sim, 100))
    ids = first.ids("customers") | backfill.ids("customers")
    assert ids == set(org.ids("customer"))
    assert (backfill.bookmark("customers") or "") <= ago(fast_sim, 100)


def test_the_same_start_date_does_not_warn(fast_sim: Simulator) -> None:
    """Every scheduled run has it in its config."""
    fast_sim.org.add("customer", 10)
    config = {"start_date": ago(fast_sim, 300)}
    first = read(fast_sim, **config)

    second = read(fast_sim, first.state, **config)

    assert "`start_date`" not in second.stderr


@pytest.mark.parametrize("days", [50, 300])
def test_an_end_date_never_moves_a_bookmark_back(fast_sim: Simulator, days: float) -> None:
    """Also when it lies before the bookmark."""
    org = fast_sim.org
    org.add("customer", 40, updated_at=lambda n: org.clock.now() - (n + 1) * 5 * DAY)
    first = read(fast_sim)

    second = read(fast_sim, first.state, end_date=ago(fast_sim, days))

    assert second.status == 0
    assert second.bookmark("customers") == first.bookmark("customers")


def test_an_end_date_is_an_upper_bound(fast_sim: Simulator) -> None:
    """No catch-up, and a run without it continues where it ended."""
    org = fast_sim.org
    org.add("customer", 60, updated_at=lambda n: org.clock.now() - (n + 1) * 5 * DAY)
    end = ago(fast_sim, 100)
    fast_sim.before_each_search(org.update_random, "customer", 1)

    first = read(fast_sim, end_date=end)
    fast_sim.clear_hooks()
    second = read(fast_sim, first.state)

    assert first.records("customers")
    assert all(row["updated_at"] <= end for row in first.records("customers"))
    assert (first.bookmark("customers") or "9") <= end
    assert first.ids("customers") | second.ids("customers") == set(org.ids("customer"))


def test_an_end_date_in_the_future_bounds_nothing(fast_sim: Simulator) -> None:
    """The upper bound is the earlier of it and the run's start."""
    org = fast_sim.org
    org.add("customer", 60)
    fast_sim.before_each_search(org.update_random, "customer", 2)

    output = read(fast_sim, end_date=ago(fast_sim, -10))

    assert output.ids("customers") == set(org.ids("customer"))


def test_full_table_reads_from_the_start_and_keeps_no_bookmark(
    sim: Simulator, tmp_path: Path
) -> None:
    """A catalog may force it; the next run reads all again."""
    sim.org.add("customer", 25)
    catalog = catalog_of(sim.config, ["customers"])
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] == "customers":
            entry["replication_method"] = "FULL_TABLE"
            for metadata in entry["metadata"]:
                if not metadata["breadcrumb"]:
                    metadata["metadata"]["forced-replication-method"] = "FULL_TABLE"
    config = {**sim.config, "page_size": 10}
    first = run_tap(config, catalog=catalog, folder=tmp_path)

    second = run_tap(config, catalog=catalog, state=first.state, folder=tmp_path)

    assert first.status == second.status == 0
    assert second.ids("customers") == set(sim.org.ids("customer"))
    assert first.bookmark("customers") is None
    assert second.bookmark("customers") is None


def test_one_stream_can_be_read_again_without_the_others(fast_sim: Simulator) -> None:
    """Without a state, or with one of its own, the main state stays as it is."""
    org = fast_sim.org
    org.add("customer", 10)
    org.add("message", 10)
    both = sync_tap(fast_sim.config, ["customers", "messages"], clock=tap_clock.Clock(FAST))
    kept = both.bookmark("messages")

    again = sync_tap(fast_sim.config, ["customers"], clock=tap_clock.Clock(FAST))

    assert again.ids("customers") == set(org.ids("customer"))
    assert "messages" not in again.state["bookmarks"]
    assert kept == both.bookmark("messages")


@pytest.mark.parametrize(
    "state", [{"bookmarks": {}}, {}], ids=["empty bookmarks", "an empty object"]
)
def test_an_empty_state_is_a_first_run(fast_sim: Simulator, state: dict[str, Any]) -> None:
    """Loaders and orchestrators give one where there is none yet."""
    fast_sim.org.add("customer", 10)

    assert read(fast_sim, state).ids("customers") == set(fast_sim.org.ids("customer"))


def test_the_bookmark_stays_the_lookback_behind_the_start_of_the_run(fast_sim: Simulator) -> None:
    """Rows that the index shows later are still in front of it."""
    org = fast_sim.org
    org.add("customer", 10, updated_at=org.clock.now())
    before = org.clock.now()

    output = read(fast_sim, lookback_seconds=300)

    assert (output.bookmark("customers") or "9") <= to_iso(int((before - 240) * 1000))
