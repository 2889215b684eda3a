"""One run of a search stream, from its first search to its last, against an index in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tap_kustomer.errors import EmptiedRowsError, NotFoundError, RequestRefusedError, StreamError
from tap_kustomer.readers.prefetch import Prefetch
from tap_kustomer.readers.search.ask import ExactTotals
from tap_kustomer.readers.search.count import MissingRowsError
from tap_kustomer.readers.search.emission import NewRows
from tap_kustomer.readers.search.options import ReadOptions
from tap_kustomer.readers.search.proof import check_joined
from tap_kustomer.readers.search.query import SearchQuery
from tap_kustomer.readers.search.reader import SearchReader
from tests.readers.searches.in_memory import (
    QUERY,
    AtOnce,
    Client,
    Index,
    Row,
    answer_of,
    at,
    rows_at,
)

PAGE = 5
NOW = 3_600  # the run's start, in seconds after the beginning
WATERMARK = NOW - 300
DAY = 86_400.0


class Run:
    """A run over ``answer``, and what it brought."""

    def __init__(
        self,
        answer: Callable[[Any], Any],
        *,
        start: float = 0,
        end: float | None = None,
        query: SearchQuery = QUERY,
        page_size: int = PAGE,
        **options: Any,
    ) -> None:
        """Read all that the run owes, or as much as comes before an error."""
        self.client = Client(answer)
        if isinstance(answer, Late):
            answer.client = self.client
        prefetch = Prefetch(self.client.clock, 2, AtOnce())
        self.reader = SearchReader(
            self.client,  # type: ignore[arg-type]
            prefetch,
            ReadOptions(
                start=at(start),
                end=None if end is None else at(end),
                lookback_seconds=300,
                page_size=page_size,
                **{"archive": False, **options},
            ),
        )
        self.rows: list[NewRows] = []
        self.error: StreamError | None = None
        try:
            self.rows += self.reader.read(self.reader.first_page(query))
        except StreamError as error:
            self.error = error

    @property
    def emitted(self) -> list[str]:
        """The ids of the rows that were emitted, repeated ones included."""
        found = []
        for one in self.rows:
            data = json.loads(one.raw)["data"] if one.raw else []
            found += [str(data[index]["id"]) for index in one.indexes]
        return found

    @property
    def bookmark(self) -> str | None:
        """The last bookmark."""
        return self.rows[-1].bookmark

    @property
    def asked(self) -> list[tuple[str, str | None, int]]:
        """What was asked for: (low, high, rows)."""
        return [
            (*one, size) for one, size in zip(self.client.ranges, self.client.sizes, strict=True)
        ]


def numbered(count: int) -> set[str]:
    """Return the ids of so many rows."""
    return {str(n) for n in range(count)}


# ---------------------------------------------------------------- runs of one search


def test_a_quiet_run_is_one_search_without_an_end() -> None:
    """The bookmark comes to its last row."""
    run = Run(Index(rows_at(10, 20, 30)))

    assert run.emitted == ["0", "1", "2"]
    assert run.asked == [(at(0), None, PAGE)]
    assert run.bookmark == at(30)
    assert run.reader.total == 3
    assert run.reader.proof.rows_counted is None


def test_the_bookmark_stays_the_lookback_behind_the_start_of_the_run() -> None:
    """Newer rows come again with the next run."""
    run = Run(Index(rows_at(10, NOW - 10)))

    assert len(run.emitted) == 2
    assert run.bookmark == at(WATERMARK)


def test_what_one_search_showed_is_left_to_the_next_run_to_be_looked_at_again() -> None:
    """The rows before the last one."""
    run = Run(Index(rows_at(10, 20, 30)))

    left = {"since": at(0), "until": at(30), "rows": 2, "bookmark": at(30), "recount": True}
    assert run.rows[-1].uncounted == left
    assert Run(Index(rows_at(10, 20, 30)), end=NOW - 100).rows[-1].uncounted is None


def next_run(index: Callable[[Any], Any], **options: Any) -> Run:
    """Return a run that begins at the bookmark of one that saw two rows before it."""
    left = {"since": at(0), "until": at(30), "rows": 2, "bookmark": at(30), "recount": True}
    return Run(index, start=30, uncounted=left, **options)


def test_the_next_run_looks_again_and_writes_only_what_is_new() -> None:
    """And the row at the bookmark."""
    run = next_run(Index(rows_at(10, 20, 30, 40)))

    assert run.asked == [(at(0), None, PAGE)]
    assert run.emitted == ["2", "3"]
    assert run.reader.total == 2
    assert run.bookmark == at(40)
    assert run.rows[-1].uncounted is not None
    assert run.rows[-1].uncounted["since"] == at(30)
    assert run.client.seen("whole-pages")[1] == []


def test_rows_that_the_run_before_did_not_see_are_written_with_all_others() -> None:
    """Its answer was of a part of the index."""
    run = next_run(Index(rows_at(10, 15, 20, 30)))

    assert run.emitted == ["0", "1", "2", "3"]
    assert run.client.seen("whole-pages")[1] == ["an answer that seemed whole was a part"]
    assert run.rows[-1].uncounted is not None
    assert run.rows[-1].uncounted["since"] == at(0)


def test_where_too_much_is_new_only_that_is_read() -> None:
    """One search cannot show both."""
    run = next_run(Index(rows_at(10, 20, *range(30, 60, 5))))

    assert run.asked[:2] == [(at(0), None, PAGE), (at(30), None, PAGE)]
    assert set(run.emitted) == {str(n) for n in range(2, 8)}
    assert run.reader.total == 6


def test_a_run_up_to_an_end_looks_at_nothing_again() -> None:
    """It never moves a bookmark back."""
    run = next_run(Index(rows_at(10, 20, 30, 40)), end=NOW - 100)

    assert run.asked[0] == (at(30), at(NOW - 100), PAGE)


def test_what_an_earlier_run_could_not_count_is_counted_with_this_one() -> None:
    """Also where this one is one search."""
    left = {"archive": False, "since": at(-50), "until": at(0), "rows": 7}
    index = Index([*rows_at(*range(-50, -43), prefix="old"), *rows_at(10, 20)])
    run = Run(index, uncounted=left)

    assert run.error is None
    assert run.asked == [(at(0), None, PAGE), (at(-50), at(WATERMARK), 1)]
    assert (run.reader.proof.rows_counted, run.reader.proof.rows_in_range) == (9, 9)
    assert run.rows[-1].uncounted is None


def test_rows_of_the_last_minutes_hide_none_that_an_earlier_run_did_not_see() -> None:
    """They are no part of the range that is counted, so they must not make up for one in it."""
    left = {"archive": False, "since": at(-50), "until": at(0), "rows": 7}
    old = rows_at(*range(-50, -42), prefix="old")  # one more than were seen
    run = Run(Index([*old, *rows_at(10, 20, NOW - 10)]), uncounted=left)

    assert run.error is None
    assert {one.id for one in old} <= set(run.emitted)


def test_a_row_that_is_newer_than_its_place_fails_no_count() -> None:
    """Kustomer counts it where it stands; reading the range again shows that."""
    left = {"archive": False, "since": at(-50), "until": at(0), "rows": 7}
    old = rows_at(*range(-50, -43), prefix="old")
    newer = Row("newer", at(NOW - 10), place=at(25))
    run = Run(Index([*old, *rows_at(10, 20), newer]), uncounted=left)

    assert run.error is None
    assert "newer" in run.emitted


@pytest.mark.parametrize(
    "change",
    [
        {"archive": True},
        {"archive": None},
        {"since": "?"},
        {"until": at(1)},
        {"rows": "7"},
        {"rows": True},
    ],
)
def test_what_does_not_fit_this_run_is_not_counted_with_it(change: dict[str, Any]) -> None:
    """Another bookmark, the other search, or no number."""
    left = {"archive": False, "since": at(-50), "until": at(0), "rows": 7, **change}
    run = Run(Index(rows_at(10, 20)), uncounted=left)

    assert len(run.asked) == 1
    assert Run(Index(rows_at(10)), uncounted=[left]).error is None


def test_rows_without_their_attributes_fail_the_run_and_are_taken_by_the_next() -> None:
    """If that has not changed."""

    def emptied(request: Any) -> Any:
        del request
        return {"data": [{"type": "customer", "id": "a"}], "meta": {"total": 1}}

    assert isinstance(Run(emptied).error, EmptiedRowsError)
    assert Run(emptied, takes_emptied=True).error is None


# ---------------------------------------------------------------- runs of many


def test_a_long_run_reads_slices_counts_them_and_catches_up() -> None:
    """Each row once; the range up to the watermark is proven by one count."""
    rows = rows_at(*[n * 50 for n in range(60)], NOW - 100)
    run = Run(Index(rows))

    assert set(run.emitted) == numbered(61)
    assert len(run.emitted) <= 62
    assert run.bookmark == at(WATERMARK) or run.bookmark == at(2_950)
    assert (at(0), at(WATERMARK), 1) in run.asked
    assert len(set(run.asked)) == len(run.asked)
    assert (run.reader.proof.rows_counted, run.reader.proof.rows_in_range) == (60, 60)
    assert run.rows[-1].uncounted is None
    assert run.reader.total == 61
    marks = [one.bookmark for one in run.rows if one.bookmark is not None]
    assert marks == sorted(marks)


def test_what_is_read_and_not_counted_yet_stands_beside_each_bookmark() -> None:
    """A run that is killed leaves it to the next."""
    run = Run(Index(rows_at(*[n * 50 for n in range(60)])))

    open_ = [one for one in run.rows if one.uncounted is not None]
    assert open_
    for one in open_:
        assert one.uncounted is not None
        assert one.uncounted["since"] == at(0)
        assert one.uncounted["until"] == one.bookmark
        assert one.uncounted["archive"] is False


class Late:
    """Rows come during the fifth search, which takes a quarter of an hour."""

    client: Client

    def __init__(self, rows: int) -> None:
        """Let so many come."""
        self.index = Index(rows_at(*[n * 50 for n in range(60)]))
        self._rows = rows

    def __call__(self, request: Any) -> Any:
        """Return one page."""
        if len(self.client.sent) == 5:
            self.client.clock.time += 1_000
            moments = [NOW + n * 900 / self._rows for n in range(self._rows)]
            self.index.rows += rows_at(*moments, prefix="late")
        return self.index(request)


@pytest.mark.parametrize("count", [3, 4, 40])
def test_rows_that_come_during_the_first_pass_are_caught_up_with(count: int) -> None:
    """Few of them in one search, many in searches of their own, which are counted as well."""
    late = Late(count)
    run = Run(late)

    assert run.error is None
    assert set(run.emitted) == {row.id for row in late.index.rows}
    assert len(run.emitted) <= len(late.index.rows) + 2
    settled = max(NOW + 900 / count * n for n in range(count) if NOW + 900 / count * n <= NOW + 700)
    assert run.bookmark == at(settled)
    counts = [one for one in run.asked if one[2] == 1]
    assert len(counts) == (1 if count < PAGE else 2)


def test_a_catch_up_that_begins_at_its_own_watermark_reads_the_tail_alone() -> None:
    """The first pass took no time, so no range lies between them."""
    rows = rows_at(*[n * 50 for n in range(60)], *[WATERMARK + 10 + n for n in range(20)])
    run = Run(Index(rows))

    assert set(run.emitted) == numbered(80)
    assert all(low != high for low, high, _ in run.asked)


def test_a_size_that_kustomer_cuts_holds_for_the_whole_run() -> None:
    """It is found out once."""
    index = Index(rows_at(*[n * 50 for n in range(40)]))

    def cut(request: Any) -> Any:
        size = min(request.params["pageSize"], 4)
        params = {**request.params, "pageSize": size}
        return index(type(request)(request.path, params, request.body, request.budget))

    run = Run(cut, page_size=20)

    assert set(run.emitted) == numbered(40)
    assert run.client.sizes.count(20) == 1


def test_rows_that_are_counted_and_never_shown_take_the_bookmark_back() -> None:
    """In front of the range that lacks them."""
    index = Index(rows_at(*[n * 50 for n in range(60)]))

    def announcing(request: Any) -> Any:
        found = index(request)
        if request.params["pageSize"] == 1:
            found["meta"]["total"] += 1
        return found

    run = Run(announcing)

    assert isinstance(run.error, MissingRowsError)
    assert run.rows[-1] == NewRows(b"", [], at(0), goes_back=True)
    assert set(run.emitted) == numbered(60)


def test_rows_that_the_slices_lacked_are_found_by_the_count_and_written() -> None:
    """They settle nothing: the bookmark is where it was."""
    index = Index(rows_at(*[n * 50 for n in range(60)]))
    answers = 0

    def in_part(request: Any) -> Any:
        nonlocal answers
        answers += 1
        is_part = answers < 25 and request.params["pageSize"] > 1
        return Index(row for row in index.rows if not is_part or row.id != "17")(request)

    run = Run(in_part)

    assert run.error is None
    assert set(run.emitted) == numbered(60)
    marks = [one.bookmark for one in run.rows if one.bookmark is not None]
    assert marks == sorted(marks)
    assert (run.reader.proof.rows_counted, run.reader.proof.rows_in_range) == (60, 60)


# ---------------------------------------------------------------- an end


@pytest.mark.parametrize("count", [3, 60])
@pytest.mark.parametrize("end", [1_475, WATERMARK, WATERMARK + 100])
def test_a_run_up_to_an_end_reads_up_to_it_and_no_further(count: int, end: float) -> None:
    """In one search or in many."""
    step = 3_540 / count
    run = Run(Index(rows_at(*[n * step for n in range(count)])), end=end)

    assert set(run.emitted) == {str(n) for n in range(count) if n * step <= end}
    assert all(high is not None and high <= at(end) for _, high, _ in run.asked)
    assert run.bookmark is not None
    assert run.bookmark <= at(min(end, WATERMARK))
    if end <= WATERMARK and count > PAGE:
        assert run.asked[-1][2] == 1  # the count is the last


@pytest.mark.parametrize("end", [NOW, NOW + 100])
def test_an_end_that_is_not_past_is_none(end: float) -> None:
    """The run ends where everything does."""
    run = Run(Index(rows_at(10, NOW + 50)), end=end)

    assert run.asked[0] == (at(0), None, PAGE)
    assert run.emitted == ["0", "1"]


def test_an_end_before_now_is_one() -> None:
    """By a millisecond."""
    assert Run(Index(rows_at(10)), end=NOW - 0.001).asked[0][1] == at(NOW - 0.001)


def test_a_run_that_begins_behind_the_watermark_reads_the_tail_at_once() -> None:
    """The bookmark may be of a minute ago."""
    rows = rows_at(*[WATERMARK + n for n in range(1, 40)])
    run = Run(Index(rows), start=WATERMARK + 1)

    assert set(run.emitted) == numbered(39)
    assert run.reader.proof.rows_counted is None
    assert run.bookmark in {None, at(WATERMARK + 1)}


# ---------------------------------------------------------------- the archive


EDGE = NOW - 730 * DAY  # in seconds after the beginning, as all moments here


def old(count: int, days: float, prefix: str, step: float = 0.01) -> list[Row]:
    """Return rows from so many days before the edge on."""
    return rows_at(*[EDGE - days * DAY + n * step * DAY for n in range(count)], prefix=prefix)


def archive_run(index: Callable[[Any], Any], days: float = 100, **options: Any) -> Run:
    """Return a run that begins so many days before the edge."""
    return Run(index, start=EDGE - days * DAY, archive=True, **options)


def archived(run: Run) -> list[tuple[str, str | None, int]]:
    """Return what the archive was asked for."""
    return [
        one for one, sent in zip(run.asked, run.client.sent, strict=True) if "archive" in sent.path
    ]


OVERLAP = EDGE + 2 * DAY


@pytest.mark.parametrize("count", [0, 2, 30])
@pytest.mark.parametrize("live", [0, 2, 30])
@pytest.mark.parametrize("both", [0, 2, 12])
def test_rows_of_both_searches_are_read(count: int, live: int, both: int) -> None:
    """The archive up to two days behind the edge, the standard search from two days before."""
    around = old(both, 1, "both", 0.1)
    index = Index([*old(live, -50, "live", 10), *around], [*old(count, 90, "old"), *around])

    run = archive_run(index)

    assert run.error is None
    assert sorted(set(run.emitted)) == sorted({row.id for row in [*index.rows, *index.archived]})
    assert run.reader.archive_form == "customer_updated_at"
    assert archived(run)[0] == (at(EDGE - 100 * DAY), at(OVERLAP), PAGE)
    assert all(high is not None for _, high, _ in archived(run))
    assert len(run.emitted) <= len(set(run.emitted)) + 2
    assert (run.reader.proof.rows_counted or 0) == run.reader.proof.rows_in_range
    if not (count or live or both):
        assert run.reader.proof.rows_in_range == 0
    marks = [one.bookmark for one in run.rows if one.bookmark is not None]
    assert marks == sorted(marks)


def test_the_bookmark_passes_the_edge_only_behind_both_searches() -> None:
    """What the standard search has near it settles nothing."""
    index = Index(old(12, 1, "live", 0.1), old(12, 90, "old"))
    run = archive_run(index)

    first_old = run.emitted.index("old0")
    shown = 0
    for one in run.rows:
        shown += len(one.indexes)
        if shown <= first_old:
            assert one.bookmark is None
    assert run.bookmark == max(str(row.updated) for row in index.archived)


def test_an_archive_that_has_rows_behind_the_edge_is_read_further() -> None:
    """Where the vendor's two years are shorter than ours."""
    index = Index(old(3, -600, "live", 1), old(30, 1, "old", 0.5))
    run = archive_run(index)

    assert set(run.emitted) == {row.id for row in [*index.rows, *index.archived]}
    assert run.client.seen("two-year-edge")[1] == ["the archive has later rows"]
    assert run.reader.proof.rows_counted is not None


