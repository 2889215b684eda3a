"""The spool: events in order of their arrival, in one SQLite file that survives a power cut.

The receiver appends, the stream ``webhook_events`` reads and, once a state came back, removes.
The body of an event that is removed becomes null; its id stays, so that a replay is recognised.
Needs the standard library only.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from typing_extensions import Self

from tap_kustomer import timestamps
from tap_kustomer.webhooks.errors import SpoolError
from tap_kustomer.webhooks.events import Event

__all__ = ["DUPLICATE", "OTHER_ORG", "STORED", "Spool", "SpooledEvent"]

FORMAT = 1  # changes with the tables below
_APPLICATION = 0x4B55_5350  # tells a spool from other SQLite files
STORED, DUPLICATE, OTHER_ORG = "stored", "duplicate", "other_org"
_DAY = 86_400  # seconds
_IDS_KEPT_DAYS = 90  # how long a replay of a removed event is recognised
_BUSY_SECONDS = 5.0  # longest wait for another process that is writing
_REMOVED_AT_ONCE = 200  # events; the receiver waits meanwhile
_BATCH_BYTES = 8 << 20  # of bodies that are read at once

_TABLES = """
CREATE TABLE spool (
    id TEXT NOT NULL,             -- of this file: sequences of another one mean nothing here
    org_id TEXT,                  -- null until the first event
    keep_seconds INTEGER NOT NULL,
    removed INTEGER NOT NULL,     -- the last sequence whose body was removed
    synced INTEGER NOT NULL,      -- the last sequence that was there when `watch` last succeeded
    probes INTEGER NOT NULL
);
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    received_at TEXT NOT NULL,
    body BLOB
);
"""


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
        self.path = Path(path)
        if create:
            self._create_file()
        elif not self.path.is_file():
            msg = (
                f"There is no spool at {self.path}. `kustomer-webhooks serve --spool {self.path}` "
                "makes it; give the same path to both."
            )
            raise SpoolError(msg)
        with self._explained():
            self._db = sqlite3.connect(
                self.path,
                timeout=_BUSY_SECONDS,
                isolation_level=None,  # transactions begin where they are meant to
                check_same_thread=False,
            )
        try:
            with self._explained():
                self._prepare(create=create)
            self._file = self._file_now()
        except BaseException:
            self._db.close()
            raise

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

    # ------------------------------------------------------------ opening

    def _create_file(self) -> None:
        try:
            # Events are personal data. SQLite gives its other files the mode of this one.
            os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError as error:
            msg = (
                f"The spool {self.path} cannot be written: {error.strerror}. Check the path, and "
                "that the user of this process may write to its folder."
            )
            raise SpoolError(msg) from None

    def _prepare(self, *, create: bool) -> None:
        db = self._db
        # A commit returns when the events are on disk, not only on their way there.
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")  # only macOS knows it
        db.execute("PRAGMA secure_delete = ON")  # events are personal data
        if create and self._pragma("application_id") == 0 and not self._has_tables():
            # An empty file: not yet a spool.
            db.execute("PRAGMA journal_mode = WAL")
            with self._transaction():
                if not self._has_tables():  # else another process was faster
                    self._create_tables()
        if self._pragma("application_id") != _APPLICATION:
            msg = (
                f"{self.path} is not a spool of kustomer-webhooks. Give another path; a new spool "
                "is made where there is no file."
            )
            raise SpoolError(msg)
        if (found := self._pragma("user_version")) != FORMAT:
            msg = (
                f"The spool {self.path} has format {found}, this version of tap-kustomer works "
                f"with format {FORMAT}. Use the same version of tap-kustomer for the receiver and "
                "for the tap, or load what is left with the old version and start a new spool."
            )
            raise SpoolError(msg)

    def _create_tables(self) -> None:
        for statement in _TABLES.split(";\n"):
            if statement.strip():
                self._db.execute(statement)
        self._db.execute(
            "INSERT INTO spool VALUES (?, NULL, ?, 0, 0, 0)", (str(uuid.uuid4()), 7 * _DAY)
        )
        self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
        self._db.execute(f"PRAGMA user_version = {FORMAT}")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def _has_tables(self) -> bool:
        return bool(self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone())

    def _file_now(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    # ------------------------------------------------------------ writing

    def append(self, events: Sequence[Event]) -> list[str]:
        """Store events and return what became of each; all are on disk when this returns.

        Raises: ``SpoolError``; then none of them counts as stored.
        """
        received_at = timestamps.from_epoch(time.time())
        outcomes: list[str] = []
        with self._explained(), self._transaction():
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
        self._check_file()
        return outcomes

    def probe(self) -> None:
        """Write to the disk, without an event. Raises ``SpoolError`` when that fails."""
        with self._explained(), self._transaction():
            self._db.execute("UPDATE spool SET probes = probes + 1")
        self._check_file()

    def set_org(self, org_id: str) -> None:
        """Say whose events these are. Raises ``SpoolError`` for a spool of another org."""
        with self._explained(), self._transaction():
            known = self.org_id
            if known is None:
                self._db.execute("UPDATE spool SET org_id = ?", (org_id,))
        self.check_org(org_id)

    def set_keep(self, seconds: int) -> None:
        """Say for how long after its arrival an event stays, once it was loaded."""
        with self._explained(), self._transaction():
            self._db.execute("UPDATE spool SET keep_seconds = ?", (seconds,))

    def set_synced(self, sequence: int) -> None:
        """Note that a command of ``watch`` succeeded that was started after ``sequence``."""
        with self._explained(), self._transaction():
            self._db.execute("UPDATE spool SET synced = ?", (sequence,))

    def remove_loaded(self, sequence: int) -> int:
        """Remove the old ones of the events up to ``sequence``, and return how many.

        They must have been loaded for certain: a state that passed them came back as input.
        """
        now = time.time()
        removed = 0
        with self._explained():
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
        with self._transaction():
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
        with self._transaction():
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
        with self._explained():
            found = self._db.execute("SELECT max(sequence) FROM events").fetchone()[0]
        return int(found or 0)

    def id_at(self, sequence: int) -> str | None:
        """Return the id of the event with that sequence."""
        with self._explained():
            found = self._db.execute(
                "SELECT id FROM events WHERE sequence = ?", (sequence,)
            ).fetchone()
        return None if found is None else str(found[0])

    def after(self, sequence: int, until: int, limit: int = 500) -> list[SpooledEvent]:
        """Return the next events behind ``sequence``, in order, up to ``until``."""
        found: list[SpooledEvent] = []
        size = 0
        with self._explained(), contextlib.closing(self._db.cursor()) as cursor:
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

    # ------------------------------------------------------------ SQLite

    def _value(self, column: str) -> object:
        with self._explained():
            return self._db.execute(f"SELECT {column} FROM spool").fetchone()[0]  # noqa: S608 - our own names

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back already
                self._db.execute("ROLLBACK")
            raise

    def _check_file(self) -> None:
        """Refuse a commit to a file that has no name any more: nobody would find the events."""
        if self._file_now() != self._file:
            msg = (
                f"The spool {self.path} was removed or replaced while it was open. Put it back, or "
                "restart kustomer-webhooks to begin a new one."
            )
            raise SpoolError(msg)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn errors of SQLite into sentences, which quote no event."""
        try:
            yield
        except sqlite3.Error as error:
            raise SpoolError(self._sentence(error)) from error

    def _sentence(self, error: sqlite3.Error) -> str:
        text = str(error)
        if "locked" in text or "busy" in text:
            return (
                f"The spool {self.path} is held by another process, for longer than "
                f"{_BUSY_SECONDS:.0f} seconds. End what has it open, such as a sqlite3 shell in a "
                "transaction."
            )
        if "readonly" in text or "unable to open" in text:
            return (
                f"The spool {self.path} cannot be written. The receiver and the tap both write to "
                "it and to its folder: let them run as one user, or share a group."
            )
        if "not a database" in text or "malformed" in text or "no such" in text:
            return (
                f"{self.path} is damaged, or not a spool of kustomer-webhooks. Give another path, "
                "or move the file away to begin a new one."
            )
        if "full" in text or "disk I/O" in text:
            return f"The disk does not take the spool {self.path}: {text}. Make room on it."
        return f"The spool {self.path} cannot be used: {text}."
