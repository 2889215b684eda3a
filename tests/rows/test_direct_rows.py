"""Rows straight from bytes are the rows that the row maker makes of decoded resources."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_kustomer.catalog.attributes import custom_schema
from tap_kustomer.client.codec import decode
from tap_kustomer.errors import StreamError
from tap_kustomer.naming import snake_case
from tap_kustomer.readers.search.page import peek
from tap_kustomer.rows.direct import DirectRows
from tap_kustomer.rows.maker import Record, RecordShape, RowMaker
from tests.rows.test_fuzz_rows import COLUMNS, CUSTOM, RELATED, SCHEMA, VALIDATOR, VALUES

# What a column takes as it is, so that most rows of the examples go straight.
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "textOf": st.text(max_size=9),
    "momentOf": st.sampled_from(["2026-01-31T12:30:00.000Z", "2026-01-31", "soon"]),
    "integerOf": st.integers(-(2**70), 2**70),
    "numberOf": st.floats(allow_nan=False) | st.integers(-9, 9),
    "booleanOf": st.booleans(),
    "ownerId": st.sampled_from(["5e", None]),
    "ownerType": st.sampled_from(["user", None]),
    "objectOf": st.dictionaries(st.text(max_size=3), VALUES, max_size=3),
    "arrayOf": st.lists(VALUES, max_size=3),
    "openOf": st.text(max_size=3) | st.lists(VALUES, max_size=3),
    "textsOf": st.lists(st.text(max_size=3), max_size=3),
    "numbersOf": st.lists(st.integers(-9, 9) | st.none(), max_size=3),
    "momentsOf": st.lists(st.just("2026-01-31T12:30:00Z"), max_size=3),
    "requiredOf": st.integers(0, 9),
    "chosenOf": st.sampled_from(["a", "b", None]),
    "newOf": VALUES,
    "custom": st.dictionaries(st.sampled_from([*CUSTOM, "unknown"]), VALUES, max_size=4),
    "deleted": st.booleans() | st.none(),
    "deletedAt": st.sampled_from(["2026-02-01", None]),
    "updatedAt": st.sampled_from(["2026-02-02", "then", None]),
}
ORDINARY_RESOURCES = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["5f", "60", 7]),
        "attributes": st.fixed_dictionaries(
            {}, optional={name: st.none() | fitting for name, fitting in FITTING.items()}
        ),
    },
    optional={
        "type": st.sampled_from(["thing", "kobject.thing", None]),
        "relationships": st.dictionaries(st.sampled_from(["owner", "friends", "org"]), RELATED),
        "links": st.just({"self": "/v1/things/5f"}),
    },
)
ODD_NAMES = [*COLUMNS, "custom", "text_of", 'odd "name"', "id"]
ODD_RESOURCES = st.fixed_dictionaries(
    {
        "id": st.just("61"),
        "attributes": VALUES | st.dictionaries(st.sampled_from(ODD_NAMES), VALUES, max_size=4),
    },
    optional={"relationships": VALUES, "meta": VALUES},
)
ROWS = st.lists(ORDINARY_RESOURCES, min_size=1, max_size=3)
PAGES = st.lists(ROWS, min_size=2, max_size=3) | st.lists(
    ROWS | st.lists(ODD_RESOURCES | ORDINARY_RESOURCES, max_size=3), min_size=2, max_size=3
)
SHAPES: dict[str, dict[str, Any]] = {
    "everything": {},
    "secrets": {"secrets": ("textOf", "objectOf.secret")},
    "mapped": {"private": frozenset({"text_of", "custom", "new_of"})},
    "deselected": {
        "selected": frozenset(SCHEMA["properties"]) - {"text_of", "object_of", "deleted_at", "id"},
        "deselected_custom": frozenset({"aStr"}),
    },
    "few": {"selected": frozenset({"id", "custom", "_sdc_deleted_at"})},
    "unknown dropped": {"keep_unknown": False},
    "klass": {"constants": {"integer_of": 5, "text_of": "fixed"}},
}
MORE: dict[str, Any] = {
    "klass": {"type": ["string", "null"]},
    "deleted": {"type": ["boolean", "null"]},
    "deleted_at": COLUMNS["momentOf"],
    "updated_at": COLUMNS["momentOf"],
}


def shape(**options: Any) -> RecordShape:
    """Return the shape of the rows of all kinds of columns."""
    properties = {**SCHEMA["properties"], **MORE}
    selected = options.pop("selected", frozenset(properties))
    return RecordShape("things", properties, selected, org_id="org", **options)


def page_of(resources: Iterable[Any]) -> bytes:
    """Return the bytes of a page."""
    return json.dumps({"data": list(resources)}).encode()


def written(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the rows, whatever their form, as what is written of them."""
    return [msgspec.to_builtins(row) for row in rows]


