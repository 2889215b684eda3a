"""States as Airbyte keeps them: one per stream, each with the mark of the tap and the org."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tap_kustomer.errors import StateError
from tap_kustomer.state import MARK

__all__ = ["StreamState", "read_states", "stream_blob", "tap_state"]

# How many rows the run had emitted so far. It makes every state differ from the one before it
# when rows lie between: Airbyte fails a sync where two such states are the same.
_ROWS = "rows"
_START_FRESH = (
    "To start fresh, clear the data of the connection's streams, or make a new connection."
)


@dataclass(frozen=True)
class StreamState:
    """The state of one stream, as an earlier run of this source or another connector left it."""

    stream: str
    bookmark: Mapping[str, Any]
    mark: Mapping[str, Any] | None  # None: not written by this source

    def problem(self, org_id: str | None) -> str | None:
        """Return why this cannot be continued with a key of the org, or ``None``."""
        if self.mark is None:
            if not self.bookmark:
                return None
            return "was written by another connector for Kustomer, whose tables have other columns"
        known = self.mark.get("org_id")
        if known is None or org_id is None or known == org_id:
            return None
        return f"belongs to another Kustomer org ({known}, the key belongs to {org_id})"


def stream_blob(
    bookmark: Mapping[str, Any] | None,
    mark: Mapping[str, Any] | None,
    rows: int,
) -> dict[str, Any]:
    """Return the ``stream_state`` of a stream: its bookmark, the tap's mark, a count."""
    return {**(bookmark or {}), MARK: dict(mark or {}), _ROWS: rows}


def read_states(messages: object) -> Iterator[StreamState]:
    """Yield the states in a state file: an array of STATE messages, maybe with null keys.

    Raises: ``StateError`` for a form that no version of this source wrote.
    """
    if messages is None or messages == {}:
        return
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        msg = f"The state is no array of Airbyte STATE messages. {_START_FRESH}"
        raise StateError(msg)
    for message in messages:
        of_stream = message.get("stream")
        if not isinstance(of_stream, dict):
            if message.get("data") or message.get("global"):
                msg = (
                    "This state was written by another connector for Kustomer (its type is "
                    f"{message.get('type') or 'LEGACY'}, not STREAM). {_START_FRESH}"
                )
                raise StateError(msg)
            continue
        descriptor, blob = of_stream.get("stream_descriptor"), of_stream.get("stream_state")
        if isinstance(descriptor, dict) and isinstance(blob, dict):
            mark = blob.get(MARK)
            yield StreamState(
                stream=str(descriptor.get("name")),
                bookmark={key: value for key, value in blob.items() if key not in {MARK, _ROWS}},
                mark=mark if isinstance(mark, dict) else None,
            )


def tap_state(
    messages: object,
    incremental: Mapping[str, bool],
    org_id: str | None,
) -> dict[str, Any]:
    """Return the state in the tap's own form.

    ``incremental`` tells of each configured stream whether it continues; a full refresh ignores
    its state, but for the note that the stream was read before: should the key lose its role,
    the stream fails instead of being skipped.

    Raises: ``StateError`` when an incremental stream cannot continue from its state.
    """
    bookmarks: dict[str, Any] = {}
    mark: Mapping[str, Any] | None = None
    for state in read_states(messages):
        if state.stream not in incremental:
            continue
        problem = state.problem(org_id)
        continues = incremental[state.stream]
        if problem is not None and continues:
            msg = f"The state of {state.stream} {problem}. {_START_FRESH}"
            raise StateError(msg)
        bookmark = state.bookmark if continues else _read_before(state.bookmark)
        if bookmark and problem is None:
            bookmarks[state.stream] = dict(bookmark)
            mark = state.mark
    return {"bookmarks": bookmarks, MARK: dict(mark)} if mark is not None else {}


def _read_before(bookmark: Mapping[str, Any]) -> dict[str, bool]:
    return {"read": True} if bookmark.get("read") else {}
