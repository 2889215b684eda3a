"""What all streams share: selection, rows to messages, state, and what a run is told of them."""

from __future__ import annotations

import logging
import sys
from abc import abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar

from singer_sdk import Stream, Tap
from singer_sdk.exceptions import (
    MapExpressionError,
    MaxRecordsLimitException,
    StreamMapConfigError,
)
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.helpers.types import Context
from singer_sdk.mapper import SameRecordTransform, StreamMap
from singer_sdk.singerlib import Catalog, RecordMessage, SchemaMessage, SelectionMask
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL
from typing_extensions import override

from tap_kustomer import timestamps
from tap_kustomer.catalog.attributes import type_in_words
from tap_kustomer.catalog.schema import object_schema
from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.errors import SettingsError, StreamError
from tap_kustomer.org import Org
from tap_kustomer.readers.ahead import Ahead
from tap_kustomer.readers.workers import Workers
from tap_kustomer.rows.flattening import names_after, rename
from tap_kustomer.rows.maker import RecordShape, RowMaker
from tap_kustomer.rows.selection import custom_rule, deselected, mapped_columns
from tap_kustomer.rows.stream_maps import RowMap
from tap_kustomer.run import StreamRun
from tap_kustomer.session import Session
from tap_kustomer.settings.meltano import left_out_by_name
from tap_kustomer.settings.values import Settings

__all__ = ["KustomerStream", "RowBatch", "streams_in"]

logger = logging.getLogger("tap-kustomer")

_CUSTOM = ("properties", "custom")
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


