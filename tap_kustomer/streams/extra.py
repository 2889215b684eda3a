"""The streams of the setting ``extra_streams``: lists, and lists below the rows of any stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from typing_extensions import override

from tap_kustomer.catalog.extra_columns import PARENT_ROW_ID, described_columns, widened
from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.errors import NotFoundError, StreamError
from tap_kustomer.readers.children import Children, is_gone, read_children
from tap_kustomer.readers.list_page import ListPage, attributes_of, own_link
from tap_kustomer.rows.extra import BELONGS_TO, ExtraRowMaker, identified
from tap_kustomer.settings.extra_streams import ExtraStream
from tap_kustomer.streams.base import KustomerStream, RowBatch
from tap_kustomer.streams.children import ChildStream
from tap_kustomer.streams.lists import ListStream, listed
from tap_kustomer.streams.search import SearchStream

__all__ = ["ExtraBelowList", "ExtraBelowSearch", "ExtraList", "ExtraRows", "child_path"]

_PARENTS_AT_ONCE = 100  # whose children are held in memory


class ExtraRows(KustomerStream):
    """What all of them share: their rows, and what discovery found wrong with the entry."""

    entry: ClassVar[ExtraStream]
    columns_found: ClassVar[dict[str, str]] = {}
    found_problem: ClassVar[str | None] = None
    found_no_list: ClassVar[bool] = False  # the problem: the answers are no list of resources

    # A user asked for this endpoint: one that is not there is a mistake, not an org's way.
    reads_list = False

    @property
    @override
    def secrets(self) -> tuple[str, ...]:
        return ()  # the row maker finds them by their names

    @property
    @override
    def problem(self) -> str | None:
        return self.found_problem

    @property
    @override
    def make_row(self) -> ExtraRowMaker:
        if not isinstance(self._make_row, ExtraRowMaker):
            self._make_row = ExtraRowMaker(self._record_shape(), self.entry)
        return self._make_row

    @override
    def note_rows(self) -> None:
        """Note nothing: no schema was assumed."""

    def check_entry(self) -> None:
        """Raise ``StreamError`` for what discovery found wrong.

        What is no list, such as a web page, ends the stream at once where no list was ever seen.
        Where one was, it is an outage that reading waits for.
        """
        if self.problem is None or (self.found_no_list and self.known_state.get("columns")):
            return
        raise StreamError(self.problem)

    def keep_columns(self) -> None:
        """Note the columns, so that a later first page takes none of them away."""
        if columns := self._columns:
            self.state["columns"] = columns

    @property
    def _columns(self) -> dict[str, str]:
        known = self.known_state.get("columns")
        return widened(known if isinstance(known, dict) else {}, self.columns_found)

    def widen(self) -> bool:
        """Add the columns of earlier runs to the schema; return whether that changed it."""
        if self._columns == self.columns_found:
            return False
        properties = self.schema["properties"]
        own = {name: one for name, one in properties.items() if name not in self.columns_found}
        described = described_columns(self.entry, self._columns)
        self._schema = {**self.schema, "properties": {**described, **own}}
        # Made from the schema when next asked for; without an entry a column is not selected.
        self._metadata = self._mask = self._stream_maps = None
        return True

    # ------------------------------------------------------------ below a parent

    @property
    def parent_stream(self) -> KustomerStream:
        """The stream below whose rows the endpoint stands."""
        return next(one for one in self.all_streams if one.name == self.entry.parent)

    def children_of(self, parent: dict[str, Any], client: KustomerClient) -> Children:
        """Return the children of one row of the topmost parent; called by worker threads."""
        above = self.parent_stream
        parents, asked, unknown = [parent], 0, 0
        if isinstance(above, (ExtraBelowList, ExtraBelowSearch)):
            found = above.children_of(parent, client)
            parents, asked, unknown = found.rows, found.asked, found.unknown
        elif isinstance(above, ChildStream):
            found = above.children_of(parent, client)
            places = {BELONGS_TO: parent.get("id"), "column": above.parent_column}
            parents = [{**identified(above.as_resource(row)), **places} for row in found.rows]
            asked, unknown = found.asked, found.unknown
        rows: list[dict[str, Any]] = []
        for one in parents:
            path = child_path(self.entry, one)
            if path is None:
                continue
            children = read_children(
                client,
                one,
                [path],
                partial(_has_gone, one, client),
                page_size=self.entry.page_size or None,
            )
            rows += [{**identified(row), BELONGS_TO: one.get("id")} for row in children.rows]
            asked += children.asked
            unknown += children.unknown
        return Children(parent, rows, asked, unknown)


class ExtraList(ExtraRows, ListStream):
    """A list that a user names."""

    @override
    def ask_ahead(self) -> None:
        if self.problem is None:
            super().ask_ahead()

    @override
    def prepare(self) -> None:
        """Read the first page, unless the entry is wrong."""
        self.check_entry()
        super().prepare()

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the rows, each id once."""
        yield from super().read()
        self.keep_columns()


