"""Rows as Kustomer might send them: each one valid, or the stream fails by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from simulator import Fault, Simulator
from tap_kustomer.errors import StreamError
from tap_kustomer.rows.maker import RecordShape, RowMaker
from tests.rows.test_fuzz_rows import FORMATS
from tests.support import Output, sync_tap

SEARCH = "/v1/customers/search"
COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"type": "string"},
    "name": {"type": ["string", "null"]},
    "rank": {"type": ["integer", "null"]},
    "created_at": {"type": ["string", "null"], "format": "date-time"},
    "updated_at": {"type": ["string", "null"], "format": "date-time"},
    "custom": {"type": "object", "properties": {"vipBool": {"type": ["boolean", "null"]}}},
    "customer_id": {"type": ["string", "null"]},
    "created_by_id": {"type": ["string", "null"]},
    "created_by_type": {"type": ["string", "null"]},
    "teams_ids": {"type": ["array", "null"]},
    "org_id": {"type": ["string", "null"]},
    "_sdc_deleted_at": {"type": ["string", "null"], "format": "date-time"},
    "extra_attributes": {"type": ["object", "null"]},
}


def maker(**options: Any) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return the conversion of a small stream."""
    shape = RecordShape(
        stream="things",
        properties=COLUMNS,
        selected=options.pop("selected", frozenset(COLUMNS)),
        org_id="org",
        **options,
    )
    return RowMaker(shape)


def row(attributes: Any = None, relationships: Any = None, **rest: Any) -> dict[str, Any]:
    """Return the row of a resource."""
    resource = {"id": "1", "attributes": attributes, "relationships": relationships, **rest}
    found = maker()(resource)
    schema = {"type": "object", "properties": COLUMNS}
    Draft202012Validator(schema, format_checker=FORMATS).validate(found)
    return found


@pytest.mark.parametrize("id_", [None, "", "  ", True, 1.5, [], {}, ["1"]], ids=repr)
def test_a_row_without_an_id_fails_the_stream(id_: Any) -> None:
    """A null key would be lost in the target, or replace another row."""
    with pytest.raises(StreamError, match="things: Kustomer sent a row without an id"):
        maker()({"id": id_, "attributes": {}})


@pytest.mark.parametrize("resource", ["x", 5, [], None])
def test_a_row_that_is_no_object_fails_the_stream(resource: Any) -> None:
    """It has no id either."""
    with pytest.raises(StreamError, match="things: Kustomer sent a row without an id"):
        maker()(resource)


def test_a_number_is_an_id() -> None:
    """As text, since other rows have text."""
    assert maker()({"id": 7})["id"] == "7"


@pytest.mark.parametrize("attributes", [None, {}, [], "x", 7, [{"name": "x"}]], ids=repr)
def test_attributes_of_any_shape_make_a_row(attributes: Any) -> None:
    """What is no object moves as it is."""
    found = row(attributes)
    assert found["name"] is None
    assert found["custom"] == {}
    expected = {"attributes": attributes} if attributes not in (None, {}) else None
    assert found["extra_attributes"] == expected


@pytest.mark.parametrize(
    ("relationships", "columns", "extras"),
    [
        ({"customer": {"data": {"type": "customer", "id": "c"}}}, {"customer_id": "c"}, None),
        ({"customer": {"data": {"id": 5}}}, {"customer_id": "5"}, None),
        ({"customer": {"data": None}}, {}, None),
        ({"customer": {"links": {"self": "/x"}}}, {}, None),
        ({"customer": None}, {}, None),
        ({"customer": "c"}, {}, {"relationships.customer": "c"}),
        ({"customer": {"data": "c"}}, {}, {"relationships.customer": "c"}),
        ({"customer": {"data": [{"id": "c"}]}}, {}, {"relationships.customer": [{"id": "c"}]}),
        ({"customer": {"data": {"id": ["c"]}}}, {}, {"relationships.customer": {"id": ["c"]}}),
        (
            {"createdBy": {"data": {"type": "user", "id": "u"}}},
            {"created_by_id": "u", "created_by_type": "user"},
            None,
        ),
        (
            {"createdBy": {"data": {"type": ["user"], "id": "u"}}},
            {"created_by_id": "u", "created_by_type": None},
            None,
        ),
        ({"teams": {"data": [{"id": "a"}, {"id": "b"}]}}, {"teams_ids": ["a", "b"]}, None),
        ({"teams": {"data": []}}, {"teams_ids": []}, None),
        (
            {"teams": {"data": [{"id": "a"}, "b"]}},
            {"teams_ids": ["a"]},
            {"relationships.teams": [{"id": "a"}, "b"]},
        ),
        ({"new": {"data": {"id": "n"}}}, {}, {"relationships.new": {"id": "n"}}),
        ({"org": {"data": {"id": "other"}}}, {"org_id": "other"}, None),
        (["x"], {}, {"relationships": ["x"]}),
    ],
    ids=repr,
)
def test_relationships_of_every_shape(
    relationships: Any, columns: dict[str, Any], extras: dict[str, Any] | None
) -> None:
    """An id in its column, or the whole among the extra attributes."""
    found = row({}, relationships)
    assert {name: found[name] for name in columns} == columns
    assert found["extra_attributes"] == extras


