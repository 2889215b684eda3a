"""The recipes of docs/security.md: a value that shall not leave does not leave by another door.

Every recipe is run over rows of all shapes, values that do not fit their column included, with
and without flattening; each record fits the schema that was sent before it.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from simulator import Org, Simulator
from tap_kustomer.tap import TapKustomer
from tests.rows.test_fuzz_rows import FORMATS
from tests.support import ROOT, Output, catalog_of, run_tap, sync_tap

RAW = "ada.lovelace@example.com"
SECRET = f"Call me at 555-0199, {RAW}"
FLAT = {"flattening_enabled": True, "flattening_max_depth": 1}
# The value where it belongs, and as types that its column does not take.
SHAPES: list[Any] = [SECRET, [SECRET], {"text": SECRET}, [{"email": RAW, "type": "work"}], [[RAW]]]

HASHED_EMAILS = {
    "customers": {
        "emails": "json.dumps([sha256(one['email']) for one in emails if one and 'email' in one])"
        " if emails else None",
        "shared_emails": "__NULL__",
    },
}
NO_PREVIEW = {"messages": {"preview": "__NULL__"}}


@pytest.fixture
def private_sim() -> Iterator[Simulator]:
    """An org whose rows hold the secret in every shape, in one attribute each."""
    org = Org(seed=3)
    org.set_attribute("customer", "diagnosisStr", displayName="Diagnosis")
    org.set_attribute("customer", "vipBool")
    org.set_attribute("message", "noteTxt")
    for shape in SHAPES:
        emails = shape if isinstance(shape, list) and isinstance(shape[0], dict) else [shape]
        wanted = [one for one in emails if isinstance(one, dict) and "email" in one]
        org.add("customer", emails=wanted, custom={"vipBool": True})
        org.add("message", preview=shape, subject="Hello", custom={"noteTxt": "kept"})
        org.add("customer", emails=[], custom={"diagnosisStr": shape, "vipBool": "maybe"})
    for misfit in (SECRET, {"email": RAW}, 7):
        org.add("customer", emails=misfit, custom={})
    org.add("customer", emails=[], custom=f'{{"diagnosisStr": "{SECRET}"}}')
    org.add("customer", emails=[], custom=[{"diagnosisStr": SECRET}])
    with Simulator(org) as simulator:
        yield simulator


def assert_private(output: Output, stream: str, *, count: int) -> None:
    """Check that nothing of the secret left, neither in rows nor in the log."""
    assert output.status == 0, output.stderr
    assert output.counts[stream] == count
    everything = json.dumps(output.messages) + output.stderr
    assert RAW not in everything
    assert "555-0199" not in everything
    assert_valid(output)


def assert_valid(output: Output) -> None:
    """Check each record against the schema that was sent before it."""
    validators = {
        stream: Draft202012Validator(output.schema(stream), format_checker=FORMATS)
        for stream in output.streams
    }
    for message in output.of_type("RECORD"):
        validators[message["stream"]].validate(message["record"])
        columns = output.schema(message["stream"])["properties"]
        assert set(message["record"]) <= set(columns), "a key without a column"


@pytest.mark.parametrize("reshaping", [{}, FLAT], ids=["nested", "flat"])
def test_hashed_emails_leave_no_raw_copy(private_sim: Simulator, reshaping: dict[str, Any]) -> None:
    """Also of an `emails` that is no list: it becomes null instead of moving."""
    org = private_sim.org
    # Only rows whose emails hold the secret: the other recipes are for the other places.
    for id_ in list(org.ids("customer")):
        if "diagnosisStr" in json.dumps(org.row("customer", id_)["attributes"]["custom"]):
            org.erase("customer", id_)
    config = {**private_sim.config, **reshaping, "stream_maps": HASHED_EMAILS}
    output = sync_tap(config, ["customers"])
    assert_private(output, "customers", count=len(org.ids("customer")))
    hashes = [row["emails"] for row in output.records("customers") if row["emails"]]
    assert hashes
    assert all(re.fullmatch(r"[0-9a-f]{64}", json.loads(one)[0]) for one in hashes)


@pytest.mark.parametrize("reshaping", [{}, FLAT], ids=["nested", "flat"])
@pytest.mark.parametrize("how", ["stream map", "catalog"])
def test_an_omitted_preview_leaves_no_raw_copy(
    private_sim: Simulator, reshaping: dict[str, Any], how: str, tmp_path: Path
) -> None:
    """By a stream map or by the catalog; the column is not even in the schema."""
    config = {**private_sim.config, **reshaping}
    if how == "stream map":
        output = sync_tap({**config, "stream_maps": NO_PREVIEW}, ["messages"])
    else:
        catalog = deselected(catalog_of(config, ["messages"]), "messages", "preview")
        output = run_tap(config, catalog=catalog, folder=tmp_path)
    assert_private(output, "messages", count=len(private_sim.org.ids("message")))
    assert "preview" not in output.schema("messages")["properties"]


@pytest.mark.parametrize("reshaping", [{}, FLAT], ids=["nested", "flat"])
def test_a_deselected_custom_field_leaves_no_raw_copy(
    private_sim: Simulator, reshaping: dict[str, Any], tmp_path: Path
) -> None:
    """Not as a misfit, and not within a `custom` that is no object; its neighbour stays."""
    org = private_sim.org
    for id_ in list(org.ids("customer")):
        if RAW in json.dumps(org.row("customer", id_)["attributes"]["emails"]):
            org.erase("customer", id_)
    config = {**private_sim.config, **reshaping}
    catalog = catalog_of(config, ["customers"])
    deselected(catalog, "customers", "custom", "diagnosisStr")
    output = run_tap(config, catalog=catalog, folder=tmp_path)
    assert_private(output, "customers", count=len(org.ids("customer")))
    assert "diagnosisStr" not in json.dumps(output.messages)
    assert "maybe" in json.dumps(output.records("customers"))


def test_a_mapped_custom_leaves_no_raw_copy(private_sim: Simulator) -> None:
    """`custom` as a whole, flattened: neither its columns nor what metadata does not know."""
    org = private_sim.org
    for id_ in list(org.ids("customer")):
        org.erase("customer", id_)
    org.add("customer", emails=[], custom={"diagnosisStr": SECRET, "unknown": SECRET})
    for reshaping in ({}, FLAT):
        config = {**private_sim.config, **reshaping, "stream_maps": {"customers": {"custom": None}}}
        output = sync_tap(config, ["customers"])
        assert RAW not in json.dumps(output.messages)
        (row,) = output.records("customers")
        assert not [column for column in row if column.startswith(("custom__", "custom."))]
        assert "custom" not in row


def test_the_page_shows_the_recipes_that_are_tested() -> None:
    """Expression for expression, and the salted form works too."""
    page = (ROOT / "docs" / "security.md").read_text()
    for column, expression in HASHED_EMAILS["customers"].items():
        quoted = expression if expression == "__NULL__" else f'"{expression}"'
        assert f"{column}: {quoted}" in page
    assert "messages: {preview: __NULL__, " in page
    assert ": null" not in page  # Meltano drops nulls
    assert "sha256(config['salt'] + one['email'])" in page


def test_a_salt_reaches_the_expression_and_no_log(private_sim: Simulator) -> None:
    """Out of `stream_map_config`."""
    salted = "json.dumps([sha256(config['salt'] + one['email']) for one in emails if one])"
    config = {
        **private_sim.config,
        "stream_maps": {"customers": {"emails": salted, "__filter__": "emails"}},
        "stream_map_config": {"salt": "pepper-77"},
    }
    output = sync_tap(config, ["customers"])
    assert output.counts["customers"] > 0
    wanted = hashlib.sha256(f"pepper-77{RAW}".encode()).hexdigest()
    assert output.records("customers")[0]["emails"] == json.dumps([wanted])
    assert "pepper-77" not in output.stderr + json.dumps(output.messages)


def test_a_mapped_column_leaves_no_copy_in_a_relationship(private_sim: Simulator) -> None:
    """An id may be private too, whatever shape the relationship has."""
    for data in ({"id": RAW, "type": "customer"}, RAW, [{"id": RAW}], {"id": [RAW]}):
        private_sim.org.add("note", relationships={"customer": {"data": data}})
    config = {**private_sim.config, "stream_maps": {"notes": {"customer_id": None}}}
    output = sync_tap(config, ["notes"])
    assert output.counts["notes"] == 4
    assert RAW not in json.dumps(output.messages)


def deselected(catalog: dict[str, Any], stream: str, *path: str) -> dict[str, Any]:
    """Return the catalog without one property."""
    breadcrumb = [part for name in path for part in ("properties", name)]
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] != stream:
            continue
        (found,) = [one for one in entry["metadata"] if one["breadcrumb"] == breadcrumb]
        found["metadata"]["selected"] = False
        found["metadata"].pop("inclusion", None)
    return catalog


# ------------------------------------------------------- the tap against the SDK's own path

RESHAPINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "flat": FLAT,
    "deep": {"flattening_enabled": True, "flattening_max_depth": 3, "flattening_separator": "_o_"},
    "mapped": {"stream_maps": {"customers": {"locale": None, "shout": "str(name).upper()"}}},
    "filtered": {"stream_maps": {"customers": {"__filter__": "rev > 3"}}},
    "few": {"stream_maps": {"customers": {"id": "id", "name": "name", "__else__": None}}},
    "renamed": {"stream_maps": {"customers": {"__alias__": "people"}}},
    "copied": {"stream_maps": {"copies": {"__source__": "customers", "name": None}}},
    "both": {**FLAT, "stream_maps": {"customers": {"locale": None, "rev": "int(rev) * 2"}}},
}


@pytest.mark.parametrize("name", RESHAPINGS)
@pytest.mark.parametrize("selection", ["all", "some"])
def test_records_are_those_of_the_sdk(name: str, selection: str) -> None:
    """Selection, stream maps and flattening: the fast path emits what the stock one would."""
    org = Org(seed=5, realistic=True)
    org.seed(customers=25)
    with Simulator(org) as sim:
        config = {**sim.config, **RESHAPINGS[name]}
        catalog = catalog_of(sim.config, ["customers"])
        if selection == "some":
            deselected(catalog, "customers", "display_name")
            deselected(catalog, "customers", "custom", "lifetimeValueNum")
        whole = sync_tap(sim.config, ["customers"]).records("customers")
        ours = sync_with_catalog(config, catalog)
        assert_valid(ours)
        emitted = [(one["stream"], one["record"]) for one in ours.of_type("RECORD")]
        assert emitted == [
            (stream, json.loads(json.dumps(record)))
            for stream, record in stock_records(config, catalog, whole)
        ]
        assert emitted or name == "filtered"


def sync_with_catalog(config: Mapping[str, Any], catalog: dict[str, Any]) -> Output:
    """Run the tap in this process with a catalog."""
    return sync_tap(config, ["customers"], catalog=catalog)


def stock_records(
    config: Mapping[str, Any], catalog: dict[str, Any], rows: list[dict[str, Any]]
) -> list[tuple[str, dict[str, Any]]]:
    """Return what the SDK itself makes of ``rows``."""
    tap = TapKustomer(config=dict(config), catalog=catalog)
    try:
        stream = tap.streams["customers"]
        return [
            (message.stream, message.record)
            for row in rows
            for message in stream._generate_record_messages(copy.deepcopy(row))  # noqa: SLF001
        ]
    finally:
        tap.close()


def test_flattened_names_fit_every_database(sim: Simulator) -> None:
    """At most 63 bytes, stable, and two long names stay two."""
    long = "aVeryLongNameThatSomebodyTypedIntoTheFormOfACustomAttributeInKustomer"
    names = [
        f"{long}OneStr",
        f"{long}TwoStr",
        "ümläutÄndÖthersInAVeryLongNameOfAnAttributeOfTheOrgStr",
    ]
    for name in names:
        sim.org.set_attribute("customer", name)
    sim.org.add("customer", count=2, custom={name: name for name in names})
    outputs = [sync_tap({**sim.config, **FLAT}, ["customers"]) for _ in range(2)]
    for output in outputs:
        assert_valid(output)
        row = output.records("customers")[0]
        columns = [key for key in row if key.startswith("custom__")]
        assert len(columns) == 3
        assert all(len(column.encode()) <= 63 for column in columns)
        assert {row[column] for column in columns} == set(names)
    assert outputs[0].records("customers") == outputs[1].records("customers")


def test_with_flattening_open_objects_leave_as_json_text(sim: Simulator) -> None:
    """`extra_attributes`, open columns, and custom attributes that metadata does not know."""
    sim.org.set_attribute("customer", "vipBool")
    sim.org.add(
        "customer",
        custom={"vipBool": "perhaps", "unknown": {"a": [1]}},
        brandNew={"b": 2},
        conversationCounts={"done": 5},
    )
    output = sync_tap({**sim.config, **FLAT}, ["customers"])
    assert_valid(output)
    (row,) = output.records("customers")
    assert json.loads(row["extra_attributes"]) == {
        "brandNew": {"b": 2},
        "custom.vipBool": "perhaps",
        "custom.unknown": {"a": [1]},
    }
    assert row["custom__vipBool"] is None
    assert json.loads(row["conversation_counts"]) == {"done": 5}


def test_a_stream_map_that_breaks_its_schema_fails_the_stream_by_name(sim: Simulator) -> None:
    """A text in a column of lists: the sentence says how to declare it."""
    sim.org.add("customer", emails=[{"email": "x"}])
    maps = {"customers": {"emails": "md5(emails[0]['email'])"}}
    output = sync_tap({**sim.config, "stream_maps": maps}, ["customers"])
    assert output.status == 1
    assert "customers: the stream map gives `emails` a value" in output.stderr
    assert "str(" in output.stderr


def test_a_stream_map_that_fails_on_a_row_fails_the_stream_by_name(sim: Simulator) -> None:
    """Without the row in the log, and the other streams go on."""
    sim.org.add("customer", name=None, emails=[{"email": RAW}])
    sim.org.add("tag", count=2)
    maps = {"customers": {"hash": "md5(name)"}}
    output = sync_tap({**sim.config, "stream_maps": maps}, ["customers", "tags"])
    assert output.status == 1
    assert "customers: the stream map cannot be applied to a row" in output.stderr
    assert RAW not in output.stderr
    assert output.counts["tags"] == 2
