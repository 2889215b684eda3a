"""What the search sees: versions of rows, in the order of their timestamps."""

from __future__ import annotations

import bisect
import json
import math
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from simulator.jsontypes import JSON

Key: TypeAlias = tuple[int, int]
"""(milliseconds, row number)."""

NO_TIME = 1 << 62  # sorts behind every timestamp
BULK = 64  # from so many new keys on, sorting the list is quicker than inserting one by one


class Version:
    """One version of one row. Its JSON is made when it is first asked for, then kept as bytes."""

    __slots__ = (
        "_body", "_make", "contexts", "created", "deleted", "id", "name", "number", "parents",
        "row", "updated",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913  # a value with many fields
        self,
        *,
        row: int,
        number: int,
        id: str,  # noqa: A002  # the API's own word
        name: str,
        contexts: tuple[str, ...],
        created: int | None,
        updated: int | None,
        deleted: bool,
        parents: dict[str, str | list[str]],
        make: Callable[[], JSON],
    ) -> None:
        self.row, self.number, self.id, self.name = row, number, id, name
        self.contexts, self.created, self.updated = contexts, created, updated
        self.deleted, self.parents, self._make = deleted, parents, make
        self._body: bytes | None = None

    @property
    def body(self) -> bytes:
        """The resource as the server sends it."""
        if self._body is None:
            self._body = encode(self._make())
            self._make = self._decode
        return self._body

    @property
    def resource(self) -> JSON:
        """A new copy of the resource."""
        return self._decode()

    @property
    def position(self) -> int:
        """`updatedAt`, or `createdAt` of objects without one (conversation times)."""
        if self.updated is not None:
            return self.updated
        if self.name == "conversation_time" and self.created is not None:
            return self.created
        return NO_TIME

    def _decode(self) -> JSON:
        decoded: JSON = json.loads(self.body)
        return decoded


def encode(document: object) -> bytes:
    """Return JSON bytes: UTF-8, or escapes where a lone surrogate has no UTF-8."""
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(document, separators=(",", ":")).encode()


class SortedKeys:
    """A list of keys in order; a plain list, since 100,000 keys move in microseconds."""

    def __init__(self) -> None:
        self._keys: list[Key] = []
        self._new: list[Key] = []

    def add(self, key: Key) -> None:
        """Take in a key."""
        self._new.append(key)

    def remove(self, key: Key) -> None:
        """Drop a key that is in the list."""
        keys = self.keys()
        del keys[bisect.bisect_left(keys, key)]

    def keys(self) -> list[Key]:
        """Return the keys in order; the caller does not change the list."""
        if len(self._new) >= BULK:
            self._keys.extend(self._new)
            self._keys.sort()
        else:
            for key in self._new:
                bisect.insort(self._keys, key)
        self._new.clear()
        return self._keys


class IndexView:
    """One context of the search index."""

    def __init__(self) -> None:
        self.documents: dict[int, Version] = {}
        self._all = SortedKeys()
        self._live = SortedKeys()

    def put(self, version: Version) -> None:
        """Index a version, unless a newer one is indexed already."""
        indexed = self.documents.get(version.row)
        if indexed is not None and indexed.number >= version.number:
            return
        self.drop(version.row)
        self.documents[version.row] = version
        key = (version.position, version.row)
        self._all.add(key)
        if not version.deleted:
            self._live.add(key)

    def drop(self, row: int) -> None:
        """Forget a row."""
        indexed = self.documents.pop(row, None)
        if indexed is None:
            return
        key = (indexed.position, row)
        self._all.remove(key)
        if not indexed.deleted:
            self._live.remove(key)

    def keys(self, *, include_deleted: bool) -> list[Key]:
        """Return every key in order of its timestamp."""
        return (self._all if include_deleted else self._live).keys()


def page_of(keys: Sequence[Key], start: int, stop: int, rng: random.Random | None) -> list[int]:
    """Return the row numbers at ``start`` to ``stop`` of ``keys``.

    With ``rng``, rows of one timestamp change places from call to call: the search has no
    tie-breaker that could be relied on. A random stride through the group is a permutation of
    which any part can be had without making the whole.
    """
    stop = min(stop, len(keys))
    if rng is None:
        return [row for _, row in keys[start:stop]]
    rows: list[int] = []
    at = start
    while at < stop:
        instant = keys[at][0]
        first = bisect.bisect_left(keys, (instant, -1)) if at == start else at
        last = at + 1
        if last < len(keys) and keys[last][0] == instant:
            last = bisect.bisect_left(keys, (instant + 1, -1), lo=at)
        size = last - first
        stride, shift = _stride(size, rng)
        end = min(last, stop)
        rows += [keys[first + (place * stride + shift) % size][1]
                 for place in range(at - first, end - first)]  # fmt: skip
        at = end
    return rows


def _stride(size: int, rng: random.Random) -> tuple[int, int]:
    if size == 1:
        return 1, 0
    stride = rng.randrange(1, size)
    while math.gcd(stride, size) != 1:
        stride = rng.randrange(1, size)
    return stride, rng.randrange(size)
