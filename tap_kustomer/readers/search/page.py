"""Pages of a search: what is needed to go on is read from the bytes, the rest stays bytes.

Worker threads read the keys, the main thread decodes: a page that waits for its turn costs its
own size and no more.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import msgspec

from tap_kustomer import timestamps
from tap_kustomer.client.codec import loads_leniently
from tap_kustomer.readers.versions import rev_of

__all__ = ["KNOWN_CAPS", "OrderedPage", "Part", "RowKey", "SearchPage", "peek"]

# Totals at which counting is known to stop: Elasticsearch's default, and what the vendor's own
# app asks for. A total that is exactly one of them is "at least so many".
KNOWN_CAPS = frozenset({10_000})
_ENOUGH_FOR_TIES = 20  # rows


class RowKey(NamedTuple):
    """What the reader knows of a row without decoding it."""

    id: str | None
    updated: str | None  # UTC text of the replication attribute; None: the row has none
    created: str | None
    rev: float | None = None  # grows with every change of the row


@dataclass(frozen=True)
class SearchPage:
    """One page of a search: its bytes, the keys of its rows, and what ``meta`` says."""

    raw: bytes
    keys: list[RowKey]
    total: int | None  # rows that match, over all pages; None: the answer proves no number
    page_size: int | None
    timed_out: bool
    at_least: int = 0  # rows that match, where the total is a known cap
    emptied: int = 0  # rows with an id and no attributes
    kinds: frozenset[str] = frozenset()  # what the rows say they are, such as `customer`
    is_end: bool = False  # without a total: another search showed that no row follows

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.keys)

    @property
    def expected(self) -> int:
        """Rows that match, as far as the answer tells; for plans, never for a proof."""
        return max(self.at_least, len(self.keys)) if self.total is None else self.total

    @property
    def ids(self) -> set[str | None]:
        """The ids of the rows."""
        return {key.id for key in self.keys}

    @property
    def share_of_ties(self) -> float:
        """The share of the rows that have their timestamp with another one."""
        times = Counter(key.updated for key in self.keys if key.updated is not None)
        alone = sum(count == 1 for count in times.values())
        return 1 - alone / times.total() if times else 0.0

    @property
    def has_many_ties(self) -> bool | None:
        """Whether half of the rows or more do; ``None`` where there are too few to tell."""
        stamps = [key.updated for key in self.keys if key.updated is not None]
        if len(stamps) < _ENOUGH_FOR_TIES:
            return None
        # A pair of ties takes one timestamp away: with more left, nothing has to be counted.
        return len({*stamps}) <= len(stamps) * 3 / 4 and self.share_of_ties >= 1 / 2

    def last_in_place(self, limit: str) -> str | None:
        """Return the timestamp of the last row that the index surely shows in its place."""
        in_place = [key.updated for key in self.keys if key.updated and key.updated <= limit]
        return max(in_place, default=None)

    def end_of_rows(self, limit: str) -> str | None:
        """Return the moment that is settled once nothing follows the page, ``limit`` at most."""
        stamps = [key.updated for key in self.keys if key.updated is not None]
        return min(max(stamps), limit) if stamps else None

    def count_before(self, moment: str, limit: str = "9") -> int:
        """Return how many rows stand before the first row stamped ``moment`` or later.

        The place in the index counts, not the stamp: a row that shows a stamp behind ``limit``,
        or none, may stand before its time and is counted where it stands.
        """
        counted: set[object] = set()
        for place, key in enumerate(self.keys):
            if key.updated is not None and moment <= key.updated <= limit:
                break
            counted.add(key.id or place)
        return len(counted)

    def count_stamped(self, low: str, behind: str) -> int:
        """Return how many rows were updated from ``low`` on and before ``behind``."""
        keys = enumerate(self.keys)
        return len({key.id or place for place, key in keys if low <= (key.updated or "") < behind})

    def count_created_before(self, moment: str) -> int:
        """Return how many rows stand before the first one created at ``moment`` or later."""
        counted: set[object] = set()
        for place, key in enumerate(self.keys):
            if key.created is not None and key.created >= moment:
                break
            counted.add(key.id or place)
        return len(counted)


class Part(NamedTuple):
    """A part of a time range that was read: from ``low`` on, up to but not including ``behind``."""

    low: str
    behind: str
    rows: int  # that the index showed there


@dataclass(frozen=True)
class OrderedPage:
    """Rows to emit, and what is read once they are.

    ``settled``: the moment up to which then all rows are emitted; ``None``: as before. Rows
    between ``high`` and the watermark are another reader's. ``parts`` are those that this answer
    completes or confirms.
    """

    page: SearchPage | None
    settled: str | None = None
    high: str | None = None
    parts: tuple[Part, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the answer."""
        return 0 if self.page is None else len(self.page.raw)


