"""Rows straight from the bytes of a page: the way that nearly all rows of a search take.

Most attributes enter their column unchanged. They are decoded into a struct whose types are those
of the columns, so msgspec reads and checks them in one go; only the rest of a resource is looked
at by name. One resource is done before the next is begun, so its parts stay in the processor's
cache: a page that is decoded as a whole costs nearly twice as much.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec
from msgspec import Raw
from msgspec.structs import astuple

from tap_kustomer.readers.pages import decode, has_nul, split

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from tap_kustomer.streams.records import Record, RowMaker

__all__ = ["DirectRows"]

_MOST_NAMES = 1000  # attributes of a stream; with more, their names are data
_UNNAMEABLE = re.compile(r'[\x00-\x1f"\\]')  # msgspec takes no such name for a field
_NOTHING = Raw(b"null")
_Field: TypeAlias = "tuple[str, Any, Any]"


class _Resource(msgspec.Struct, forbid_unknown_fields=True):
    """A resource, but for its attributes."""

    id: Any = None
    type: Any = None
    relationships: dict[str, Any] | None = None
    links: Raw = _NOTHING


class _Layout(NamedTuple):
    """How resources are decoded, and what the values of their attributes are, in order."""

    decode: Callable[[Raw], Any]
    columns: list[str]  # of the attributes that are copied, which are the first
    others: list[str]  # the names of the attributes behind them


class DirectRows:
    """Makes the rows of pages.

    The row maker is the reference: it makes the rows that the struct does not fit (an unknown
    attribute, a value of another type), and what is learned from them is part of the struct from
    the next page on.
    """

    def __init__(self, make_row: RowMaker) -> None:
        """Leave the first page to ``make_row``: no attribute is known yet."""
        self._make_row = make_row
        self.layout: _Layout | None = None
        self._types: dict[str, Any] = {}  # of the attributes that are copied
        self._converted: set[str] = set()  # attributes whose values were seen not to fit
        self._known = 0
        self._rows = self._misfits = 0  # since the layout is what it is

    def __call__(self, raw: bytes, indexes: Collection[int]) -> Iterator[Record]:
        """Yield the rows at ``indexes`` of a page: what the row maker makes of them decoded.

        Raises: ``StreamError`` for a resource without an id.
        """
        resources = split(raw) if indexes else []
        layout = self._adapted()
        if layout is None or has_nul(raw):
            for index in indexes:
                yield self._make_row(_decoded(resources[index]))
            return
        make_row, copied = self._make_row, len(layout.columns)
        for index in indexes:
            self._rows += 1
            try:
                found = layout.decode(resources[index])
            except (ValueError, RecursionError):
                yield self._learn(_decoded(resources[index]))
                continue
            values = astuple(found.attributes)
            row = make_row.new_row()
            row.update(zip(layout.columns, values))  # noqa: B905 - there are more values
            rest = {
                "id": found.id,
                "type": found.type,
                "attributes": dict(zip(layout.others, values[copied:])),  # noqa: B905 - as above
                "relationships": found.relationships,
            }
            yield make_row.fill(row, rest)

    def _learn(self, resource: Mapping[str, Any]) -> Record:
        """Return the row of a resource that does not fit, and note why it does not."""
        self._misfits += 1
        row = self._make_row(resource)
        attributes = resource.get("attributes")
        if isinstance(attributes, dict):
            for name in attributes.keys() & self._types.keys():
                if not _fits(attributes[name], self._types[name]):
                    self._converted.add(name)
        return row

    def _adapted(self) -> _Layout | None:
        """Return the layout for the next page, by what the ones before have shown."""
        names = self._make_row.names
        known = len(names) + len(self._converted)
        if known != self._known:
            self._known = known
            self._rows = self._misfits = 0
            self.layout = self._compiled() if len(names) <= _MOST_NAMES else None
        elif self._misfits > self._rows / 2:
            self.layout = None  # trying costs more than it saves
        return self.layout

    def _compiled(self) -> _Layout:
        self._types = {}
        columns: list[str] = []
        others: list[_Field] = []
        unread: list[_Field] = []
        for name in self._make_row.names:
            if _UNNAMEABLE.search(name):
                continue
            copies = self._make_row.copies(name)
            if copies is not None and name not in self._converted:
                column, self._types[name] = copies
                columns.append(column)
            elif self._make_row.leaves_out(name):
                unread.append((name, Raw, _NOTHING))
            else:
                others.append((name, Any, None))
        copied: list[_Field] = [(name, type_, None) for name, type_ in self._types.items()]
        decoder = msgspec.json.Decoder(_resource_type([*copied, *others, *unread]))
        return _Layout(decoder.decode, columns, [name for name, *_ in others])


def _resource_type(attributes: list[_Field]) -> type[msgspec.Struct]:
    """Return the type of resources that have no other than these attributes, in this order."""
    # Names of the API need not be names of Python.
    names = [f"_{number}" for number in range(len(attributes))]
    struct = msgspec.defstruct(
        "_Attributes",
        [
            (name, type_, default)
            for name, (_, type_, default) in zip(names, attributes, strict=True)
        ],
        rename=dict(zip(names, (name for name, *_ in attributes), strict=True)),
        forbid_unknown_fields=True,
    )
    return msgspec.defstruct(
        "_ResourceOf",
        [("attributes", struct)],
        bases=(_Resource,),
        kw_only=True,
        forbid_unknown_fields=True,
    )


def _decoded(raw: Raw) -> dict[str, Any]:
    """Return a resource; what is no object becomes one without an id, which no row is made of."""
    found = decode(bytes(raw))
    return found if isinstance(found, dict) else {}


def _fits(value: Any, type_: Any) -> bool:  # noqa: ANN401
    try:
        msgspec.convert(value, type_)
    except (ValueError, RecursionError):
        return False
    return True
