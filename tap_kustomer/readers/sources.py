"""Where rows of a search come from in a run: for one stream, or for several that each pull theirs.

A stream is a pull: whoever wants rows asks its source for the next page.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from tap_kustomer.client.codec import decode
from tap_kustomer.readers.search.emission import NewRows
from tap_kustomer.readers.search.options import FirstPage
from tap_kustomer.readers.search.reader import SearchReader

__all__ = ["PassedError", "SearchSource", "SharedSource", "SharedSources"]


class PassedError(Exception):
    """A page of a shared source went by, or did not come: this reader has to begin another."""


@dataclass(frozen=True)
class SearchSource:
    """Where the rows of one search come from in this run: its first page, and what reads on.

    Opened by any thread, read by the main thread; touches no state.
    """

    reader: SearchReader
    first: FirstPage

    def new_rows(self) -> Iterator[NewRows]:
        """Yield the new rows of each page. Raises: what ``SearchReader.read`` raises."""
        return self.reader.read(self.first)

    def resources(self) -> Generator[tuple[list[dict[str, Any]], NewRows], None, None]:
        """Yield the new resources of each page, and where the search stands behind them."""
        for new in self.new_rows():
            resources = decode(new.raw)["data"] if new.indexes else []
            yield _objects([resources[index] for index in new.indexes]), new

    def first_resources(self) -> list[dict[str, Any]]:
        """Return the resources of the first page."""
        return _objects(decode(self.first.page.raw)["data"])


class SharedSource:
    """A search whose rows belong to several streams, each of which pulls its own.

    One page is kept, for those that have not pulled it yet. Whoever is further behind, or finds
    that fetching the next one failed for another, is told so and begins another search: how the
    streams are read decides what that costs, and never which rows they get.
    """

    def __init__(
        self,
        source: SearchSource,
        start: str,
        opener: str,
        owner_of: Callable[[dict[str, Any]], str],
    ) -> None:
        """Share ``source``, which ``opener`` has opened at ``start``; ``owner_of`` names owners."""
        self.source = source
        self.opener = opener
        self._start = start
        self._owner_of = owner_of
        self._pages = source.resources()
        self._pulled = 0  # pages so far
        self._parts: dict[str, list[dict[str, Any]]] = {}  # of the last of them, by owner
        self._behind: NewRows | None = None  # where the search stands behind it; None: no page
        self._has_failed = False

    def serves(self, start: str, oldest: str) -> bool:
        """Whether a stream that reads from ``start`` still gets all its rows here.

        ``oldest`` is the moment before which a first page is too old to read on from.
        """
        is_at_first = self._pulled <= 1 and not self._has_failed
        return is_at_first and self._start <= start and self.source.first.started > oldest

    def part_of(self, owner: str) -> Iterator[tuple[list[dict[str, Any]], NewRows]]:
        """Yield what each page has of ``owner``, and where the search stands behind the page.

        Raises: what fetching raises, to whoever asks for the page; ``PassedError`` to the others.
        """
        for place in count():
            if place == self._pulled and not self._has_failed:
                self._pull()
            elif place != self._pulled - 1 or self._has_failed:
                raise PassedError
            if self._behind is None:
                return
            yield self._parts.get(owner, []), self._behind

    def _pull(self) -> None:
        self._has_failed = True  # until the page is there
        found, self._behind = next(self._pages, ([], None))
        self._has_failed = False
        self._parts = {}
        self._pulled += 1
        for one in found:
            self._parts.setdefault(self._owner_of(one), []).append(one)


class SharedSources:
    """The shared sources of a run, by the form of their search."""

    def __init__(self) -> None:
        """Open none yet."""
        self._open: dict[str, SharedSource] = {}
        self._lock = threading.Lock()

    @property
    def are_used(self) -> bool:
        """Whether any was opened in this run."""
        return bool(self._open)

    def join(
        self, form: str, start: str, oldest: str, open_: Callable[[], SharedSource]
    ) -> SharedSource:
        """Return the source in ``form`` that serves a stream; ``open_`` makes it, if none does.

        Called by any thread: whoever waits here waits for one that itself waits for no other.
        Raises: what ``open_`` raises.
        """
        with self._lock:
            known = self._open.get(form)
            if known is None or not known.serves(start, oldest):
                known = self._open[form] = open_()
            return known


def _objects(found: Sequence[object]) -> list[dict[str, Any]]:
    """Return resources; what is no object becomes one without an id, which no row is made of."""
    return [one if isinstance(one, dict) else {} for one in found]
