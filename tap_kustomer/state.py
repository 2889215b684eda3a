"""The mark in the state: which tap wrote it, in which version, for which org.

Tables of other Kustomer taps have other columns, and ids of another org would mix with these:
such a state is refused with a sentence instead of filling a table with both. So is what is no
state at all: taken for an empty one it would silently cost a full sync.
"""

from __future__ import annotations

import json
from typing import Any

from tap_kustomer import __version__, timestamps
from tap_kustomer.errors import StateError

__all__ = ["MARK", "check_state", "mark_state", "parse_state"]

MARK = "tap_kustomer"

_START_FRESH = (
    "To start fresh, load into a new schema of your target and leave the state out; with Meltano, "
    "run with --state-id-suffix and a new name."
)


# Seconds that a bookmark may lie behind Kustomer's now: headers tell whole seconds.
_CLOCK_TOLERANCE = 60


def parse_state(text: str) -> Any:
    """Return the state in the text of a file; an empty one where there is none yet.

    Of several lines, as a target prints them, the last counts. A STATE message and what Meltano
    keeps (``singer_state``) are unwrapped.
    Raises: ``json.JSONDecodeError`` for text that is neither JSON nor lines of JSON.
    """
    if not text.strip():
        return {}
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        lines = [(place, line) for place, line in enumerate(text.splitlines()) if line.strip()]
        if len(lines) < 2:  # noqa: PLR2004 - one line was tried as a whole
            raise
        # Behind as many line ends, so that an error tells the line of the file.
        content = [json.loads("\n" * place + line) for place, line in lines][-1]
    if isinstance(content, dict) and content.get("type") == "STATE":
        content = content.get("value")
    if isinstance(content, dict) and isinstance(content.get("completed"), dict):
        content = content["completed"]
    if isinstance(content, dict) and "singer_state" in content:
        content = content["singer_state"]
    return {} if content is None else content


def check_state(
    state: Any,
    org_id: str | None = None,
    now: str | None = None,
) -> None:
    """Raise ``StateError`` when this tap cannot continue ``state``.

    Without ``org_id`` only the writer is judged, with it also the org; with ``now``, Kustomer's
    time as UTC text, also whether a bookmark lies in the future.
    """
    if not isinstance(state, dict):
        msg = (
            "The state isn't a JSON object. Pass the last STATE value of an earlier run, or omit "
            "--state."
        )
        raise StateError(msg)
    mark = state.get(MARK)
    if not isinstance(mark, dict):
        if state.get("bookmarks") or state.get("currently_syncing"):
            msg = (
                "This state was written by another tap for Kustomer, whose tables have other "
                f"columns. {_START_FRESH}"
            )
            raise StateError(msg)
        if any(state.values()):
            msg = (
                "This isn't a state of this tap but another file, such as a config or a catalog. "
                "Pass the last STATE value of an earlier run, or omit --state to start fresh."
            )
            raise StateError(msg)
        mark = {}
    bookmarks = state.get("bookmarks", {})
    if not (
        isinstance(bookmarks, dict) and all(isinstance(one, dict) for one in bookmarks.values())
    ):
        msg = f"The bookmarks in the state are damaged. {_START_FRESH}"
        raise StateError(msg)
    _refuse_unreadable(bookmarks)
    known = mark.get("org_id")
    if org_id is not None and known is not None and known != org_id:
        msg = (
            f"This state belongs to another Kustomer org ({known}, the key belongs to {org_id}). "
            f"{_START_FRESH}"
        )
        raise StateError(msg)
    if now is not None:
        _refuse_future(bookmarks, now)


def _refuse_unreadable(bookmarks: dict[str, dict[str, Any]]) -> None:
    for stream, known in bookmarks.items():
        value = known.get("replication_key_value")
        is_sequence = "spool" in known and type(value) is int
        if value is not None and not is_sequence and timestamps.normalise(value) is None:
            msg = (
                f"{stream}: the bookmark in the state isn't a date-time, such as "
                "2026-01-31T12:00:00.000Z. Set it to a time up to which the rows were certainly "
                "loaded, or remove the stream from the state to read it from `start_date`."
            )
            raise StateError(msg)


def _refuse_future(bookmarks: dict[str, dict[str, Any]], now: str) -> None:
    latest = timestamps.shift(now, seconds=_CLOCK_TOLERANCE)
    for stream, known in bookmarks.items():
        moment = timestamps.normalise(known.get("replication_key_value"))
        if moment is not None and moment > latest:
            msg = (
                f"{stream}: the bookmark in the state ({moment}) lies in the future, Kustomer's "
                f"time is {now}. No run would read anything until then. Set it to a time up to "
                "which the rows were certainly loaded, or remove the stream from the state to read "
                "it from `start_date`."
            )
            raise StateError(msg)


def mark_state(state: dict[str, Any], org_id: str | None) -> None:
    """Put the mark into ``state``."""
    state[MARK] = {"version": __version__, "org_id": org_id}