def test_an_archive_that_ends_at_the_edge_is_asked_twice_behind_it() -> None:
    """One empty answer proves nothing."""
    index = Index(old(3, -600, "live", 1), old(3, 90, "old"))
    run = archive_run(index)

    assert [one for one in archived(run) if one[0] > at(OVERLAP)] == [
        (at(OVERLAP + 0.001), at(WATERMARK), PAGE)
    ] * 2
    assert run.client.seen("two-year-edge")[1] == []
    # The standard search, the archive, what is behind it, its count, the newest rows, and the
    # count of the standard search.
    assert [size for _, _, size in run.asked] == [PAGE, PAGE, PAGE, PAGE, 1, PAGE, 1]


class PartOnce(Index):
    """An index of which one answer knows a part only: every other row."""

    def __init__(self, odd: int, *args: Any) -> None:
        """Answer request number ``odd`` so."""
        super().__init__(*args)
        self.odd = odd
        self.requests = 0

    def __call__(self, request: Any) -> dict[str, Any]:
        """Return one page."""
        self.requests += 1
        if self.requests != self.odd:
            return super().__call__(request)
        return Index(self.rows[::2], self.archived[::2])(request)


@pytest.mark.parametrize("odd", range(1, 8))
@pytest.mark.parametrize("end", [None, NOW - 100])
def test_a_part_of_the_index_hides_nothing_where_the_archive_is_read(
    odd: int, end: float | None
) -> None:
    """Also where one page has all of the standard search: no later run looks at it again."""
    index = PartOnce(odd, old(4, -600, "live", 1), old(4, 90, "old"))
    run = archive_run(index, end=end)

    assert run.error is None
    assert set(run.emitted) == {row.id for row in [*index.rows, *index.archived]}


