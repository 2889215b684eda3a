"""Catalogs: what Airbyte is offered, and what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tap_kustomer.airbyte.schema import airbyte_schema
from tap_kustomer.errors import KustomerError
from tap_kustomer.naming import MAX_IDENTIFIER_BYTES, fit_identifier
from tap_kustomer.streams.base import KustomerStream

__all__ = [
    "CatalogError",
    "ConfiguredStream",
    "configured_streams",
    "offered_name",
    "offered_stream",
]

# PyAirbyte loads a stream by way of a table of its name, an underscore and nine characters that no
# other load has, and its PostgreSQL cache cuts that at 63 bytes. With a name of 63 the two tables
# are one; with a shorter one that is cut at all, a table that a failed load left behind has the
# name which the next load wants.
_MAX_STREAM_BYTES = MAX_IDENTIFIER_BYTES - len("_01kb5xprd")


class CatalogError(KustomerError):
    """The configured catalog cannot be read."""


def offered_name(name: str) -> str:
    """Return how Airbyte is offered the stream that the tap names ``name``."""
    return fit_identifier(name, name, _MAX_STREAM_BYTES)


def offered_stream(stream: KustomerStream) -> dict[str, Any]:
    """Return the ``AirbyteStream`` of ``stream``."""
    offer: dict[str, Any] = {
        "name": stream.name,
        "json_schema": airbyte_schema(stream.schema),
        "supported_sync_modes": ["full_refresh"],
        "source_defined_primary_key": [[column] for column in stream.primary_keys],
        # Of a full refresh: it reads from the start again, whatever was read before.
        "is_resumable": False,
    }
    if stream.replication_key:
        offer["supported_sync_modes"].append("incremental")
        offer["source_defined_cursor"] = True
        offer["default_cursor_field"] = [stream.replication_key]
    return offer


@dataclass(frozen=True)
class ConfiguredStream:
    """What Airbyte asks of one stream."""

    name: str
    incremental: bool
    replaces_table: bool  # the destination keeps only what this sync brings
    columns: frozenset[str] | None  # None: all

    def apply_to(self, stream: KustomerStream) -> None:
        """Select ``stream``, its sync mode and its columns."""
        if not self.incremental:
            stream.forced_replication_method = "FULL_TABLE"
        if self.columns is not None:
            for breadcrumb, metadata in stream.metadata.items():
                if len(breadcrumb) == 2 and breadcrumb[1] not in self.columns:  # noqa: PLR2004 - ("properties", column)
                    metadata.selected = False
        stream.is_always_due = self.replaces_table
        stream.selected = True


def configured_streams(catalog: object) -> dict[str, ConfiguredStream]:
    """Return the streams of a ``ConfiguredAirbyteCatalog`` by name. Raises ``CatalogError``."""
    entries = catalog.get("streams") if isinstance(catalog, dict) else None
    if not isinstance(entries, list):
        msg = "The catalog is no ConfiguredAirbyteCatalog: it has no list `streams`."
        raise CatalogError(msg)
    configured = [_configured(entry) for entry in entries]
    return {stream.name: stream for stream in configured}


def _configured(entry: object) -> ConfiguredStream:
    stream = entry.get("stream") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(stream, dict) or not stream.get("name"):
        msg = (
            "The catalog is no ConfiguredAirbyteCatalog: each entry of `streams` needs a `stream` "
            "with a `name`. (What `discover` prints still has to be configured.)"
        )
        raise CatalogError(msg)
    incremental = entry.get("sync_mode") == "incremental"
    return ConfiguredStream(
        name=str(stream["name"]),
        incremental=incremental,
        replaces_table=_replaces_table(entry, incremental=incremental),
        columns=_columns(stream),
    )


def _replaces_table(entry: Mapping[str, Any], *, incremental: bool) -> bool:
    """Whether what the destination has goes once this sync is complete.

    That is so for both ways of overwriting, and where the platform raises the lowest generation
    that is kept: a refresh that truncates.
    """
    lowest = entry.get("minimum_generation_id")
    truncates = isinstance(lowest, int) and lowest > 0
    mode = entry.get("destination_sync_mode")
    return truncates or (not incremental and mode in {"overwrite", "overwrite_dedup"})


def _columns(stream: Mapping[str, Any]) -> frozenset[str] | None:
    """Airbyte deselects a column by leaving it out of the schema that it hands back."""
    schema = stream.get("json_schema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return frozenset(properties) if isinstance(properties, dict) and properties else None
