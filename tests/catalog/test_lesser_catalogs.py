"""A catalog that says less than discovery, or something else: keys and bookmarks stay our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from simulator import Org, Simulator
from tests.rows.test_privacy import FLAT, assert_valid, deselected
from tests.support import Output, catalog_of, sync_tap

STREAMS = ["customers", "tags", "custom_attributes"]
KEYS = {"customers": ["id"], "tags": ["id"], "custom_attributes": ["org_id", "resource", "name"]}
Entry = dict[str, Any]


@pytest.fixture
def server() -> Iterator[Simulator]:
    """An org with customers, tags and a custom attribute."""
    org = Org(seed=2)
    org.set_attribute("customer", "tierStr")
    org.add("customer", 3, custom={"tierStr": "gold"})
    org.add("tag", 2)
    with Simulator(org, limits=False) as served:
        yield served


def root(entry: Entry) -> Entry:
    """Return the metadata of the stream as a whole."""
    (found,) = (one["metadata"] for one in entry["metadata"] if not one["breadcrumb"])
    metadata: Entry = found
    return metadata


def drop_keys(entry: Entry) -> None:
    """Leave the key out, as old catalogs and those of other programs do."""
    entry.pop("key_properties", None)
    root(entry).pop("table-key-properties", None)


def empty_keys(entry: Entry) -> None:
    """Say that there is no key."""
    entry["key_properties"] = []
    root(entry)["table-key-properties"] = []


def other_key(entry: Entry) -> None:
    """Name another column."""
    entry["key_properties"] = ["name"]


def drop_bookmark(entry: Entry) -> None:
    """Leave out how the stream continues."""
    entry.pop("replication_key", None)
    entry.pop("replication_method", None)
    for name in ("valid-replication-keys", "replication-key", "forced-replication-method"):
        root(entry).pop(name, None)


def other_bookmark(entry: Entry) -> None:
    """Continue by a column that does not move."""
    entry["replication_key"] = "created_at"
    root(entry)["replication-key"] = "created_at"


def another_method(entry: Entry) -> None:
    """Ask for what there is not, and for a bookmark of lists."""
    entry["replication_method"] = {"customers": "LOG_BASED"}.get(entry["stream"], "INCREMENTAL")


def drop_columns(entry: Entry) -> None:
    """Leave the columns of key and bookmark out of the schema."""
    for name in (*KEYS[entry["stream"]], "updated_at"):
        entry["schema"]["properties"].pop(name, None)
        entry["metadata"] = [one for one in entry["metadata"] if name not in one["breadcrumb"]]


def deselect_keys(entry: Entry) -> None:
    """Deselect the key, and forget that it is always included."""
    for one in entry["metadata"]:
        if one["breadcrumb"] and one["breadcrumb"][-1] in KEYS[entry["stream"]]:
            one["metadata"] = {"inclusion": "available", "selected": False}


def only_selection(entry: Entry) -> None:
    """Have no metadata of single columns."""
    entry["metadata"] = [one for one in entry["metadata"] if not one["breadcrumb"]]


CHANGES: list[Callable[[Entry], None]] = [
    drop_keys, empty_keys, other_key, drop_bookmark, other_bookmark, another_method,
    drop_columns, deselect_keys, only_selection,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
def test_key_and_bookmark_are_those_of_the_tap(
    server: Simulator, change: Callable[[Entry], None]
) -> None:
    """Without a key every run would add its rows once more; without a bookmark it reads all."""
    catalog = catalog_of(server.config, STREAMS)
    for entry in catalog["streams"]:
        if entry["stream"] in STREAMS:
            change(entry)
    first = sync_tap(server.config, STREAMS, catalog=catalog)
    server.org.clock.advance(3600)
    second = sync_tap(server.config, STREAMS, catalog=catalog, state=first.state)

    for output in (first, second):
        assert output.status == 0, output.stderr
        assert_keyed(output)
    assert first.ids("customers") == set(server.org.ids("customer"))
    assert first.bookmark("customers") is not None
    assert first.bookmark("tags") is None
    assert len(second.records("customers")) <= 1
    assert second.ids("tags") == set(server.org.ids("tag"))


def assert_keyed(output: Output) -> None:
    """Check that each SCHEMA has the tap's key, and each row a value of it."""
    for stream, key in KEYS.items():
        for message in output.of_type("SCHEMA", stream):
            assert message["key_properties"] == key
            assert set(key) <= set(message["schema"]["properties"])
        for row in output.records(stream):
            assert all(row[name] for name in key)


def test_full_tables_are_still_the_catalogs_choice(server: Simulator) -> None:
    """It is the one thing that a catalog may say."""
    catalog = catalog_of(server.config, STREAMS)
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"
    output = sync_tap(server.config, STREAMS, catalog=catalog)

    assert output.ids("customers") == set(server.org.ids("customer"))
    assert output.bookmark("customers") is None


CUSTOM: dict[str, Any] = {"tierStr": "gold", "größeNum": 2, "new": [None, {"a": 1}]}
OTHER_TYPES: dict[str, tuple[Any, Any, Any]] = {  # schema, column, among the extra attributes
    "text": ({"type": ["string", "null"]}, CUSTOM, None),
    "text that is not null": ({"type": "string"}, CUSTOM, None),
    "number": ({"type": ["integer", "null"]}, None, CUSTOM),
    "moment": ({"type": ["string", "null"], "format": "date-time"}, None, CUSTOM),
    "anything": ({}, CUSTOM, None),
    "object or text": ({"type": ["string", "object"]}, CUSTOM, None),
}


@pytest.mark.parametrize("reshaping", [{}, FLAT], ids=["nested", "flat"])
@pytest.mark.parametrize("name", OTHER_TYPES)
def test_custom_of_another_type_fits_its_column_or_moves(
    server: Simulator, name: str, reshaping: dict[str, Any]
) -> None:
    """Under text it is JSON text, also with nothing in it; no row breaks its schema."""
    schema, column, extra = OTHER_TYPES[name]
    server.org.add("customer", custom=CUSTOM)
    catalog = catalog_of(server.config, ["customers"])
    for entry in catalog["streams"]:
        if entry["stream"] == "customers":
            entry["schema"]["properties"]["custom"] = schema
    config = {**server.config, **reshaping}
    output = sync_tap(config, ["customers"], catalog=catalog)
    assert_valid(output)
    rows = output.records("customers")
    assert [as_json(row["custom"]) for row in rows][3:] == [column]
    assert [as_json(row["extra_attributes"]) for row in rows][3:] == [extra and {"custom": extra}]


@pytest.mark.parametrize("reshaping", [{}, FLAT], ids=["nested", "flat"])
@pytest.mark.parametrize("type_", ["string", "integer"])
def test_custom_of_another_type_keeps_what_is_left_out_back(
    server: Simulator, type_: str, reshaping: dict[str, Any]
) -> None:
    """The catalog still says which attribute is not wanted."""
    catalog = catalog_of(server.config, ["customers"])
    for entry in catalog["streams"]:
        if entry["stream"] == "customers":
            deselected(catalog, "customers", "custom", "tierStr")
            entry["schema"]["properties"]["custom"] = {"type": [type_, "null"]}
    output = sync_tap({**server.config, **reshaping}, ["customers"], catalog=catalog)
    assert_valid(output)
    assert len(output.records("customers")) == 3
    assert "gold" not in str(output.messages)


def as_json(value: Any) -> Any:
    """Return what JSON text says."""
    return json.loads(value) if isinstance(value, str) else value
