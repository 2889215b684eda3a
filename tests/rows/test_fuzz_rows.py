"""Any JSON in any attribute gives a row that fits its schema and loses nothing."""

from __future__ import annotations

import json
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from tap_kustomer import timestamps
from tap_kustomer.catalog.attributes import OPEN_TYPE, custom_schema
from tap_kustomer.catalog.schema import DELETED_AT, EXTRA_ATTRIBUTES
from tap_kustomer.client.codec import decode
from tap_kustomer.naming import snake_case
from tap_kustomer.readers.search.page import peek
from tap_kustomer.rows.maker import RecordShape, RowMaker

FORMATS = FormatChecker()


@FORMATS.checks("date-time")
def is_date_time(value: object) -> bool:
    """Judge strictly: the library's own check needs a package that is not installed."""
    if not isinstance(value, str):
        return True
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value, re.ASCII):
        return False
    try:
        datetime.fromisoformat(value[:-1])
    except ValueError:
        return False
    return True


COLUMNS: dict[str, dict[str, Any]] = {
    "textOf": {"type": ["string", "null"]},
    "momentOf": {"type": ["string", "null"], "format": "date-time"},
    "integerOf": {"type": ["integer", "null"]},
    "numberOf": {"type": ["number", "null"]},
    "booleanOf": {"type": ["boolean", "null"]},
    "objectOf": {"type": ["object", "null"]},
    "arrayOf": {"type": ["array", "null"]},
    "openOf": OPEN_TYPE,
    "textsOf": {"type": ["array", "null"], "items": {"type": "string"}},
    "numbersOf": {"type": ["array", "null"], "items": {"type": ["number", "null"]}},
    "momentsOf": {
        "type": ["array", "null"],
        "items": {"type": ["string", "null"], "format": "date-time"},
    },
    # What users declare in a catalog of their own.
    "requiredOf": {"type": "integer"},
    "eitherOf": {"type": ["number", "boolean"]},
    "chosenOf": {"type": ["string", "null"], "enum": ["a", "1", None]},
    "anyOf": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
}
CUSTOM = {
    name: {"displayName": name, "multi": multi}
    for name, multi in {
        "aStr": False,
        "bNum": False,
        "cBool": False,
        "dAt": False,
        "eTree": False,
        "fId": True,
        "gNum": True,
    }.items()
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        **{snake_case(name): schema for name, schema in COLUMNS.items()},
        "custom": custom_schema(CUSTOM),
        "owner_id": {"type": ["string", "null"]},
        "owner_type": {"type": ["string", "null"]},
        "friends_ids": {"type": ["array", "null"], "items": {"type": "string"}},
        "org_id": {"type": ["string", "null"]},
        "_sdc_deleted_at": DELETED_AT,
        "extra_attributes": EXTRA_ATTRIBUTES,
    },
}
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FORMATS)
make_row = RowMaker(
    RecordShape(
        stream="things",
        properties=SCHEMA["properties"],
        selected=frozenset(SCHEMA["properties"]),
        org_id="org",
    ),
)

TEXTS = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"[+-]?\d{1,25}(\.\d{1,25})?([eE][+-]?\d{1,3})?", fullmatch=True),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([+-]\d\d:?\d\d|Z)?"),
    st.sampled_from(["true", "FALSE", "1e999", "NaN", "\x00", "\ud83d", "1", "a", "", "*****"]),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(10**40), 10**40), st.floats(), TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
RELATED = st.one_of(
    VALUES,
    st.fixed_dictionaries({"data": VALUES}),
    st.fixed_dictionaries(
        {"data": st.fixed_dictionaries({"id": VALUES, "type": VALUES}) | st.lists(VALUES)}
    ),
    st.fixed_dictionaries({"links": st.fixed_dictionaries({"self": st.text()})}),
)


def of_wire(value: Any) -> Any:
    """Return ``value`` as it arrives: through JSON, with the tap's own cleaning."""
    return decode(json.dumps(value).encode())


