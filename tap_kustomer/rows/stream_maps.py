"""Rows on their way through a stream map and flattening; what comes out fits its schema."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from singer_sdk.mapper import StreamMap

from tap_kustomer.errors import StreamError
from tap_kustomer.rows.flattening import names_after, rename, with_known_custom_only
from tap_kustomer.rows.values import checker

__all__ = ["RowMap"]

_JSON_TYPES = (str, int, float, bool, list, dict, type(None))


class RowMap:
    """One stream map of the SDK, and what the SDK leaves to the tap."""

    def __init__(
        self,
        stream: str,
        stream_map: StreamMap,
        named: Iterable[str],
        kept: Collection[str] = (),
    ) -> None:
        """Prepare; ``named`` are the columns that the user's stream maps name.

        ``kept`` are those whose names stay, as for ``names_after``.
        """
        self.alias = stream_map.stream_alias
        self._stream = stream
        self._map = stream_map
        self._flat = stream_map.flattening_enabled
        custom = stream_map.raw_schema["properties"].get("custom", {})
        self._known = frozenset(custom.get("properties", {}))
        named = set(named)
        self._custom_is_private = "custom" in named
        columns = stream_map.transformed_schema.get("properties", {})
        self._names = names_after(stream_map, kept)
        self._checks = {name: checker(columns[name]) for name in named if name in columns}

    def __call__(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """Return what leaves, or ``None`` when a filter keeps the row back.

        Raises: ``StreamError`` when an expression fails, or its value does not fit the schema
        that the SDK derived for it: a target would refuse the row, or convert it silently.
        """
        if self._flat:
            row = with_known_custom_only(row, self._known, keep=not self._custom_is_private)
        try:
            mapped = self._map.transform(row)
        except Exception as error:
            # The error's own text may show the row.
            msg = (
                f"{self._stream}: the stream map cannot be applied to a row "
                f"({type(error).__name__}). Check `stream_maps`; an expression must also take a "
                "null, as in `str(md5(name)) if name else None`."
            )
            raise StreamError(msg) from error
        if mapped is None:
            return None
        for column, fits in self._checks.items():
            value = mapped.get(column)
            if column in mapped and isinstance(value, _JSON_TYPES) and not fits(value):
                msg = (
                    f"{self._stream}: the stream map gives `{column}` a value of another type "
                    "than its schema has. Begin its expression with str(, int(, float(, bool( or "
                    "json.dumps( in `stream_maps`: the type of the column follows from that."
                )
                raise StreamError(msg)
        return rename(mapped, self._names)
