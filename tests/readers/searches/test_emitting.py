"""Which rows leave a run, and how far the bookmark follows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tap_kustomer.readers.search.coverage import Coverage
from tap_kustomer.readers.search.emission import Emission, NewRows
from tap_kustomer.readers.search.emitted import EmittedRows
from tap_kustomer.readers.search.page import OrderedPage, Part, peek
from tap_kustomer.readers.search.recount import Recount
from tests.readers.searches.in_memory import Row, answer_of, at, rows_at


def page_of(rows: Sequence[Row], **options: Any) -> OrderedPage:
    """Return a page to emit."""
    return OrderedPage(peek(json.dumps(answer_of(rows)).encode()), **options)


def emitted_of(watermark: float, *pages: Sequence[Row], keeps_all: bool = False) -> list[list[str]]:
    """Return the ids that each of ``pages`` emits."""
    emitted = EmittedRows()
    emitted.watermark = at(watermark)
    emitted.keeps_all = keeps_all
    return [[str(rows[index].id) for index in emitted.new_rows(page_of(rows))] for rows in pages]


# ---------------------------------------------------------------- each row once


def test_a_row_that_comes_again_at_its_moment_is_written_once() -> None:
    """Each page begins with the last row of the one before."""
    a, b, c = rows_at(1, 2, 2)

    assert emitted_of(100, [a, b], [b, c], [c]) == [["0", "1"], ["2"], []]


def test_old_rows_of_another_moment_are_not_remembered() -> None:
    """They come in order, so memory does not grow with them."""
    a, b = rows_at(1, 2)

    assert emitted_of(100, [a, b], [a]) == [["0", "1"], ["0"]]
    assert emitted_of(100, [a, b], [a], keeps_all=True) == [["0", "1"], []]


@pytest.mark.parametrize("stamp", [50, 100])
@pytest.mark.parametrize(
    ("before", "now", "written"),
    [(1, 2, True), (2, 2, False), (3, 2, False), (None, 2, False), (2, None, False)],
)
def test_at_one_moment_a_higher_revision_is_a_newer_version(
    stamp: float,
    before: int | None,
    now: int | None,
    written: bool,  # noqa: FBT001
) -> None:
    """An upsert keeps what it got last."""
    old, new = (Row("a", at(stamp), rev=rev) for rev in (before, now))

    assert emitted_of(100, [old], [new]) == [["a"], ["a"] if written else []]


def test_rows_behind_the_watermark_come_again_only_in_a_newer_version() -> None:
    """They come in any order and in several passes."""
    old, newer, newest = (Row("a", at(n), rev=rev) for n, rev in ((101, 5), (102, 6), (103, 4)))

    assert emitted_of(100, [newer], [old], [newer], [newest]) == [["a"], [], [], []]
    assert emitted_of(100, [old], [newer]) == [["a"], ["a"]]


def test_a_row_that_was_seen_behind_the_watermark_is_remembered_when_it_shows_its_old_stamp() -> (
    None
):
    """The index may show it where it was before: that version must not come last."""
    old, new = Row("a", at(50), rev=1), Row("a", at(101), rev=2)

    assert emitted_of(100, [new], [old]) == [["a"], []]


def test_a_row_on_the_watermark_is_an_old_one() -> None:
    """The index is complete up to it, so only its own moment can bring it again."""
    emitted = EmittedRows()
    emitted.watermark = at(100)
    emitted.new_rows(page_of(rows_at(100)))
    emitted.new_rows(page_of(rows_at(50, prefix="other")))

    assert emitted.new_rows(page_of(rows_at(100))) == [0]


def test_a_row_without_an_id_or_a_stamp_is_always_written() -> None:
    """What it is shows when it is made a record."""
    rows = [Row(None, at(1)), Row("a", None), Row(None, at(1)), Row("a", None)]

    assert emitted_of(100, rows, rows) == [["None", "a", "None", "a"]] * 2


def test_rows_between_the_end_of_a_slice_and_the_watermark_are_anothers() -> None:
    """Behind the watermark they are everybody's."""
    emitted = EmittedRows()
    emitted.watermark = at(100)
    rows = rows_at(49, 50, 51, 100, 101)

    assert emitted.new_rows(page_of(rows, high=at(50))) == [0, 1, 4]
    assert emitted.new_rows(OrderedPage(None)) == []


