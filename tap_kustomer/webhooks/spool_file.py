"""The file of a spool: SQLite, made and opened with care, its errors as sentences."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

from tap_kustomer.webhooks.errors import SpoolError

__all__ = ["SpoolFile"]

FORMAT = 1  # changes with the tables below
_APPLICATION = 0x4B55_5350  # tells a spool from other SQLite files
_KEEP_SECONDS = 7 * 86_400  # that an event stays after its arrival, until somebody says otherwise
_BUSY_SECONDS = 5.0  # longest wait for another process that is writing

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


class SpoolFile:
    """The open file; ``db`` is the connection, which one thread at a time may use."""

    def __init__(self, path: Path, *, create: bool) -> None:
        """Open the file at ``path``, or make it. Raises ``SpoolError``."""
        self.path = path
        if create:
            self._create_file()
        elif not self.path.is_file():
            msg = (
                f"There is no spool at {self.path}. `kustomer-webhooks serve --spool {self.path}` "
                "makes it; give the same path to both."
            )
            raise SpoolError(msg)
        with self.explained():
            self.db = sqlite3.connect(
                self.path,
                timeout=_BUSY_SECONDS,
                isolation_level=None,  # transactions begin where they are meant to
                check_same_thread=False,
            )
        try:
            with self.explained():
                self._prepare(create=create)
            self._file = self._file_now()
        except BaseException:
            self.db.close()
            raise

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
        db = self.db
        # A commit returns when the events are on disk, not only on their way there.
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")  # only macOS knows it
        db.execute("PRAGMA secure_delete = ON")  # events are personal data
        if create and self._pragma("application_id") == 0 and not self._has_tables():
            # An empty file: not yet a spool.
            db.execute("PRAGMA journal_mode = WAL")
            with self.transaction():
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
                self.db.execute(statement)
        self.db.execute(
            "INSERT INTO spool VALUES (?, NULL, ?, 0, 0, 0)", (str(uuid.uuid4()), _KEEP_SECONDS)
        )
        self.db.execute(f"PRAGMA application_id = {_APPLICATION}")
        self.db.execute(f"PRAGMA user_version = {FORMAT}")

    def _pragma(self, name: str) -> int:
        return int(self.db.execute(f"PRAGMA {name}").fetchone()[0])

    def _has_tables(self) -> bool:
        return bool(self.db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone())

    def _file_now(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done inside, or nothing of it."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back already
                self.db.execute("ROLLBACK")
            raise

    def check(self) -> None:
        """Refuse a commit to a file that has no name any more: nobody would find the events."""
        if self._file_now() != self._file:
            msg = (
                f"The spool {self.path} was removed or replaced while it was open. Put it back, or "
                "restart kustomer-webhooks to begin a new one."
            )
            raise SpoolError(msg)

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
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
