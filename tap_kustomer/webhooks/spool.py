"""The spool: events in order of their arrival, in one SQLite file that survives a power cut.

The receiver appends, the stream ``webhook_events`` reads and, once a state came back, removes.
The body of an event that is removed becomes null; its id stays, so that a replay is recognised.
Needs the standard library only.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from typing_extensions import Self

from tap_kustomer import timestamps
from tap_kustomer.webhooks.errors import SpoolError
from tap_kustomer.webhooks.events import Event
from tap_kustomer.webhooks.spool_file import SpoolFile

__all__ = ["DUPLICATE", "OTHER_ORG", "STORED", "Spool", "SpooledEvent"]

STORED, DUPLICATE, OTHER_ORG = "stored", "duplicate", "other_org"
_DAY = 86_400  # seconds
_IDS_KEPT_DAYS = 90  # how long a replay of a removed event is recognised
_REMOVED_AT_ONCE = 200  # events; the receiver waits meanwhile
_BATCH_BYTES = 8 << 20  # of bodies that are read at once


class SpooledEvent(NamedTuple):
    """An event as it lies in the spool."""

    sequence: int
    id: str
    received_at: str  # UTC text, by the receiver's clock
    body: bytes


class Spool:
    """An open spool; a context manager. One thread at a time may use it."""

    def __init__(self, path: str | Path, *, create: bool = False) -> None:
        """Open the spool at ``path``. Raises ``SpoolError``."""
        self._file = SpoolFile(Path(path), create=create)
        self.path, self._db = self._file.path, self._file.db

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # ------------------------------------------------------------ writing

    def append(self, events: Sequence[Event]) -> list[str]:
        """Store events and return what became of each; all are on disk when this returns.

        Raises: ``SpoolError``; then none of them counts as stored.
        """
        received_at = timestamps.from_epoch(time.time())
        outcomes: list[str] = []
        with self._file.explained(), self._file.transaction():
            known = self.org_id
            for event in events:
                if known is None:
                    known = event.org_id
                    self._db.execute("UPDATE spool SET org_id = ?", (known,))
                if event.org_id != known:
                    outcomes.append(OTHER_ORG)
                    continue
                stored = self._db.execute(
                    "INSERT INTO events (id, received_at, body) VALUES (?, ?, ?) "
                    "ON CONFLICT (id) DO NOTHING",
                    (event.id, received_at, event.body),
                )
                outcomes.append(STORED if stored.rowcount else DUPLICATE)
        self._file.check()
        return outcomes

    def probe(self) -> None:
        """Write to the disk, without an event. Raises ``SpoolError`` when that fails."""
        with self._file.explained(), self._file.transaction():
            self._db.execute("UPDATE spool SET probes = probes + 1")
        self._file.check()

    def set_org(self, org_id: str) -> None:
        """Say whose events these are. Raises ``SpoolError`` for a spool of another org."""
        with self._file.explained(), self._file.transaction():
            known = self.org_id
            if known is None:
                self._db.execute("UPDATE spool SET org_id = ?", (org_id,))
        self.check_org(org_id)

    def set_keep(self, seconds: int) -> None:
        """Say for how long after its arrival an event stays, once it was loaded."""
        with self._file.explained(), self._file.transaction():
            self._db.execute("UPDATE spool SET keep_seconds = ?", (seconds,))

    def set_synced(self, sequence: int) -> None:
        """Note that a command of ``watch`` succeeded that was started after ``sequence``."""
        with self._file.explained(), self._file.transaction():
            self._db.execute("UPDATE spool SET synced = ?", (sequence,))

    def remove_loaded(self, sequence: int) -> int:
        """Remove the old ones of the events up to ``sequence``, and return how many.

        They must have been loaded for certain: a state that passed them came back as input.
        """
        now = time.time()
        removed = 0
        with self._file.explained():
            [keep] = self._db.execute("SELECT keep_seconds FROM spool").fetchone()
            while count := self._remove_some(sequence, timestamps.from_epoch(max(now - keep, 0))):
                removed += count
            long_ago = timestamps.from_epoch(max(now - _IDS_KEPT_DAYS * _DAY, 0))
            while self._forget_some(sequence, long_ago):
                pass
        return removed

    def _remove_some(self, loaded: int, before: str) -> int:
        """Remove the next events that were loaded and came before ``before``; return how many.

        A few at a time, since the receiver waits meanwhile.
        """
        with self._file.transaction():
            found = self._old_ones(self.removed, loaded, before)
            if found:
                self._db.execute(
                    "UPDATE events SET body = NULL WHERE sequence BETWEEN ? AND ?",
                    (found[0], found[-1]),
                )
                self._db.execute("UPDATE spool SET removed = ?", (found[-1],))
        return len(found)

    def _forget_some(self, loaded: int, before: str) -> bool:
        """Forget the ids of events that were removed long ago, but the one the state names."""
        with self._file.transaction():
            found = self._old_ones(0, min(self.removed, loaded - 1), before)
            if found:
                self._db.execute("DELETE FROM events WHERE sequence <= ?", (found[-1],))
        return bool(found)

    def _old_ones(self, after: int, until: int, before: str) -> list[int]:
        """Return the next sequences up to the first event that came after ``before``."""
        rows = self._db.execute(
            "SELECT sequence, received_at FROM events WHERE sequence > ? AND sequence <= ? "
            "ORDER BY sequence LIMIT ?",
            (after, until, _REMOVED_AT_ONCE),
        ).fetchall()
        old = itertools.takewhile(lambda row: row[1] <= before, rows)
        return [sequence for sequence, _ in old]

    # ------------------------------------------------------------ reading

    @property
    def id(self) -> str:
        """The id of this file."""
        return str(self._value("id"))

    @property
    def org_id(self) -> str | None:
        """The org whose events these are; ``None`` while there are none."""
        found = self._value("org_id")
        return None if found is None else str(found)

    @property
    def removed(self) -> int:
        """The last sequence whose event was loaded and removed."""
        return int(str(self._value("removed")))

    @property
    def synced(self) -> int:
        """The last sequence that was there when ``watch`` last succeeded."""
        return int(str(self._value("synced")))

    @property
    def last_sequence(self) -> int:
        """The sequence of the newest event; 0 while there was none."""
        with self._file.explained():
            found = self._db.execute("SELECT max(sequence) FROM events").fetchone()[0]
        return int(found or 0)

    def id_at(self, sequence: int) -> str | None:
        """Return the id of the event with that sequence."""
        with self._file.explained():
            found = self._db.execute(
                "SELECT id FROM events WHERE sequence = ?", (sequence,)
            ).fetchone()
        return None if found is None else str(found[0])

    def after(self, sequence: int, until: int, limit: int = 500) -> list[SpooledEvent]:
        """Return the next events behind ``sequence``, in order, up to ``until``."""
        found: list[SpooledEvent] = []
        size = 0
        with self._file.explained(), contextlib.closing(self._db.cursor()) as cursor:
            cursor.execute(
                "SELECT sequence, id, received_at, body FROM events "
                "WHERE sequence > ? AND sequence <= ? AND body IS NOT NULL "
                "ORDER BY sequence LIMIT ?",
                (sequence, until, limit),
            )
            for row in cursor:
                found.append(SpooledEvent(*row))
                size += len(found[-1].body)
                if size >= _BATCH_BYTES:
                    break
        return found

    def check_org(self, org_id: str) -> None:
        """Raise ``SpoolError`` when the events are another org's."""
        known = self.org_id
        if known is not None and known != org_id:
            msg = (
                f"The spool {self.path} holds events of another Kustomer org ({known}, not "
                f"{org_id}). Give each org its own spool."
            )
            raise SpoolError(msg)

    def _value(self, column: str) -> object:
        with self._file.explained():
            return self._db.execute(f"SELECT {column} FROM spool").fetchone()[0]  # noqa: S608 - our own names
