"""Streams that are read by search, incrementally."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

from tap_kustomer import timestamps
from tap_kustomer.errors import (
    NotFoundError,
    RequestRefusedError,
    StreamError,
    UntrustedAnswerError,
)
from tap_kustomer.readers.pages import decode
from tap_kustomer.readers.passes import ARCHIVE_AFTER_DAYS, RunOptions, SearchRun
from tap_kustomer.readers.query import SearchQuery
from tap_kustomer.streams.base import KustomerStream, RowBatch
from tap_kustomer.streams.lists import listed_rows

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_kustomer.readers.passes import Probe

__all__ = ["SEARCH_ROLES", "SearchStream"]

SEARCH_ROLES = (
    "org.permission.search.create",
    "org.permission.search.update",
    "org.permission.search_global.create",
    "org.permission.search_preview.create",
    "org.user.search.read",
    "org.admin.search.read",
)


class SearchStream(KustomerStream):
    """A stream of ``POST /v1/customers/search``.

    ``query_context`` is Kustomer's queryContext, and the prefix of the attributes' names.
    ``list_paths`` are read in full where the search refuses the attribute.
    """

    replication_key = "updated_at"
    roles = SEARCH_ROLES
    query_context: ClassVar[str]
    field: ClassVar[str] = "updatedAt"  # the row's attribute behind the replication key
    has_archive: ClassVar[bool] = True
    list_paths: ClassVar[tuple[str, ...]] = ()

    _reading: SearchRun | None = None
    _probe: Probe | None = None

    # ------------------------------------------------------------ which form of query

    def queries(self) -> Iterator[SearchQuery]:
        """Yield the forms of the query, the likeliest first."""
        yield self.query(self.query_context, self.query_context)

    def query(self, context: str, prefix: str) -> SearchQuery:
        """Return the query of ``context`` on the attributes that begin with ``prefix``."""
        created = f"{prefix}_created_at"
        by_creation = self.field == "createdAt"
        return SearchQuery(
            stream=self.name,
            context=context,
            attribute=created if by_creation else f"{prefix}_updated_at",
            created_attribute=None if by_creation else created,
            field=self.field,
            include_deleted=self.settings.include_deleted,
        )

    @override
    def prepare(self) -> None:
        """Find the form of the query that Kustomer takes; the first answer is kept.

        Raises: ``StreamError`` when none works and there is no list instead.
        """
        self._reading = self._new_run()
        if self._reading is None:
            return
        try:
            self._probe = self.negotiate(self._reading)
        except (RequestRefusedError, NotFoundError, UntrustedAnswerError) as error:
            if not self.list_paths:
                raise
            self.logger.info("%s: read as a full list instead of by search: %s", self.name, error)

    def negotiate(self, reading: SearchRun) -> Probe:
        """Return the answer to the first form of the query that Kustomer takes."""
        refused: StreamError | None = None
        for query in self._forms():
            form = (query.context, query.attribute, query.include_deleted)
            if form in self._tap.refused_forms:
                continue
            try:
                return reading.probe(query)
            except (RequestRefusedError, NotFoundError, UntrustedAnswerError) as error:
                self._tap.refused_forms.add(form)
                self.logger.info("%s: %s cannot be used: %s", self.name, query.attribute, error)
                refused = error
        raise refused or RequestRefusedError(f"{self.name}: Kustomer takes no form of its search.")

    def _forms(self) -> Iterator[SearchQuery]:
        forms = list(self.queries())
        yield from forms
        if self.settings.include_deleted:
            # UNCONFIRMED that every context takes includeDeleted.
            for query in forms:
                yield SearchQuery(**{**query.__dict__, "include_deleted": False})

    # ------------------------------------------------------------ from when

    @property
    def starting_at(self) -> str:
        """The moment from which this run reads: the bookmark, else the start date."""
        if self.is_incremental and self.bookmark is not None:
            return self.bookmark
        return self.settings.start_date or self._two_years_ago()

    def _two_years_ago(self) -> str:
        now = timestamps.from_epoch(self.client.server_time.now())
        return timestamps.shift(now, days=-ARCHIVE_AFTER_DAYS)

    def _new_run(self) -> SearchRun | None:
        settings, start = self.settings, self.starting_at
        self.run.from_, self.run.to = start, settings.end_date
        if settings.end_date is not None and start > settings.end_date:
            self.logger.info("%s: already read up to `end_date`.", self.name)
            return None
        self._warn_of_earlier_start()
        options = RunOptions(
            start=start,
            end=settings.end_date,
            lookback_seconds=settings.lookback_seconds,
            page_size=settings.page_size,
            archive=self.has_archive and settings.include_archived,
        )
        return SearchRun(self.client, self.workers, options)

    def _warn_of_earlier_start(self) -> None:
        wanted = self.settings.start_date
        began = (self.tap_state.get("bookmarks") or {}).get(self.name, {}).get("starting_at")
        if self.bookmark and wanted and isinstance(began, str) and wanted < began:
            self.logger.warning(
                "%s: `start_date` is earlier than where this state began (%s), and a bookmark "
                "wins over it. To read the earlier rows, run the stream once under a state id of "
                "its own with `end_date` %s.",
                self.name,
                began,
                began,
            )

    # ------------------------------------------------------------ rows

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the rows of the run in the order of their updates."""
        if self._reading is None:
            return
        if self._probe is None:
            make_row = self.make_row
            for rows in listed_rows(self, self.list_paths):
                yield RowBatch(make_row(row) for row in rows)
            return
        if self.is_incremental and self.bookmark is None:
            self.state["starting_at"] = self.starting_at
        yield from self.older_rows(self.starting_at)
        for resources, bookmark in self.resources(self._reading, self._probe):
            yield RowBatch([self.make_row(one) for one in resources], bookmark)

    def resources(
        self,
        reading: SearchRun,
        probe: Probe,
    ) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
        """Yield the new resources of each page, and the bookmark behind them."""
        for fresh in reading.read(probe):
            self.run.expected = reading.total
            resources = decode(fresh.raw)["data"] if fresh.indexes else []
            yield [resources[index] or {} for index in fresh.indexes], fresh.bookmark

    def older_rows(self, start: str) -> Iterator[RowBatch]:
        """Yield rows that neither search has, if this object has such."""
        yield from ()