@settings(max_examples=80, deadline=None)
@given(attributes=st.dictionaries(st.sampled_from([*COLUMNS, "newOf", "text_of"]), VALUES))
def test_any_value_fits_its_column_or_moves_to_the_extra_attributes(
    attributes: dict[str, Any],
) -> None:
    """Whatever Kustomer sends, the row is valid and the value is in it."""
    sent = of_wire(attributes)
    row = make_row({"id": "1", "attributes": sent})
    VALIDATOR.validate(row)
    extras = row["extra_attributes"] or {}
    for name, value in sent.items():
        if value is None:
            continue
        shown = row.get(snake_case(name))
        kept = name in extras and extras[name] == value
        assert kept or tells(shown, value) or value == "*****", (name, value, row)


@settings(max_examples=80, deadline=None)
@given(custom=VALUES | st.dictionaries(st.sampled_from([*CUSTOM, "unknown", "xNum"]), VALUES))
def test_any_custom_attribute_fits_its_type_or_moves(custom: Any) -> None:
    """``custom`` is always an object, its known properties of their type."""
    sent = of_wire(custom)
    row = make_row({"id": "1", "attributes": {"custom": sent}})
    VALIDATOR.validate(row)
    extras = row["extra_attributes"] or {}
    if not isinstance(sent, dict):
        assert sent is None or extras["custom"] == sent
        return
    for name, value in sent.items():
        kept = f"custom.{name}" in extras and extras[f"custom.{name}"] == value
        shown = row["custom"][name]
        assert kept or value is None or tells(shown, value) or value == "*****", (name, row)


@settings(max_examples=80, deadline=None)
@given(
    relationships=st.dictionaries(st.sampled_from(["owner", "friends", "org", "new"]), RELATED),
)
def test_relationships_of_any_shape_keep_their_ids(relationships: dict[str, Any]) -> None:
    """An id is in its column, or the relationship moves as it is."""
    sent = of_wire(relationships)
    row = make_row({"id": "1", "relationships": sent})
    VALIDATOR.validate(row)
    shown = json.dumps(row)
    for relationship in sent.values():
        data = relationship.get("data") if isinstance(relationship, dict) else relationship
        for one in data if isinstance(data, list) else [data]:
            if isinstance(one, dict) and isinstance(one.get("id"), str):
                assert json.dumps(one["id"]) in shown
            elif one not in (None, {}) and data is not one:
                assert json.dumps(one) in shown


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(VALUES | st.fixed_dictionaries({"id": VALUES, "attributes": VALUES}), max_size=5),
    meta=VALUES,
)
def test_a_page_of_anything_is_peeked_at_without_a_crash(rows: list[Any], meta: Any) -> None:
    """A row that is no object has no key, and its bytes decode to what was sent."""
    page = peek(json.dumps({"data": rows, "meta": meta}).encode())
    assert len(page.keys) == len(rows)
    assert len(decode(page.raw)["data"]) == len(rows)
    for key in page.keys:
        assert key.id is None or isinstance(key.id, str)


def tells(shown: Any, value: Any) -> bool:  # noqa: PLR0911  # one line per type
    """Whether ``shown`` says the same as ``value``, in the type of its column."""
    if isinstance(shown, list) and shown != value:
        values = value if isinstance(value, list) else [value]
        return len(values) == len(shown) and all(map(tells, shown, values))
    if isinstance(value, bool):
        return shown is value or shown == str(value).lower()
    if shown == value and isinstance(shown, bool) == isinstance(value, bool):
        return True
    if isinstance(shown, bool):
        return isinstance(value, str) and str(shown).lower() == value.strip().lower()
    if isinstance(shown, (int, float, str)) and isinstance(value, (int, float, str)):
        try:
            return Decimal(str(shown)) == Decimal(str(value).strip())
        except InvalidOperation:
            return shown == timestamps.normalise(value)
    return shown is None and value is None
