"""All ids of a search and its rows by month, against an index in memory that may change."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from tap_kustomer import timestamps
from tap_kustomer.errors import StreamError
from tap_kustomer.readers import ids as ids_module
from tap_kustomer.readers.census import Census, PageSizeChangedError, Span
from tap_kustomer.readers.ids import read_ids
from tap_kustomer.readers.months import count_by_month, month_of, months_between
from tap_kustomer.readers.search.page import RowKey, SearchPage

LOW, HIGH = "2025-11-10T00:00:00.000Z", "2026-03-20T00:00:00.000Z"
SPAN = Span(LOW, HIGH)


def moment(seconds: float) -> str:
    """Return so many seconds behind the begin of the range."""
    return timestamps.shift(LOW, seconds=seconds)


class Index(Census):
    """A search whose rows are in memory, asked for as Kustomer is."""

    def __init__(self, created: Iterable[str], page_size: int = 2) -> None:
        """Keep when each row was created; their ids are numbers."""
        self.rows = {str(number): one for number, one in enumerate(created)}
        self.page_size = page_size
        self.query: Any = SimpleNamespace(stream="customers")
        self.cap: int | None = None  # beyond it no total is told
        self.shuffled: random.Random | None = None  # the order of ties, with each answer
        self.change: Callable[[], None] = lambda: None  # before each answer
        self.part: tuple[int, random.Random] | None = (
            None  # which answer is of a part, and of which
        )
        self.totals: list[int] = []  # said instead of the first true ones
        self.asked: list[tuple[int, int, bool]] = []  # number, size and whether ids only

    def ask(
        self, span: Span, number: int = 1, *, size: int | None = None, ids_only: bool = True
    ) -> SearchPage:
        """Answer."""
        self.change()
        size = size or self.page_size
        self.asked.append((number, size, ids_only))
        assert len(self.asked) < 3_000, "no end"
        found = [(at, id_) for id_, at in self.rows.items() if span.low <= at <= span.high]
        if self.part is not None and self.part[0] == len(self.asked):
            found = [row for row in found if self.part[1].random() < 0.7]
        if self.shuffled is not None:
            self.shuffled.shuffle(found)
        found.sort(key=lambda row: row[0])
        total: int | None = self.totals.pop(0) if self.totals else len(found)
        if self.cap is not None and len(found) > self.cap:
            total = None
        shown = found[(number - 1) * size : number * size]
        keys = [RowKey(id_, None, None if ids_only else at) for at, id_ in shown]
        return SearchPage(b"", keys, total, None, timed_out=False)

    def call(self, work: Callable[[], Any]) -> Any:
        """Do it at once: a prefetch's place."""
        return work()

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """Do each at once."""
        return [work(item) for item in items]

    def read(self, span: Span = SPAN) -> list[str]:
        """Return the ids that are yielded, in order."""
        return [id_ for part in read_ids(self, self, span) for id_ in sorted(part)]  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages be known to work down to six rows."""
    monkeypatch.setattr(ids_module, "DEEPEST_ROW", 6)


def spread(count: int) -> list[str]:
    """Return the creation of so many rows, an hour apart."""
    return [moment(3_600 * number) for number in range(count)]


# ---------------------------------------------------------------- ids


@pytest.mark.parametrize(
    ("count", "pages"),
    [(0, 2), (1, 2), (2, 2), (3, 2), (6, 3), (7, 4), (10, 6), (11, 6), (12, 7), (20, 12)],
)
def test_ids_cost_hardly_more_than_their_pages(count: int, pages: int) -> None:
    """A range that fits costs its pages, two if it is one; else its last page tells the next."""
    index = Index(spread(count))
    found = index.read()
    assert sorted(found, key=int) == [str(number) for number in range(count)]
    assert len(index.asked) == pages
    assert max(number for number, _, _ in index.asked) <= 3


def test_no_page_behind_the_deepest_row_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond ten thousand rows numbers of pages are not known to work; up to there they are."""
    monkeypatch.undo()
    index = Index((moment(number) for number in range(10_001)), page_size=500)
    assert len({*index.read()}) == 10_001
    assert max(number for number, _, _ in index.asked) == 20
    assert sum(not ids_only for _, _, ids_only in index.asked) == 1


def test_pages_larger_than_the_depth_are_two_at_least() -> None:
    """One would have to be the first and the last of its range."""
    index = Index(spread(30), page_size=10)
    assert len({*index.read()}) == 30
    assert max(number for number, _, _ in index.asked) == 2


