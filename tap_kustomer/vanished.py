"""Streams that the catalog or the state knows and that discovery does not offer.

A table that no longer grows must not silently go stale. Where Kustomer only failed to list the
klasses, their streams are not gone, so the run fails.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from singer_sdk.singerlib import Catalog

from tap_kustomer.errors import MissingRoleError, NotFoundError, StreamError
from tap_kustomer.readers.lists import read_one
from tap_kustomer.session import Session

__all__ = ["Vanished", "known_klass_streams", "vanished_streams"]

_KLASS_STREAM = "kobject_"  # how the names of all klass streams begin


class Vanished(NamedTuple):
    """A stream that is not offered, and what to say of it."""

    stream: str
    sentence: str
    fails: bool  # whether the run fails because of it


def vanished_streams(
    session: Session,
    offered: Collection[str],
    catalog: Catalog | None,
    state: Mapping[str, Any],
) -> Iterator[Vanished]:
    """Yield the streams that ``catalog`` or ``state`` knows and that are not ``offered``."""
    wanted = _selected(catalog)
    problem = session.org.klasses_problem
    for stream, is_selected in wanted.items():
        if stream in offered or not is_selected:
            continue
        if problem is not None and stream.startswith(_KLASS_STREAM):
            yield Vanished(stream, _unlisted(stream, problem), fails=True)
        else:
            sentence = (
                f"{stream}: the catalog selects this stream, but the org no longer has it (its "
                "klass was deleted or disabled, or `optional_streams` lacks it). Deselect it, or "
                "regenerate the catalog with --discover."
            )
            yield Vanished(stream, sentence, fails=True)
    for stream, known in (state.get("bookmarks") or {}).items():
        if stream in offered or stream in wanted or not known:
            continue
        if problem is not None and stream.startswith(_KLASS_STREAM):
            yield Vanished(stream, _unlisted(stream, problem), fails=True)
        else:
            yield _missing(session, stream, known.get("klass_id"))
    if problem is not None and not wanted and not isinstance(problem, MissingRoleError):
        # Without a catalog all streams are wanted, also those that nobody knows yet.
        stream = f"{_KLASS_STREAM}*"
        yield Vanished(stream, _unlisted(stream, problem), fails=True)


def known_klass_streams(catalog: Catalog | None, state: Mapping[str, Any]) -> Iterator[str]:
    """Yield the streams of klasses that ``catalog`` selects or ``state`` has read."""
    wanted = _selected(catalog)
    read = [stream for stream, known in (state.get("bookmarks") or {}).items() if known]
    for stream in [*(name for name, is_selected in wanted.items() if is_selected), *read]:
        if stream.startswith(_KLASS_STREAM) and wanted.get(stream, True):
            yield stream


def _selected(catalog: Catalog | None) -> dict[str, bool]:
    """Return for each stream of the catalog that was given whether it is selected."""
    entries = catalog.streams if catalog else ()
    return {
        entry.tap_stream_id: bool(entry.metadata.resolve_selection().get((), False))
        for entry in entries
    }


def _unlisted(stream: str, problem: StreamError) -> str:
    return f"{stream}: not read, as the org's klasses could not be listed: {problem}"


def _missing(session: Session, stream: str, klass_id: object) -> Vanished:
    """Return what became of a stream that an earlier run read."""
    if isinstance(klass_id, str) and all(klass.id != klass_id for klass in session.org.klasses):
        # A list that leaves out a klass looks like one from which it was deleted.
        try:
            session.prefetch.call(
                lambda: read_one(session.client, f"/v1/klasses/{quote(klass_id, safe='')}")
            )
        except NotFoundError:
            pass
        except StreamError as error:
            return Vanished(stream, _unlisted(stream, error), fails=True)
        else:
            sentence = (
                f"{stream}: Kustomer's list of klasses left its klass out, though it exists. Run "
                "again later."
            )
            return Vanished(stream, sentence, fails=True)
    return Vanished(
        stream,
        f"{stream}: earlier runs read this stream, but it is no longer offered (its klass was "
        "deleted or disabled, or `optional_streams` lacks it), so its table is not kept up to "
        "date. If that is meant, take it out of the state to end this warning.",
        fails=False,
    )
