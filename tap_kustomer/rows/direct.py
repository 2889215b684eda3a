"""Rows straight from the bytes of a page: the way that nearly all rows of a search take.

Most attributes enter their column unchanged, and a struct reads and checks them in one go; only
the rest of a resource is looked at by name. One resource is done before the next is begun, so its
parts stay in the processor's caches: a page that is decoded as a whole costs nearly twice as much.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import astuple

from tap_kustomer.client.codec import decode, has_nul, split
from tap_kustomer.rows.layout import Layout, layout_of
from tap_kustomer.rows.maker import Record, RowMaker

__all__ = ["DirectRows"]

_MOST_NAMES = 1000  # attributes of a stream; with more, their names are data


class DirectRows:
    """Makes the rows of pages.

    The row maker is the reference: it makes the rows that the layout does not fit (an unknown
    attribute, a value of another type), and what they show is part of the layout from the next
    page on.
    """

    def __init__(self, make_row: RowMaker, *, as_structs: bool = True) -> None:
        """Leave the first page to ``make_row``: no attribute is known yet.

        ``as_structs``: rows may be structs, for a writer that takes them as it takes a ``dict``.
        """
        self._make_row = make_row
        self._as_structs = as_structs
        self.layout: Layout | None = None
        self._converted: set[str] = set()  # attributes whose values were seen not to fit
        self._known = 0
        self._rows = self._misfits = 0  # since the layout is what it is

    def __call__(self, raw: bytes, indexes: Collection[int]) -> Iterator[Any]:
        """Yield the rows at ``indexes`` of a page: what the row maker makes of them decoded.

        Raises: ``StreamError`` for a resource without an id.
        """
        resources = split(raw) if indexes else []
        layout = self._adapted()
        if layout is None or has_nul(raw):
            for index in indexes:
                yield self._make_row(_decoded(resources[index]))
            return
        fill = self._make_row.fill
        decode_, copied, others, empty, make, *_ = layout  # looked up once, not for each row
        for index in indexes:
            self._rows += 1
            try:
                found = decode_(resources[index])
            except (ValueError, RecursionError):
                yield self._learn(layout, _decoded(resources[index]))
                continue
            values = astuple(found.attributes)
            resource = {
                "id": found.id,
                "type": found.type,
                "attributes": dict(zip(others, values[copied:])),  # noqa: B905 - the unread follow
                "relationships": found.relationships,
            }
            rest = fill(empty.copy(), resource)
            if len(rest) == len(empty):
                yield make(*values[:copied], *rest.values())
            else:  # a relationship that leads to the column of an attribute, for one
                yield self._learn(layout, _decoded(resources[index]), rest)

    def _learn(
        self,
        layout: Layout,
        resource: Mapping[str, Any],
        rest: Collection[str] = (),
    ) -> Record:
        """Return the row of a resource that does not fit, and note why it does not.

        ``rest`` are the columns that were filled beside those of the attributes that are copied.
        """
        self._misfits += 1
        row = self._make_row(resource)
        self._converted.update(name for name, column in layout.columns.items() if column in rest)
        attributes = resource.get("attributes")
        if isinstance(attributes, dict):
            for name in attributes.keys() & layout.types.keys():
                if not _fits(attributes[name], layout.types[name]):
                    self._converted.add(name)
        return row

    def _adapted(self) -> Layout | None:
        """Return the layout for the next page, by what the ones before have shown."""
        names = self._make_row.names
        known = len(names) + len(self._converted)
        if known != self._known:
            self._known = known
            self._rows = self._misfits = 0
            self.layout = None
            if len(names) <= _MOST_NAMES:
                self.layout = layout_of(
                    self._make_row, self._converted, as_structs=self._as_structs
                )
        elif self._misfits > self._rows / 2:
            self.layout = None  # trying costs more than it saves
        return self.layout


def _decoded(raw: msgspec.Raw) -> dict[str, Any]:
    """Return a resource; what is no object becomes one without an id, which no row is made of."""
    found = decode(bytes(raw))
    return found if isinstance(found, dict) else {}


def _fits(value: Any, type_: Any) -> bool:
    try:
        msgspec.convert(value, type_)
    except (ValueError, RecursionError):
        return False
    return True
