"""The rows of an org: how they come, change and go."""

from __future__ import annotations

import heapq
import random
import threading
from typing import TYPE_CHECKING

from simulator.clock import DAY, Clock, to_iso, to_ms
from simulator.org.index import Version
from simulator.org.metadata import Metadata
from simulator.org.objects import KOBJECT, OBJECTS, contexts_of, split_context
from simulator.org.parents import Family
from simulator.org.rows import Recipe
from simulator.org.store import Store
from simulator.org.versions import MISSING, first_version, instant_of, new_version, nth, parents_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.jsontypes import JSON, Instant, Instants

SPREAD = 548 * DAY  # rows are spread over the last 18 months
TEXTS = ("name", "title", "preview", "body", "label")  # what a random change writes to


class Records:
    """Rows by context and id; each change moves `updatedAt` by the org's clock."""

    def __init__(  # noqa: PLR0913  # what rows depend on
        self,
        seed: int,
        *,
        clock: Clock,
        org_id: str,
        index_lag: float | Callable[[], float],
        audit: bool,
        audit_delay: float | Callable[[], float],
        realistic: bool,
    ) -> None:
        self.seed_number, self.clock, self.org_id = seed, clock, org_id
        self.audit, self.audit_delay, self.realistic = audit, audit_delay, realistic
        self._unpublished: list[tuple[float, int, JSON]] = []
        self._erased: dict[tuple[str, str], Version] = {}
        self.rng = random.Random(seed)
        self.lock = threading.RLock()
        self.metadata = Metadata()
        self.store = Store(clock, index_lag)
        self.family = Family(self.store)
        self._rows = 0
        self._changes = 0
        # Called with what was created or changed, the verb, and the changes by attribute.
        self.listeners: list[Callable[[Version, str, JSON], object]] = []

    def add(  # noqa: PLR0913  # the parts of a row
        self,
        context: str,
        count: int = 1,
        *,
        updated_at: Instants | None = None,
        created_at: Instants | None = None,
        deleted: bool = False,
        ids: Sequence[str] | None = None,
        parents: Mapping[str, str | list[str]] | None = None,
        relationships: JSON | None = None,
        plain: bool | None = None,
        **attributes: object,
    ) -> list[str]:
        """Add rows and return their ids.

        Timestamps are one for all, one each, or a function of the row's number; ``MISSING``
        leaves them out. By default rows were updated at random moments of the last 18 months,
        later rows later, and created up to 90 days before. An attribute given as a function is
        called with the row's number; others are the same for all. ``parents`` are the ids a row
        belongs to; by default they are drawn from the rows there are.
        """
        name, klass = split_context(context)
        with self.lock:
            now = self.clock.now()
            klass = klass or (self._any_klass() if name == KOBJECT else None)
            known = self.metadata.properties(f"{KOBJECT}.{klass}" if klass else name)
            pools = self.family.pools()
            added = []
            for number in range(count):
                updated = self._updated(updated_at, number, count, now, created_at)
                created = self._created(created_at, number, updated, now)
                seed = self.rng.getrandbits(48)
                id_ = ids[number] if ids else self._new_id(created or int(now * 1000), seed)
                recipe = Recipe(
                    seed=seed,
                    org_id=self.org_id,
                    name=name,
                    klass=klass,
                    id=id_,
                    now=now,
                    created=created,
                    updated=updated if OBJECTS[name].has_updated_at else None,
                    deleted=deleted,
                    parents=self.family.parents(name, seed, parents),
                    attributes={
                        key: value(number) if callable(value) else value
                        for key, value in attributes.items()
                    },
                    relationships=relationships or {},
                    pools=pools,
                    properties=known,
                    plain=not self.realistic if plain is None else plain,
                )
                version = first_version(recipe)
                self.put(version)
                for listener in self.listeners:
                    listener(version, "create", {})
                added.append(id_)
            return added

    def add_row(self, context: str, resource: JSON) -> str:
        """Add a complete JSON:API resource as it is; one without `id` gets a key nobody sees."""
        name, klass = split_context(context)
        if name == KOBJECT and klass is None:
            klass = str(resource.get("type", "")).partition(".")[2] or None
        attributes = resource.get("attributes") or {}
        with self.lock:
            seed = self.rng.getrandbits(48)
            self.put(
                Version(
                    row=-1,
                    number=-1,
                    id=str(resource.get("id") or self._new_id(self.clock.now_ms(), seed)),
                    name=name,
                    contexts=contexts_of(name, klass),
                    created=instant_of(attributes.get("createdAt")),
                    updated=instant_of(attributes.get("updatedAt")),
                    deleted=attributes.get("deleted") is True,
                    parents=parents_in(resource),
                    make=lambda: resource,
                )
            )
        return str(resource.get("id"))

    def update(
        self,
        context: str,
        id_: str,
        *,
        updated_at: Instant | None = None,
        at_once: bool = False,
        **attributes: object,
    ) -> None:
        """Change a row; its `updatedAt` becomes now, and later than it was in any case.

        ``at_once``: in the same millisecond as the change before, so that `rev` alone moves.
        """
        with self.lock:
            old = self._current(context, id_)
            self._change(old, attributes, verb="update", updated_at=updated_at, at_once=at_once)

    def update_random(self, context: str, count: int = 1) -> list[str]:
        """Change rows taken at random and return their ids."""
        with self.lock:
            known = self.store.ids(context)
            chosen = self.rng.sample(known, min(count, len(known)))
            for id_ in chosen:
                old = self._current(context, id_)
                attributes = old.resource.get("attributes") or {}
                text = next((name for name in TEXTS if name in attributes), None)
                change = {text: f"changed {self._changes}"} if text else {}
                self._change(old, change, verb="update")
            return chosen

    def delete(self, context: str, id_: str) -> None:
        """Delete a row softly: it stays, marked, and its `updatedAt` moves.

        That a delete moves `updatedAt` is UNCONFIRMED (delete-moves-update).
        """
        with self.lock:
            self._change(self._current(context, id_), {}, verb="delete")

    def ids(self, context: str) -> list[str]:
        """Return the ids of all rows that are there, deleted ones included."""
        with self.lock:
            return list(self.store.ids(context))

    def row(self, context: str, id_: str) -> JSON:
        """Return the current version of a row."""
        with self.lock:
            return self._current(context, id_).resource

    def rows(self, context: str) -> list[JSON]:
        """Return the current version of all rows."""
        with self.lock:
            return [version.resource for version in self.store.versions(context)]

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each context that has some."""
        with self.lock:
            return {context: len(self.store.ids(context)) for context in self.store.contexts()}

    def warm(self) -> None:
        """Make the JSON of all rows now; otherwise the first search that shows a row does."""
        with self.lock:
            for context in self.store.contexts():
                for version in self.store.versions(context):
                    _ = version.body

    def klasses(self) -> list[str]:
        """Return the names of all klasses, disabled ones included."""
        with self.lock:
            rows = [version.resource["attributes"] for version in self.store.versions("klass")]
            return [row["name"] for row in rows]

    def _current(self, context: str, id_: str) -> Version:
        version = self.store.get(context, id_)
        if version is None:
            message = f"There is no {context} {id_}."
            raise KeyError(message)
        return version

    def put(self, version: Version) -> None:
        """Take in a version; its number, and a new row's, are given here. For ``Org``'s lock."""
        self._changes += 1
        version.number = self._changes
        if version.row < 0:
            self._rows += 1
            version.row = self._rows
        self.store.put(version)

    def _change(
        self,
        old: Version,
        attributes: Mapping[str, object],
        *,
        verb: str,
        updated_at: Instant | None = None,
        at_once: bool = False,
    ) -> None:
        now = self.clock.now_ms() if updated_at is None else to_ms(updated_at)
        later = now if old.updated is None else max(now, old.updated + 1)
        if at_once:
            later = old.updated or now
        updated = later if OBJECTS[old.name].has_updated_at else None
        resource = old.resource
        before: JSON = resource.get("attributes") or {}
        changed = {**before, **attributes}
        if updated is not None:
            changed["updatedAt"] = to_iso(updated)
        if verb == "delete":
            changed |= {"deleted": True, "deletedAt": to_iso(later)}
        if isinstance(changed.get("rev"), int):
            changed["rev"] += 1
        resource["attributes"] = changed
        version = new_version(old, resource, row=old.row, updated=updated)
        self.put(version)
        self._log(old, verb, attributes)
        for listener in self.listeners:
            differing = {key: value for key, value in changed.items() if value != before.get(key)}
            changes = {
                key: {"op": "replace", "before": before.get(key), "after": value}
                for key, value in differing.items()
            }
            listener(version, verb, changes)

    def _log(
        self,
        old: Version,
        verb: str,
        attributes: Mapping[str, object],
        user: str | None = None,
    ) -> None:
        """Write an entry to the audit log, which shows it once it is published."""
        if not self.audit or old.name == "audit_log":
            return
        changes = {
            key: {"op": "replace", "before": None, "after": value}
            for key, value in attributes.items()
        }
        now = self.clock.now()
        published = now + (self.audit_delay() if callable(self.audit_delay) else self.audit_delay)
        entry: JSON = {
            "created_at": now,
            "eventName": f"kustomer.{old.contexts[-1].replace('_', '.', 1)}.{verb}"
            if old.name == KOBJECT
            else f"kustomer.{old.name}.{verb}",
            "eventVerb": verb,
            "objectId": old.id,
            "objectType": old.name,
            "userId": user,
            "userType": "user" if user else "system",
            "publishedAt": to_iso(int(published * 1000)),
            "changes": {"attributes": changes, "relationships": {}},
            "relationships": {"user": {"data": {"type": "user", "id": user}}},
        }
        heapq.heappush(self._unpublished, (published, self._changes, entry))
        self.publish()

    def publish(self) -> None:
        """Let the audit log show what is published by now."""
        with self.lock:
            while self._unpublished and self._unpublished[0][0] <= self.clock.now():
                self.add("audit_log", **heapq.heappop(self._unpublished)[2])

    def _new_id(self, created_ms: int, seed: int) -> str:
        # As the vendor's ids: the second of creation, then what makes them distinct.
        second = min(max(created_ms // 1000, 0), 0xFFFFFFFF)
        return f"{second:08x}{seed & 0xFFFFFFFFFF:010x}{(self._changes + 1) & 0xFFFFFF:06x}"

    def _any_klass(self) -> str:
        names = self.klasses()
        if not names:
            message = "Add a klass before its objects."
            raise KeyError(message)
        return self.rng.choice(names)

    def _updated(
        self,
        given: Instants | None,
        number: int,
        count: int,
        now: float,
        created_at: Instants | None,
    ) -> int | None:
        if given is not None:
            return None if given is MISSING else to_ms(nth(given, number))
        if created_at is not None and created_at is not MISSING:
            return to_ms(nth(created_at, number))
        step = SPREAD / count
        return int((now - SPREAD + (number + self.rng.random()) * step) * 1000)

    def _created(
        self, given: Instants | None, number: int, updated: int | None, now: float
    ) -> int | None:
        if given is not None:
            return None if given is MISSING else to_ms(nth(given, number))
        latest = int(now * 1000) if updated is None else updated
        return latest - self.rng.randrange(int(90 * DAY * 1000))