@pytest.mark.parametrize(("days", "archive"), [(100, False), (0.02, True), (-3, True)])
def test_the_archive_is_not_asked_where_it_is_not_due(days: float, archive: bool) -> None:  # noqa: FBT001
    """A start within an hour of the edge does not reach back over it."""
    run = Run(Index(old(3, -5, "live")), start=EDGE - days * DAY, archive=archive)

    assert archived(run) == []
    assert len(run.emitted) == 3
    assert run.reader.archive_form is None


def test_a_run_up_to_an_end_before_the_edge_reads_both_searches_up_to_it() -> None:
    """Nothing behind it."""
    index = Index(old(3, -5, "live"), old(30, 90, "old", 1))
    run = archive_run(index, end=EDGE - 80 * DAY)

    assert set(run.emitted) == {f"old{n}" for n in range(11)}
    assert all(
        high is not None and low <= high <= at(EDGE - 80 * DAY) for low, high, _ in run.asked
    )


@pytest.mark.parametrize(("before", "tied"), [(9, 1), (4, 7)])
def test_rows_at_such_an_end_are_counted_as_read(before: int, tied: int) -> None:
    """Else they are looked for again, as if they had been missing."""
    end = EDGE - 80 * DAY
    ties = [Row(f"tie{n}", at(end), at(n)) for n in range(tied)]
    index = Index([*old(before, 90, "live", 1), *ties], old(3, 95, "old"))

    run = archive_run(index, end=end)

    assert set(run.emitted) == {row.id for row in [*index.rows, *index.archived]}
    assert run.reader.proof.rows_counted == run.reader.proof.rows_in_range == before + tied + 3
    assert [size for _, _, size in run.asked].count(1) == 2  # one of each search


