"""Klasses together: one search of all custom objects shows which klasses have moved.

The context ``kobject`` has the rows of all klasses. An answer that holds all that was updated since
they were last read shows which of them moved, and brings their rows. Absence from it proves
nothing by itself, so a klass counts as quiet only if an earlier answer of this search had rows of
it, and no row of it is missing that this one had to show: the newest that an earlier run has read.

A klass that moved gets its rows from the answer only where that reaches back to its bookmark; else
it searches for itself. The bookmark of a quiet klass stays where it is: what this search should
ever pass over is still in front of it, and each klass searches for itself once a day.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tap_kustomer import timestamps
from tap_kustomer.client.codec import decode
from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.errors import StreamError
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.query import Bounds, SearchQuery
from tap_kustomer.readers.search.tail import TailReader
from tap_kustomer.session import Session
from tap_kustomer.streams.searched import UNDATED, updated_at

__all__ = ["FEWEST_KLASSES", "Member", "Memory", "Share", "Together"]

logger = logging.getLogger("tap-kustomer.search")

FEWEST_KLASSES = 3  # below that, to search for each costs no more
MOST_PAGES = 2  # of rows that moved, beyond which each klass searches for itself
_OWN_SEARCH_SECONDS = 86_400  # after which a klass searches for itself again, one in each run
_REACHES_BACK_SECONDS = 3_600  # further than needed, so that klasses that move get their rows
_MOST_PROBES = 10  # klasses in a run of which it is asked whether the search shows them
_KIND = "kobject."  # how the type of every custom object begins, before the klass's name


@dataclass(frozen=True)
class Memory:
    """What a klass's state remembers of the search of all klasses; timestamps are UTC text."""

    seen: bool = False  # it showed a row of the klass
    missed: bool = False  # it passed over a row of the klass, and is asked no more
    quiet_until: str | None = None  # all that the index has up to then is read
    searched_at: str | None = None  # when the klass last searched for itself
    bookmark: str | None = None  # beside which this was noted; another one makes it void

    @classmethod
    def parse(cls, known: object) -> Memory:
        """Return what a state holds; nothing for what is damaged."""
        if not isinstance(known, dict):
            return cls()
        return cls(
            seen=known.get("seen") is True,
            missed=known.get("missed") is True,
            quiet_until=timestamps.normalise(known.get("quiet_until")),
            searched_at=timestamps.normalise(known.get("searched_at")),
            bookmark=timestamps.normalise(known.get("bookmark")),
        )

    def beside(self, bookmark: str | None) -> Memory:
        """Return what holds beside ``bookmark``: one that was set back brings rows again."""
        return self if bookmark == self.bookmark else replace(self, quiet_until=None)

    def as_state(self) -> dict[str, object]:
        """Return what the state keeps."""
        return dict(vars(self))


@dataclass(frozen=True)
class Member:
    """A klass that may be searched together with others."""

    klass: str
    start: str  # where its own search would begin
    has_bookmark: bool  # so rows of it have been read
    memory: Memory

    @property
    def low(self) -> str:
        """Where the search of all klasses has to begin for this one, at the latest.

        For one that has rows and was never shown, at the newest of them: it may be shown there.
        """
        if self.has_bookmark and not self.memory.seen:
            return self.start
        return max(self.start, self.memory.quiet_until or "")


@dataclass(frozen=True)
class Share:
    """What the search of all klasses has for one of them."""

    rows: list[dict[str, Any]]  # resources that were updated since its start, in order of time
    bookmark: str | None  # behind them; None: as before
    memory: Memory