def test_an_attribute_wins_over_a_relationship_unless_null() -> None:
    """The relationship that differs is kept."""
    related = {"customer": {"data": {"type": "customer", "id": "c"}}}
    assert row({"customerId": None}, related)["customer_id"] == "c"
    assert row({"customerId": "c"}, related)["extra_attributes"] is None
    found = row({"customerId": "d"}, related)
    assert found["customer_id"] == "d"
    assert found["extra_attributes"] == {"relationships.customer": related["customer"]["data"]}


def test_two_names_for_one_column_lose_nothing() -> None:
    """The API's own spelling wins, whichever was seen first."""
    make = maker()
    for attributes in (
        {"updated_at": "2025-01-01", "updatedAt": "2026-01-01"},
        {"updatedAt": "2026-01-01", "updated_at": "2025-01-01"},
    ):
        found = make({"id": "1", "attributes": attributes})
        assert found["updated_at"] == "2026-01-01T00:00:00.000Z"
        assert found["extra_attributes"] == {"updated_at": "2025-01-01"}
    alone = make({"id": "1", "attributes": {"updated_at": "2025-01-01"}})
    assert alone["updated_at"] == "2025-01-01T00:00:00.000Z"


def test_names_of_the_tap_s_own_columns_are_extras() -> None:
    """An attribute must not overwrite what the tap says."""
    found = row({"id": "other", "extraAttributes": {"a": 1}, "_sdc_deleted_at": "x"}, meta={"m": 1})
    assert found["id"] == "1"
    assert found["_sdc_deleted_at"] is None
    assert found["extra_attributes"] == {
        "id": "other",
        "extraAttributes": {"a": 1},
        "_sdc_deleted_at": "x",
        "meta": {"m": 1},
    }


@pytest.mark.parametrize(
    ("attributes", "moment"),
    [
        ({"deleted": True, "deletedAt": "2026-01-02", "updatedAt": "2026-01-01"}, "2026-01-02"),
        ({"deleted": True, "deletedAt": "gone", "updatedAt": "2026-01-01"}, "2026-01-01"),
        ({"deleted": "true", "updatedAt": "2026-01-01"}, "2026-01-01"),
        ({"deleted": False, "deletedAt": "2026-01-02"}, None),
        ({"deleted": None}, None),
        ({}, None),
    ],
    ids=repr,
)
def test_a_deletion_has_a_moment(attributes: dict[str, Any], moment: str | None) -> None:
    """The deletion's, else the last update's."""
    expected = f"{moment}T00:00:00.000Z" if moment else None
    assert row(attributes)["_sdc_deleted_at"] == expected


def test_a_masked_misfit_is_null_and_not_moved() -> None:
    """It tells nothing."""
    found = row({"rank": "****", "custom": {"vipBool": "••••"}})
    assert found["rank"] is None
    assert found["custom"] == {"vipBool": None}
    assert found["extra_attributes"] is None


def test_a_column_that_may_not_be_null_is_absent_until_it_has_a_value() -> None:
    """A catalog may declare so."""
    columns = {"id": {"type": "string"}, "rank": {"type": "integer"}}
    make = RowMaker(
        RecordShape(stream="x", properties=columns, selected=frozenset(columns), org_id=None)
    )
    assert make({"id": "1", "attributes": {"rank": None}}) == {"id": "1"}
    assert make({"id": "1", "attributes": {"rank": "7"}}) == {"id": "1", "rank": 7}


# ---------------------------------------------------------------- over HTTP


def assert_valid(output: Output, stream: str) -> None:
    """Check the rows of a stream against its schema."""
    validator = Draft202012Validator(output.schema(stream), format_checker=FORMATS)
    for record in output.records(stream):
        validator.validate(record)


def raw_rows(*rows: str) -> bytes:
    """Return the body of a page made of rows as they stand."""
    meta = f'"meta": {{"page": 1, "pageSize": 500, "total": {len(rows)}}}'
    return f'{{"data": [{",".join(rows)}], {meta}}}'.encode()


def raw_row(id_: str, content: str) -> str:
    """Return a customer with one strange attribute."""
    stamps = '"createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z"'
    return f'{{"type": "customer", "id": "{id_}", "attributes": {{{stamps}, {content}}}}}'