def test_rows_behind_the_edge_are_not_remembered() -> None:
    """They come once and in order; only those near it may come from both searches."""
    near, live = old(12, 1, "near", 0.1), old(200, -50, "live", 1)
    run = archive_run(Index([*near, *live], [*old(9, 90, "old"), *near]))

    assert set(run.emitted) == {row.id for row in run_rows(near, live, old(9, 90, "old"))}
    assert len(run.reader._emission.emitted._newer) < 30  # noqa: SLF001 - what takes memory


def run_rows(*parts: list[Row]) -> list[Row]:
    """Return all rows."""
    return [row for part in parts for row in part]


def test_a_run_of_one_old_moment_reads_both_searches() -> None:
    """From it, and up to it."""
    index = Index((), old(3, 90, "old"))
    run = archive_run(index, days=90, end=EDGE - 90 * DAY)

    assert run.error is None
    assert run.emitted == ["old0"]


def test_what_a_run_finds_out_about_exact_totals_holds_for_all_its_streams() -> None:
    """One request is refused, whichever stream it is of."""
    totals = ExactTotals(refused=True)
    client = Client(Index(rows_at(10)))
    prefetch = Prefetch(client.clock, 2, AtOnce())
    options = ReadOptions(at(0), None, 300, PAGE, archive=False)
    reader = SearchReader(client, prefetch, options, totals)  # type: ignore[arg-type]

    reader.first_page(QUERY)

    assert "trackTotalHits" not in client.sent[0].params


