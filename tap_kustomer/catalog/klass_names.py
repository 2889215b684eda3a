"""Names of klass streams: stable, whatever klasses come and go later."""

from __future__ import annotations

from collections.abc import Iterable

from tap_kustomer.naming import fit_identifier, klass_stream_name, short_suffix
from tap_kustomer.org import Klass

__all__ = ["klass_streams"]


def klass_streams(klasses: Iterable[Klass]) -> dict[str, Klass]:
    """Return the klasses by the name of their stream.

    The oldest klass of a name keeps it, and disabled ones count, so that no later klass can
    take a name over; the others get a suffix from their id.
    """
    streams: dict[str, Klass] = {}
    for klass in sorted(klasses, key=lambda one: (one.created_at, one.id)):
        name = fit_identifier(klass_stream_name(klass.name), klass.id)
        if name in streams:
            name = fit_identifier(f"{name}_{short_suffix(klass.id)}", klass.id)
        streams[name] = klass
    return streams
