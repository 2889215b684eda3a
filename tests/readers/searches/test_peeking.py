"""What is read from the bytes of a page, and what its rows tell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tap_kustomer.readers.search.page import OrderedPage, RowKey, SearchPage, peek
from tests.readers.searches.in_memory import Row, answer_of, at, rows_at


def page_of(rows: Sequence[Row], field: str = "updatedAt", **meta: Any) -> SearchPage:
    """Return an answer as a search reads it."""
    return peek(json.dumps(answer_of(rows, **meta)).encode(), field)


def raw_page(row: Any, **options: Any) -> SearchPage:
    """Return a page of one row, whatever it is."""
    return peek(json.dumps({"data": [row]}).encode(), **options)


# ---------------------------------------------------------------- rows


def test_the_keys_of_a_row_are_its_id_its_stamps_and_its_revision() -> None:
    """In the order of the answer, normalised."""
    row = {
        "id": "a",
        "attributes": {
            "updatedAt": "2024-01-02T01:00:00+01:00",
            "createdAt": "2024-01-01",
            "rev": 7,
        },
    }

    assert raw_page(row).keys == [
        RowKey("a", "2024-01-02T00:00:00.000Z", "2024-01-01T00:00:00.000Z", 7)
    ]


@pytest.mark.parametrize("told", [None, 7, ["customer"], {}])
def test_the_kinds_of_the_rows_are_those_that_are_told(told: Any) -> None:
    """What is no text names none."""
    rows = [{"id": "a", "type": "customer"}, {"id": "b", "type": told}, {"id": "c"}]

    assert peek(json.dumps({"data": rows}).encode()).kinds == {"customer"}


def test_a_search_by_creation_takes_that_for_the_stamp() -> None:
    """Of conversation times nothing else is known."""
    (key,) = page_of([Row("a", at(5), at(3))], "createdAt").keys

    assert key == RowKey("a", at(3), at(3), None)


@pytest.mark.parametrize(
    ("told", "id_"),
    [
        ("a", "a"),
        (7, "7"),
        (7.5, None),
        (True, None),
        (None, None),
        (["a"], None),
        ("", None),
        (" ", None),
    ],
)
def test_an_id_is_a_text_or_a_whole_number(told: Any, id_: str | None) -> None:
    """Anything else is none, and the row is asked for again."""
    assert raw_page({"id": told, "attributes": {}}).keys[0].id == id_


@pytest.mark.parametrize("attributes", [None, "text", [], 7])
def test_a_row_without_attributes_counts_as_half_a_row(attributes: Any) -> None:
    """It has no key at all, and the page says how many there are."""
    page = raw_page({"id": "a", "attributes": attributes})

    assert page.keys == [RowKey(None, None, None)]
    assert page.emptied == 1
    assert raw_page({"attributes": attributes}).emptied == 0
    assert raw_page({"id": "a", "attributes": {}}).emptied == 0


def test_where_only_ids_are_read_a_row_needs_no_attributes() -> None:
    """Some endpoints send the ids alone."""
    assert raw_page({"id": "a"}, ids_only=True).keys == [RowKey("a", None, None)]
    assert raw_page("a", ids_only=True).keys == [RowKey("a", None, None)]
    assert raw_page(7, ids_only=True).keys == [RowKey(None, None, None)]
    assert raw_page("a").keys == [RowKey(None, None, None)]
    assert raw_page("a").emptied == 0


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"data": null}', b'{"data": {}}', b"<html>"])
def test_what_is_no_page_is_refused(raw: bytes) -> None:
    """It is then asked for again."""
    with pytest.raises(ValueError, match=r".+"):
        peek(raw)


def test_an_answer_with_errors_beside_its_data_is_refused() -> None:
    """What is missing in it is not known."""
    with pytest.raises(ValueError, match="errors beside"):
        peek(b'{"data": [], "errors": [{"status": 500}]}')
    assert len(peek(b'{"data": [], "errors": []}')) == 0


def test_half_an_emoji_does_not_make_a_page_unreadable() -> None:
    """The bytes are cleaned, and the rest of the page stays as it is."""
    page = peek(b'{"data": [{"id": "a", "attributes": {"name": "\\ud83d"}}], "meta": {"total": 1}}')

    assert page.ids == {"a"}
    assert page.total == 1
    assert json.loads(page.raw)["data"][0]["id"] == "a"


def test_rows_behind_half_a_row_are_read() -> None:
    """Each row stands for itself."""
    rows = ["text", {"id": "a"}, {"id": "b", "attributes": {}}]
    page = peek(json.dumps({"data": rows}).encode())

    assert [key.id for key in page.keys] == [None, None, "b"]
    assert page.is_end is False


# ---------------------------------------------------------------- meta


@pytest.mark.parametrize(
    ("told", "timed_out"),
    [(True, True), ("true", True), (1, True), (False, False), ("false", False),
     (0, False), (None, False), ("no", False)],
)  # fmt: skip
def test_a_page_says_that_time_cut_it_off(told: Any, timed_out: bool) -> None:  # noqa: FBT001
    """In any form that a server may write it in."""
    assert page_of([], timed_out=told).timed_out is timed_out


def test_a_page_says_so_in_another_spelling_too() -> None:
    """A gateway may have made a text of it."""
    assert page_of([], timed_out="True").timed_out


@pytest.mark.parametrize("meta", ["null", "[]", '"none"', "7"])
def test_a_page_without_meta_tells_nothing(meta: str) -> None:
    """It may still hold rows."""
    page = peek(b'{"data": [], "meta": %s}' % meta.encode())

    assert (page.total, page.at_least, page.page_size, page.timed_out) == (None, 0, None, False)


@pytest.mark.parametrize(
    ("told", "number"),
    [
        (0, 0), (5, 5), (5.0, 5), (0.0, 0), ("7", 7), ("00", 0), ("9" * 18, int("9" * 18)),
        (-1, None), (-1.0, None), (5.5, None), ("-5", None), ("5.0", None), ("", None),
        ("9" * 19, None), ("\u0665", None), (True, None), (False, None), (None, None), ([5], None),
    ],
)  # fmt: skip
def test_a_number_is_whole_and_not_negative(told: Any, number: int | None) -> None:
    """As a number or as a text."""
    assert page_of([], pageSize=told).page_size == number
    assert page_of([], total=told).total == number


@pytest.mark.parametrize(
    ("told", "proven", "at_least"),
    [
        ({"value": 5, "relation": "eq"}, 5, 5),
        ({"value": 5, "relation": "gte"}, None, 5),
        ({"value": 5}, None, 5),
        ({"relation": "eq"}, None, 0),
        (10_000, None, 10_000),
        ({"value": 10_000, "relation": "eq"}, None, 10_000),
        (9_999, 9_999, 9_999),
        (10_001, 10_001, 10_001),
    ],
)
def test_a_total_at_a_known_cap_or_of_another_relation_is_a_least(
    told: Any, proven: int | None, at_least: int
) -> None:
    """It proves no number."""
    page = page_of([], total=told)

    assert (page.total, page.at_least) == (proven, at_least)


@pytest.mark.parametrize(
    ("rows", "total", "expected"),
    [(2, 7, 7), (2, 0, 0), (2, None, 2), (0, None, 0), (2, 10_000, 10_000), (2, {"value": 1}, 2)],
)
def test_as_many_rows_are_expected_as_are_told_or_shown(
    rows: int, total: Any, expected: int
) -> None:
    """For plans."""
    assert page_of(rows_at(*range(rows)), total=total).expected == expected


def test_a_page_that_waits_costs_its_own_bytes() -> None:
    """That bounds what is held."""
    page = page_of(rows_at(1, 2))

    assert OrderedPage(page).size == len(page.raw) > 0
    assert OrderedPage(None).size == 0


# ---------------------------------------------------------------- ties


@pytest.mark.parametrize(
    ("seconds", "share"),
    [([], 0), ([1], 0), ([1, 2], 0), ([1, 1], 1), ([1, 1, 2, 3], 0.5), ([1, 1, 1, 2], 0.75)],
)
def test_the_share_of_ties(seconds: list[float], share: float) -> None:
    """Of the rows that have their timestamp with another one."""
    assert page_of(rows_at(*seconds)).share_of_ties == share
    assert page_of([*rows_at(*seconds), Row("none", None)]).share_of_ties == share


@pytest.mark.parametrize(
    ("seconds", "many"),
    [
        ([1] * 19, None),
        ([1] * 20, True),
        ([1] * 10 + list(range(10, 20)), True),
        ([1] * 9 + list(range(10, 21)), False),
        ([n // 2 for n in range(10)] + list(range(10, 20)), True),  # five pairs
        ([n // 2 for n in range(8)] + list(range(10, 22)), False),
        (list(range(20)), False),
    ],
)
def test_whether_half_of_the_rows_share_their_moment(
    seconds: list[float],
    many: bool | None,  # noqa: FBT001 - a column of the table
) -> None:
    """Of fewer than twenty it cannot be told; rows without a stamp do not count."""
    assert page_of(rows_at(*seconds)).has_many_ties is many
    assert page_of([*rows_at(*seconds), Row("none", None)]).has_many_ties is many


# ---------------------------------------------------------------- places


def test_the_last_row_in_its_place_is_the_newest_up_to_a_limit() -> None:
    """One on the limit is in its place."""
    page = page_of(
        [Row("1", at(1)), Row("2", at(5)), Row("3", None), Row("4", at(3)), Row("5", at(9))]
    )

    assert page.last_in_place(at(5)) == at(5)
    assert page.last_in_place(at(4.999)) == at(3)
    assert page.last_in_place(at(0)) is None


def test_the_end_of_the_rows_is_their_newest_stamp_or_the_limit() -> None:
    """Up to there all is read once nothing follows."""
    page = page_of([Row("1", at(1)), Row("2", at(5)), Row("3", None)])

    assert page.end_of_rows(at(9)) == at(5)
    assert page.end_of_rows(at(3)) == at(3)
    assert page_of([Row("1", None)]).end_of_rows(at(3)) is None


def test_rows_before_a_moment_are_counted_where_they_stand() -> None:
    """One that shows a stamp behind the limit, or none, stands before its time."""
    rows = [
        Row("a", at(1)), Row("b", at(90)), Row("c", None), Row("a", at(1)), Row(None, None),
        Row(None, None), Row("d", at(5)), Row("e", at(6)),
    ]  # fmt: skip
    page = page_of(rows)

    assert page.count_before(at(5), at(50)) == 5
    assert page.count_before(at(5.001), at(50)) == 6
    assert page.count_before(at(5)) == 1  # without a limit every stamp is a place
    assert page.count_before(at(1), at(50)) == 0
    assert page.count_before(at(60), at(50)) == 7
    assert page.count_before(at(5), at(5)) == 5  # a row on the limit is in its place
    assert page_of([Row(None, at(1)), Row(None, at(2)), Row("d", at(5))]).count_before(at(5)) == 2


def test_rows_created_before_a_moment_are_counted_where_they_stand() -> None:
    """Those that do not tell it stand before the first that does."""
    rows = [
        Row("a", at(0), at(1)), Row("b", at(0)), Row("a", at(0), at(1)), Row(None, at(0)),
        Row("d", at(0), at(5)), Row("e", at(0), at(6)),
    ]  # fmt: skip
    page = page_of(rows)

    assert page.count_created_before(at(5)) == 3
    assert page.count_created_before(at(1)) == 0
    assert page.count_created_before(at(5.001)) == 4
    assert page.count_created_before(at(9)) == 5


def test_rows_stamped_within_a_range_are_counted_once_each() -> None:
    """From the first moment on, not up to the last."""
    rows = [
        Row("a", at(1)), Row("a", at(1)), Row("b", None), Row(None, at(2)), Row(None, at(2)),
        Row("c", at(3)),
    ]  # fmt: skip

    assert page_of(rows).count_stamped(at(1), at(3)) == 3
    assert page_of(rows).count_stamped(at(1.001), at(3.001)) == 3
    assert page_of(rows).count_stamped(at(1), at(1)) == 0
