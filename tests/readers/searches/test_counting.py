"""The closing count alone: what was read is compared with what Kustomer counts, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tap_kustomer import timestamps
from tap_kustomer.readers.search.count import ClosingCount, MissingRowsError
from tap_kustomer.readers.search.coverage import Coverage
from tap_kustomer.readers.search.page import Part
from tests.readers.searches.in_memory import (
    BEGIN,
    Client,
    Index,
    answer_of,
    at,
    rows_at,
    scripted,
    search_of,
)

END = at(100)


def coverage_of(*parts: tuple[float, float, int]) -> Coverage:
    """Return what a pass has read: from, up to, rows."""
    coverage = Coverage()
    coverage.add(Part(at(low), at(behind), rows) for low, behind, rows in parts)
    return coverage


def closing(
    answer: Callable[[Any], Any], coverage: Coverage, patience: float = 10
) -> tuple[ClosingCount, Client]:
    """Return the count of what ``coverage`` holds."""
    search, client = search_of(answer)
    return ClosingCount(search, coverage, patience), client


def found_by(count: ClosingCount) -> list[str]:
    """Return the ids of the rows that were missing, in order."""
    pages = count.prove(at(0), END)
    return sorted(str(key.id) for one in pages if one.page is not None for key in one.page.keys)


def counting(index: Index, surplus: Iterable[int]) -> Callable[[Any], Any]:
    """Return a search that counts so many rows too many, one count after the other."""
    waiting = iter(surplus)

    def answer(request: Any) -> Any:
        found = index(request)
        if request.params["pageSize"] == 1:
            found["meta"]["total"] += next(waiting)
        return found

    return answer


def test_what_was_read_is_proven_by_one_count() -> None:
    """As many as were read: up to, and not including, the end of the range."""
    count, client = closing(Index(rows_at(0, 50, 99.999, 100)), coverage_of((0, 100, 3)))

    assert found_by(count) == []
    assert client.ranges == [(at(0), at(99.999))]
    assert (count.rows_counted, count.rows_in_range) == (3, 3)
    assert client.clock.sleeps == []


def test_rows_that_left_the_range_since_are_no_loss() -> None:
    """Updates only take rows out of a range that lies below the watermark; two counts say so."""
    count, client = closing(Index(rows_at(1)), coverage_of((0, 100, 3)))

    assert found_by(count) == []
    assert (count.rows_counted, count.rows_in_range) == (1, 3)
    assert len(client.sent) == 2


def test_a_count_of_a_part_hides_nothing_that_is_missing() -> None:
    """It says that rows have left, and the next one that there are more than were read."""
    count, _ = closing(counting(Index(rows_at(1, 2, 3)), [-2, 0, 0]), coverage_of((0, 100, 2)))

    assert found_by(count) == ["0", "1", "2"]
    assert (count.rows_counted, count.rows_in_range) == (3, 3)


@pytest.mark.parametrize("parts", [[-1], [-1, -2], [0, -1, -1]])
def test_smaller_counts_do_not_overrule_one_that_is_too_large(parts: list[int]) -> None:
    """What it counts cannot be found: it takes four others in a row to believe that."""
    surplus = [2, *parts, 2, *parts, 2, *parts, *([2] * 9)]
    count, _ = closing(counting(Index(rows_at(1)), surplus), coverage_of((0, 100, 1)))

    with pytest.raises(MissingRowsError, match="counts 3 rows"):
        found_by(count)


def test_a_count_of_a_part_among_the_halves_is_asked_for_again() -> None:
    """Neither half has more rows than were read, though the whole has."""
    coverage = coverage_of((0, 50, 1), (50, 100, 1))
    index = Index(rows_at(1, 51, 52))
    count, client = closing(counting(index, [0, 0, -1, 0, 0, 0]), coverage)

    assert found_by(count) == ["1", "2"]
    assert client.clock.sleeps == []


def test_a_row_that_was_not_read_is_read_at_once() -> None:
    """The range is read again, and counts with what it holds now."""
    coverage = coverage_of((0, 100, 2))
    count, client = closing(Index(rows_at(1, 2, 3)), coverage)

    assert found_by(count) == ["0", "1", "2"]
    assert coverage.rows(at(0), END) == 3
    assert coverage.gaps(at(0), END) == []
    assert (count.rows_counted, count.rows_in_range) == (3, 3)
    assert client.clock.sleeps == []


@pytest.mark.parametrize("lost", range(4))
def test_only_the_part_that_lacks_rows_is_read_again(lost: int) -> None:
    """It is found by halves: each has fewer rows than Kustomer counts, or as many."""
    parts = [(25 * n, 25 * (n + 1), 1 if n == lost else 2) for n in range(4)]
    coverage = coverage_of(*parts)
    index = Index(rows_at(*[25 * n + second for n in range(4) for second in (1, 2)]))
    count, client = closing(index, coverage)

    assert found_by(count) == [str(2 * lost), str(2 * lost + 1)]
    read = [one for one, sent in zip(client.ranges, client.sent, strict=True) if _is_read(sent)]
    assert set(read) == {(at(25 * lost), at(25 * lost + 24.999))}
    assert [coverage.rows(at(low), at(behind)) for low, behind, _ in parts] == [2, 2, 2, 2]


def _is_read(request: Any) -> bool:
    return bool(request.params["pageSize"] > 1)


def test_all_parts_that_lack_rows_are_read_again() -> None:
    """In one go, whatever half they are in."""
    coverage = coverage_of((0, 25, 1), (25, 50, 2), (50, 75, 2), (75, 100, 0))
    index = Index(rows_at(1, 2, 26, 27, 51, 52, 76))
    count, client = closing(index, coverage)

    assert found_by(count) == ["0", "1", "6"]
    assert coverage.rows(at(0), END) == 7
    assert client.clock.sleeps == []


@pytest.mark.parametrize(
    ("patience", "sleeps"), [(10, [2, 4, 4]), (300, [2, 4, 8, 16, 32, 64, 128, 46]), (1, [2])]
)
def test_rows_that_are_never_shown_fail_the_stream_when_patience_is_over(
    patience: float, sleeps: list[float]
) -> None:
    """They are looked for at once and at the end; between, only the count is asked for."""
    coverage = coverage_of((0, 50, 1), (50, 100, 1))
    index = Index(rows_at(1, 51))
    count, client = closing(counting(index, iter(lambda: 1, 0)), coverage, patience)

    with pytest.raises(MissingRowsError, match="counts 3 rows between") as raised:
        found_by(count)

    assert raised.value.low == at(0)
    assert f"{at(0)} and {at(99.999)} and shows only 2" in str(raised.value)
    assert client.clock.sleeps == sleeps
    looked = [one for one, sent in zip(client.ranges, client.sent, strict=True) if _is_read(sent)]
    assert len(looked) == 4  # both halves, twice
    assert coverage.rows(at(0), END) == 2


def test_without_patience_nothing_is_waited_for() -> None:
    """An org whose index is never late: the lookback is zero."""
    count, client = closing(
        counting(Index(rows_at(1)), iter(lambda: 1, 0)), coverage_of((0, 100, 1)), 0
    )

    with pytest.raises(MissingRowsError):
        found_by(count)

    assert client.clock.sleeps == []
    assert sum(map(_is_read, client.sent)) == 1


def test_a_count_that_was_too_large_for_some_seconds_fails_nothing() -> None:
    """A replica that lags counts a row at its old place."""
    counted = counting(Index(rows_at(1)), [1, 1, 0, 0, 0, 0])
    count, client = closing(counted, coverage_of((0, 100, 1)))

    assert found_by(count) == ["0"]  # it was looked for once
    assert client.clock.sleeps == [2, 4]
    assert (count.rows_counted, count.rows_in_range) == (1, 1)


def test_an_index_that_shows_more_rows_each_time_is_not_read_for_ever() -> None:
    """Below the watermark no row comes: after fifty rounds that find something it is given up."""
    index = Index(rows_at(1))
    rounds = 0

    def growing(request: Any) -> Any:
        nonlocal rounds
        if request.params["pageSize"] == 1:
            rounds += 1
            index.rows += rows_at(50, prefix=f"{rounds}-")
        return index(request)

    search, client = search_of(growing, page_size=500)
    count = ClosingCount(search, coverage_of((0, 100, 1)), 300)

    with pytest.raises(MissingRowsError):
        found_by(count)

    counts = [
        one for one, sent in zip(client.ranges, client.sent, strict=True) if not _is_read(sent)
    ]
    assert counts.count((at(0), at(99.999))) == 51
    assert client.clock.sleeps == []


def test_what_is_found_late_starts_the_patience_for_the_rest_anew() -> None:
    """Two rows are missing and one is found: the other one is looked for at once, too."""
    index = Index(rows_at(1, 2))
    coverage = coverage_of((0, 100, 0))
    shown = 0

    def one_after_the_other(request: Any) -> Any:
        nonlocal shown
        found = index(request)
        if request.params["pageSize"] > 1:
            shown += 1
            rows = index.rows[: 1 if shown == 1 else 2]
            return answer_of(rows, total=len(rows))
        return found

    count, client = closing(one_after_the_other, coverage)

    assert found_by(count) == ["0", "0", "1"]
    assert client.clock.sleeps == []


# ---------------------------------------------------------------- totals with a cap


def counted(totals: dict[tuple[str, str], Any]) -> Callable[[Any], Any]:
    """Return what counts these rows in these ranges."""

    def answer(request: Any) -> Any:
        low, high = request.body["and"]
        key = (low["customer_updated_at"]["gte"], high["customer_updated_at"]["lte"])
        total = totals[key]
        return answer_of([rows_at(_seconds(key[0]))[0]] if total else [], total=total)

    return answer


def _seconds(moment: str) -> float:
    return timestamps.parse(moment).timestamp() - BEGIN


CAPPED = {"value": 10_000, "relation": "gte"}


@pytest.mark.parametrize("capped", [CAPPED, 10_000])
def test_where_totals_stop_at_a_cap_smaller_ranges_are_counted(capped: Any) -> None:
    """Each was read with few enough rows for its total to be exact."""
    coverage = coverage_of(
        (0, 20, 4_500), (20, 40, 4_500), (40, 50, 1), (50, 60, 8_999), (60, 100, 9_000)
    )
    totals = {
        (at(0), at(99.999)): capped,
        (at(0), at(39.999)): 9_000,
        (at(40), at(59.999)): 9_000,
        (at(60), at(99.999)): 8_999,
    }
    count, client = closing(counted(totals), coverage)

    assert found_by(count) == []
    assert client.ranges == list(totals)
    assert (count.rows_counted, count.rows_in_range) == (26_999, 27_000)


def test_no_range_is_counted_that_may_reach_the_cap() -> None:
    """The second and the third have one row too many together."""
    coverage = coverage_of((0, 20, 6_000), (20, 40, 6_000), (40, 100, 3_001))
    totals = {
        (at(0), at(99.999)): CAPPED,
        (at(0), at(19.999)): 6_000,
        (at(20), at(39.999)): 6_000,
        (at(40), at(99.999)): 3_001,
    }
    count, client = closing(counted(totals), coverage)

    assert found_by(count) == []
    assert client.ranges == list(totals)


def test_the_first_range_that_lacks_rows_is_the_one_that_is_named() -> None:
    """The bookmark belongs in front of it."""
    coverage = coverage_of((0, 50, 9_000), (50, 100, 5))
    totals = {
        (at(0), at(99.999)): CAPPED,
        (at(0), at(49.999)): 9_001,
        (at(50), at(99.999)): 6,
    }
    index = counted(totals)
    count, _ = closing(
        lambda one: index(one) if one.params["pageSize"] == 1 else answer_of([], total=0),
        coverage,
        patience=0,
    )

    with pytest.raises(MissingRowsError, match="counts 9001 rows") as raised:
        found_by(count)

    assert raised.value.low == at(0)


def test_a_part_with_more_rows_than_the_cap_is_counted_alone() -> None:
    """At least so many is then all that can be said, and no more than were read."""
    coverage = coverage_of((0, 50, 12_000), (50, 100, 5))
    totals = {
        (at(0), at(99.999)): CAPPED,
        (at(0), at(49.999)): CAPPED,
        (at(50), at(99.999)): 5,
    }
    count, client = closing(counted(totals), coverage)

    assert found_by(count) == []
    assert client.ranges == list(totals)
    assert count.rows_counted == 10_005


def test_without_any_total_nothing_is_counted() -> None:
    """Proven is only that the parts join."""
    count, client = closing(scripted(answer_of(rows_at(1))), coverage_of((0, 100, 0)))

    assert found_by(count) == []
    assert (count.rows_counted, count.rows_in_range) == (None, None)
    assert len(client.sent) == 1
