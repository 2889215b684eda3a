"""What all streams share: how one run reads them, and what a run is told of them."""

from __future__ import annotations

import logging
import sys
from abc import abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from singer_sdk import Tap
from singer_sdk.exceptions import MaxRecordsLimitException
from singer_sdk.helpers.types import Context
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_kustomer import timestamps
from tap_kustomer.errors import StreamError
from tap_kustomer.session import Session
from tap_kustomer.streams.writing import WritingStream

__all__ = ["KustomerStream", "RowBatch", "streams_in"]

# No scheduler is exact: a list that is read each hour by a job of each hour is due a bit early.
_PUNCTUALITY_SECONDS = 30.0
_PUNCTUALITY = 0.05  # of the time between two readings, at most


@dataclass(frozen=True)
class RowBatch:
    """Rows to write, and the bookmark behind them; ``None`` leaves it where it is.

    A row is a ``dict``, or a struct of the same columns where it is written as it was made.
    ``uncounted`` is kept beside the bookmark: what was read before it and waits for Kustomer's
    count. ``goes_back``: the count showed that the bookmark was too far on.
    """

    rows: Iterable[Any]
    bookmark: str | None = None
    uncounted: Mapping[str, object] | None = None
    goes_back: bool = False


class KustomerStream(WritingStream):
    """One Kustomer object. Subclasses say where it is read; data of an object is declared."""

    name: str = ""

    resource: ClassVar[str]  # Kustomer's name of the object; "" for rows that the tap makes
    optional: ClassVar[bool] = False  # only offered when `optional_streams` names it
    roles: ClassVar[tuple[str, ...]] = ()  # any one of them lets the key read the stream
    roles_documented: ClassVar[bool] = True  # else by the pattern of the others only
    rows_of_tap: ClassVar[bool] = False  # the tap makes them, so they have no rest and no deletion
    read_last: ClassVar[bool] = False  # after all others: it speaks of their rows

    all_streams: Sequence[KustomerStream] = ()  # of the org, once each is made
    is_always_due = False  # for a destination that keeps only what this run brings
    custom_problem: StreamError | None = None  # why the types of `custom` are not known

    def __init__(
        self, tap: Tap, session: Session, schema: dict[str, Any], name: str | None = None
    ) -> None:
        """Read nothing yet."""
        super().__init__(tap, session, schema, name)
        self._prepared = False
        self._read_to_end = False
        self.rows_listed: list[int] = []  # rows of each list that was read to its end

    def __init_subclass__(cls) -> None:
        """Name the resource, where it is not said: the stream's name without its plural."""
        super().__init_subclass__()
        if "resource" not in cls.__dict__ and "name" in cls.__dict__:
            cls.resource = cls.name.removesuffix("s")

    # ------------------------------------------------------------ what subclasses do

    @abstractmethod
    def read(self) -> Iterator[RowBatch]:
        """Yield the rows of this run, batch by batch."""

    def ask_ahead(self) -> None:
        """Start prefetching what the stream can request before its turn: nothing by default."""

    def ensure_prepared(self) -> None:
        """Prepare once, whoever calls first. Raises what ``prepare`` raises."""
        if self.custom_problem is not None:
            raise self.custom_problem
        if not self._prepared:
            self.prepare()
            self._prepared = True

    def prepare(self) -> None:
        """Settle with Kustomer how the stream can be read, before ``sync``."""

    @property
    def read_beside(self) -> Sequence[KustomerStream]:
        """Other streams that pull from the same source, so that they are read side by side."""
        return ()

    @property
    def problem(self) -> str | None:
        """What discovery found to be wrong with the stream, as a sentence; nothing, usually."""
        return None

    @property
    def role_to_ask_for(self) -> str | None:
        """The role that a key needs which was refused."""
        return self.roles[0] if self.roles else None

    # ------------------------------------------------------------ what a run is told

    @property
    def reads_list(self) -> bool:
        """Whether the rows come from a list: one that Kustomer does not know has no rows."""
        return False

    @property
    def is_full_list(self) -> bool:
        """Whether the stream is a list that is read from its first row to its last."""
        return False

    @property
    def brings_all_rows(self) -> bool:
        """Whether a run that is read to its end brings all rows that there are, of any age."""
        return self.is_full_list

    @property
    def is_due(self) -> bool:
        """Whether this run reads the stream: a list may have been read not long ago."""
        every = self.settings.lists_every_minutes * 60
        before = timestamps.normalise(self.known_state.get("listed_at"))
        if not every or before is None or self.is_always_due or not self.is_full_list:
            return True
        if self.ABORT_AT_RECORD_COUNT is not None:
            return True  # `--test` is not content with an earlier run
        # A list read in the future was read by a clock that has jumped back since; Kustomer's
        # clock is known to the second only, so that a run may seem to begin before the last one.
        passed = timestamps.seconds_between(before, self.session.started)
        early = min(_PUNCTUALITY_SECONDS, every * _PUNCTUALITY)
        return not -early <= passed < every - early

    # ------------------------------------------------------------ one run

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message of the SDK: progress at DEBUG, as the run itself has a line per stream.

        What an error means is said where it is caught.
        """
        if level < logging.ERROR:
            level = logging.DEBUG if level == logging.INFO else level
            super().log(message, *args, level=level, **kwargs)

    @override
    def get_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        """Yield the rows one by one; the tap itself writes them batch by batch."""
        for batch in self.read():
            yield from batch.rows

    def steps(self) -> Iterator[None]:
        """Sync the stream as the SDK's ``sync`` does, with a rest behind each batch."""
        self.log("Beginning sync of '%s' in %s mode", self.name, self.replication_method.lower())
        self._write_schema_message()
        if (
            self.replication_method == REPLICATION_FULL_TABLE
            and self.emit_activate_version_messages
        ):
            self._stream_version = self._initialized_at // 1000
        for _ in self._sync_records():
            yield

    @override
    def _sync_records(
        self,
        context: Context | None = None,
        *,
        write_messages: bool = True,
    ) -> Generator[dict[str, Any], Any, Any]:
        self.ensure_prepared()
        with self.get_record_counter() as counter, self.get_sync_timer():
            for batch in self.read():
                counter.increment(self.write_batch(batch))
                self.session.clock.check()
                yield {}
        self._read_to_end = True
        if self._stream_version is not None:
            self._write_activate_version_message(self._stream_version)
        self.state["read"] = True
        if self.rows_listed:
            self.state["rows_listed"] = self.rows_listed
        if self.is_full_list:
            self.state["listed_at"] = self.session.started
        self.session.output.write_state()

    def note_failure(self, error: Exception) -> None:
        """Note in the state what the next run needs to know of a failure of this one."""

    def write_batch(self, batch: RowBatch) -> int:
        """Write the rows, then move the bookmark behind them; returns the number of rows."""
        rows = batch.rows
        limit = self.ABORT_AT_RECORD_COUNT
        if limit is not None:
            rows = islice(rows, max(limit - self.run.rows, 0))
        written = self.write_rows(rows)
        self.run.rows += written
        if limit is not None and self.run.rows >= limit:
            self._abort_sync(MaxRecordsLimitException("the limit of a test is reached"))
        if batch.bookmark is not None and self.is_incremental:
            if batch.uncounted is not None or "uncounted" in self.state:
                # Null, not left out: merged states would bring the old one back.
                self.state["uncounted"] = batch.uncounted
            if batch.goes_back:
                self.set_back(batch.bookmark)
            else:
                self.move_bookmark(batch.bookmark)
        return written

    @property
    @override
    def emit_activate_version_messages(self) -> bool:
        """Whether the target is told to drop the rows that this run did not bring."""
        return super().emit_activate_version_messages and self.brings_all_rows

    @override
    def _write_activate_version_message(self, full_table_version: int) -> None:
        # The SDK asks for it before the first row, which would empty the table of a list that
        # then cannot be read. It leaves after the last row instead.
        if self._read_to_end:
            super()._write_activate_version_message(full_table_version)


def streams_in(module: str) -> tuple[type[KustomerStream], ...]:
    """Return the streams that the module of that name declares, in the order of their classes."""
    declared = vars(sys.modules[module]).values()
    return tuple(
        one
        for one in declared
        if isinstance(one, type)
        and issubclass(one, KustomerStream)
        and one.__module__ == module
        and "name" in one.__dict__
    )
