"""ACTIVATE_VERSION has the target drop what a run did not bring: sent for whole tables only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from simulator import Org, Simulator
from tap_kustomer.streams.list_objects import LIST_STREAMS
from tap_kustomer.streams.registry import OPTIONAL_STREAMS, STREAM_TYPES
from tests.support import Output, catalog_of, sync_tap

OPTIONAL = sorted({*OPTIONAL_STREAMS} - {"webhook_events", "row_counts"})
EVERYTHING = sorted({one.name for one in STREAM_TYPES if not one.optional} | {*OPTIONAL})
# Work items and sessions are searched by nothing that moves with them, so they are lists here.
LISTS = {one.name for one in LIST_STREAMS} | {"custom_attributes", "work_items", "work_sessions"}
WINDOWS: Mapping[str, dict[str, Any]] = {
    "two years": {},
    "all": {"start_date": "2015-01-01"},
    "since": {"start_date": "2026-06-01"},
    "until": {"start_date": "2015-01-01", "end_date": "2026-06-01"},
    "one day": {"start_date": "2026-06-01", "end_date": "2026-06-02"},
    "no archive": {"start_date": "2015-01-01", "include_archived": False},
    "no deleted rows": {"start_date": "2015-01-01", "include_deleted": False},
}


@pytest.fixture(scope="module")
def served() -> Iterator[Simulator]:
    """Serve an org with rows of all ages; nothing of it changes."""
    org = Org(seed=3, audit=True)
    org.seed(customers=4)
    org.add_klass("device")
    org.add("kobject_device", 2)
    with Simulator(org, work_items_list=True, limits=False) as simulator:
        yield simulator


def read(served: Simulator, **settings: Any) -> Output:
    """Read every stream with a catalog that wants full tables of all."""
    more = {"emit_activate_version_messages": True, "search_requests_per_minute": 100_000}
    config = {**served.config, "optional_streams": OPTIONAL, **more, **settings}
    streams = [*EVERYTHING, "kobject_device"]
    catalog = catalog_of(config, streams)
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"
    output = sync_tap(config, streams, catalog=catalog)
    assert output.status == 0, output.stderr
    return output


@pytest.mark.parametrize("window", WINDOWS)
def test_only_whole_tables_activate_a_version(served: Simulator, window: str) -> None:
    """Not rows of a time, of the last 90 days, or the runs so far, whatever a catalog forces."""
    output = read(served, **WINDOWS[window])

    activated = {message["stream"] for message in output.of_type("ACTIVATE_VERSION")}
    whole = activated - {"present_ids"}
    assert whole <= LISTS
    assert {"tags", "users", "custom_attributes"} <= whole
    assert ("present_ids" in activated) == (window != "no archive")
    versioned = {one["stream"] for one in output.of_type("RECORD") if one.get("version")}
    assert versioned <= activated  # a version that nobody activates says nothing


def test_a_list_in_place_of_a_search_is_a_whole_table() -> None:
    """It has rows of any age, whatever the window; by search the same stream is a part."""
    org = Org(seed=3)
    org.add("company", 12)
    activated = {}
    with Simulator(org, limits=False) as served:
        config = {**served.config, "emit_activate_version_messages": True}
        config["start_date"] = "2026-11-01"
        catalog = catalog_of(config, ["companies"])
        for entry in catalog["streams"]:
            entry["replication_method"] = "FULL_TABLE"
        for is_searched in (False, True):
            served.set(company_updated_at_supported=is_searched)
            output = sync_tap(config, ["companies"], catalog=catalog)
            assert output.status == 0, output.stderr
            activated[is_searched] = bool(output.of_type("ACTIVATE_VERSION", "companies"))
            if not is_searched:
                assert output.ids("companies") == set(org.ids("company"))

    assert activated == {False: True, True: False}