STRANGE: dict[str, tuple[str, dict[str, Any]]] = {
    "surrogate": (r'"name": "half \ud83d emoji"', {"name": "half � emoji"}),
    "whole emoji": (r'"name": "\ud83d\ude00"', {"name": "😀"}),
    "nul": (r'"name": "a\u0000b"', {"name": "a�b"}),
    "nul in a key": (r'"na\u0000me": 1', {"extra_attributes": {"na�me": 1}}),
    "raw control": ('"name": "a\x01b"', {"name": "a\x01b"}),
    "big integer": ('"rev": 18446744073709551616', {"rev": None}),
    "huge integer": (f'"rev": {"9" * 5000}', {"extra_attributes": {"rev": "9" * 5000}}),
    "nan": ('"rev": NaN, "name": Infinity', {"rev": None, "name": "Infinity"}),
    "overflow": ('"rev": 1e999', {"extra_attributes": {"rev": "1e999"}}),
    "twice": ('"name": "first", "name": "second"', {"name": "second"}),
    "deep": (f'"brandNew": {"[" * 5000}{"]" * 5000}', {"name": None}),
    "deep objects": ('"brandNew": ' + '{"a":' * 3000 + "1" + "}" * 3000, {"name": None}),
    "large": (f'"name": "{"x" * 5_000_000}"', {"name": "x" * 5_000_000}),
    "null custom": ('"custom": null', {"custom": {}}),
    "text custom": ('"custom": "x"', {"custom": {}, "extra_attributes": {"custom": "x"}}),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_value_leaves_in_a_valid_row(sim: Simulator, name: str) -> None:
    """And its neighbours with it."""
    content, expected = STRANGE[name]
    body = raw_rows(
        raw_row("a", '"name": "before"'), raw_row("b", content), raw_row("c", '"rev": 3')
    )
    sim.faults.add(Fault("invalid_json", path=SEARCH, body=body, times=None))
    output = sync_tap(sim.config, ["customers"])
    assert output.status == 0, output.stderr
    assert [record["id"] for record in output.records("customers")] == ["a", "b", "c"]
    assert_valid(output, "customers")
    found = output.records("customers")[1]
    assert {column: found[column] for column in expected} == expected
    if name.startswith("deep"):
        shown = json.dumps(found["extra_attributes"])
        assert shown.count("[") == 5000 or shown.count("a") > 3000  # nothing is cut off
    if name == "big integer":
        assert found["extra_attributes"] == {"rev": 2**64}


@pytest.mark.parametrize("bad", ['{"type": "customer"}', '"x"', "null", "[]", '{"id": null}'])
def test_a_search_row_without_an_id_fails_its_stream_by_name(sim: Simulator, bad: str) -> None:
    """The other streams go on."""
    sim.org.add("tag", count=2)
    body = raw_rows(raw_row("a", '"rev": 1'), bad)
    sim.faults.add(Fault("invalid_json", path=SEARCH, body=body, times=None))
    output = sync_tap(sim.config, ["customers", "tags"])
    assert output.status == 1
    assert "customers: Kustomer sent a row without an id" in output.stderr
    assert all(record["id"] for record in output.records("customers"))
    assert output.counts["tags"] == 2


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ('{"type": "tag"}', "tags: Kustomer sent a row without an id"),
        *((bad, "the body was not the JSON that was asked for") for bad in ('"x"', "null", "[]")),
    ],
)
def test_a_listed_row_without_an_id_fails_its_stream_by_name(
    sim: Simulator, bad: str, sentence: str
) -> None:
    """A list is not complete without it; what is no row at all is asked for again before."""
    body = f'{{"data": [{{"id": "a", "attributes": {{}}}}, {bad}]}}'.encode()
    sim.faults.add(Fault("invalid_json", path="/v1/tags", body=body, times=None))
    output = sync_tap({**sim.config, "backoff_max_elapsed_seconds": 0}, ["tags"])
    assert output.status == 1
    assert "tags: " in output.stderr
    assert sentence in output.stderr


@pytest.mark.parametrize("kind", ["null_attributes", "missing_updated_at"])
def test_rows_with_parts_missing_are_kept(sim: Simulator, kind: str) -> None:
    """They have an id, so they are rows; without any attribute only once two runs saw them so."""
    sim.org.add("customer", count=5)
    sim.faults.add(Fault(kind, path=SEARCH, rows=2, times=None))
    output = sync_tap(sim.config, ["customers"])
    if kind == "null_attributes":
        assert output.status == 1
        assert "without their attributes" in output.stderr
        assert not output.records("customers")
        output = sync_tap(sim.config, ["customers"], state=output.state)
    assert output.status == 0, output.stderr
    assert output.ids("customers") == set(sim.org.ids("customer"))
    assert_valid(output, "customers")


def test_unknown_fields_can_be_dropped(sim: Simulator) -> None:
    """`unknown_fields`: keep or drop."""
    sim.org.add("customer", brandNew=1, custom={"unheardOf": 1})
    kept = sync_tap(sim.config, ["customers"])
    assert kept.records("customers")[0]["extra_attributes"] == {"brandNew": 1}
    assert kept.records("customers")[0]["custom"] == {"unheardOf": 1}
    config = {**sim.config, "unknown_fields": "drop"}
    dropped = sync_tap(config, ["customers"])
    assert dropped.records("customers")[0]["extra_attributes"] is None
    assert dropped.records("customers")[0]["custom"] == {}
