"""Pages as Kustomer sends them: what is needed to go on is peeked at, the rest stays bytes.

Worker threads peek, the main thread decodes: so a page that waits for its turn costs its own
size and no more.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from tap_kustomer import timestamps

__all__ = ["RowKey", "SearchPage", "clean_text", "decode", "peek"]

# Lone surrogates and NUL break loaders; JavaScript cuts emoji in half, so they do occur.
_UNLOADABLE = re.compile("[\ud800-\udfff\x00]")
_REPLACEMENT = "\ufffd"


class RowKey(NamedTuple):
    """What the reader knows of a row without decoding it."""

    id: str | None
    updated: str | None  # UTC text of the replication attribute; None: the row has none
    created: str | None


@dataclass(frozen=True)
class SearchPage:
    """One page of a search: its bytes, the keys of its rows, and what ``meta`` says."""

    raw: bytes
    keys: list[RowKey]
    total: int | None  # rows that match, over all pages
    page_size: int | None
    timed_out: bool

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.keys)

    @property
    def holds_all(self) -> bool:
        """Whether the page holds every row that matches."""
        return self.total is not None and len(self.keys) >= self.total


class _Attributes(msgspec.Struct):
    updatedAt: Any = None  # noqa: N815 - the API's name
    createdAt: Any = None  # noqa: N815


class _Row(msgspec.Struct):
    id: Any = None
    attributes: _Attributes | None = None


class _Meta(msgspec.Struct):
    total: Any = None
    pageSize: Any = None  # noqa: N815
    timed_out: Any = None


class _Envelope(msgspec.Struct):
    data: list[_Row | None] | None = None
    meta: _Meta | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)


def peek(raw: bytes, field: str = "updatedAt") -> SearchPage:
    """Return the page in ``raw``; ``field`` is the attribute that it was sorted by.

    Raises: ``ValueError`` when ``raw`` is no JSON, or not the JSON of a page.
    """
    try:
        envelope = _ENVELOPE.decode(raw)
    except msgspec.DecodeError:
        # Not JSON for msgspec, which refuses half emoji, or of another shape: the slow way
        # makes clean bytes of what can be read at all.
        raw = msgspec.json.encode(_loads_leniently(raw))
        envelope = _ENVELOPE.decode(raw)
    if envelope.data is None:
        msg = "the answer has no data"
        raise ValueError(msg)
    meta = envelope.meta or _Meta()
    by_creation = field == "createdAt"
    keys = []
    for row in envelope.data:
        attributes = (row and row.attributes) or _Attributes()
        created = timestamps.normalise(attributes.createdAt)
        updated = created if by_creation else timestamps.normalise(attributes.updatedAt)
        keys.append(RowKey(row.id if row else None, updated, created))
    return SearchPage(
        raw=raw,
        keys=keys,
        total=_whole(meta.total),
        page_size=_whole(meta.pageSize),
        timed_out=meta.timed_out is True,
    )


def decode(raw: bytes) -> Any:  # noqa: ANN401
    """Return the JSON of an answer, with text that every loader takes.

    Raises: ``ValueError`` when ``raw`` is no JSON.
    """
    try:
        # As fast as orjson here, and it keeps integers beyond 64 bits, which orjson rounds.
        content = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return clean_text(_loads_leniently(raw))
    return clean_text(content) if b"\\u0000" in raw else content


def clean_text(value: Any) -> Any:  # noqa: ANN401
    """Return ``value`` with U+FFFD for NUL and lone surrogates, in keys and values."""
    if isinstance(value, str):
        return _UNLOADABLE.sub(_REPLACEMENT, value)
    if isinstance(value, list):
        return [clean_text(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(key): clean_text(item) for key, item in value.items()}
    return value


def _loads_leniently(raw: bytes) -> Any:  # noqa: ANN401
    """Return the JSON in ``raw`` as the standard library reads it; NaN and Infinity as text."""
    try:
        content = json.loads(raw.decode(errors="replace"), parse_constant=str)
    except RecursionError as error:
        msg = "nested too deeply"
        raise ValueError(msg) from error
    return clean_text(content)


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return None
