"""How rows of an org go for good, what goes with them, and how one comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import DAY, to_iso, to_ms
from simulator.org.records import Records
from simulator.org.versions import new_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.org.index import Version

# "Deleting a conversation deletes its messages and attachments" (vendor, help pages). That notes,
# events and the rest go too is UNCONFIRMED (writes): without their conversation nothing leads to
# them. A customer's conversations stay; UNCONFIRMED (writes).
CASCADES = {
    "conversation": ("message", "note", "attachment", "customer_event", "forward", "work_item",
                     "satisfaction_response"),
    "customer": ("customer_merge", "draft", "session"),
}  # fmt: skip
# Objects with a DELETE endpoint that removes them for good; of others it is at most a mark.
ERASED = frozenset(
    ["customer", "conversation", "kobject", "note", "klass", "team", "shortcut", "snooze",
     "sub_status", "schedule", "card"]
)  # fmt: skip
MARKED = frozenset(["user", "kb_article", "kb_category"])
RETENTION = 730 * DAY  # the shortest that a retention rule may have, in seconds


class Deletes(Records):
    """The rows of an org, and the ways to lose them."""

    _erased: dict[tuple[str, str], Version]

    def erase(
        self, context: str, id_: str, *, by: str | None = None, cascade: bool = True
    ) -> list[tuple[str, str]]:
        """Remove a row for good, with what hangs on it; return object and id of all that went.

        Only the row itself gets an entry in the audit log. ``by`` is the user who did it, None
        the system.
        """
        with self.lock:
            old = self._current(context, id_)
            children = [
                child
                for name in (CASCADES.get(old.name, ()) if cascade else ())
                for child in self.store.children(name, old.name, id_)
            ]
            gone = [self._forget(version) for version in (old, *children)]
            self._log(old, "delete", {}, user=by)
            return gone

    def restore(self, context: str, id_: str) -> None:
        """Bring a row back that was erased, under its id and changed now; not what hung on it."""
        with self.lock:
            old = self._erased.pop((context, id_))
            resource = old.resource
            now = self.clock.now_ms()
            resource["attributes"]["updatedAt"] = to_iso(now)
            self.put(new_version(old, resource, row=-1, updated=now))
            self._log(old, "create", {})

    def retain(
        self, seconds: float = RETENTION, contexts: Iterable[str] = ("conversation", "customer")
    ) -> list[tuple[str, str]]:
        """Apply the retention rule: what was not changed for so long goes for good.

        Rules run daily, on data of at least 24 months (vendor, help pages).
        """
        with self.lock:
            edge = to_ms(self.clock.now() - seconds)
            idle = [
                (context, version.id)
                for context in contexts
                for version in list(self.store.versions(context))
                if version.updated is not None and version.updated < edge
            ]
            return [
                gone
                for context, id_ in idle
                if self.store.get(context, id_)
                for gone in self.erase(context, id_)
            ]

    def _forget(self, old: Version) -> tuple[str, str]:
        self._changes += 1
        self.store.erase(old, self._changes)
        self._erased[old.name, old.id] = old
        return old.name, old.id
