"""The plan of slices and their readers alone, against rows in memory: nothing is left unread.

No HTTP and no threads: the steps of the readers come in a random order, as they may when answers
take different times. Thousands of histories take seconds.
"""

from __future__ import annotations

import heapq
import itertools
import math
import os
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tap_kustomer import timestamps
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tap_kustomer.ledger.ledger import Ledger
from tap_kustomer.readers.prefetch import BUFFER_BYTES
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.coverage import Coverage
from tap_kustomer.readers.search.keyset import RangeReader
from tap_kustomer.readers.search.page import OrderedPage, RowKey, SearchPage
from tap_kustomer.readers.search.query import Bounds, SearchQuery
from tap_kustomer.readers.search.slices import Slice, SlicePlan

BEGIN = 1_700_000_000.0  # Unix seconds
DAY = 86_400.0
QUERY = SearchQuery("customers", "customer", "customer_updated_at", "customer_created_at")
TRIALS = {"long": 20_000, "few": 160}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 1_200)
USUAL_BUFFER = BUFFER_BYTES // 2_872  # rows: here a row is a byte
MOST_STEPS = 20_000  # of all readers of a trial; more is a loop


class RowsInMemory(PageSearch):
    """Answers from a sorted list; everything else is as in a real run."""

    def __init__(self, stamps: list[str], created: list[str], page_size: int) -> None:
        client = SimpleNamespace(ledger=Ledger(ASSUMPTIONS))
        super().__init__(client, QUERY, page_size=page_size, watermark="9")  # type: ignore[arg-type]
        self._stamps = stamps
        self._created = created

    def _fetch(self, bounds: Bounds, number: int, size: int, *_: Any, **__: Any) -> SearchPage:
        self.requests += 1
        first = bisect_left(self._stamps, bounds.low)
        behind = len(self._stamps)
        if bounds.high is not None:
            behind = bisect_right(self._stamps, bounds.high)
        places = range(first, max(first, behind))
        if bounds.created_low is not None:
            high = bounds.created_high or "9"
            within = [n for n in places if bounds.created_low <= self._created[n] <= high]
            found: list[int] = sorted(within, key=lambda n: self._created[n])
        else:
            found = [] if bounds.without_creation else list(places)
        start = (number - 1) * size
        keys = [
            RowKey(str(n), self._stamps[n], self._created[n]) for n in found[start : start + size]
        ]
        return SearchPage(b"x" * len(keys), keys, len(found), size, timed_out=False)


def an_import_then_a_trickle(rng: random.Random, rows: int) -> Iterator[float]:
    """Most rows at once, the rest over years."""
    share, width = rng.choice([0.5, 0.7, 0.9]), rng.choice([600, 3_600, DAY])
    span = rng.choice([30, 365, 700]) * DAY
    return (
        rng.uniform(0, width) if rng.random() < share else rng.uniform(0, span) for _ in range(rows)
    )


def bursts(rng: random.Random, rows: int) -> Iterator[float]:
    """A few imports of an hour."""
    places = [rng.uniform(0, 700 * DAY) for _ in range(rng.randint(1, 6))]
    return (rng.choice(places) + rng.uniform(0, 3_600) for _ in range(rows))


def six_imports(rng: random.Random, rows: int) -> Iterator[float]:
    """Imports of an hour each, months apart."""
    days = [180, 400, 549, 550, 660, 688]
    return (rng.choice(days) * DAY + rng.uniform(0, 3_600) for _ in range(rows))


def growing(rng: random.Random, rows: int) -> Iterator[float]:
    """Twice as many rows every six weeks."""
    span = 700 * DAY
    return (span - min(rng.expovariate(1 / (60 * DAY)), span) for _ in range(rows))


def a_trickle_then_an_import(rng: random.Random, rows: int) -> Iterator[float]:
    """Years of a little, then most rows within two hours."""
    return (
        rng.uniform(0, 600 * DAY) if rng.random() < 0.3 else 600 * DAY + rng.uniform(0, 7_200)
        for _ in range(rows)
    )


def gaps(rng: random.Random, rows: int) -> Iterator[float]:
    """Three busy times, years without anything between them."""
    return (rng.choice([0, 200, 690]) * DAY + rng.uniform(0, 10) * DAY for _ in range(rows))


def a_power_law(rng: random.Random, rows: int) -> Iterator[float]:
    """More and more rows, or fewer and fewer."""
    shape = rng.choice([0.3, 0.7, 1.5, 4])
    return (700 * DAY * rng.random() ** shape for _ in range(rows))


