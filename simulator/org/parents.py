"""Decides which rows a new row belongs to and refers to."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from simulator.org.objects import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.org.store import Store

# What shapes may refer to, as lists of ids.
POOLS = {
    "users": "user",
    "teams": "team",
    "tags": "tag",
    "shortcuts": "shortcut",
    "brands": "brand",
    "queues": "queue",
    "slas": "sla",
    "sub_statuses": "sub_status",
    "role_groups": "role_group",
    "companies": "company",
    "satisfactions": "satisfaction",
    "schedules": "schedule",
    "kb_categories": "kb_category",
}


def _strangers(name: str) -> list[str]:
    """Return ids for what nearly every row refers to, in an org that has none of it."""
    if name not in ("user", "team", "tag"):
        return []
    rng = random.Random(name)
    return [f"{rng.getrandbits(96):024x}" for _ in range(3)]


class Family:
    """Draws parents from the rows there are; where there are none, an id that nobody has."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pools: tuple[tuple[int, ...], dict[str, list[str]]] | None = None

    def pools(self) -> Mapping[str, list[str]]:
        """Return the ids that rows may refer to; a snapshot, made anew when rows come or go."""
        revision = tuple(len(self._store.ids(name)) for name in POOLS.values())
        if self._pools is None or self._pools[0] != revision:
            ids = {
                key: known
                for key, name in POOLS.items()
                if (known := list(self._store.ids(name)) or _strangers(name))
            }
            self._pools = revision, ids
        return self._pools[1]

    def parents(
        self, name: str, seed: int, given: Mapping[str, str | list[str]] | None
    ) -> dict[str, str | list[str]]:
        """Return the ids for one row; those given are kept."""
        chosen: dict[str, str | list[str]] = dict(given or {})
        if not OBJECTS[name].parents:
            return chosen
        rng = random.Random(seed)
        for parent in reversed(OBJECTS[name].parents):
            if parent in chosen:
                self._inherit(chosen, parent)
                continue
            known = self._store.ids(parent)
            chosen[parent] = rng.choice(known) if known else f"{rng.getrandbits(96):024x}"
            self._inherit(chosen, parent)
        return chosen

    def _inherit(self, chosen: dict[str, str | list[str]], parent: str) -> None:
        """A conversation's message belongs to the conversation's customer."""
        id_ = chosen[parent]
        version = self._store.get(parent, id_) if isinstance(id_, str) else None
        if version is not None:
            for kind in OBJECTS[parent].parents:
                if kind in version.parents:
                    chosen.setdefault(kind, version.parents[kind])