def shown(rows: Iterable[Any]) -> list[bytes]:
    """Return the rows as they are written, but in one order of keys."""
    return [msgspec.json.encode(row, order="deterministic") for row in written(rows)]


class CountingMaker(RowMaker):
    """Counts the rows that it makes alone."""

    made = 0

    def __call__(self, resource: Mapping[str, Any]) -> Record:
        """Make a row."""
        self.made += 1
        return super().__call__(resource)


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=40, deadline=None)
@given(pages=PAGES, as_structs=st.booleans())
def test_rows_from_bytes_are_those_of_the_row_maker(
    name: str, pages: list[list[Any]], *, as_structs: bool
) -> None:
    """Whatever the pages before have taught, byte for byte."""
    rows_of = DirectRows(RowMaker(shape(**SHAPES[name])), as_structs=as_structs)
    for resources in [*pages, pages[0]]:
        page = peek(page_of(resources))
        make_row = RowMaker(shape(**SHAPES[name]))
        expected = [make_row(one) for one in decode(page.raw)["data"]]
        found = list(rows_of(page.raw, range(len(resources))))
        assert shown(found) == shown(expected)


@settings(max_examples=40, deadline=None)
@given(resources=st.lists(ORDINARY_RESOURCES | ODD_RESOURCES, min_size=1, max_size=4))
def test_rows_from_bytes_fit_the_schema(resources: list[Any]) -> None:
    """Those of the second reading too, which the row maker has no part in."""
    rows_of = DirectRows(RowMaker(shape()))
    raw = peek(page_of(resources)).raw
    for _ in range(2):
        for row in written(rows_of(raw, range(len(resources)))):
            VALIDATOR.validate(row)


ORDINARY: dict[str, Any] = {
    "id": "5f",
    "type": "thing",
    "attributes": {"textOf": "x", "momentOf": "2026-01-31", "integerOf": 1, "newOf": [1]},
    "relationships": {"owner": {"data": {"type": "user", "id": "5e"}}},
    "links": {"self": "/v1/things/5f"},
}


def with_(**attributes: Any) -> dict[str, Any]:
    """Return the ordinary resource with other attributes."""
    return {**ORDINARY, "attributes": {**ORDINARY["attributes"], **attributes}}


@pytest.mark.parametrize(
    "resource",
    [
        ORDINARY,
        with_(brandNew=1),
        with_(integerOf="7"),
        with_(integerOf="seven"),
        with_(integerOf=2**64),
        with_(textsOf="5f", text_of="alias"),
        with_(deleted=True, updatedAt="2026-01-31"),
        with_(custom={"aStr": 5}),
        with_(ownerId="5e", ownerType="user"),
    ],
    ids=repr,
)
def test_what_a_page_has_shown_is_read_straight_from_the_next_on(resource: Any) -> None:
    """An org whose rows always have an attribute that no schema knows is read as fast."""
    make_row = CountingMaker(shape())
    rows_of = DirectRows(make_row)
    for _ in range(3):
        list(rows_of(page_of([ORDINARY, resource]), [0, 1]))
    before = make_row.made
    (found,) = rows_of(page_of([resource]), [0])
    assert make_row.made == before
    assert shown([found]) == shown([RowMaker(shape())(decode(json.dumps(resource).encode()))])


@pytest.mark.parametrize("name", ["everything", "deselected", "few"])
def test_a_deletion_is_seen_whatever_columns_leave(name: str) -> None:
    """Its moment comes from attributes whose own columns may be deselected."""
    rows_of = DirectRows(RowMaker(shape(**SHAPES[name])))
    for _ in range(2):
        (row,) = written(rows_of(page_of([with_(deleted=True, deletedAt="2026-02-01")]), [0]))
        assert row["_sdc_deleted_at"] == "2026-02-01T00:00:00.000Z"


def test_rows_for_a_stream_map_can_be_looked_into() -> None:
    """The SDK's maps and its flattening ask for a ``dict``."""
    rows_of = DirectRows(RowMaker(shape()), as_structs=False)
    for _ in range(2):
        (row,) = rows_of(page_of([ORDINARY]), [0])
        assert row["text_of"] == "x"
    assert rows_of.layout is not None


def test_a_column_that_may_not_be_null_is_absent_until_it_has_a_value() -> None:
    """Rows with it and without it, whatever way they take."""
    columns = {"id": {"type": "string"}, "rank": {"type": "integer"}}
    rows_of = DirectRows(RowMaker(RecordShape("x", columns, frozenset(columns), org_id=None)))
    page = page_of([{"id": "1", "attributes": {"rank": rank}} for rank in (7, None, None)])
    for _ in range(3):
        rows = written(rows_of(page, range(3)))
        assert rows == [{"id": "1", "rank": 7}, {"id": "1"}, {"id": "1"}]


