"""A stream as the target sees it: the columns that are selected, its rows, its messages."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, ClassVar

from singer_sdk import Tap
from singer_sdk.exceptions import MapExpressionError, StreamMapConfigError
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform, StreamMap
from singer_sdk.singerlib import Catalog, RecordMessage, SchemaMessage, SelectionMask
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_kustomer.catalog.attributes import type_in_words
from tap_kustomer.catalog.schema import object_schema
from tap_kustomer.errors import SettingsError
from tap_kustomer.rows.flattening import (
    duplicate_name,
    names_after,
    names_kept,
    rename,
    width_warning,
)
from tap_kustomer.rows.maker import RecordShape, RowMaker
from tap_kustomer.rows.selection import (
    custom_rule,
    deselected,
    deselection_warnings,
    mapped_columns,
)
from tap_kustomer.rows.stream_maps import RowMap
from tap_kustomer.session import Session
from tap_kustomer.settings.meltano import left_out_by_name
from tap_kustomer.streams.bookmarked import BookmarkedStream

__all__ = ["WritingStream"]

_CUSTOM = ("properties", "custom")


class WritingStream(BookmarkedStream):
    """A stream that makes rows of resources and writes them, as the catalog and the maps want."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # rows are made to fit their schema

    primary_keys: ClassVar[Any] = ("id",)
    schema_name: ClassVar[str | None] = None  # schema file, where it is not named as the stream
    custom_is_known = True  # the metadata of `custom` could be read, or there is none

    def __init__(
        self, tap: Tap, session: Session, schema: dict[str, Any], name: str | None = None
    ) -> None:
        """Write nothing yet."""
        super().__init__(tap, session, schema, name)
        self.schema_written = False  # in this run, so rows may follow
        self._withholds_custom = False
        self._row_maps: list[RowMap] | None = None
        self._make_row: RowMaker | None = None

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
        for warning in deselection_warnings(self.name, self.metadata, known):
            self.logger.warning("%s", warning)
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
            except ValueError as error:
                if (name := duplicate_name(error)) is None:
                    raise
                problem = (
                    f"{self.name}: flattening would call two columns {name}. Raise "
                    "`flattening_max_key_length`, or remove it: names have at most 63 bytes all "
                    "the same. If it isn't set, set another `flattening_separator`."
                )
                raise SettingsError([problem]) from None
        return super().stream_maps

    @property
    def writes_rows_as_made(self) -> bool:
        """Whether no stream map and no flattening stands between making and writing a row."""
        maps = self.stream_maps
        return len(maps) == 1 and _changes_nothing(maps[0])

    def write_rows(self, rows: Iterable[Any]) -> int:
        """Write ``rows`` and return their number, with none written if one cannot be made."""
        maps = self.stream_maps
        if self.writes_rows_as_made:
            writer = self.session.output.writer
            # Each row leaves before the next is made: a page of them would not fit the caches.
            return writer.write_records(maps[0].stream_alias, rows, self._stream_version)
        rows = list(rows)
        if self._row_maps is None:
            self._row_maps = [
                RowMap(self.name, one, self.mapped_columns, self.columns_kept) for one in maps
            ]
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
            if maps[message.stream].flattening_enabled:
                self._fit_names(message, maps[message.stream])
            yield message

    def _fit_names(self, message: SchemaMessage, stream_map: StreamMap) -> None:
        """Give flattened columns the names that loaders take, and note those that shall stay."""
        names = names_after(stream_map, self.columns_kept)
        if kept := names_kept(stream_map, self.columns_kept, names):
            self.state["columns_kept"] = kept
        properties = rename(message.schema["properties"], names)
        message.schema = {**message.schema, "properties": properties}
        warning = width_warning(message.stream, properties)
        if warning is not None and not self.schema_written:
            self.logger.warning("%s", warning)


def _changes_nothing(stream_map: object) -> bool:
    return type(stream_map) is SameRecordTransform and not stream_map.flattening_enabled