class ExtraBelowList(ExtraRows):
    """A list below each row of a stream that is read in full."""

    is_full_list = True

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the children of all parents."""
        self.check_entry()
        asked = unknown = 0
        for page in self.prefetch.in_turn(self._topmost_pages()):
            for first in range(0, len(page.rows), _PARENTS_AT_ONCE):
                parents = page.rows[first : first + _PARENTS_AT_ONCE]
                for found in self.prefetch.map(self._found_below, parents):
                    if not attributes_of(found.parent).get("deleted"):
                        asked += found.asked
                        unknown += found.unknown
                    yield RowBatch([self.make_row(row) for row in found.rows])
        if 0 < asked == unknown:
            msg = self.entry.problem(f"Kustomer has no {self.entry.path} for any parent.")
            raise NotFoundError(msg)
        self.keep_columns()

    def _found_below(self, parent: dict[str, Any]) -> Children:
        return self.children_of(parent, self.client)

    def _topmost_pages(self) -> Iterator[ListPage]:
        above = self.parent_stream
        while isinstance(above, ExtraBelowList):
            above = above.parent_stream
        if isinstance(above, ExtraList):
            above.check_entry()
        if isinstance(above, ListStream):
            return above.listed_by(self)
        if isinstance(above, SearchStream):
            return listed(self, above.list_paths)
        msg = self.entry.problem(f"rows of {above.name} cannot be listed.")
        raise StreamError(msg)


class ExtraBelowSearch(ExtraRows, ChildStream):
    """A list below each row of a search stream, incremental with that."""

    parent_column = PARENT_ROW_ID

    @override
    def negotiate(self) -> None:
        """Search for parents, unless the entry is wrong."""
        self.check_entry()
        super().negotiate()

    @override
    def requests_below(self, parents: Sequence[dict[str, Any]]) -> int:
        return len(parents)  # one each, and those of the rows between

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the rows, and keep their columns."""
        yield from super().read()
        self.keep_columns()


def _has_gone(parent: dict[str, Any], client: KustomerClient) -> bool:
    """Whether a row of the parent was deleted, as far as that can be asked."""
    if attributes_of(parent).get("deleted") is True:
        return True
    path = own_link(parent)
    return path.startswith("/v") and is_gone(client, path)


def child_path(entry: ExtraStream, parent: dict[str, Any]) -> str | None:
    """Return the path below a row of the parent; ``None`` for a row without an id.

    Raises: ``StreamError`` for a placeholder that the parent's rows do not fill.
    """
    if parent.get("id") is None:
        return None
    places = {"id": parent["id"], PARENT_ROW_ID: parent.get(BELONGS_TO)}
    if "column" in parent:
        places[str(parent["column"])] = parent.get(BELONGS_TO)
    filled = {name: quote(str(one), safe="") for name, one in places.items() if one is not None}
    try:
        path = entry.path.format_map(filled)
    except KeyError as error:
        msg = entry.problem(
            f"`path` names {{{error.args[0]}}}, but rows of {entry.parent} fill "
            + ", ".join(f"{{{name}}}" for name in filled)
            + " only."
        )
        raise StreamError(msg) from None
    return f"{path}?{urlencode(entry.params)}" if entry.params else path
