"""Streams that are read by search, incrementally."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, ClassVar, Protocol

from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_kustomer import timestamps
from tap_kustomer.client.codec import decode
from tap_kustomer.readers.ahead import Ahead, AnswerAhead, PagesAhead, in_turn
from tap_kustomer.readers.list_page import ListPage
from tap_kustomer.readers.negotiation import Form, settle
from tap_kustomer.readers.search.emission import NewRows
from tap_kustomer.readers.search.options import FirstPage, ReadOptions
from tap_kustomer.readers.search.query import SearchQuery
from tap_kustomer.readers.search.reader import SearchReader
from tap_kustomer.readers.workers import Workers
from tap_kustomer.rows.direct import DirectRows
from tap_kustomer.streams.base import KustomerStream, RowBatch
from tap_kustomer.streams.lists import listed
from tap_kustomer.streams.remembered import remember_settings, warn_of_wider_settings

__all__ = ["SEARCH_ROLES", "UNDATED", "SearchStream", "form_name", "updated_at"]

SEARCH_ROLES = (
    "org.permission.search.create",
    "org.permission.search.update",
    "org.permission.search_global.create",
    "org.permission.search_preview.create",
    "org.user.search.read",
    "org.admin.search.read",
)

UNDATED = "9"  # stands behind each moment
# A first answer that has waited longer for the stream's turn is asked for again: the edge of two
# years moves on meanwhile, and so do the rows.
_LONGEST_AHEAD_SECONDS = 600

_CONFIRMING_PAUSE = 1.0  # seconds until a page that breaks what was asked for is asked for again
_LIST = "list"  # how the state names the reading of the full list
_NO_DELETED = ", no deleted rows"  # how the state names a form without ``includeDeleted``


class Followers(Protocol):
    """Streams that are written along with the pages of the one that is searched."""

    @property
    def start(self) -> str:
        """The moment from which the pages are due, with the searched stream's own."""

    searchers: Workers  # the threads that search

    def drop_refused(self, parents: list[dict[str, Any]]) -> bool:
        """Leave out those that the key may not read at all; ``True`` when the start changes."""

    def begin(self) -> None:
        """Start, once the searched stream can be read."""

    def follow(
        self, resources: list[dict[str, Any]], bookmark: str | None, *, goes_back: bool = False
    ) -> None:
        """Write what belongs to a page; ``goes_back``: rows behind ``bookmark`` are missing."""

    def end(self) -> None:
        """End, once the last page is read."""


