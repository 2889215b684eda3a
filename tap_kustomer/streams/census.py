"""What Kustomer counts and has: rows by stream and month of creation, and the ids of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from typing_extensions import override

from tap_kustomer import timestamps
from tap_kustomer.errors import KustomerError, RequestRefusedError, StreamError
from tap_kustomer.readers.census import FIRST, Census, Span, before
from tap_kustomer.readers.ids import read_ids
from tap_kustomer.readers.months import count_by_month, month_of, months_between
from tap_kustomer.readers.search.query import SearchQuery
from tap_kustomer.streams.base import KustomerStream, RowBatch
from tap_kustomer.streams.kobjects import KlassObjects
from tap_kustomer.streams.search import SEARCH_ROLES, SearchStream

__all__ = ["CENSUS_STREAMS", "PresentIds", "RowCounts"]

# Days around the two-year edge whose rows are asked for once more: they cross it meanwhile.
_EDGE_DAYS = 1


@dataclass(frozen=True)
class _Searches:
    """A search stream, asked for counts and ids."""

    stream: SearchStream
    live: Census
    archive: Census | None
    until: str  # rows created later may still be missing from the index, or from this run


class _CensusStream(KustomerStream):
    """Asks about the rows of search streams, after these were read."""

    resource = ""
    optional = True
    read_last = True
    rows_of_tap = True
    roles = SEARCH_ROLES

    @property
    @override
    def brings_all_rows(self) -> bool:
        """Whether the archive is asked, too."""
        return self.settings.include_archived

    def _searches_of(self, stream: SearchStream) -> _Searches | None:
        """Return how a stream's rows are asked for; ``None`` where it is read as a list.

        Raises: an error of ``tap_kustomer.errors`` when no form of its search works.
        """
        stream.ensure_prepared()
        first = stream.first_answer
        if first is None or _has_no_search(stream, first.query):
            self.logger.info(
                "%s: %s can't be searched in this org, so it is left out.", self.name, stream.name
            )
            return None
        now = self.session.server_now()
        began = min(stream.run.started_at or now, now)
        return _Searches(
            stream,
            Census(self.client, first.query),
            self._archive_of(stream),
            timestamps.shift(began, seconds=-self.settings.lookback_seconds),
        )

    def _archive_of(self, stream: SearchStream) -> Census | None:
        """Return the archive search, in the first form that it takes."""
        if not (stream.has_archive and self.settings.include_archived):
            return None
        if stream.first_answer and not isinstance(stream, KlassObjects):
            return Census(self.client, replace(stream.first_answer.query, archive=True))
        refused: RequestRefusedError | None = None
        known = [stream.first_answer.query] if stream.first_answer else []
        for query in (*known, *stream.queries(stream.form)):
            census = Census(self.client, replace(query, archive=True))
            try:
                self.prefetch.call(census.oldest_update)
            except RequestRefusedError as error:
                refused = error
                continue
            return census
        raise refused or StreamError(f"{stream.name}: its archive search takes no form.")

    def _row(self, **values: object) -> dict[str, Any]:
        return {name: value for name, value in values.items() if self.selects(name)}


class RowCounts(_CensusStream):
    """Kustomer's own count of the rows of each selected search stream, by month of creation.

    With it anyone can check that nothing is missing: the model `kustomer__completeness` does. A
    month costs one search for the live rows, and one for the archived ones where there can be some.
    """

    name = "row_counts"
    primary_keys: ClassVar[Any] = ("org_id", "stream", "month")

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the months of each stream.

        Raises: the first error of a stream, once all others are counted.
        """
        offered = [one for one in self.all_streams if isinstance(one, SearchStream)]
        selected = [one for one in offered if one.selected] or offered
        failed: list[KustomerError] = []
        for stream in selected:
            try:
                rows = list(self._months(stream))
            except StreamError as error:
                failed.append(error)
                continue
            yield RowBatch(rows)
        if failed:
            raise failed[0]

    def _months(self, stream: SearchStream) -> Iterator[dict[str, Any]]:
        found = self._searches_of(stream)
        if found is None:
            return
        live, archived = self.prefetch.map(lambda count: count(), self._counts(found))
        known = self.state.setdefault("first_months", {})
        until = month_of(found.until)
        # A month whose rows are all gone by now was counted before, and is still told of.
        first = min([*live, *archived, known.get(stream.name, until), until])
        known[stream.name] = first
        for month in months_between(first, until):
            yield self._row(
                org_id=self.org.id or "",
                stream=stream.name,
                month=f"{month}-01",
                live_rows=live.get(month, 0),
                archived_rows=None if found.archive is None else archived.get(month, 0),
                counted_at=found.until,
            )

    def _counts(self, found: _Searches) -> list[Callable[[], dict[str, int]]]:
        """Return what counts the live rows, and what counts those that are archived only."""
        span = Span(FIRST, found.until)
        if found.archive is None:
            return [partial(count_by_month, found.live, span), dict]
        # Both searches show the rows around the edge; they count as live.
        oldest = self.prefetch.call(found.live.oldest_update)
        older = replace(span, updated_high=None if oldest is None else before(oldest))
        return [
            partial(count_by_month, found.live, span),
            partial(count_by_month, found.archive, older),
        ]


class PresentIds(_CensusStream):
    """The ids that Kustomer has now, for the streams in `present_ids_of`.

    What is loaded and not here is gone, also where the audit log no longer has it;
    what is here and not loaded is missing: the model `kustomer__reconciliation` shows both. Ids
    are read by ranges of creation, which does not move, and proven by Kustomer's count.
    """

    name = "present_ids"
    primary_keys: ClassVar[Any] = ("stream", "id")

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the ids of each stream; rows that go while they are read may be among them."""
        for name in self.settings.present_ids_of:
            stream = next((one for one in self.all_streams if one.name == name), None)
            if not isinstance(stream, SearchStream):
                msg = (
                    f"{self.name}: `present_ids_of` names {name}, which is no stream of this org "
                    "that is read by search."
                )
                raise StreamError(msg)
            found = self._searches_of(stream)
            if found is not None:
                for ids in self._ids(found):
                    yield RowBatch([self._id_row(name, id_) for id_ in sorted(ids)])

    def _ids(self, found: _Searches) -> Iterator[set[str]]:
        """Yield the ids of both searches.

        The archive first: a row that is updated meanwhile moves to the live search. One that
        grows too old meanwhile moves the other way, so the days around the edge come last.
        """
        span = Span(FIRST, found.until)
        searches = [one for one in (found.archive, found.live) if one is not None]
        edge = self.session.edge.moment
        for census in searches:
            yield from read_ids(census, self.prefetch, span)
            if census.by_creation:
                yield from read_ids(census, self.prefetch, replace(span, without_creation=True))
        if found.archive is not None:
            near = replace(span, updated_low=timestamps.shift(edge, days=-_EDGE_DAYS))
            yield from read_ids(found.archive, self.prefetch, near)

    def _id_row(self, stream: str, id_: str) -> dict[str, Any]:
        return self._row(stream=stream, id=id_, org_id=self.org.id, read_at=self.run.started_at)


def _has_no_search(stream: SearchStream, query: SearchQuery) -> bool:
    """Whether the search is that of all klasses, which counts them together."""
    return isinstance(stream, KlassObjects) and query.context == "kobject"


CENSUS_STREAMS: tuple[type[KustomerStream], ...] = (PresentIds, RowCounts)
