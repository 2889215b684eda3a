"""The reader of the tail alone: rows that are announced and never come are no endless search."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tap_kustomer import timestamps
from tap_kustomer.clock import Clock, ServerTime
from tap_kustomer.errors import StreamError
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tap_kustomer.ledger.ledger import Ledger
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.page import RowKey, SearchPage
from tap_kustomer.readers.search.query import Bounds, SearchQuery
from tap_kustomer.readers.search.tail import TailReader

PAGE = 5
QUERY = SearchQuery(
    stream="customers",
    context="customer",
    attribute="customer_updated_at",
    created_attribute="customer_created_at",
    field="updatedAt",
    include_deleted=True,
)
BEGIN = timestamps.from_epoch(1_700_000_000.0)
MOST_REQUESTS = 500


class Announcing(PageSearch):
    """Rows a minute apart; answers from the beginning on announce some that never come."""

    def __init__(self, rows: int, too_many: int, times: int) -> None:
        clock = Clock(10_000.0)
        client: Any = SimpleNamespace(
            clock=clock, server_time=ServerTime(clock), ledger=Ledger(ASSUMPTIONS)
        )
        super().__init__(client, QUERY, page_size=PAGE, watermark=BEGIN)
        self._stamps = [timestamps.shift(BEGIN, seconds=60.0 * n) for n in range(1, rows + 1)]
        self._too_many = too_many
        self._times = times  # that rows are announced
        self.beginnings = 0

    def _fetch(self, bounds: Bounds, number: int, size: int, *_: Any, **__: Any) -> SearchPage:
        self.requests += 1
        assert self.requests < MOST_REQUESTS, "no end"
        found = [
            one
            for one in self._stamps
            if bounds.low <= one and (bounds.high is None or one <= bounds.high)
        ]
        total = len(found)
        if bounds.low == BEGIN and bounds.high is None:
            self.beginnings += 1
            if self.beginnings <= self._times:
                total += self._too_many
        start = (number - 1) * size
        keys = [RowKey(one, one, one) for one in found[start : start + size]]
        return SearchPage(b"x" * len(keys), keys, total, size, timed_out=False)


def read(search: Announcing) -> set[str | None]:
    """Read the tail to its end; return the ids."""
    pages = TailReader(search).read(BEGIN, None)
    return {id_ for one in pages if one.page is not None for id_ in one.page.ids}


def test_rows_that_are_announced_and_never_come_fail_the_stream() -> None:
    """It is read again from the beginning some times, for rows may come late, but not for ever."""
    search = Announcing(rows=23, too_many=4, times=MOST_REQUESTS)

    with pytest.raises(StreamError, match="do not agree"):
        read(search)

    assert 6 <= search.beginnings <= 16


@pytest.mark.parametrize("times", [0, 1, 4])
def test_an_announcement_that_passes_costs_a_second_reading_at_most(times: int) -> None:
    """The rows that are there are read once the answers agree."""
    search = Announcing(rows=23, too_many=4, times=times)

    assert len(read(search)) == 23
    assert search.beginnings <= 2 * times + 1
