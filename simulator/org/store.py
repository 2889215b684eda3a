"""Keeps the rows: the truth at once, the search index as late as it is told to be."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from simulator.org.index import IndexView, Version
from simulator.org.objects import KOBJECT, SEARCHED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from simulator.clock import Clock


class Store:
    """Rows by context and id, and an index of them that may lag behind.

    ``index_lag`` is in seconds, or a function that is asked once for every change.
    """

    def __init__(self, clock: Clock, index_lag: float | Callable[[], float]) -> None:
        self.index_lag = index_lag
        self.revisions: Counter[str] = Counter()  # grows with each change of a context
        self._clock = clock
        self._truth: defaultdict[str, dict[str, Version]] = defaultdict(dict)
        self._views: defaultdict[str, IndexView] = defaultdict(IndexView)
        self._children: defaultdict[tuple[str, str, str], dict[str, Version]] = defaultdict(dict)
        self._late: list[tuple[float, int, bool, Version]] = []
        self._sorted: dict[str, tuple[int, list[Version]]] = {}
        self._erased: set[int] = set()  # a late change does not bring these back
        self._known: Counter[str] = Counter()  # grows when ids come or go
        self._ids: dict[str, tuple[int, tuple[str, ...]]] = {}

    def put(self, version: Version) -> None:
        """Take in a new row or a new version of one."""
        for context in version.contexts:
            rows = self._truth[context]
            self._known[context] += version.id not in rows
            self.revisions[context] += 1
            rows[version.id] = version
        for parent, id_ in version.parents.items():
            if isinstance(id_, str):
                self._children[version.name, parent, id_][version.id] = version
        if version.name in SEARCHED or version.name == KOBJECT:
            changed_at = min(version.position / 1000, self._clock.now())
            self._index_later(changed_at, version, erased=False)

    def erase(self, version: Version, number: int) -> None:
        """Remove a row for good; ``number`` says when, among all changes."""
        for context in version.contexts:
            self._truth[context].pop(version.id, None)
            self._known[context] += 1
            self.revisions[context] += 1
        for parent, id_ in version.parents.items():
            if isinstance(id_, str):
                self._children[version.name, parent, id_].pop(version.id, None)
        if version.name in SEARCHED or version.name == KOBJECT:
            version.number = number
            self._index_later(self._clock.now(), version, erased=True)

    def _index_later(self, changed_at: float, version: Version, *, erased: bool) -> None:
        lag = self.index_lag() if callable(self.index_lag) else self.index_lag
        if lag > 0 and changed_at + lag > self._clock.now():
            heapq.heappush(self._late, (changed_at + lag, version.number, erased, version))
        else:
            self._index(version, erased=erased)

    def _index(self, version: Version, *, erased: bool) -> None:
        for context in version.contexts:
            if erased:
                self._erased.add(version.row)
                self._views[context].drop(version.row)
            elif version.row not in self._erased:
                self._views[context].put(version)

    def refresh(self) -> None:
        """Bring the index up to what it shows by now."""
        now = self._clock.now()
        while self._late and self._late[0][0] <= now:
            _, _, erased, version = heapq.heappop(self._late)
            self._index(version, erased=erased)

    def refresh_all(self) -> None:
        """Bring the index up to date at once, whatever its lag."""
        for _, _, erased, version in sorted(self._late, key=lambda late: late[1]):
            self._index(version, erased=erased)
        self._late.clear()

    def view(self, context: str) -> IndexView:
        """Return the index of a context as it is now."""
        self.refresh()
        return self._views[context]

    def get(self, context: str, id_: str) -> Version | None:
        """Return the current version of a row."""
        return self._truth[context].get(id_)

    def versions(self, context: str) -> Iterable[Version]:
        """Return the current versions in the order in which the rows came."""
        return self._truth[context].values()

    def contexts(self) -> list[str]:
        """Return the contexts that hold rows."""
        return [context for context, rows in self._truth.items() if rows]

    def by_id(self, context: str) -> list[Version]:
        """Return the current versions in order of their ids; not to be changed."""
        known = self._sorted.get(context)
        if known is None or known[0] != self.revisions[context]:
            ordered = sorted(self._truth[context].values(), key=lambda version: version.id)
            known = self._sorted[context] = (self.revisions[context], ordered)
        return known[1]

    def ids(self, context: str) -> tuple[str, ...]:
        """Return the ids of a context, kept until one comes or goes."""
        known = self._ids.get(context)
        if known is None or known[0] != self._known[context]:
            known = self._ids[context] = (self._known[context], tuple(self._truth[context]))
        return known[1]

    def children(self, name: str, parent: str, id_: str) -> list[Version]:
        """Return the rows of ``name`` that belong to a parent, in order of their ids."""
        found = self._children.get((name, parent, id_), {})
        return sorted(found.values(), key=lambda version: version.id)
