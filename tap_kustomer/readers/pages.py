"""Pages as Kustomer sends them: what is needed to go on is peeked at, the rest stays bytes.

Worker threads peek, the main thread decodes: so a page that waits for its turn costs its own
size and no more.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import msgspec

from tap_kustomer import timestamps

__all__ = [
    "OrderedPage",
    "RowKey",
    "SearchPage",
    "clean_text",
    "decode",
    "has_nul",
    "peek",
    "split",
]

# Lone surrogates and NUL break loaders; JavaScript cuts emoji in half, so they do occur.
_UNLOADABLE = re.compile("[\ud800-\udfff\x00]")
_REPLACEMENT = "\ufffd"
_NUL = re.compile(rb"\\u0000")  # found in half the time that `in` takes
_LONGEST_INTEGER = 4_000  # digits; Python itself refuses to read more than 4,300
_DEEPEST = 100  # levels of nesting, where there are more than Python reads
_STRUCTURE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


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


@dataclass(frozen=True)
class OrderedPage:
    """Rows to emit, and the moment up to which then all rows are emitted (``None``: as before).

    Rows between ``high`` and the fresh ones are another reader's.
    """

    page: SearchPage | None
    settled: str | None
    high: str | None = None


# Anything may stand where an object is expected; that is judged row by row, not page by page.
_Other: TypeAlias = str | int | float | bool | list[Any] | None


class _Attributes(msgspec.Struct):
    updatedAt: Any = None  # noqa: N815 - the API's name
    createdAt: Any = None  # noqa: N815


class _Row(msgspec.Struct):
    id: Any = None
    attributes: _Attributes | _Other = None


class _Meta(msgspec.Struct):
    total: Any = None
    pageSize: Any = None  # noqa: N815
    timed_out: Any = None


class _Envelope(msgspec.Struct):
    data: list[_Row | _Other] | None = None
    meta: _Meta | _Other = None


class _Rows(msgspec.Struct):
    data: list[msgspec.Raw]


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ROWS = msgspec.json.Decoder(_Rows)
_NOTHING = _Attributes()


def peek(raw: bytes, field: str = "updatedAt") -> SearchPage:
    """Return the page in ``raw``; ``field`` is the attribute that it was sorted by.

    Raises: ``ValueError`` when ``raw`` is no JSON, or not the JSON of a page.
    """
    try:
        envelope = _ENVELOPE.decode(raw)
    except (ValueError, RecursionError):
        # Not JSON for msgspec, which refuses half emoji: the slow way makes clean bytes of what
        # can be read at all.
        raw = msgspec.json.encode(_loads_leniently(raw))
        envelope = _ENVELOPE.decode(raw)
    if envelope.data is None:
        msg = "the answer has no data"
        raise ValueError(msg)
    meta = envelope.meta if isinstance(envelope.meta, _Meta) else _Meta()
    by_creation = field == "createdAt"
    keys = []
    for row in envelope.data:
        if not isinstance(row, _Row):
            keys.append(RowKey(None, None, None))
            continue
        attributes = row.attributes if isinstance(row.attributes, _Attributes) else _NOTHING
        created = timestamps.normalise(attributes.createdAt)
        updated = created if by_creation else timestamps.normalise(attributes.updatedAt)
        id_ = row.id
        if id_.__class__ is not str:
            id_ = str(id_) if type(id_) is int else None
        keys.append(RowKey(id_, updated, created))
    return SearchPage(
        raw=raw,
        keys=keys,
        total=_whole(meta.total),
        page_size=_whole(meta.pageSize),
        timed_out=meta.timed_out is True,
    )


def split(raw: bytes) -> list[msgspec.Raw]:
    """Return the rows of a page that was peeked at, each as its bytes."""
    return _ROWS.decode(raw).data


def decode(raw: bytes) -> Any:  # noqa: ANN401
    """Return the JSON of an answer, with text that every loader takes and finite numbers.

    Raises: ``ValueError`` when ``raw`` is no JSON.
    """
    try:
        # As fast as orjson here, and it keeps integers beyond 64 bits, which orjson rounds.
        content = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return _loads_leniently(raw)
    return clean_text(content) if has_nul(raw) else content


def has_nul(raw: bytes) -> bool:
    """Whether there may be a NUL in the text of an answer."""
    return _NUL.search(raw) is not None


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
    """Return the JSON in ``raw`` as the standard library reads it.

    What JSON cannot say (NaN, Infinity, 1e999) and what nests too deep becomes text.
    """
    text = raw.decode("utf-8-sig", errors="replace")
    try:
        return clean_text(_loads(text))
    except RecursionError:
        return clean_text(_loads(_shallow(text)))


def _loads(text: str) -> Any:  # noqa: ANN401
    return json.loads(
        text,
        strict=False,
        parse_constant=str,
        parse_int=_integer_or_text,
        parse_float=_float_or_text,
    )


def _integer_or_text(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_INTEGER else text


def _float_or_text(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _shallow(text: str) -> str:
    """Return the JSON ``text`` with everything below ``_DEEPEST`` levels as a JSON string.

    Python, and most loaders, end at about a thousand levels.
    """
    parts: list[str] = []
    depth = begin = copied = 0
    for match in _STRUCTURE.finditer(text):
        bracket = match.group()
        if bracket in "[{":
            depth += 1
            if depth == _DEEPEST:
                begin = match.start()
        elif bracket in "]}":
            if depth == _DEEPEST:
                parts += text[copied:begin], json.dumps(text[begin : match.end()])
                copied = match.end()
            depth -= 1
    return "".join([*parts, text[copied:]])


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value, re.ASCII):
        return int(value)
    return None
