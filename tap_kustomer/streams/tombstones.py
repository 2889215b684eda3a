"""Tombstones: the last row of an object that Kustomer does not have any more, in its own stream.

Key, `org_id` and `_sdc_deleted_at`, every other column null: an upserting target forgets what it
knew, and one with `hard_delete` removes the row.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from singer_sdk.mapper import RemoveRecordTransform, StreamMap

from tap_kustomer.errors import StreamError
from tap_kustomer.rows.flattening import names_after
from tap_kustomer.rows.stream_maps import RowMap
from tap_kustomer.rows.values import admits_null, checker
from tap_kustomer.streams.base import KustomerStream

__all__ = ["write_tombstones"]

logger = logging.getLogger("tap-kustomer")


def write_tombstones(stream: KustomerStream, gone: Mapping[str, str]) -> None:
    """Write a tombstone for each id in ``gone``, deleted at the moment beside it.

    To be called once nothing more of ``stream`` is written in this run.
    Raises: ``StreamError`` when a stream map makes a key that a tombstone cannot have.
    """
    if not stream.selected or not gone:
        return
    if not stream.schema_written:
        if stream.run.status == "skipped":  # there is no such table
            return
        stream.write_schema()  # the stream failed, but its table stands from earlier runs
    for stream_map in stream.stream_maps:
        if isinstance(stream_map, RemoveRecordTransform):
            continue
        rows = _rows(stream, stream_map, gone)
        stream.write_as(stream_map.stream_alias, rows)
    stream.run.rows += len(gone)
    logger.info("%s: emptied %d rows that Kustomer has deleted.", stream.name, len(gone))


def _rows(
    stream: KustomerStream, stream_map: StreamMap, gone: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield the tombstones past the stream map: its expressions and filters ask for values."""
    columns = stream_map.transformed_schema.get("properties", {})
    empty = {name: None for name, schema in columns.items() if admits_null(schema)}
    objects: dict[str, Any] = {
        name: {} for name, schema in columns.items() if name not in empty and checker(schema)({})
    }
    names = names_after(stream_map, stream.columns_kept)
    keys = stream_map.transformed_key_properties or ()
    mapped = "id" in stream.mapped_columns or set(keys) != {"id"}
    for id_, moment in gone.items():
        row = {"id": id_, "org_id": stream.org.id, "_sdc_deleted_at": moment}
        own = {**row, **_mapped_key(stream, stream_map, row)} if mapped else row
        filled = {
            **empty,
            **objects,
            **{name: value for name, value in own.items() if name in columns},
        }
        yield {names.get(name, name): value for name, value in filled.items()}


def _mapped_key(
    stream: KustomerStream, stream_map: StreamMap, row: dict[str, Any]
) -> dict[str, Any]:
    """Return the key of ``row`` as the stream map makes it."""
    made = RowMap(stream.name, stream_map, ())(
        {**dict.fromkeys(stream.schema["properties"]), **row}
    )
    keys = stream_map.transformed_key_properties or ()
    if made is None or any(made.get(key) is None for key in keys):
        msg = (
            f"{stream.name}: the stream map makes a key of more than `id`, so a deleted row cannot "
            "be named. Take the map of the key out of `stream_maps`, or switch `tombstones` off."
        )
        raise StreamError(msg)
    return {key: made[key] for key in keys}
