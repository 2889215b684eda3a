"""The mark in the state: which tap wrote it, in which version, for which org.

Tables of other Kustomer taps have other columns, and ids of another org would mix with these:
such a state is refused with a sentence instead of filling a table with both.
"""

from __future__ import annotations

from typing import Any

from tap_kustomer import __version__
from tap_kustomer.errors import StateError

__all__ = ["MARK", "check_state", "mark_state"]

MARK = "tap_kustomer"

_START_FRESH = (
    "To start fresh, load into a new schema of your target and leave the state out; with Meltano, "
    "run with --state-id-suffix and a new name."
)


def check_state(state: Any, org_id: str | None = None) -> None:  # noqa: ANN401
    """Raise ``StateError`` when this tap cannot continue ``state``.

    Without ``org_id`` only the writer is judged, with it also the org.
    """
    if not isinstance(state, dict):
        msg = "The state is no JSON object. Give the last STATE value of an earlier run, or none."
        raise StateError(msg)
    bookmarks = state.get("bookmarks")
    mark = state.get(MARK)
    if not isinstance(mark, dict):
        if bookmarks or state.get("currently_syncing"):
            msg = (
                "This state was written by another tap for Kustomer, whose tables have other "
                f"columns. {_START_FRESH}"
            )
            raise StateError(msg)
        return
    if bookmarks is not None and not (
        isinstance(bookmarks, dict) and all(isinstance(one, dict) for one in bookmarks.values())
    ):
        msg = f"The bookmarks in the state are damaged. {_START_FRESH}"
        raise StateError(msg)
    known = mark.get("org_id")
    if org_id is not None and known is not None and known != org_id:
        msg = (
            f"This state belongs to another Kustomer org ({known}, the key belongs to {org_id}). "
            f"{_START_FRESH}"
        )
        raise StateError(msg)


def mark_state(state: dict[str, Any], org_id: str | None) -> None:
    """Put the mark into ``state``."""
    state[MARK] = {"version": __version__, "org_id": org_id}