def test_rows_before_the_run_are_an_earlier_ones() -> None:
    """The first of its own rows is the one at that moment."""
    emitted = EmittedRows()
    emitted.watermark, emitted.low = at(100), at(50)

    assert emitted.new_rows(page_of(rows_at(49, 50, 51))) == [1, 2]


# ---------------------------------------------------------------- the bookmark


def bookmarks(emission: Emission, *settled: float | None) -> list[str | None]:
    """Return the bookmark behind each page."""
    pages = [OrderedPage(None, None if one is None else at(one)) for one in settled]
    return [rows.bookmark for rows in emission.emit(pages)]


def emission_of(start: float = 0, watermark: float = 100) -> Emission:
    """Return one whose first pass has begun."""
    emission = Emission(at(start))
    emission.begin_pass(at(watermark))
    return emission


def test_the_bookmark_follows_what_is_settled() -> None:
    """A page that settles nothing leaves it where it is."""
    assert bookmarks(emission_of(), None, 10, None, 20) == [None, at(10), at(10), at(20)]


def test_the_bookmark_is_never_lowered() -> None:
    """A later pass may settle an earlier moment."""
    assert bookmarks(emission_of(), 20, 10, 30) == [at(20), at(20), at(30)]


def test_the_bookmark_stays_at_the_watermark() -> None:
    """Rows that the index shows late are then still in front of it."""
    emission = emission_of()

    assert bookmarks(emission, 150) == [at(100)]
    emission.begin_pass(at(120))
    assert bookmarks(emission, 150) == [at(120)]
    assert emission.emitted.watermark == emission.watermark == at(120)


def test_the_bookmark_is_not_before_the_start() -> None:
    """The lookback of a run that begins at its bookmark would move it back."""
    assert bookmarks(emission_of(start=100, watermark=50), 80) == [at(100)]


def test_the_rows_of_a_page_leave_with_its_bytes() -> None:
    """And with the bookmark that holds behind them."""
    page = page_of(rows_at(1, 2), settled=at(2))
    (rows,) = emission_of().emit([page])

    assert page.page is not None
    assert rows == NewRows(page.page.raw, [0, 1], at(2), goes_back=False)


def test_what_is_not_counted_yet_stands_beside_the_bookmark() -> None:
    """A run that goes on from there has to count it too."""
    coverage = Coverage(archive=True)
    emission = emission_of()
    pages = [
        OrderedPage(None, at(10), parts=(Part(at(0), at(10), 3),)),
        OrderedPage(None, at(20), parts=(Part(at(10), at(20), 4),)),
        OrderedPage(None, None, parts=(Part(at(20), at(30), 5),)),
    ]

    found = list(emission.emit(pages, coverage))

    assert found[0].uncounted is None  # one answer is not counted
    assert found[1].uncounted == {"archive": True, "since": at(0), "until": at(20), "rows": 7}
    assert found[2].uncounted == found[1].uncounted
    assert emission.all_counted() == NewRows(b"", [], at(20))
    assert next(iter(emission.emit([OrderedPage(None)]))).uncounted is None


def test_a_bookmark_that_does_not_move_is_told_what_became_due_to_be_counted() -> None:
    """The second answer ended at the last row of the first, and makes the count due."""
    pages = [
        OrderedPage(None, at(10), parts=(Part(at(0), at(10), 3),)),
        OrderedPage(None, at(10), parts=(Part(at(10), at(20), 4),)),
    ]

    found = list(emission_of().emit(pages, Coverage()))

    assert [one.bookmark for one in found] == [at(10), at(10)]
    assert found[1].uncounted == {"archive": False, "since": at(0), "until": at(10), "rows": 3}


def test_what_is_to_be_looked_at_again_stands_beside_a_bookmark_only() -> None:
    """Without one nothing was seen in its place."""
    recount = Recount(at(0), at(10), 3)
    emission = emission_of()

    assert emission.all_counted(recount).uncounted is None
    bookmarks(emission, 10)
    assert emission.all_counted(recount).uncounted == recount.as_state(at(10))
    assert emission.all_counted().uncounted is None


def test_nothing_is_left_to_count_where_nothing_was_read_before_the_bookmark() -> None:
    """What a run read behind it comes again."""
    coverage = Coverage()
    coverage.is_due = True
    pages = [OrderedPage(None, at(10), parts=(Part(at(10), at(20), 3),))]

    assert [one.uncounted for one in emission_of().emit(pages, coverage)] == [None]
    assert [one.uncounted for one in emission_of().emit(pages)] == [None]
