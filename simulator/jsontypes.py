"""The few type names that every module of the simulator shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

JSON: TypeAlias = dict[str, Any]
"""One decoded JSON object."""

Instant: TypeAlias = "str | float | dt.datetime"
"""A point in time: ISO 8601 text, unix seconds, or an aware datetime."""

Instants: TypeAlias = "Instant | Sequence[Instant] | Callable[[int], Instant]"
"""One instant for all rows, one for each, or a function from a row's number to its instant."""
