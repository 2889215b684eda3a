"""What a pass has read, laid end to end."""

from __future__ import annotations

import json

import pytest

from tap_kustomer.readers.search.coverage import Coverage, parts_of_whole
from tap_kustomer.readers.search.page import Part, peek
from tests.readers.searches.in_memory import Row, answer_of, at, rows_at


def coverage_of(*parts: tuple[str, str, int]) -> Coverage:
    """Return what was read in parts, one answer each."""
    coverage = Coverage()
    for part in parts:
        coverage.add([Part(*part)])
    return coverage


@pytest.mark.parametrize(
    ("parts", "low", "behind", "gaps"),
    [
        ((), "a", "c", [("a", "c")]),
        ((("a", "c", 1),), "a", "c", []),
        ((("b", "c", 1),), "a", "c", [("a", "b")]),
        ((("a", "b", 1),), "a", "c", [("b", "c")]),
        ((("a", "b", 1), ("c", "d", 1)), "a", "d", [("b", "c")]),
        ((("a", "b", 1), ("x", "z", 1)), "a", "b", []),
        ((("a", "b", 1), ("b", "z", 1)), "a", "b", []),
        ((("a", "m", 1), ("n", "z", 1)), "b", "m", []),
        ((("c", "d", 1), ("d", "z", 1)), "a", "d", [("a", "c")]),
    ],
)
def test_what_was_not_read_is_a_gap(
    parts: tuple[tuple[str, str, int], ...], low: str, behind: str, gaps: list[tuple[str, str]]
) -> None:
    """Parts that meet leave none, and what lies outside of the range does not count."""
    assert coverage_of(*parts).gaps(low, behind) == gaps


def test_parts_lie_in_order_of_time_whatever_order_they_come_in() -> None:
    """Readers of slices end in any order."""
    coverage = coverage_of(("d", "e", 4), ("a", "b", 1), ("c", "d", 3), ("b", "c", 2))

    assert [part.rows for part in coverage.parts] == [1, 2, 3, 4]
    assert coverage.gaps("a", "e") == []


def test_a_part_that_is_read_again_replaces_what_began_within_it() -> None:
    """Its rows count once, with those that are there now."""
    coverage = coverage_of(("a", "b", 1), ("b", "c", 2), ("c", "d", 3), ("a", "c", 5))

    assert coverage.parts == [Part("a", "c", 5), Part("c", "d", 3)]
    coverage.add([Part("c", "d", 7)])
    assert coverage.parts == [Part("a", "c", 5), Part("c", "d", 7)]


def test_a_part_of_no_time_is_none() -> None:
    """It holds nothing."""
    assert coverage_of(("a", "a", 0), ("b", "a", 1)).parts == []


def test_rows_are_counted_where_their_part_begins() -> None:
    """The first moment is included, the last is not."""
    coverage = coverage_of(("a", "b", 1), ("b", "c", 2), ("c", "d", 4))

    assert coverage.rows("a", "d") == 7
    assert coverage.rows("b", "c") == 2
    assert [part.low for part in coverage.within("b", "d")] == ["b", "c"]
    coverage.remove("b", "c")
    assert coverage.rows("a", "d") == 5


def test_one_answer_needs_no_count_and_two_do() -> None:
    """An answer that completes nothing is none of them."""
    coverage = Coverage()
    assert coverage.archive is False
    coverage.add([Part("a", "b", 1), Part("b", "c", 1)])
    coverage.add([])
    assert coverage.is_due is False
    coverage.add([Part("c", "d", 1)])
    assert coverage.is_due is True


def test_what_an_earlier_run_left_is_counted_with_this_ones() -> None:
    """One answer is then enough for a count."""
    coverage = Coverage(archive=True, carried=Part("a", "b", 3))
    assert coverage.is_due
    assert coverage.archive
    coverage.add([Part("b", "c", 2)])
    assert coverage.is_due
    assert coverage.rows("a", "c") == 5


@pytest.mark.parametrize("count", [1_023, 1_024, 1_025, 1_026, 3_000])
def test_many_parts_are_joined_and_the_newest_are_kept_apart(count: int) -> None:
    """The bookmark may lie between any of those; nothing is lost of their rows."""
    coverage = coverage_of(*((f"{n:06}", f"{n + 1:06}", n) for n in range(count)))
    low, behind = "000000", f"{count:06}"

    assert len(coverage.parts) <= 1_024
    assert (len(coverage.parts) == count) is (count <= 1_024)
    assert coverage.gaps(low, behind) == []
    assert coverage.rows(low, behind) == sum(range(count))
    newest = coverage.parts[-64:]
    assert [part.rows for part in newest] == list(range(count - 64, count))
    assert coverage.parts == sorted(coverage.parts)


def test_parts_with_a_gap_between_them_are_not_joined() -> None:
    """The gap would be hidden."""
    coverage = coverage_of(*((f"{2 * n:06}", f"{2 * n + 1:06}", 1) for n in range(1_100)))

    assert len(coverage.gaps("000000", f"{2_199:06}")) == 1_099
    assert coverage.rows("000000", "002199") == 1_100


def test_a_page_that_is_the_whole_run_has_two_parts() -> None:
    """Up to its last row, where the bookmark stays, and from there to the end.

    The row of the last minutes is in neither.
    """
    rows = [Row("1", at(1)), Row("2", at(5)), Row("3", at(5)), Row("4", at(200))]
    page = peek(json.dumps(answer_of(rows)).encode())

    assert parts_of_whole(page, at(0), at(50), at(100)) == (
        Part(at(0), at(5), 1),
        Part(at(5), at(50.001), 2),
    )


def test_a_page_without_rows_is_one_part_up_to_the_end() -> None:
    """And one of no time before it."""
    page = peek(json.dumps(answer_of([])).encode())

    assert parts_of_whole(page, at(0), at(50), at(100)) == (
        Part(at(0), at(0), 0),
        Part(at(0), at(50.001), 0),
    )


def test_a_page_whose_run_begins_behind_its_end_has_no_part_beyond_it() -> None:
    """A lookback longer than the time since the bookmark."""
    page = peek(json.dumps(answer_of(rows_at(70))).encode())

    assert parts_of_whole(page, at(60), at(50), at(50)) == (
        Part(at(60), at(50.001), 1),
        Part(at(50.001), at(50.001), 0),
    )