# Anything may stand where an object is expected; that is judged row by row, not page by page.
_Other: TypeAlias = str | int | float | bool | list[Any] | None


class _Attributes(msgspec.Struct):
    updatedAt: Any = None  # noqa: N815 - the API's name
    createdAt: Any = None  # noqa: N815
    rev: Any = None


class _Row(msgspec.Struct):
    id: Any = None
    type: Any = None
    attributes: _Attributes | _Other = None


class _Meta(msgspec.Struct):
    total: Any = None
    pageSize: Any = None  # noqa: N815
    timed_out: Any = None


class _Envelope(msgspec.Struct):
    data: list[_Row | _Other] | None = None
    meta: _Meta | _Other = None
    errors: Any = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_NOTHING = _Attributes()


def peek(raw: bytes, field: str = "updatedAt", *, ids_only: bool = False) -> SearchPage:
    """Return the page in ``raw``; ``field`` is the attribute that it was sorted by.

    With ``ids_only`` a text in the place of a row is its id.
    Raises: ``ValueError`` when ``raw`` is no JSON, or not the JSON of a page.
    """
    try:
        envelope = _ENVELOPE.decode(raw)
    except (ValueError, RecursionError):
        # Not JSON for msgspec, which refuses half emoji: the slow way makes clean bytes of what
        # can be read at all.
        raw = msgspec.json.encode(loads_leniently(raw))
        envelope = _ENVELOPE.decode(raw)
    if envelope.data is None:
        msg = "the answer has no data"
        raise ValueError(msg)
    if envelope.errors:
        msg = "the answer has errors beside its data"
        raise ValueError(msg)
    meta = envelope.meta if isinstance(envelope.meta, _Meta) else _Meta()
    by_creation = field == "createdAt"
    keys = []
    emptied = 0
    kinds: set[str] = set()
    for row in envelope.data:
        if not isinstance(row, _Row):
            keys.append(RowKey(row if ids_only and isinstance(row, str) else None, None, None))
            continue
        if row.type.__class__ is str:
            kinds.add(row.type)
        attributes = row.attributes if isinstance(row.attributes, _Attributes) else _NOTHING
        if attributes is _NOTHING and not ids_only:
            # Half a row: as one without an id, it is asked for again before it is believed.
            keys.append(RowKey(None, None, None))
            emptied += row.id is not None
            continue
        created = timestamps.normalise(attributes.createdAt)
        updated = created if by_creation else timestamps.normalise(attributes.updatedAt)
        id_ = row.id
        if id_.__class__ is not str:
            id_ = str(id_) if type(id_) is int else None
        elif not id_ or id_.isspace():
            id_ = None
        keys.append(RowKey(id_, updated, created, rev_of(attributes.rev)))
    total, at_least = _total(meta.total)
    return SearchPage(
        raw=raw,
        keys=keys,
        total=total,
        page_size=_whole(meta.pageSize),
        timed_out=meta.timed_out in (True, "true", "True"),
        at_least=at_least,
        emptied=emptied,
        kinds=frozenset(kinds),
    )


def _total(value: object) -> tuple[int | None, int]:
    """Return the total that ``value`` proves, if any, and the least that it tells.

    Elasticsearch's own form, ``{"value": 12, "relation": "eq"}``, is taken too.
    """
    exact = True
    if isinstance(value, dict):
        exact = value.get("relation") == "eq"
        value = value.get("value")
    number = _whole(value)
    if number is None:
        return None, 0
    return (number, number) if exact and number not in KNOWN_CAPS else (None, number)


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    if isinstance(value, float):
        return int(value) if value >= 0 and value.is_integer() else None
    if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value, re.ASCII):
        return int(value)
    return None