@pytest.mark.parametrize("seed", range(100))
def test_ids_are_whole_whatever_shares_an_instant_or_goes(seed: int) -> None:
    """What is there from beginning to end is found, nothing else, and each range is proven."""
    rng = random.Random(seed)
    times = [
        rng.choice([0, 0.001, 0.002, 50, 51, rng.randint(0, 9_000)])
        for _ in range(rng.randint(0, 60))
    ]
    index = Index(map(moment, times), page_size=rng.choice([2, 3]))
    ever = set(index.rows)
    index.shuffled = rng
    index.cap = rng.choice([None, None, 4, 9])
    leaving = rng.choice([0, 0, 0.03])

    def leave() -> None:
        if index.rows and rng.random() < leaving:
            del index.rows[rng.choice([*index.rows])]

    index.change = leave
    try:
        found = set(index.read())
    except StreamError as error:
        # Of a capped instant nothing tells how many rows it has.
        assert "they are not all known" in str(error) or index.cap is not None  # noqa: PT017
        assert index.cap is not None or leaving
        return
    assert set(index.rows) <= found <= ever


def test_one_answer_of_a_part_of_the_index_hides_no_id() -> None:
    """Wherever it comes: an id that is not listed counts as gone."""
    for seed in range(1_500):
        rng = random.Random(seed)
        index = Index(
            map(moment, sorted(rng.randint(0, 9_000) for _ in range(rng.randint(0, 25)))),
            page_size=rng.choice([2, 3]),
        )
        index.part = rng.randint(1, 12), rng
        try:
            found = set(index.read())
        except StreamError:
            continue
        assert found == set(index.rows), seed


@pytest.mark.parametrize("place", range(2, 5))
def test_a_row_that_goes_between_two_pages_hides_no_other(place: int) -> None:
    """The pages behind it skip one, and the rows that are left are as many as the ids."""
    index = Index(spread(20))

    def go() -> None:
        if len(index.asked) == place:
            index.rows.pop("0", None)

    index.change = go
    found = set(index.read())
    assert "0" not in index.rows
    assert set(index.rows) <= found


def test_a_range_whose_total_is_capped_is_proven_in_parts() -> None:
    """Its last page tells where to part it; the rest of its pages proves nothing."""
    index = Index(spread(20))
    index.cap = 6
    assert {*index.read()} == set(index.rows)
    assert len(index.asked) == 3 * (1 + 1 + 3) + 3


def test_a_border_is_told_by_a_page_that_begins_with_ties() -> None:
    """As long as its last row came later than its first."""
    hours = [moment(3_600 * hour) for hour in (0, 1, 2, 3, 3, 4, 5, 6)]
    index = Index(hours, page_size=3)
    assert {*index.read()} == set(index.rows)
    assert len(index.asked) == 3


def test_a_half_that_just_fits_is_read_in_one_piece() -> None:
    """Where no border can be told, a range is halved no further than it has to be."""
    early = [moment(second) for second in (0, 1, 2, 3, 4, 4)]
    late = [timestamps.shift(HIGH, seconds=-second) for second in range(6)]
    index = Index([*early, *late])
    assert {*index.read()} == set(index.rows)
    assert len(index.asked) == 1 + 1 + 1 + 3 + 3


def test_rows_of_one_instant_are_read_page_by_page() -> None:
    """As many pages as their total needs, however deep."""
    index = Index([moment(7)] * 9)
    assert {*index.read(Span(moment(7), moment(7)))} == set(index.rows)
    assert len(index.asked) == 1 + 1 + 1 + 5


def test_rows_of_one_instant_are_read_until_they_are_as_many_as_counted() -> None:
    """Their order changes from answer to answer, so one reading may lack some."""
    index = Index([moment(7)] * 9)
    index.shuffled = random.Random(4)
    assert {*index.read()} == set(index.rows)


def test_rows_of_one_instant_that_never_add_up_fail() -> None:
    """After twelve readings; with the moment, and what to do."""
    index = Index([moment(7)] * 9)
    index.totals = [10] * 3_000
    with pytest.raises(StreamError, match=rf"created at {moment(7)}, .* Run again later\."):
        index.read(Span(moment(7), moment(7)))
    assert sum(number == 1 for number, _, _ in index.asked) == 2 + 12


def test_rows_of_one_instant_without_a_total_fail_at_once() -> None:
    """Nothing could prove them."""
    index = Index([moment(7)] * 9)
    index.cap = 1
    with pytest.raises(StreamError, match="does not show as many ids"):
        index.read(Span(moment(7), moment(7)))
    assert len(index.asked) <= 6


def test_rows_that_go_while_an_instant_is_read_are_not_kept() -> None:
    """More ids than rows: it begins again."""
    index = Index([moment(7)] * 6)
    index.page_size = 2

    def go() -> None:
        if len(index.asked) == 5:
            del index.rows["0"], index.rows["1"]

    index.change = go
    found = {*index.read(Span(moment(7), moment(7)))}
    assert set(index.rows) <= found
    assert len(index.asked) < 30