def test_parts_that_were_not_read_fail_the_stream() -> None:
    """The sentence names the first of them."""
    check_joined(QUERY, [])
    with pytest.raises(StreamError, match="nothing was read from a to b"):
        check_joined(QUERY, [("a", "b"), ("c", "d"), ("e", "f")])


def test_an_archive_that_cannot_be_read_says_how_to_go_without() -> None:
    """It was asked twice, a second apart."""
    index = Index(old(3, -5, "live"))
    run = archive_run(lambda one: NotFoundError("No.") if "archive" in one.path else index(one))

    assert isinstance(run.error, StreamError)
    assert "Set `include_archived` to false" in str(run.error)
    assert run.client.clock.sleeps[0] == 1


def test_the_archive_of_a_klass_may_take_the_other_attribute() -> None:
    """It need not be the same as the standard search's; the ledger is told."""
    index = Index(old(3, -5, "live"), old(3, 90, "old"))
    query = SearchQuery(
        "kobject_order", "kobject_order", "kobject_updated_at", "kobject_created_at"
    )

    def only_own(request: Any) -> Any:
        (criterion, *_) = request.body["and"]
        is_own = "kobject_order_updated_at" in criterion
        if "archive" in request.path and not is_own:
            return RequestRefusedError("No.")
        return index(request)

    run = archive_run(only_own, query=query)
    same = archive_run(index, query=query)

    assert (
        set(run.emitted) == set(same.emitted) == {row.id for row in [*index.rows, *index.archived]}
    )
    assert run.reader.archive_form == "kobject_order_updated_at"
    assert run.client.seen("archive-klass-attribute")[1] == ["it takes the other attribute"]
    assert same.reader.archive_form == "kobject_updated_at"
    assert same.client.seen("archive-klass-attribute")[0] == "as assumed"
    assert archive_run(index).client.seen("archive-klass-attribute")[0] == "not seen"