class SearchStream(KustomerStream):
    """A stream of ``POST /v1/customers/search``.

    ``query_context`` is Kustomer's queryContext, and the prefix of the attributes' names.
    ``list_paths`` are read in full where the search refuses the attribute. ``ends_with_search``
    marks an object whose rows of over two years ago are nowhere to be had.
    """

    replication_key = "updated_at"
    roles: ClassVar[tuple[str, ...]] = SEARCH_ROLES
    query_context: ClassVar[str]
    field: ClassVar[str] = "updatedAt"  # the row's attribute behind the replication key
    has_archive: ClassVar[bool] = True
    list_paths: ClassVar[tuple[str, ...]] = ()
    ends_with_search: ClassVar[bool] = False
    assumption: ClassVar[str | None] = None  # that the search takes the attribute

    family: Followers | None = None  # the children that are read with it
    _reading: SearchReader | None = None
    _first: FirstPage | None = None
    _ahead: AnswerAhead[None] | None = None
    _pages_ahead: PagesAhead[ListPage] | None = None
    _lists_instead = False
    _form: str | None = None  # of the request that works, as the state names it
    own_start = ""  # rows before it are the children's parents only

    @property
    @override
    def reads_list(self) -> bool:
        """Whether the search was refused and the list is read instead."""
        return self._lists_instead

    @property
    @override
    def is_full_list(self) -> bool:
        """Whether the list is read instead, as in the run before."""
        return self._lists_instead or self.known_state.get("form") == _LIST

    @property
    @override
    def brings_all_rows(self) -> bool:
        """Whether this run reads the list: a search begins at some moment, and knows no archive."""
        return self._lists_instead

    @property
    @override
    def role_to_ask_for(self) -> str | None:
        """The role for searching, or for the list where that is read instead."""
        of_list = [role for role in self.roles if role not in SEARCH_ROLES]
        return of_list[0] if self.reads_list and of_list else super().role_to_ask_for

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
    def ask_ahead(self, ahead: Ahead) -> None:
        self._ahead = ahead.ask(lambda: self._prepare_ahead(ahead))

    def _prepare_ahead(self, ahead: Ahead) -> None:
        self.prepare()
        if self._lists_instead:
            self._pages_ahead = ahead.read(listed(self, self.list_paths))

    @override
    def ensure_prepared(self) -> None:
        if self._ahead is not None and not self._prepared:
            self._ahead.take()
            asked = self._first.started if self._first is not None else self.session.server_now()
            oldest = timestamps.shift(self.session.server_now(), seconds=-_LONGEST_AHEAD_SECONDS)
            self._prepared = asked > oldest
        super().ensure_prepared()

    @override
    def prepare(self) -> None:
        """Find the form of the query that Kustomer takes; the first answer is kept.

        It may be another thread that asks, before the stream's turn: nothing is written here.
        Raises: ``StreamError`` when none works and there is no list instead.
        """
        self.own_start = self.starting_at
        self._settle()
        if self.family is not None and self._first is not None:
            first = [one for one in decode(self._first.page.raw)["data"][:1] if one]
            # A child that may not be read would hold the start back in every run.
            if self.family.drop_refused(first):
                self._settle()

    def _settle(self) -> None:
        self._reading, self._first = self._new_run(), None
        if self._reading is None:
            return
        form, self._first = settle(
            self.name,
            self.forms(),
            self.ask,
            remembered=self._form or self._remembered_form,
            pause=lambda: self.client.clock.sleep(_CONFIRMING_PAUSE),
        )
        self._form = form.name
        self._note_form(form)
        if form.query is None:
            self.logger.debug(
                "%s: search isn't available in this org, loading the full list instead.", self.name
            )
            self._lists_instead = True
            self.run.from_ = None  # the list has rows of any age
            # A full list has no bookmark, and with it a target can drop what is gone.
            self.forced_replication_method = REPLICATION_FULL_TABLE
            return
        self._warn_of_horizon()
        if form.query.include_deleted != self.settings.include_deleted:
            self.logger.warning(
                "%s: Kustomer's search gives no deleted rows here, so deletes of this stream are "
                "not seen.",
                self.name,
            )

    def _note_form(self, form: Form[SearchQuery | None]) -> None:
        """Note in the ledger whether the form that works is the one that was assumed to."""
        ledger, query = self.client.ledger, form.query
        if self.assumption is not None:
            holds = query is not None and query.attribute == self.assumed_attribute
            ledger.judge(
                self.assumption, holds=holds, how=self.form_in_words(form), place=self.name
            )
        if query is not None and self.settings.include_deleted:
            taken = query.include_deleted
            ledger.judge("include-deleted", holds=taken, how="it is refused", place=self.name)

    @property
    def assumed_attribute(self) -> str:
        """The attribute by which the search is assumed to work."""
        return self.query(self.query_context, self.query_context).attribute

    def form_in_words(self, form: Form[SearchQuery | None]) -> str:
        """Return how the stream is read, without what is the org's."""
        return "a list is read" if form.query is None else f"{form.query.attribute} works"

    @property
    def _remembered_form(self) -> object:
        """The form that worked in an earlier run, unless the settings ask for a better one."""
        known = self.known_state
        form = known.get("form")
        if self.settings.include_deleted and known.get("include_deleted") is False:
            return None if str(form).endswith(_NO_DELETED) else form
        return form

    def forms(self) -> list[Form[SearchQuery | None]]:
        """Return the forms in which the stream can be read, the best first."""
        forms: list[Form[SearchQuery | None]] = [
            Form(form_name(query.attribute, query), query) for query in self.queries()
        ]
        parts = self.without_deleted(forms)
        if self.list_paths:
            forms.append(Form(_LIST, None, rank=1, endpoint="list"))
        return [*forms, *parts]

    def without_deleted(
        self,
        forms: Iterable[Form[SearchQuery | None]],
    ) -> list[Form[SearchQuery | None]]:
        """Return ``forms`` without deleted rows.

        UNCONFIRMED (include-deleted) that every context takes them.
        """
        if not self.settings.include_deleted:
            return []
        return [
            Form(
                form.name + _NO_DELETED,
                replace(form.query, include_deleted=False),
                rank=form.rank + 2,
                instead_of=form.name,
            )
            for form in forms
            if form.query is not None
        ]

    def ask(self, form: Form[SearchQuery | None]) -> FirstPage | None:
        """Return the answer to the first search in ``form``; a list is asked for later."""
        if form.query is None or self._reading is None:
            return None
        return self._reading.first_page(form.query)

    @property
    def first_answer(self) -> FirstPage | None:
        """The answer to the first search; ``None`` where the list is read or nothing is due."""
        return self._first

    # ------------------------------------------------------------ from when

    @property
    def reaches_back(self) -> bool:
        """Whether this run begins before the rows that standard search has."""
        return self.session.edge.is_behind(self.starting_at)

    def _new_run(self) -> SearchReader | None:
        settings, start = self.settings, self.own_start
        self.run.from_, self.run.to = start, settings.end_date
        if self.family is not None:
            start = self.family.start
        if settings.end_date is not None and start > settings.end_date:
            self.logger.info("%s: already read up to `end_date`.", self.name)
            return None
        warn_of_wider_settings(self)
        options = ReadOptions(
            start=start,
            end=settings.end_date,
            lookback_seconds=settings.lookback_seconds,
            page_size=settings.page_size,
            archive=self.has_archive and settings.include_archived,
            archive_form=self.known_state.get("archive_form"),
            uncounted=self.known_state.get("uncounted"),
        )
        return SearchReader(self.client, self._searchers, options, self.session.exact_totals)

    @property
    def _searchers(self) -> Workers:
        return self.workers if self.family is None else self.family.searchers

    def _warn_of_horizon(self) -> None:
        if self.ends_with_search and self.reaches_back:
            self.logger.warning(
                "%s: Kustomer's search ends at rows updated two years ago and nothing else has "
                "the older ones, so those from %s to %s are not read.",
                self.name,
                self.own_start,
                self.session.edge.moment,
            )

    # ------------------------------------------------------------ rows

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the rows of the run in the order of their updates."""
        if self._lists_instead:
            make_row = self.make_row
            for page in self._list_pages():
                self.state["form"] = self._form
                yield RowBatch(make_row(row) for row in page.rows)
            return
        if self._reading is not None:
            self.remember(self._form)
        if self._reading is not None:
            yield from self.older_rows(self.own_start)
        if self.family is not None:
            for resources, fresh in self.pages():
                due = (one for one in resources if updated_at(one) >= self.own_start)
                yield _batch(map(self.make_row, due), fresh)
        elif self._reading is not None and self._first is not None:
            rows_of = DirectRows(self.make_row, as_structs=self.writes_rows_as_made)
            for fresh in self._fresh(self._reading, self._first):
                yield _batch(rows_of(fresh.raw, fresh.indexes), fresh)

    def remember(self, form: str | None) -> None:
        """Note in the state how the rows are read that follow."""
        self.state["form"] = form
        if self.is_incremental:
            remember_settings(self)

    def _list_pages(self) -> Iterator[ListPage]:
        if self._pages_ahead is not None:
            return self._pages_ahead.pages()
        return in_turn(self.workers, listed(self, self.list_paths))

    def pages(self) -> Iterator[tuple[list[dict[str, Any]], NewRows]]:
        """Yield the new resources of each page, once their children are written."""
        family = self.family
        if family is not None:
            family.begin()
        if self._reading is not None and self._first is not None:
            for resources, fresh in self.resources(self._reading, self._first):
                if family is not None:
                    family.follow(resources, fresh.bookmark, goes_back=fresh.goes_back)
                yield resources, fresh
        if family is not None:
            family.end()

    def resources(
        self,
        reading: SearchReader,
        first: FirstPage,
    ) -> Iterator[tuple[list[dict[str, Any]], NewRows]]:
        """Yield the new resources of each page, and where the stream stands behind them."""
        for fresh in self._fresh(reading, first):
            resources = decode(fresh.raw)["data"] if fresh.indexes else []
            found = [resources[index] for index in fresh.indexes]
            # What is no object becomes a resource without an id, which no row is made of.
            yield [one if isinstance(one, dict) else {} for one in found], fresh

    def _fresh(self, reading: SearchReader, first: FirstPage) -> Iterator[NewRows]:
        for fresh in reading.read(first):
            self.run.expected = reading.total
            self.run.rows_counted = reading.proof.rows_counted
            self.run.rows_in_range = reading.proof.rows_in_range
            if reading.archive_form is not None:
                self.state["archive_form"] = reading.archive_form
            yield fresh

    def older_rows(self, start: str) -> Iterator[RowBatch]:  # noqa: ARG002 - for Notes
        """Yield rows that neither search has, if this object has such."""
        yield from ()


def _batch(rows: Iterable[Any], fresh: NewRows) -> RowBatch:
    return RowBatch(rows, fresh.bookmark, fresh.uncounted, fresh.goes_back)


def form_name(way: str, query: SearchQuery) -> str:
    """Return how the state names the form in which ``query`` is read."""
    return way if query.include_deleted else way + _NO_DELETED


def updated_at(resource: dict[str, Any]) -> str:
    """Return when a resource was updated, as UTC text; one that does not tell is always new."""
    attributes = resource.get("attributes")
    value = attributes.get("updatedAt") if isinstance(attributes, dict) else None
    return timestamps.normalise(value) or UNDATED