class Together:
    """The search of all klasses in one run; asked once, by whoever needs it first."""

    def __init__(self, session: Session, members: Iterable[Member]) -> None:
        """Ask nothing yet."""
        self._session = session
        self._members = {one.klass: one for one in members}
        self._shares: dict[str, Share] = {}
        self._seen: set[str] = set()  # klasses that an answer showed
        self._is_asked = False
        self._lock = threading.Lock()

    def share_of(self, klass: str, client: KustomerClient) -> Share | None:
        """Return what there is of ``klass``; ``None`` when it has to search for itself.

        Called by any thread; ``client`` counts the searches.
        """
        with self._lock:
            if not self._is_asked:
                self._is_asked = True
                try:
                    self._ask(client)
                except StreamError as error:
                    # No weaker form: each klass searches for itself, which is what it did before.
                    self._shares = {}
                    logger.info("The search of all klasses is not used: %s", error)
            return self._shares.get(klass)

    def was_seen(self, klass: str) -> bool:
        """Whether an answer of this run or an earlier one showed rows of ``klass``."""
        member = self._members.get(klass)
        return klass in self._seen or (member is not None and member.memory.seen)

    # ------------------------------------------------------------ asking

    def _ask(self, client: KustomerClient) -> None:
        now = timestamps.from_epoch(client.server_time.now())
        settings = self._session.settings
        watermark = timestamps.shift(now, seconds=-settings.lookback_seconds)
        query = SearchQuery(
            stream="the search of all klasses",
            context="kobject",
            attribute="kobject_updated_at",
            created_attribute="kobject_created_at",
            include_deleted=settings.include_deleted,
        )
        search = PageSearch(
            client,
            query,
            page_size=settings.page_size,
            watermark=watermark,
            exact_totals=self._session.exact_totals,
        )
        tried: list[str] = []
        for group in self._groups(now):
            for low in self._lows(group):
                if len(group) < FEWEST_KLASSES or low in tried:
                    continue
                tried.append(low)
                rows = self._rows_since(search, low)
                if rows is not None:
                    self._deal(group, low, rows, watermark)
                    return
        if tried:
            self._look_for_unseen(search)

    def _groups(self, now: str) -> Iterator[list[Member]]:
        """Yield all klasses but the one that is due to search for itself, then those seen before.

        A klass that no answer showed yet holds the search back at its own bookmark.
        """
        due = timestamps.shift(now, seconds=-_OWN_SEARCH_SECONDS)
        by_age = sorted(self._members.values(), key=lambda one: one.memory.searched_at or "")
        if by_age and (by_age[0].memory.searched_at or "") < due:
            del by_age[0]
        near = self._session.edge.end_of_overlap  # what is older may be in the archive
        yield [one for one in by_age if one.low > near]
        yield [one for one in by_age if one.low > near and self._is_shown(one)]

    @staticmethod
    def _lows(group: list[Member]) -> Iterator[str]:
        """Yield where to begin: a bit before what is needed, where bookmarks lie there; then not.

        A klass whose bookmark the answer reaches back to gets its rows from it.
        """
        lowest = min((one.low for one in group), default="")
        if not lowest:
            return
        reach = timestamps.shift(lowest, seconds=-_REACHES_BACK_SECONDS)
        yield min((one.start for one in group if reach <= one.start < lowest), default=lowest)
        yield lowest

    def _rows_since(self, search: PageSearch, low: str) -> list[dict[str, Any]] | None:
        """Return the newest version of each row from ``low`` on; ``None``: they are too many.

        Raises: ``StreamError`` for an answer that is not one of custom objects.
        """
        page = search.ask(Bounds(low))
        pages = [page]
        if not search.is_whole(page):
            if page.total is None or page.total > MOST_PAGES * search.page_size:
                self._resources(search, page.raw)
                return None
            pages = [
                one.page for one in TailReader(search).read(low, None, page) if one.page is not None
            ]
        newest: dict[object, dict[str, Any]] = {}
        for place, one in enumerate(pages):
            for index, resource in enumerate(self._resources(search, one.raw)):
                key = one.keys[index].id or (place, index)
                if key not in newest or updated_at(newest[key]) <= updated_at(resource):
                    newest[key] = resource
        return sorted(newest.values(), key=updated_at)

    def _resources(self, search: PageSearch, raw: bytes) -> list[dict[str, Any]]:
        """Return the resources of a page, and note whose they are."""
        resources = decode(raw)["data"]
        for one in resources:
            kind = one.get("type") if isinstance(one, dict) else None
            if not isinstance(kind, str) or not kind.startswith(_KIND):
                msg = f"{search.query.stream}: Kustomer's answer has rows of no klass."
                raise StreamError(msg)
            self._seen.add(_klass_of(one))
        return list(resources)

    def _look_for_unseen(self, search: PageSearch) -> None:
        """Ask for the newest known row of some klasses, to see whether the search shows them."""
        unseen = [one for one in self._members.values() if not self.was_seen(one.klass)]
        for member in [one for one in unseen if one.has_bookmark][:_MOST_PROBES]:
            self._resources(search, search.ask(Bounds(member.start, member.start)).raw)

    # ------------------------------------------------------------ dealing

    def _is_shown(self, member: Member) -> bool:
        """Whether this search would show rows of the klass, as far as is known.

        Of a klass that never had a row it is known that those of others are shown.
        """
        if member.has_bookmark:
            return self.was_seen(member.klass)
        others = [one for one in self._members.values() if one.has_bookmark]
        return member.memory.quiet_until is not None and any(
            self.was_seen(one.klass) for one in others
        )

    def _deal(
        self, group: list[Member], low: str, rows: list[dict[str, Any]], watermark: str
    ) -> None:
        by_klass: dict[str, list[dict[str, Any]]] = {}
        for one in rows:
            by_klass.setdefault(_klass_of(one), []).append(one)
        for member in group:
            found = by_klass.get(member.klass, [])
            due = [one for one in found if updated_at(one) >= member.start]
            if low > member.start and found:
                continue  # it moved, and the answer begins behind its bookmark
            if low <= member.start and member.has_bookmark and not due:
                continue  # the row that its bookmark stands at is missing
            if not due and not self._is_shown(member):
                continue
            stamps = [stamp for stamp in map(updated_at, due) if stamp < UNDATED]
            bookmark = min(max(stamps), watermark) if stamps else None
            memory = Memory(
                seen=self.was_seen(member.klass),
                quiet_until=watermark,
                searched_at=member.memory.searched_at,
            )
            self._shares[member.klass] = Share(due, bookmark, memory)


def _klass_of(resource: Mapping[str, Any]) -> str:
    return str(resource["type"]).removeprefix(_KIND)