def test_rows_that_never_fit_are_not_tried_again() -> None:
    """Trying would make them slower than they have to be."""
    rows_of = DirectRows(RowMaker(shape()))
    page = page_of([{**ORDINARY, "meta": 1}] * 3)
    for _ in range(3):
        rows = written(rows_of(page, [0, 1, 2]))
    assert rows[0]["extra_attributes"]["meta"] == 1
    assert rows_of.layout is None
    list(rows_of(page_of([with_(brandNew=1)]), [0]))
    list(rows_of(page_of([with_(brandNew=1)]), [0]))
    assert rows_of.layout is not None  # what is new may be worth another try


def test_a_few_rows_that_do_not_fit_leave_the_others_their_way() -> None:
    """One odd row alone on a page says nothing of a million others."""
    rows_of = DirectRows(RowMaker(shape()))
    ordinary, odd = page_of([ORDINARY] * 9), page_of([{**ORDINARY, "meta": 1}])
    for page in (ordinary, ordinary, odd, odd):
        list(rows_of(page, [0]) if page is odd else rows_of(page, range(9)))
    list(rows_of(ordinary, range(9)))
    assert rows_of.layout is not None


def test_attributes_whose_names_are_data_are_not_learned_without_end() -> None:
    """A struct of each would cost more than it saves."""
    rows_of = DirectRows(RowMaker(shape()))
    for start in range(0, 2000, 500):
        page = page_of([with_(**{f"a{start + number}": 1 for number in range(500)})])
        (row,) = written(rows_of(page, [0]))
        assert len(row["extra_attributes"]) == 501
    list(rows_of(page, [0]))
    assert rows_of.layout is None


def test_only_the_rows_asked_for_are_made() -> None:
    """The others were emitted before, or are no rows at all."""
    rows_of = DirectRows(RowMaker(shape()))
    page = page_of([{**ORDINARY, "id": "a"}, "no row", {**ORDINARY, "id": "b"}])
    for _ in range(2):
        assert [row["id"] for row in written(rows_of(page, [0, 2]))] == ["a", "b"]
    assert list(rows_of(b"", [])) == []
    with pytest.raises(StreamError, match="things: Kustomer sent a row without an id"):
        list(rows_of(page, [1]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (rb'"half \ud83d emoji"', "half � emoji"),
        (rb'"half \uD83D emoji"', "half � emoji"),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"a\u0000b"', "a�b"),
        (b'"a\xffb"', "a�b"),
        (b'"a\x01b"', "a\x01b"),
        (rb'"\u00e9\n\"\\"', 'é\n"\\'),
        (b"1e999", "1e999"),
        (b"18446744073709551616", 2**64),
        (b"9" * 5000, "9" * 5000),
        (b"1.0", 1.0),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'[\n  {\n    "a" :\t1e2 }\r\n]', [{"a": 100.0}]),
        (b"NaN", "NaN"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("column", ["objectOf", "arrayOf", "newOf", "custom", "unread"])
def test_a_strange_value_inside_another_leaves_as_ever(
    column: str, value: bytes, expected: Any
) -> None:
    """On one line, as text that every loader takes, whoever reads it."""
    nested = (b'{"in": [' + value + b"]}") if column != "arrayOf" else b"[" + value + b"]"
    name = "textOf" if column == "unread" else column
    raw = b'{"data": [{"id": "5f", "attributes": {"%s": %s, "rank": 1}}]}' % (
        name.encode(),
        nested,
    )
    kept = {"in": [expected]}
    selected = frozenset({"id"}) if column == "unread" else shape().selected
    make_row = CountingMaker(shape(selected=selected))
    rows_of = DirectRows(make_row)
    list(rows_of(b'{"data": [{"id": "1", "attributes": {"%s": null}}]}' % name.encode(), [0]))
    list(rows_of(b'{"data": [{"id": "1", "attributes": {"rank": null}}]}', [0]))
    (row,) = rows_of(peek(raw).raw, [0])
    line = msgspec.json.encode(row)
    assert b"\n" not in line
    row = json.loads(line)
    if column == "unread":
        assert row == {"id": "5f"}
    elif column == "newOf":
        assert row["extra_attributes"]["newOf"] == kept
    else:
        assert row[snake_case(column)] == ([expected] if column == "arrayOf" else kept)


def test_custom_attributes_are_converted_one_by_one() -> None:
    """Whatever way the row takes."""
    properties = {"id": {"type": "string"}, "custom": custom_schema(CUSTOM)}
    rows_of = DirectRows(
        RowMaker(RecordShape("things", properties, frozenset(properties), org_id=None))
    )
    page = page_of([{"id": "1", "attributes": {"custom": {"bNum": "7", "fId": "5f", "x": None}}}])
    for _ in range(2):
        (row,) = written(rows_of(page, [0]))
        assert row["custom"] == {"bNum": 7, "fId": ["5f"], "x": None}