@pytest.mark.parametrize("deleted", [True, False])
def test_an_archive_that_refuses_deleted_rows_is_read_without_them(deleted: bool) -> None:  # noqa: FBT001
    """Where they were asked for, that is a weaker form, and the ledger says so."""
    index = Index(old(3, -5, "live"), old(3, 90, "old"))
    query = SearchQuery("customers", "customer", "customer_updated_at", include_deleted=deleted)

    def refusing(request: Any) -> Any:
        if "archive" in request.path and "includeDeleted" in request.body:
            return RequestRefusedError("No.")
        return index(request)

    run = archive_run(refusing, query=query)

    assert run.error is None
    assert run.reader.archive_form == "customer_updated_at, no deleted rows"
    noted = run.client.seen("include-deleted")[1]
    assert noted == (["the archive refuses it"] if deleted else [])
    remembered = archive_run(refusing, query=query, archive_form="customer_updated_at")
    assert (remembered.error is not None) is deleted


def test_the_archive_is_counted_too() -> None:
    """Both searches are proven, each by its own count."""
    index = Index(old(20, -5, "live", 1), old(30, 90, "old", 1))
    run = archive_run(index)

    counts = [one for one in run.asked if one[2] == 1]
    assert len(counts) == 2
    assert run.reader.proof.rows_counted == run.reader.proof.rows_in_range == 50
    assert len([one for one in archived(run) if one[2] == 1]) == 1


def test_rows_that_only_the_count_knows_of_are_read_from_the_archive() -> None:
    """With its own form of the query."""
    index = Index(old(3, -5, "live"), old(30, 90, "old", 1))
    part = Index(index.rows, [row for row in index.archived if row.id != "old7"])
    is_counted = False

    def in_part(request: Any) -> Any:
        nonlocal is_counted
        is_counted = is_counted or request.params["pageSize"] == 1
        return index(request) if is_counted else part(request)

    run = archive_run(in_part)

    assert run.error is None
    assert "old7" in run.emitted


def test_the_answer_of_a_stream_that_ignores_its_filter_is_refused_in_the_first_search() -> None:
    """Nothing is emitted of it."""
    run = Run(lambda _request: answer_of(rows_at(-50), total=1))

    assert run.error is not None
    assert run.emitted == []
