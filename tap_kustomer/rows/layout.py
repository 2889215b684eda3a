"""Structs made of what a stream's resources have shown: how to decode them, how to write rows.

A struct whose types are those of the columns lets msgspec read and check most attributes of a
resource in one go; a struct of the columns is made and written faster than a ``dict``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import Raw

from tap_kustomer.rows.maker import Record, RowMaker

__all__ = ["Layout", "layout_of"]

_UNNAMEABLE = re.compile(r'[\x00-\x1f"\\]')  # msgspec takes no such name for a field
_NOTHING = Raw(b"null")
_Field: TypeAlias = "tuple[str, Any, Any]"  # name, type, default


class Layout(NamedTuple):
    """How resources are decoded, and rows made of them.

    Of the values of a resource's attributes the first ``copied`` are the first of its row, and
    ``others`` are the names of the next. ``rest`` is the row without the columns of the first.
    """

    decode: Callable[[Raw], Any]  # refuses resources of another shape
    copied: int
    others: list[str]
    rest: Record
    make: Callable[..., Any]  # the row of its values, those of ``rest`` last
    columns: dict[str, str]  # of the attributes that are copied, by their names
    types: dict[str, Any]  # of the same


class _Resource(msgspec.Struct, forbid_unknown_fields=True):
    """A resource, but for its attributes."""

    id: Any = None
    type: Any = None
    relationships: dict[str, Any] | None = None
    links: Raw = _NOTHING


def layout_of(make_row: RowMaker, converted: Collection[str], *, as_structs: bool) -> Layout:
    """Return the layout for all attributes that ``make_row`` has seen.

    ``converted`` are those whose values have to be looked at one by one.
    """
    copied: list[_Field] = []
    others: list[_Field] = []
    unread: list[_Field] = []
    columns: dict[str, str] = {}
    for name in make_row.names:
        if _UNNAMEABLE.search(name):
            continue
        copies = make_row.copies(name)
        if copies is not None and name not in converted:
            columns[name], type_ = copies
            copied.append((name, type_, None))
        elif make_row.leaves_out(name):
            unread.append((name, Raw, _NOTHING))
        else:
            others.append((name, Any, None))
    attributes = _struct([*copied, *others, *unread])
    resource = msgspec.defstruct(
        "_ResourceWithAttributes",
        [("attributes", attributes)],
        bases=(_Resource,),
        kw_only=True,
        forbid_unknown_fields=True,
    )
    rest = make_row.new_row()
    for column in columns.values():
        del rest[column]
    row_columns = [*columns.values(), *rest]
    return Layout(
        decode=msgspec.json.Decoder(resource).decode,
        copied=len(copied),
        others=[name for name, *_ in others],
        rest=rest,
        make=_row_struct(row_columns) if as_structs else _row_dict(row_columns),
        columns=columns,
        types={name: type_ for name, type_, _ in copied},
    )


def _struct(fields: list[_Field]) -> type[msgspec.Struct]:
    """Return the struct with these names in JSON, which need not be names of Python."""
    numbered = {f"_{number}": field for number, field in enumerate(fields)}
    return msgspec.defstruct(
        "_Struct",
        [(number, type_, default) for number, (_, type_, default) in numbered.items()],
        rename={number: name for number, (name, *_) in numbered.items()},
        forbid_unknown_fields=True,
    )


def _row_struct(columns: list[str]) -> Callable[..., msgspec.Struct]:
    return _struct([(column, Any, None) for column in columns])


def _row_dict(columns: list[str]) -> Callable[..., Record]:
    return lambda *values: dict(zip(columns, values, strict=True))
