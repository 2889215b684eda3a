"""Streams of what hangs on one parent: a request for each conversation or customer.

They are not the SDK's child streams: those are read one after the other, write a SCHEMA for each
parent and keep nothing when the parent is deselected. A child searches its parents itself, from
its own bookmark: beside a request for each of them, a search for every 500 is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, ClassVar
from urllib.parse import quote

from typing_extensions import override

from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.errors import (
    EmptiedRowsError,
    MissingRoleError,
    RequestRefusedError,
    SpentError,
    StreamError,
    UnavailableError,
    UntrustedAnswerError,
)
from tap_kustomer.readers.children import Children, is_gone, read_children
from tap_kustomer.readers.list_page import attributes_of, identity, own_link
from tap_kustomer.readers.lists import never_an_end
from tap_kustomer.readers.sources import SearchSource
from tap_kustomer.streams.base import RowBatch
from tap_kustomer.streams.search import SEARCH_ROLES, SearchStream
from tap_kustomer.streams.searched import UNDATED, SearchedStream, updated_at

__all__ = ["ChildStream"]

_PARENTS_AT_ONCE = 100  # whose children are held in memory
# What an error of the search still is when it is told of the children.
_OBJECT_ID = re.compile("[0-9a-f]{24}")
_TOLD = (
    EmptiedRowsError,
    RequestRefusedError,
    SpentError,
    UnavailableError,
    UntrustedAnswerError,
)


class ChildStream(SearchedStream):
    """A stream read below the rows of another, incrementally by their updates.

    ``parent`` is the stream of those rows, selected or not, ``parent_column`` the column with the
    parent's id, and ``path`` where the children of one parent are listed, with ``{id}`` in it. Its
    bookmark is the place in the order of parents up to which children are written.
    """

    replication_key = "parent_updated_at"
    optional = True
    parent: ClassVar[str]
    parent_column: ClassVar[str]
    path: ClassVar[str]

    _tried: Children | None = None  # what the first parent has, asked for before the stream's turn
    _asked = 0  # paths of children of parents that are not deleted
    _unknown = 0  # of these, how many were answered with 404
    _has_answered = False
    _is_searching = False  # for parents, so what is refused now is the search

    # ------------------------------------------------------------ what differs by object

    def paths(self, parent: dict[str, Any]) -> Sequence[str]:
        """Return what to ask for to have the children of ``parent``."""
        id_ = _id(parent)
        return [self.path.format(id=quote(id_, safe=""))] if id_ else []

    def as_resource(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return the resource as a row is made from it; some lists tell no ids.

        One that lost its id once must not become another row: its own link ends with it.
        """
        tail = own_link(found).rpartition("/")[2]
        is_lost = not found.get("id") and _OBJECT_ID.fullmatch(tail)
        return {**found, "id": tail if is_lost else identity(found)}

    def columns(self, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - for subclasses
        """Return columns that neither attributes nor relationships fill."""
        return {}

    def children_of(self, parent: dict[str, Any], client: KustomerClient) -> Children:
        """Return the children of one parent, asked for by ``client``; called by worker threads."""
        return read_children(
            client, parent, self.paths(parent), lambda: self._is_gone(parent, client)
        )

    def requests_below(self, parents: Sequence[dict[str, Any]]) -> int:
        """Return how many requests the children of ``parents`` cost, at least."""
        return sum(len(self.paths(parent)) for parent in parents)

    # ------------------------------------------------------------ the parents

    @property
    def searched(self) -> SearchStream:
        """The stream whose rows are the parents."""
        found = next(one for one in self.all_streams if one.name == self.parent)
        if not isinstance(found, SearchStream):
            msg = f"{self.name}: {self.parent} cannot be searched for parents."
            raise StreamError(msg)
        return found

    @property
    @override
    def known_forms(self) -> Mapping[str, Any]:
        """Its own, or the parent's, which is all that earlier versions kept."""
        known = self.known_state
        return known if known.get("form") else self.searched.known_state

    reads_list = True  # the list under a parent may be no part of an org

    @property
    @override
    def role_to_ask_for(self) -> str | None:
        """The role for the children, or for the search of their parents."""
        return SEARCH_ROLES[0] if self._is_searching else super().role_to_ask_for

    @property
    @override
    def was_read(self) -> bool:
        known = self.known_state
        return any(known.get(key) for key in ("read", "replication_key_value"))

    @override
    def negotiate(self) -> None:
        """Search for the first parents, and ask for the children of one.

        A role that the key lacks shows itself here, before hundreds of searches.
        Raises: what ``fetch`` raises; ``StreamError`` when the parents cannot be searched.
        """
        with self._searching():
            self.search(self.searched)
        self.try_first()

    def try_first(self) -> None:
        """Ask for the children of the first parent that may have some.

        Raises: what ``fetch`` raises.
        """
        self._tried = None
        for parent in self.first_parents():
            found = self.fetch(parent)
            if found.asked:
                self._tried = found
                return

    def first_parents(self) -> list[dict[str, Any]]:
        """Return the parents of the first page; nothing where none is due."""
        source = self.source
        return [] if source is None else self._owned(source, source.first_resources())

    def _owned(self, source: SearchSource, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        parent, query = self.searched, source.first.query
        return [one for one in found if parent.owns(one, query)]

    @contextmanager
    def _searching(self) -> Iterator[None]:
        """Say of what goes wrong that it is the search of the parents."""
        self._is_searching = True
        try:
            yield
        except StreamError as error:
            why = f"its parent {self.parent} was not: {error}"
            if isinstance(error, MissingRoleError) and self.source is None:
                msg = f"Not read, as {why}"
                raise MissingRoleError(msg) from None
            # No 404, which would speak of the children, and no role behind pages that were shown.
            kind = next((one for one in _TOLD if isinstance(error, one)), StreamError)
            msg = f"{self.name}: not read, as {why}"
            raise kind(msg) from None
        self._is_searching = False

    def _parents(
        self, source: SearchSource
    ) -> Generator[tuple[list[dict[str, Any]], RowBatch], None, None]:
        """Yield the parents of each page, and the bookmark behind them."""
        with closing(source.resources()) as pages:
            while True:
                with self._searching():
                    page = next(pages, None)
                if page is None:
                    return
                found, new = page
                self.remember_archive(source)
                behind = RowBatch((), new.bookmark, new.uncounted, new.goes_back)
                yield self._owned(source, found), behind

    # ------------------------------------------------------------ the children

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the children of each page of parents, then the bookmark behind them.

        Raises: ``StreamError`` when all there was was 404.
        """
        source = self.source
        if source is None:
            return
        self.remember(self.form)
        done = 0
        with closing(self._parents(source)) as pages:  # a failure ends the search, too
            for parents, behind in pages:
                for found in self._below(parents):
                    if not attributes_of(found.parent).get("deleted"):
                        self._asked += found.asked
                        self._unknown += found.unknown
                    yield RowBatch(self._rows(found))
                    done += 1
                    self.run.parents, self.run.parents_expected = done, source.reader.total
                if behind.goes_back or not self._is_doubtful:
                    yield behind
        if self._is_doubtful:
            msg = (
                f"Kustomer has no {self.path} (status 404) for any of its "
                f"{self.parent}. Deselect {self.name} if your org does not have it."
            )
            raise StreamError(msg)

    def _below(self, parents: Sequence[dict[str, Any]]) -> Iterator[Children]:
        """Yield what hangs on each of ``parents``, in their order."""
        is_test = self.ABORT_AT_RECORD_COUNT is not None
        at_once = self.prefetch.size if is_test else _PARENTS_AT_ONCE
        tried, self._tried = self._tried, None

        def fetch(parent: dict[str, Any]) -> Children:
            # What was tried is as new as the page that its parent stands in.
            if tried is not None and tried.parent == parent:
                return tried
            return self.fetch(parent)

        for first in range(0, len(parents), at_once):
            yield from self.prefetch.map(fetch, parents[first : first + at_once])

    def fetch(self, parent: dict[str, Any]) -> Children:
        """Return the children of one parent; called by worker threads.

        Raises: an error of ``tap_kustomer.errors``; ``MissingRoleError`` only while no parent
        was answered.
        """
        try:
            found = self.children_of(parent, self.client)
        except MissingRoleError as error:
            if self._has_answered:
                raise never_an_end(error) from None
            raise
        self._has_answered = self._has_answered or found.asked > found.unknown
        return found

    @property
    def _is_doubtful(self) -> bool:
        """Whether so far every answer was 404: the endpoint, not the parents, may be gone."""
        return 0 < self._asked == self._unknown

    def _is_gone(self, parent: dict[str, Any], client: KustomerClient) -> bool:
        if attributes_of(parent).get("deleted") is True:
            return True
        return is_gone(client, f"/v1/{self.parent}/{quote(_id(parent) or '', safe='')}")

    def _rows(self, found: Children) -> Iterator[dict[str, Any]]:
        parent = found.parent
        moment = updated_at(parent)
        own = {
            "parent_updated_at": None if moment == UNDATED else moment,
            self.parent_column: _id(parent),
        }
        for resource in found.rows:
            row = self.make_row(self.as_resource(resource))
            for column, value in {**own, **self.columns(resource)}.items():
                if row.get(column) is None and self.selects(column):
                    row[column] = value
            yield row


def _id(resource: dict[str, Any]) -> str | None:
    """Return an id as text; ``None`` when there is none."""
    id_ = resource.get("id")
    if type(id_) is int:
        return str(id_)
    return id_ if isinstance(id_, str) and id_.strip() else None
