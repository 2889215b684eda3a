"""Names of klass streams: stable, whatever klasses come and go later."""

from __future__ import annotations

from collections.abc import Iterable

from tap_kustomer.naming import MAX_STREAM_BYTES, fit_identifier, klass_stream_name, short_suffix
from tap_kustomer.org import Klass

__all__ = ["klass_streams"]


def klass_streams(klasses: Iterable[Klass]) -> dict[str, Klass]:
    """Return the klasses by the name of their stream.

    The oldest klass of a name keeps it, and disabled ones count, so that no later klass can
    take a name over; the others get a suffix from their id.
    """
    streams: dict[str, Klass] = {}
    for klass in sorted(klasses, key=lambda one: (one.created_at, one.id)):
        name = fit_identifier(klass_stream_name(klass.name), klass.id, MAX_STREAM_BYTES)
        if name in streams:
            longer = f"{name}_{short_suffix(klass.id)}"
            name = fit_identifier(longer, klass.id, MAX_STREAM_BYTES)
        streams[name] = klass
    return streams