def test_a_range_is_read_anew_in_the_size_that_kustomer_gives() -> None:
    """Nothing of the first reading is lost."""
    index = Index(spread(9), page_size=4)

    def shrink() -> None:
        if index.page_size == 4 and index.asked:
            index.page_size = 2
            raise PageSizeChangedError

    index.change = shrink
    assert {*index.read()} == set(index.rows)


# ---------------------------------------------------------------- months


def created_in(*months: str) -> list[str]:
    """Return the creation of a row in the middle of each month."""
    return [f"{month}-15T12:00:00.000Z" for month in months]


def test_rows_are_counted_by_the_month_of_their_creation() -> None:
    """To the last moment of each, over the end of a year, within the range."""
    created = [
        "2025-11-09T23:59:59.999Z",  # in front of the range
        "2025-11-10T00:00:00.000Z",
        "2025-11-30T23:59:59.999Z",
        "2025-12-01T00:00:00.000Z",
        "2025-12-31T23:59:59.999Z",
        "2026-01-01T00:00:00.000Z",
        "2026-03-20T00:00:00.000Z",
        "2026-03-20T00:00:00.001Z",  # behind it
    ]
    index = Index(created)
    assert count_by_month(index, SPAN) == {"2025-11": 2, "2025-12": 2, "2026-01": 1, "2026-03": 1}


@pytest.mark.parametrize("months", [("2025-12",), ("2026-02",), ("2026-01",)])
def test_a_range_that_ends_with_the_first_moment_of_a_month_has_that_too(
    months: tuple[str, ...],
) -> None:
    """A row may have been created just then, behind a month with some or without."""
    end = "2026-03-01T00:00:00.000Z"
    index = Index([*created_in(*months), end])
    assert count_by_month(index, Span(LOW, end)) == {months[0]: 1, "2026-03": 1}


@pytest.mark.parametrize(
    ("months", "asked"),
    [
        ((), 1),
        (("2025-11",), 4),
        (("2025-11", "2025-12", "2026-01", "2026-02"), 6),
        (("2025-11", "2026-03"), 5),
        (("2026-03",), 2),
        (("2025-12",), 4),
    ],
)
def test_empty_months_are_not_asked_about(months: tuple[str, ...], asked: int) -> None:
    """But for the first behind others: the first row behind it says where to go on."""
    index = Index(created_in(*months))
    assert count_by_month(index, SPAN) == Counter(month for month in months)
    assert len(index.asked) == asked
    assert {size for _, size, _ in index.asked} <= {1}


def test_months_that_add_up_to_neither_answer_are_counted_again() -> None:
    """Three times; then the stream fails, as a month too few would accuse the warehouse."""
    index = Index(created_in("2026-03", "2026-03"))
    index.totals = [5]
    index.change = lambda: None
    assert count_by_month(index, SPAN) == {"2026-03": 2}  # 2 lies between 5 and 2
    for wrong in (1, 2, 3):
        index = Index(created_in("2026-03", "2026-03"))
        index.totals = [5, 2, 4] * wrong
        if wrong == 3:
            with pytest.raises(StreamError, match=r"customers: .* do not agree .* Run again later"):
                count_by_month(index, SPAN)
            assert len(index.asked) == 9
        else:
            assert count_by_month(index, SPAN) == {"2026-03": 2}
            assert len(index.asked) == 3 * wrong + 2


@pytest.mark.parametrize(("before", "after"), [(3, 2), (2, 3), (1, 2)])
def test_a_sum_between_two_answers_is_believed(before: int, after: int) -> None:
    """Rows may have come or gone meanwhile."""
    index = Index(created_in("2026-03", "2026-03"))
    index.totals = [before, 2, after]
    assert count_by_month(index, SPAN) == {"2026-03": 2}
    assert len(index.asked) <= 3


def test_a_range_without_a_total_is_its_months() -> None:
    """A capped total proves nothing, and each month is counted by halves where it has to be."""
    index = Index(created_in("2025-11", "2026-01", "2026-01", "2026-03"))
    index.cap = 3
    assert count_by_month(index, SPAN) == {"2025-11": 1, "2026-01": 2, "2026-03": 1}


def test_months_follow_each_other_over_the_end_of_a_year() -> None:
    """Both included; a moment's month is where it begins."""
    assert list(months_between("2025-11", "2026-02")) == [
        "2025-11",
        "2025-12",
        "2026-01",
        "2026-02",
    ]
    assert list(months_between("2026-02", "2026-02")) == ["2026-02"]
    assert list(months_between("2026-02", "2026-01")) == []
    assert list(months_between("0999-12", "1000-01")) == ["0999-12", "1000-01"]
    assert month_of(HIGH) == "2026-03"