class KustomerStream(Stream):
    """One Kustomer object. Subclasses say where it is read; data of an object is declared.

    The reader owns the bookmark: it moves only behind rows that are written, never back, and
    never by the SDK's per-record rule.
    """

    name: str = ""
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # rows are made to fit their schema

    resource: ClassVar[str]  # Kustomer's name of the object; "" for rows that the tap makes
    primary_keys: ClassVar[Any] = ("id",)
    schema_name: ClassVar[str | None] = None  # schema file, where it is not named as the stream
    optional: ClassVar[bool] = False  # only offered when `optional_streams` names it
    roles: ClassVar[tuple[str, ...]] = ()  # any one of them lets the key read the stream
    roles_documented: ClassVar[bool] = True  # else by the pattern of the others only
    rows_of_tap: ClassVar[bool] = False  # the tap makes them, so they have no rest and no deletion
    read_last: ClassVar[bool] = False  # after all others: it speaks of their rows

    all_streams: Sequence[KustomerStream] = ()  # of the org, once each is made
    is_always_due = False  # for a destination that keeps only what this run brings
    custom_problem: StreamError | None = None  # why the types of `custom` are not known
    custom_is_known = True  # the metadata of `custom` could be read, or there is none

    def __init__(
        self, tap: Tap, session: Session, schema: dict[str, Any], name: str | None = None
    ) -> None:
        """Make the stream with its schema; ``tap`` is what the SDK's own part works with."""
        super().__init__(tap, schema=schema, name=name)
        self.session = session
        self.run = StreamRun(self.name)
        self.schema_written = False  # in this run, so rows may follow
        self._prepared = False
        self._withholds_custom = False
        self._read_to_end = False
        self.rows_listed: list[int] = []  # rows of each list that was read to its end
        self._row_maps: list[RowMap] | None = None
        self._make_row: RowMaker | None = None

    def __init_subclass__(cls) -> None:
        """Name the resource, where it is not said: the stream's name without its plural."""
        super().__init_subclass__()
        if "resource" not in cls.__dict__ and "name" in cls.__dict__:
            cls.resource = cls.name.removesuffix("s")

    # ------------------------------------------------------------ parts of the session

    @property
    @override
    def logger(self) -> logging.Logger:
        """The tap's logger: each message names its stream, so the logger's name need not."""
        return logger

    @property
    def settings(self) -> Settings:
        """The checked settings."""
        return self.session.settings

    @cached_property
    def client(self) -> KustomerClient:
        """The way to Kustomer, which counts the requests of this stream."""
        return self.session.client.counting(self.run)

    @property
    def workers(self) -> Workers:
        """The threads that fetch."""
        return self.session.workers

    @property
    def org(self) -> Org:
        """The org that is read."""
        return self.session.org

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

    # ------------------------------------------------------------ the catalog

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Take the catalog's columns and a full table, where it wants one.

        Keys, and the column of the bookmark, follow from how Kustomer is read. A catalog that
        lacks them, or has others, would double rows or read all of them in every run.
        """
        replication_key = self.replication_key
        super().apply_catalog(catalog)
        vars(self).pop("primary_keys", None)  # those of the class hold
        self.replication_key = replication_key
        if self.forced_replication_method != REPLICATION_FULL_TABLE:
            self.forced_replication_method = None
        if self._input_schema is not None:
            known, columns = self.schema["properties"], self._input_schema.get("properties", {})
            columns = {**{key: known[key] for key in self.primary_keys}, **columns}
            self._input_schema = {**self._input_schema, "properties": columns}

    # ------------------------------------------------------------ what subclasses do

    @abstractmethod
    def read(self) -> Iterator[RowBatch]:
        """Yield the rows of this run, batch by batch."""

    def ask_ahead(self, ahead: Ahead) -> None:
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
    def problem(self) -> str | None:
        """What discovery found to be wrong with the stream, as a sentence; nothing, usually."""
        return None

    @property
    def role_to_ask_for(self) -> str | None:
        """The role that a key needs which was refused."""
        return self.roles[0] if self.roles else None

    # ------------------------------------------------------------ rows

    @property
    def make_row(self) -> RowMaker:
        """The conversion from a resource to a row, for the columns that are selected."""
        if self._make_row is None:
            self._make_row = RowMaker(self._record_shape())
        return self._make_row

    def note_rows(self) -> None:
        """Note in the ledger, by names, what the rows had that their schema does not know."""
        if self._make_row is None:
            return
        ledger = self.session.ledger
        for name in self._make_row.unknown:
            ledger.differs("known-attributes", "there are others", f"{self.name}.{name}")
        for name in self._make_row.unfit_custom:
            how = f"some are not of {type_in_words(name)}"
            ledger.differs("custom-types", how, f"{self.name}.{name}")

    def _record_shape(self) -> RecordShape:
        known = self.schema["properties"]
        wanted = self.effective_schema["properties"]
        forgotten = sorted(set(known) - set(wanted))
        if forgotten:
            self.logger.warning(
                "%s: columns %s are missing from the catalog and will not be synced. Regenerate "
                "the catalog with --discover.",
                self.name,
                ", ".join(forgotten),
            )
        if self._withholds_custom:
            self.logger.warning(
                "%s: which custom attributes there are could not be read, and the catalog or "
                "`select` leaves some out, so `custom` is left out as a whole. Use a key with the "
                "role org.permission.metadata.read.",
                self.name,
            )
        rule = custom_rule(self.name, self.mask)
        return RecordShape(
            stream=self.name,
            properties={**known, **wanted},
            selected=frozenset(name for name in wanted if self._is_selected(name)),
            org_id=self.org.id,
            deselected_custom=rule.deselected,
            known_custom_only=rule.known_only,
            private=self.mapped_columns | (frozenset(deselected(self.mask)) - known.keys()),
            keep_unknown=self.settings.keep_unknown_fields,
            secrets=self.secrets,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Attributes that never leave."""
        return object_schema(self.schema_name or self.name).secrets

    def selects(self, column: str) -> bool:
        """Whether the stream has ``column`` and the catalog wants it."""
        return column in self.schema["properties"] and self._is_selected(column)

    def _is_selected(self, *path: str) -> bool:
        breadcrumb: tuple[str, ...] = ()
        for name in path:
            breadcrumb += ("properties", name)
        return bool(self.mask.get(breadcrumb, True))

    @cached_property
    def mapped_columns(self) -> frozenset[str]:
        """The columns that a stream map names: their raw values stay where they are."""
        maps = self.config.get("stream_maps") or {}
        return frozenset(column for column, _ in mapped_columns(self.name, maps))

    @property
    @override
    def mask(self) -> SelectionMask:
        """What the catalog wants, and the key; ``custom`` where every rule for it can be kept."""
        mask = super().mask
        mask.update({("properties", key): True for key in self.primary_keys})
        custom = self.schema["properties"].get("custom", {}).get("properties", {})
        for name in left_out_by_name(self.name, custom):
            mask[(*_CUSTOM, "properties", name)] = False
        if not self.custom_is_known and mask[_CUSTOM] and custom_rule(self.name, mask).known_only:
            mask[_CUSTOM] = False
            self._withholds_custom = True
        return mask

    @property
    @override
    def stream_maps(self) -> list[StreamMap]:
        """The maps of the stream, made when first asked for. Raises ``SettingsError``."""
        mapper = self.session.mapper()
        if self.name not in mapper.stream_maps:
            schema = get_selected_schema(self.name, self.effective_schema, self.mask)
            try:
                mapper.register_raw_stream_schema(self.name, schema, self.primary_keys)
            except (MapExpressionError, StreamMapConfigError, NotImplementedError):
                # Their texts repeat the expression, which may hold a salt.
                problem = (
                    f"`stream_maps`: the mapping of {self.name} is malformed. It must keep the key "
                    f"({', '.join(self.primary_keys)}), and `__else__` can only be null; see "
                    "https://sdk.meltano.com/en/latest/stream_maps.html."
                )
                raise SettingsError([problem]) from None
        return super().stream_maps

    @property
    def writes_rows_as_made(self) -> bool:
        """Whether no stream map and no flattening stands between making and writing a row."""
        maps = self.stream_maps
        return len(maps) == 1 and _changes_nothing(maps[0])

    def _write_rows(self, rows: Iterable[Any]) -> int:
        """Write ``rows`` and return their number, with none written if one cannot be made."""
        maps = self.stream_maps
        if self.writes_rows_as_made:
            writer = self.session.output.writer
            # Each row leaves before the next is made: a page of them would not fit the caches.
            return writer.write_records(maps[0].stream_alias, rows, self._stream_version)
        rows = list(rows)
        if self._row_maps is None:
            self._row_maps = [RowMap(self.name, one, self.mapped_columns) for one in maps]
        for row in rows:
            for row_map in self._row_maps:
                mapped = row_map(row)
                if mapped is not None:
                    self.session.output.write_message(
                        RecordMessage(
                            stream=row_map.alias,
                            record=mapped,
                            version=self._stream_version,
                            time_extracted=datetime.now(timezone.utc),
                        ),
                    )
        return len(rows)

    def write_schema(self) -> None:
        """Write the SCHEMA, where the stream itself did not come to that."""
        self._write_schema_message()

    def write_as(self, alias: str, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows that are past the stream maps, in the version of this run."""
        self.session.output.writer.write_records(alias, rows, self._stream_version)

    @override
    def _write_schema_message(self) -> None:
        super()._write_schema_message()
        self.schema_written = True

    @override
    def _generate_schema_messages(self) -> Generator[SchemaMessage, None, None]:
        maps = {one.stream_alias: one for one in self.stream_maps}
        for message in super()._generate_schema_messages():
            if names := names_after(maps[message.stream]):
                properties = rename(message.schema["properties"], names)
                message.schema = {**message.schema, "properties": properties}
            yield message

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
        self._read_to_end = True
        if self._stream_version is not None:
            self._write_activate_version_message(self._stream_version)
        self.state["read"] = True
        if self.rows_listed:
            self.state["rows_listed"] = self.rows_listed
        if self.is_full_list:
            self.state["listed_at"] = self.session.started
        self.session.output.write_state()
        yield from ()

    def write_batch(self, batch: RowBatch) -> int:
        """Write the rows, then move the bookmark behind them; returns the number of rows."""
        rows = batch.rows
        limit = self.ABORT_AT_RECORD_COUNT
        if limit is not None:
            rows = islice(rows, max(limit - self.run.rows, 0))
        written = self._write_rows(rows)
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

    # ------------------------------------------------------------ state

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> datetime | None:
        """Return ``None``: the reader itself keeps the bookmark behind the run's start."""
        return None

    @property
    def state(self) -> dict[str, Any]:
        """The stream's part of the state."""
        return self.stream_state

    @property
    def is_incremental(self) -> bool:
        """Whether this run continues from a bookmark and moves it."""
        return self.replication_method == REPLICATION_INCREMENTAL

    @property
    def known_state(self) -> Mapping[str, Any]:
        """The stream's part of the state so far; empty before the first run."""
        return (self.tap_state.get("bookmarks") or {}).get(self.name) or {}

    @property
    def was_read(self) -> bool:
        """Whether an earlier run read the stream: its table must not silently go stale."""
        known = self.known_state
        return any(known.get(key) for key in ("read", "replication_key_value", "form"))

    @property
    def rows_listed_before(self) -> list[int]:
        """How many rows each list of the stream had in the last run that read it."""
        rows = self.known_state.get("rows_listed")
        return [one for one in rows if type(one) is int] if isinstance(rows, list) else []

    @property
    def bookmark(self) -> str | None:
        """The moment up to which earlier runs have read; UTC text."""
        return timestamps.normalise(self.known_state.get("replication_key_value"))

    @property
    def starting_at(self) -> str:
        """The moment from which this run reads: the bookmark, else the start date; UTC text."""
        if self.is_incremental and self.bookmark is not None:
            return self.bookmark
        return self.settings.start_date or self.session.edge.moment

    def move_bookmark(self, moment: str) -> None:
        """Move the bookmark to ``moment``, never back, and write the state."""
        if not self.is_incremental:
            return
        before = self.bookmark
        if before is None or moment > before:
            self.state["replication_key"] = self.replication_key
            self.state["replication_key_value"] = moment
            self.session.output.write_state()

    def set_back(self, moment: str) -> None:
        """Set the bookmark back to ``moment``: rows behind it are missing."""
        if self.is_incremental and (self.bookmark or "") > moment:
            self.state["replication_key_value"] = moment
            self.session.output.write_state()


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


def _changes_nothing(stream_map: object) -> bool:
    return type(stream_map) is SameRecordTransform and not stream_map.flattening_enabled