def decades(rng: random.Random, rows: int) -> Iterator[float]:
    """As many rows in the first second as in the last year."""
    return (math.exp(rng.uniform(0, math.log(700 * DAY))) for _ in range(rows))


def office_hours(rng: random.Random, rows: int) -> Iterator[float]:
    """Mondays from eight to six."""
    return (rng.randrange(500) // 7 * 7 * DAY + rng.uniform(8, 18) * 3_600 for _ in range(rows))


def evenly(rng: random.Random, rows: int) -> Iterator[float]:
    """No pattern at all."""
    return (rng.uniform(0, 700 * DAY) for _ in range(rows))


def ties_among_others(rng: random.Random, rows: int) -> Iterator[float]:
    """Bulk updates among single ones."""
    moments = [rng.uniform(0, 700 * DAY) for _ in range(rng.randint(1, 3))]
    return (
        rng.choice(moments) if rng.random() < 0.5 else rng.uniform(0, 700 * DAY)
        for _ in range(rows)
    )


SHAPES = (
    an_import_then_a_trickle,
    a_trickle_then_an_import,
    growing,
    bursts,
    gaps,
    a_power_law,
    decades,
    office_hours,
    evenly,
    ties_among_others,
)


def read_all(
    search: RowsInMemory,
    plan: SlicePlan,
    readers: int,
    rng: random.Random,
    coverage: Coverage | None = None,
) -> set[str]:
    """Read every slice of ``plan``, one random reader a step; return the ids of the rows."""
    active: list[tuple[Slice, Iterator[OrderedPage]]] = []
    seen: set[str] = set()
    for _ in range(MOST_STEPS):
        while len(active) < readers and (slice_ := plan.next_slice()) is not None:
            active.append((slice_, RangeReader(search).read(slice_.low, slice_)))
        if not active:
            return seen
        slice_, pages = one = rng.choice(active)
        page = next(pages, None)
        if page is None:
            slice_.end()
            active.remove(one)
            continue
        if coverage is not None:
            coverage.add(page.parts)
        if page.page is not None:
            seen |= {str(key.id) for key in page.page.keys}
    msg = "the readers do not come to an end"
    raise AssertionError(msg)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_history_leaves_a_row_unread(
    shape: Callable[[random.Random, int], Iterator[float]],
) -> None:
    """An import and then a trickle once lost all rows behind the import, with status 0."""
    seed = random.randrange(1_000_000_000)
    for trial in range(TRIALS // len(SHAPES)):
        rng = random.Random(f"{seed}-{trial}")
        size, readers = rng.choice([3, 10, 50, 100]), rng.randint(1, 8)
        rows = rng.randint(0, size * rng.choice([2, 10, 40]))
        stamps = sorted(timestamps.from_epoch(BEGIN + one) for one in shape(rng, rows))
        created = [timestamps.from_epoch(BEGIN + rng.uniform(0, DAY)) for _ in stamps]
        search = RowsInMemory(stamps, created, size)
        low = timestamps.from_epoch(BEGIN - rng.choice([0, 1, 30 * DAY]))
        high = timestamps.from_epoch(BEGIN + 701 * DAY)
        plan = SlicePlan(low, high, page_size=size, readers=readers, buffer_bytes=rows * size)

        coverage = Coverage()

        seen = read_all(search, plan, readers, rng, coverage)

        assert len(seen) == len(stamps), (seed, trial, size, readers)
        assert not plan.unread
        behind = timestamps.behind(high)
        assert not coverage.gaps(low, behind), (seed, trial, size, readers)
        assert coverage.rows(low, behind) == len(stamps), (seed, trial, size, readers)


def test_the_order_of_the_readers_does_not_matter() -> None:
    """The same history, with every small order of steps of two readers."""
    stamps = [timestamps.from_epoch(BEGIN + n) for n in range(30)]
    stamps += [timestamps.from_epoch(BEGIN + n * 40 * DAY) for n in range(1, 15)]
    for order in itertools.islice(itertools.product((0, 1), repeat=9), 512):
        choices = iter(order)

        class Chosen(random.Random):
            def choice(self, seq):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
                return seq[min(next(choices, 0), len(seq) - 1)]  # noqa: B023 - used at once

        search = RowsInMemory(stamps, stamps, 4)
        plan = SlicePlan(
            stamps[0],
            timestamps.from_epoch(BEGIN + 700 * DAY),
            page_size=4,
            readers=2,
            buffer_bytes=10_000,
        )
        assert len(read_all(search, plan, 2, Chosen())) == len(stamps), order


@pytest.mark.parametrize("readers", [1, 2, 4, 8])
@pytest.mark.parametrize(
    "shape",
    [
        evenly,
        gaps,
        bursts,
        six_imports,
        a_power_law,
        office_hours,
        growing,
        a_trickle_then_an_import,
    ],
)
def test_sixty_thousand_rows_take_a_twentieth_more_searches_than_pages(
    shape: Callable[[random.Random, int], Iterator[float]], readers: int
) -> None:
    """What slices waste of their last pages, the tail and the count at the end stay within that.

    There is room for as many pages as wait with rows of the usual 2.8 KB.
    """
    rng = random.Random(1)
    stamps = sorted(timestamps.from_epoch(BEGIN + one) for one in shape(rng, 60_000))
    search = RowsInMemory(stamps, stamps, 500)
    low, high = timestamps.from_epoch(BEGIN), timestamps.from_epoch(BEGIN + 701 * DAY)
    plan = SlicePlan(low, high, page_size=500, readers=readers, buffer_bytes=USUAL_BUFFER)

    assert len(read_all(search, plan, readers, rng)) == 60_000
    assert search.requests + 2 <= 1.05 * 60_000 / 500


@pytest.mark.parametrize("shape", [growing, a_power_law, a_trickle_then_an_import])
def test_a_long_rest_of_a_guess_is_not_left_to_one_reader(
    shape: Callable[[random.Random, int], Iterator[float]],
) -> None:
    """More and more rows: once one slice got most of them, and one reader took 112 answers."""
    rng = random.Random(1)
    stamps = sorted(timestamps.from_epoch(BEGIN + one) for one in shape(rng, 60_000))

    rounds, _ = rounds_of(stamps, readers=4, size=500, buffer_bytes=USUAL_BUFFER)

    assert rounds <= 60


def rounds_of(
    stamps: list[str], *, readers: int, size: int, buffer_bytes: int = 40_000_000
) -> tuple[float, int]:
    """Return how long a first pass takes, in answers' times, and its searches.

    Every search takes as long as any other, and a reader that is free begins at once.
    """
    search = RowsInMemory(stamps, stamps, size)
    low, high = timestamps.from_epoch(BEGIN), timestamps.from_epoch(BEGIN + 701 * DAY)
    first = search.ask(Bounds(low))  # the run's first search, alone
    plan = SlicePlan(low, high, page_size=size, readers=readers, buffer_bytes=buffer_bytes)
    known, last, free = [first], 1.0, readers
    due: list[tuple[float, int, Slice, Iterator[OrderedPage]]] = []  # when the answer is there
    turns = itertools.count()
    seen: set[str] = set()

    def begin(now: float) -> None:
        nonlocal free
        while free and (slice_ := plan.next_slice()) is not None:
            page = known.pop() if known else None
            pages = RangeReader(search).read(slice_.low, slice_, page)
            heapq.heappush(due, (now + (page is None), next(turns), slice_, pages))
            free -= 1

    begin(last)
    while due:
        now, _, slice_, pages = heapq.heappop(due)
        before = search.requests
        found = next(pages, None)
        answered = now + max(search.requests - before - 1, 0)
        if found is None:
            slice_.end()
            free += 1
            begin(now - 1)  # its last answer was the one before
            continue
        seen |= {str(key.id) for key in found.page.keys} if found.page is not None else set()
        last = max(last, answered)
        heapq.heappush(due, (answered + 1, next(turns), slice_, pages))
        begin(answered)
    assert len(seen) == len(stamps)
    return last, search.requests


@pytest.mark.parametrize("readers", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("pages", [13, 16.2, 19.8, 20.1, 24.5, 30, 39.9, 60])
def test_the_readers_of_a_small_extract_end_together(pages: float, readers: int) -> None:
    """Four readers of twenty pages once waited for a fifth of a page that one had left.

    The first page is read alone: it tells how many there are. The others are dealt out evenly.
    """
    size = 100
    rows = int(pages * (size - 1))
    stamps = [timestamps.from_epoch(BEGIN + (n + 0.5) * 700 * DAY / rows) for n in range(rows)]

    rounds, searches = rounds_of(stamps, readers=readers, size=size)

    least = 1 + math.ceil((pages - 1) / readers)
    assert rounds <= least + 1, (rounds, least)
    assert searches <= pages + 1 + readers
    if pages == 19.8 and readers == 4:  # the figures of docs/performance.md
        assert rounds == least
