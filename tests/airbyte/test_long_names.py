"""Names that only an org or a user makes: short enough for the tables that PyAirbyte loads by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Org, Simulator
from tests.airbyte.support import Printed, configured, run_source
from tests.support import catalog_of

LONGEST = 53  # PyAirbyte adds ten characters, and its PostgreSQL cache cuts at 63 bytes


@pytest.fixture
def org() -> Org:
    """An org with klasses of all lengths, two of which are equal but for their end."""
    org = Org(seed=3, realistic=False, search_limit=1000)
    for klass in ("a" * 45, "b" * 46, "C" * 55, "d" * 62 + "x", "d" * 62 + "y"):
        org.add_klass(klass)
        org.add(f"kobject_{klass}", 3)
    return org


@pytest.fixture
def sim(org: Org) -> Iterator[Simulator]:
    """Serve it."""
    with Simulator(org, limits=False) as served:
        yield served


def offered(sim: Simulator, folder: Path, **settings: object) -> list[dict[str, Any]]:
    """Return the streams that ``discover`` offers of klasses and of the user's own lists."""
    config = {**sim.config, **settings}
    (catalog,) = run_source("discover", folder, config=config).of_type("CATALOG")
    return [one for one in catalog["streams"] if one["name"].startswith(("kobject_", "l" * 40))]


def of_tap(sim: Simulator) -> list[str]:
    """Return the names that the tap gives the streams of klasses."""
    streams = catalog_of(sim.config, ())["streams"]
    return [one["tap_stream_id"] for one in streams if one["tap_stream_id"].startswith("kobject_")]


def earlier(streams: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    """Return the catalog of a connection that was configured when names were not cut for it."""
    named = zip(streams, names, strict=True)
    return configured([{**one, "name": name} for one, name in named])


def rows_by_stream(printed: Printed) -> dict[str, set[str]]:
    """Return the ids that came, by the name of their stream."""
    assert printed.status == 0, printed.logs("ERROR")
    return {name: printed.ids(name) for name in printed.counts}


def test_long_names_are_cut_for_airbyte_alone(sim: Simulator, tmp_path: Path) -> None:
    """The tap's own stay as they are promised; equal beginnings stay apart, in every run."""
    names = [one["name"] for one in offered(sim, tmp_path)]
    long = of_tap(sim)

    assert max(map(len, names)) == LONGEST
    assert len(set(names)) == len(names) == len(long)
    assert max(map(len, long)) == 63
    assert [one for one in names if one in long] == [one for one in long if len(one) <= LONGEST]
    assert [one["name"] for one in offered(sim, tmp_path)] == names
    assert all(name == name.lower() for name in names)


def test_rows_states_and_statuses_have_the_name_that_is_offered(
    org: Org, sim: Simulator, tmp_path: Path
) -> None:
    """And the next read continues from the state under that name."""
    catalog = configured(offered(sim, tmp_path))
    names = {one["stream"]["name"] for one in catalog["streams"]}
    first = run_source("read", tmp_path, config=sim.config, catalog=catalog)
    org.clock.advance(3600)
    (added,) = org.add(f"kobject_{'d' * 62}x", updated_at=org.clock.now())
    second = run_source(
        "read", tmp_path, config=sim.config, catalog=catalog, state=first.state_file
    )

    rows = rows_by_stream(first)
    assert rows.keys() == names
    assert {len(ids) for ids in rows.values()} == {3}
    for name in names:
        assert first.statuses(name)[-1] == second.statuses(name)[-1] == "COMPLETE"
        assert first.states(name)
    assert [name for name, ids in rows_by_stream(second).items() if added in ids] != []
    assert sum(second.counts.values()) < sum(first.counts.values())


def test_a_connection_of_an_earlier_version_keeps_its_names(
    org: Org, sim: Simulator, tmp_path: Path
) -> None:
    """Its tables and its states are called so: with them it goes on where it was."""
    old = of_tap(sim)
    catalog = earlier(offered(sim, tmp_path), old)
    first = run_source("read", tmp_path, config=sim.config, catalog=catalog)
    org.clock.advance(3600)
    (added,) = org.add(f"kobject_{'d' * 62}y", updated_at=org.clock.now())
    second = run_source(
        "read", tmp_path, config=sim.config, catalog=catalog, state=first.state_file
    )

    assert rows_by_stream(first).keys() == set(old)
    assert next(name for name, ids in rows_by_stream(second).items() if added in ids) in old
    assert sum(second.counts.values()) < sum(first.counts.values())
    assert all(second.statuses(name)[-1] == "COMPLETE" for name in old)


def test_a_state_under_the_earlier_name_is_not_that_of_the_new_table(
    sim: Simulator, tmp_path: Path
) -> None:
    """A destination begins an empty table for a new name, so all rows have to come."""
    streams = offered(sim, tmp_path)
    old = run_source(
        "read", tmp_path, config=sim.config, catalog=earlier(streams, of_tap(sim))
    ).state_file
    printed = run_source(
        "read", tmp_path, config=sim.config, catalog=configured(streams), state=old
    )

    cut = {one["name"] for one in streams if one["name"] not in of_tap(sim)}
    rows = rows_by_stream(printed)
    assert len(cut) == 4
    assert {len(rows[name]) for name in cut} == {3}


def test_both_names_in_one_catalog_are_one_stream(sim: Simulator, tmp_path: Path) -> None:
    """The earlier one is then told to be gone; no stream is read twice."""
    streams = offered(sim, tmp_path)
    [long] = [one for one in of_tap(sim) if one.startswith("kobject_ccc")]
    catalog = configured([*streams, {**streams[0], "name": long}])
    printed = run_source("read", tmp_path, config=sim.config, catalog=catalog)

    assert long not in rows_by_stream(printed)
    assert printed.statuses(long) == ["STARTED", "INCOMPLETE"]
    assert any(text.startswith(f"{long}: ") for text in printed.logs())


def test_long_names_of_a_users_own_lists_are_cut_with_their_children(
    org: Org, sim: Simulator, tmp_path: Path
) -> None:
    """A list, and one below it that names it as its parent."""
    name = "l" * 60
    org.show("/v1/apps", [{"type": "app", "id": "app-1", "attributes": {"name": "Shop"}}])
    org.show("/v1/apps/app-1/keys", [{"type": "k", "id": "k-1", "attributes": {"size": 4}}])
    entries = [
        {"name": name, "path": "/v1/apps"},
        {"name": f"{name}_k", "path": "/v1/apps/{id}/keys", "parent": name},
    ]
    streams = [one for one in offered(sim, tmp_path, extra_streams=entries) if "l" * 40 in str(one)]
    config = {**sim.config, "extra_streams": entries}
    printed = run_source("read", tmp_path, config=config, catalog=configured(streams))

    assert {len(one["name"]) for one in streams} == {LONGEST}
    assert sorted(map(sorted, rows_by_stream(printed).values())) == [["app-1"], ["k-1"]]
