"""Streams that are read by search, incrementally."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_kustomer.readers.list_page import ListPage
from tap_kustomer.readers.negotiation import Form
from tap_kustomer.readers.search.emission import NewRows
from tap_kustomer.readers.search.query import SearchQuery
from tap_kustomer.readers.sources import SearchSource
from tap_kustomer.rows.direct import DirectRows
from tap_kustomer.streams.base import RowBatch
from tap_kustomer.streams.lists import listed
from tap_kustomer.streams.searched import NO_DELETED, SearchedStream

__all__ = ["SEARCH_ROLES", "SearchStream", "form_name"]

SEARCH_ROLES = (
    "org.permission.search.create",
    "org.permission.search.update",
    "org.permission.search_global.create",
    "org.permission.search_preview.create",
    "org.user.search.read",
    "org.admin.search.read",
)

_LIST = "list"  # how the state names the reading of the full list


class SearchStream(SearchedStream):
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

    _pages_ahead: Iterator[ListPage] | None = None  # of the list, before the stream's turn
    _lists_instead = False

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

    def queries(self, remembered: object) -> Iterator[SearchQuery]:  # noqa: ARG002 - for klasses
        """Yield the forms of the query, the likeliest first, if no form is ``remembered``."""
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
    def _negotiate_ahead(self) -> None:
        super()._negotiate_ahead()
        if self._lists_instead:
            self._pages_ahead = self.prefetch.hold(listed(self, self.list_paths))

    @override
    def negotiate(self) -> None:
        """Find the form of the query that Kustomer takes, or that the list is read instead.

        Raises: ``StreamError`` when none works and there is no list.
        """
        form = self.search(self)
        if form is None:
            return
        if form.query is None:
            self.logger.debug(
                "%s: search isn't available in this org, loading the full list instead.", self.name
            )
            self._lists_instead = True
            self.run.from_ = None  # the list has rows of any age
            # A full list has no bookmark, and with it a target can drop what is gone.
            self.forced_replication_method = REPLICATION_FULL_TABLE
            return
        if form.query.include_deleted != self.settings.include_deleted:
            self.logger.warning(
                "%s: Kustomer's search gives no deleted rows here, so deletes of this stream are "
                "not seen.",
                self.name,
            )

    def note_form(self, form: Form[SearchQuery | None]) -> None:
        """Note in the ledger whether the form that works is the one that was assumed to."""
        ledger, query = self.client.ledger, form.query
        if self.assumption is not None:
            holds = query is not None and self.is_as_assumed(query)
            ledger.judge(
                self.assumption, holds=holds, how=self.form_in_words(form), place=self.name
            )
        if query is not None and self.settings.include_deleted:
            taken = query.include_deleted
            ledger.judge("include-deleted", holds=taken, how="it is refused", place=self.name)

    def is_as_assumed(self, query: SearchQuery) -> bool:
        """Whether the search works by the attribute that it is assumed to."""
        return query.attribute == self.query(self.query_context, self.query_context).attribute

    def form_in_words(self, form: Form[SearchQuery | None]) -> str:
        """Return how the stream is read, without what is the org's."""
        return "a list is read" if form.query is None else f"{form.query.attribute} works"

    def forms(self, remembered: object) -> list[Form[SearchQuery | None]]:
        """Return the forms in which the stream can be read, the best first.

        ``remembered`` is the name of the one that worked before, if one did.
        """
        forms: list[Form[SearchQuery | None]] = [
            Form(form_name(query.attribute, query), query) for query in self.queries(remembered)
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
                form.name + NO_DELETED,
                replace(form.query, include_deleted=False),
                rank=form.rank + 2,
                instead_of=form.name,
            )
            for form in forms
            if form.query is not None
        ]

    def owns(self, resource: dict[str, Any], query: SearchQuery) -> bool:  # noqa: ARG002 - for klasses
        """Whether a resource that ``query`` found is one of this stream."""
        return True

    # ------------------------------------------------------------ rows

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the rows of the run in the order of their updates."""
        if self._lists_instead:
            make_row = self.make_row
            for page in self._list_pages():
                self.state["form"] = self.form
                yield RowBatch(make_row(row) for row in page.rows)
            return
        source = self.source
        if source is not None:
            self.remember(self.form)
            yield from self.older_rows(self.own_start)
            rows_of = DirectRows(self.make_row, as_structs=self.writes_rows_as_made)
            for new in source.new_rows():
                self.note_progress(source)
                yield _batch(rows_of(new.raw, new.indexes), new)

    def _list_pages(self) -> Iterator[ListPage]:
        return self._pages_ahead or self.prefetch.in_turn(listed(self, self.list_paths))

    def note_progress(self, source: SearchSource) -> None:
        """Note in the run and the state how far the reading has come."""
        self.run.expected = source.reader.total
        self.run.rows_counted = source.reader.proof.rows_counted
        self.run.rows_in_range = source.reader.proof.rows_in_range
        self.remember_archive(source)

    def older_rows(self, start: str) -> Iterator[RowBatch]:  # noqa: ARG002 - for Notes
        """Yield rows that neither search has, if this object has such."""
        yield from ()


def _batch(rows: Iterable[Any], new: NewRows) -> RowBatch:
    return RowBatch(rows, new.bookmark, new.uncounted, new.goes_back)


def form_name(way: str, query: SearchQuery) -> str:
    """Return how the state names the form in which ``query`` is read."""
    return way if query.include_deleted else way + NO_DELETED
