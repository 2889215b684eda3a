"""Streams of custom objects: one per klass, and optionally one of all klasses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from singer_sdk import Tap
from typing_extensions import override

from tap_kustomer import timestamps
from tap_kustomer.org import Klass
from tap_kustomer.readers.negotiation import Form
from tap_kustomer.readers.search.options import FirstPage
from tap_kustomer.readers.search.query import SearchQuery
from tap_kustomer.readers.search.recount import is_recount
from tap_kustomer.readers.sources import PassedError, SearchSource, SharedSource
from tap_kustomer.session import Session
from tap_kustomer.streams.base import KustomerStream, RowBatch
from tap_kustomer.streams.klass_search import KlassSearch, is_of_all, klass_of
from tap_kustomer.streams.remembered import warn_of_wider_settings
from tap_kustomer.streams.search import SearchStream, form_name
from tap_kustomer.streams.searched import updated_at
from tap_kustomer.streams.together import FEWEST_KLASSES, Member, Memory, Share, Together

__all__ = ["KlassObjects", "Kobjects", "search_together"]


class Kobjects(SearchStream):
    """One row per custom object, of all klasses; ``custom`` is open."""

    name = "kobjects"
    schema_name = "kobjects"
    query_context = "kobject"
    optional = True


class KlassObjects(KlassSearch):
    """One row per custom object of one klass, its attributes typed.

    Where no search of a single klass works, one search shows the objects of all, and each klass's
    stream takes its own from it.
    """

    def __init__(
        self, tap: Tap, session: Session, schema: dict[str, Any], name: str, klass: Klass
    ) -> None:
        """Make the stream of ``klass``."""
        super().__init__(tap, session, schema, name, klass)
        self.together: Together | None = None  # the search of all klasses, where it may serve
        self._share: Share | None = None
        self._shared: SharedSource | None = None  # where no klass can be searched by itself

    # ------------------------------------------------------------ together with other klasses

    @property
    def member(self) -> Member | None:
        """The klass as one that is searched together with others, if it may be.

        An earlier run has read it to its end, by a search of its own in the best form.
        """
        known, settings = self.known_state, self.settings
        memory = self._memory
        query = self.query("kobject", "kobject")
        own = {form_name(f"{one}_updated_at", query) for one in ("kobject", self.own_context)}
        began = known.get("starting_at")
        start = self.starting_at
        if (
            not self.is_incremental
            or not known.get("read")
            or known.get("form") not in own
            or not (known.get("uncounted") is None or is_recount(known["uncounted"]))
            or memory.missed
            or settings.end_date is not None
            or self.ABORT_AT_RECORD_COUNT is not None
        ):
            return None
        if self.bookmark is None and not (isinstance(began, str) and began <= start):
            return None  # an earlier `start_date` asks for more
        return Member(self.klass.name, start, self.bookmark is not None, memory)

    @override
    def negotiate(self) -> None:
        if self.together is not None:
            self._share = self.together.share_of(self.klass.name, self.client)
        if self._share is None:
            super().negotiate()
            return
        self.own_start = self.run.from_ = self.starting_at
        self.run.to = None
        warn_of_wider_settings(self)

    @property
    @override
    def first_answer(self) -> FirstPage | None:
        """The answer to the klass's own first search, which is asked for now if it was not yet."""
        if self._share is not None and self.source is None:
            self.prefetch.call(partial(self.search, self))
        return super().first_answer

    def _read_share(self, share: Share) -> Iterator[RowBatch]:
        """Yield the rows that the search of all klasses brought."""
        self.remember_klass()
        self.remember(str(self.known_state.get("form")))
        yield RowBatch([self.make_row(one) for one in share.rows], share.bookmark)
        self._remember_together(share.memory)

    def _remember_own_search(self, first: FirstPage, before: Memory) -> None:
        """Note up to when the klass is read, and what the search of all klasses passed over."""
        bookmark, until = self.own_start, before.quiet_until or ""
        is_asked = before.seen or self.together is not None
        missed = before.missed or any(
            key.updated is not None and is_asked and bookmark < key.updated <= until
            for key in first.page.keys
        )
        if missed and not before.missed:
            self.logger.warning(
                "%s: Kustomer's search of all klasses passed over rows of this one, which were "
                "read now. It is searched by itself from now on.",
                self.name,
            )
        seen = before.seen
        if self.together is not None:
            seen = self.together.was_seen(self.klass.name)
        settled = timestamps.shift(first.started, seconds=-self.settings.lookback_seconds)
        self._remember_together(Memory(seen, missed, max(settled, until), first.started))

    def _remember_together(self, memory: Memory) -> None:
        self.state["together"] = replace(memory, bookmark=self.bookmark).as_state()

    @property
    def _memory(self) -> Memory:
        return Memory.parse(self.known_state.get("together")).beside(self.bookmark)

    @override
    def set_back(self, moment: str) -> None:
        self.state["together"] = None  # what it says of rows behind the bookmark is wrong
        super().set_back(moment)

    # ------------------------------------------------------------ one search for all klasses

    @override
    def ask(self, form: Form[SearchQuery | None]) -> SearchSource | None:
        query, options = form.query, self._options
        self._shared = None
        if query is None or options is None or not is_of_all(query):
            return super().ask(form)

        def open_shared() -> SharedSource:
            klasses = (self, *self._sharing())
            start = min(one.starting_at for one in klasses)
            resumes = any(one.resumes for one in klasses)
            source = self.open(
                query, replace(options, start=start, resumes=resumes, uncounted=None)
            )
            if not self.session.shared.are_used:
                self.logger.info(
                    "%s: can't search one klass at a time in this org; reading all custom objects "
                    "once and splitting them by klass.",
                    self.name,
                )
            return SharedSource(source, start, self.name, klass_of)

        self._shared = self.session.shared.join(
            form.name, options.start, self.oldest_answer, open_shared
        )
        return self._shared.source

    def _sharing(self) -> list[KlassObjects]:
        """Return the other klasses' streams that have yet to be read by the same search."""
        return [
            one
            for one in self.all_streams
            if isinstance(one, KlassObjects)
            and one is not self
            and one.selected
            and one.run.ended_at is None
            and one.may_share(one.known_state.get("form"))
        ]

    @property
    @override
    def read_beside(self) -> Sequence[KustomerStream]:
        return () if self._shared is None else self._sharing()

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the rows of the klass, from whichever search shows them."""
        if self._share is not None:
            yield from self._read_share(self._share)
            return
        before = self._memory
        self.remember_klass()
        if self._shared is not None:
            try:
                yield from self._read_part(self._shared)
            except PassedError:
                self.prefetch.call(self.negotiate)
                yield from self.read()
            return
        yield from super().read()
        if self.source is not None and self.settings.end_date is None:
            self._remember_own_search(self.source.first, before)

    def _read_part(self, shared: SharedSource) -> Iterator[RowBatch]:
        """Yield the rows of the klass that a search of all klasses shows."""
        self.remember(self.form)
        for found, new in shared.part_of(self.klass.name):
            if shared.opener == self.name:
                self.note_progress(shared.source)
            own = [self.make_row(one) for one in found if updated_at(one) >= self.own_start]
            yield RowBatch(own, new.bookmark, goes_back=new.goes_back)
            if self.ABORT_AT_RECORD_COUNT is not None:
                return  # a test is content with the first page, where the klass may have no row


def search_together(session: Session, streams: Iterable[KlassObjects]) -> None:
    """Let the klasses of ``streams`` be searched together where they may."""
    members = [(stream, stream.member) for stream in streams]
    able = [(stream, member) for stream, member in members if member is not None]
    if len(able) < FEWEST_KLASSES:
        return
    together = Together(session, [member for _, member in able])
    for stream, _ in able:
        stream.together = together
