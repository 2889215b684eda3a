"""What streams share that follow a search: of their own rows, or of those that theirs hang on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from typing_extensions import override

from tap_kustomer import timestamps
from tap_kustomer.errors import EmptiedRowsError
from tap_kustomer.readers.negotiation import Form, settle
from tap_kustomer.readers.search.options import FirstPage, ReadOptions
from tap_kustomer.readers.search.query import SearchQuery
from tap_kustomer.readers.search.reader import SearchReader
from tap_kustomer.readers.sources import SearchSource
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.remembered import remember_settings, warn_of_wider_settings

__all__ = ["NO_DELETED", "UNDATED", "Searched", "SearchedStream", "updated_at"]

NO_DELETED = ", no deleted rows"  # how the state names a form without ``includeDeleted``
UNDATED = "9"  # stands behind each moment
# A first answer that has waited longer for the stream's turn is asked for again: the edge of two
# years moves on meanwhile, and so do the rows.
_LONGEST_AHEAD_SECONDS = 600
_CONFIRMING_PAUSE = 1.0  # seconds until a page that breaks what was asked for is asked for again


class Searched(Protocol):
    """An object of Kustomer's that can be searched."""

    @property
    def name(self) -> str:
        """How it is called in messages."""

    @property
    def has_archive(self) -> bool:
        """Whether the archive search has its rows, too."""

    @property
    def ends_with_search(self) -> bool:
        """Whether its rows of over two years ago are nowhere to be had."""

    def forms(self, remembered: object) -> list[Form[SearchQuery | None]]:
        """Return the forms of its search, the best first; ``remembered`` is one that worked."""

    def note_form(self, form: Form[SearchQuery | None]) -> None:
        """Note which form works."""


class SearchedStream(KustomerStream):
    """A stream whose bookmark is a place in the order of a search."""

    own_start = ""  # the moment from which this run reads
    source: SearchSource | None = None
    _options: ReadOptions | None = None
    form: str | None = None  # of the request that works, as the state names it
    _ahead: Callable[[], None] | None = None  # waits for what was asked before the stream's turn

    @property
    def first_answer(self) -> FirstPage | None:
        """The answer to the first search; ``None`` where a list is read or nothing is due."""
        return None if self.source is None else self.source.first

    @property
    def reaches_back(self) -> bool:
        """Whether this run begins before the rows that standard search has."""
        return self.session.edge.is_behind(self.starting_at)

    # ------------------------------------------------------------ before its turn

    @override
    def ask_ahead(self) -> None:
        self._ahead = self.prefetch.ask(self._negotiate_ahead)

    def _negotiate_ahead(self) -> None:
        self.negotiate()

    @abstractmethod
    def negotiate(self) -> None:
        """Find the form of the query that Kustomer takes; the first answer is kept.

        Done by a thread that fetches, maybe before the stream's turn: nothing is written here.
        Raises: ``StreamError`` when none works.
        """

    @override
    def prepare(self) -> None:
        """Have the form found, unless that was done just before the stream's turn.

        Raises: what ``negotiate`` raises.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead()
            if self.source is None or self.source.first.started > self.oldest_answer:
                return
        self.prefetch.call(self.negotiate)

    @property
    def oldest_answer(self) -> str:
        """The moment before which a first answer is too old to be read on from."""
        return timestamps.shift(self.session.server_now(), seconds=-_LONGEST_AHEAD_SECONDS)

    # ------------------------------------------------------------ which form, and from when

    @property
    def known_forms(self) -> Mapping[str, Any]:
        """What the state says of the forms that worked before."""
        return self.known_state

    @property
    def remembered_form(self) -> object:
        """The form that worked in an earlier run, unless the settings ask for a better one."""
        known = self.known_forms
        form = known.get("form")
        if self.settings.include_deleted and known.get("include_deleted") is False:
            return None if str(form).endswith(NO_DELETED) else form
        return form

    def search(self, searched: Searched) -> Form[SearchQuery | None] | None:
        """Open the source of ``searched``; return the form that Kustomer takes.

        ``None`` when nothing is due in this run. Writes nothing, so any thread may call it.
        Raises: ``StreamError`` when Kustomer takes no form.
        """
        self.source, self._options = None, self._read_options(searched)
        if self._options is None:
            return None
        remembered = self.form or self.remembered_form
        form, self.source = settle(
            searched.name,
            searched.forms(remembered),
            self.ask,
            remembered=remembered,
            pause=lambda: self.client.clock.sleep(_CONFIRMING_PAUSE),
        )
        self.form = form.name
        searched.note_form(form)
        if form.query is not None and searched.ends_with_search and self.reaches_back:
            self.logger.warning(
                "%s: Kustomer's search ends at rows updated two years ago and nothing else has "
                "the older ones, so those from %s to %s are not read.",
                self.name,
                self.own_start,
                self.session.edge.moment,
            )
        return form

    def _read_options(self, searched: Searched) -> ReadOptions | None:
        settings, start = self.settings, self.starting_at
        self.own_start = start
        self.run.from_, self.run.to = start, settings.end_date
        if settings.end_date is not None and start > settings.end_date:
            self.logger.info("%s: already read up to `end_date`.", self.name)
            return None
        warn_of_wider_settings(self)
        return ReadOptions(
            start=start,
            end=settings.end_date,
            resumes=self.resumes,
            lookback_seconds=settings.lookback_seconds,
            page_size=settings.page_size,
            archive=searched.has_archive and settings.include_archived,
            archive_form=self.known_forms.get("archive_form"),
            edge_later=self.edge_later,
            takes_emptied=self.known_state.get("emptied") is True,
            uncounted=self.known_state.get("uncounted"),
        )

    def ask(self, form: Form[SearchQuery | None]) -> SearchSource | None:
        """Return the source in ``form``, once Kustomer answers to it; a list is asked for later."""
        if form.query is None or self._options is None:
            return None
        return self.open(form.query, self._options)

    def open(self, query: SearchQuery, options: ReadOptions) -> SearchSource:
        """Return the source of ``query``, with its first page."""
        reader = SearchReader(self.client, self.prefetch, options, self.session.exact_totals)
        return SearchSource(reader, reader.first_page(query))

    # ------------------------------------------------------------ what the state keeps

    def remember(self, form: str | None) -> None:
        """Note in the state how the rows are read that follow."""
        self.state["form"] = form
        if self.is_incremental:
            remember_settings(self, self.own_start, reaches_back=self.reaches_back)
            if self.known_state.get("emptied"):
                self.state["emptied"] = None  # believed in this run, doubted again in the next

    @override
    def note_failure(self, error: Exception) -> None:
        if isinstance(error, EmptiedRowsError) and self.is_incremental:
            self.state["emptied"] = True
            self.session.output.write_state()

    def remember_archive(self, source: SearchSource) -> None:
        """Note in the state in which form the archive was searched, and from where on."""
        if source.reader.archive_form is not None:
            self.state["archive_form"] = source.reader.archive_form
        if source.reader.edge_later > self.edge_later:
            self.state["edge_later"] = source.reader.edge_later


def updated_at(resource: dict[str, Any]) -> str:
    """Return when a resource was updated, as UTC text; one that does not tell is always new."""
    attributes = resource.get("attributes")
    value = attributes.get("updatedAt") if isinstance(attributes, dict) else None
    return timestamps.normalise(value) or UNDATED
