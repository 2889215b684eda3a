"""What the state remembers of the settings that it was read with.

A bookmark wins over settings that would bring more rows than it was read with. Then rows are
missing for good unless somebody reads them apart, so every run says so.
"""

from __future__ import annotations

from tap_kustomer.streams.bookmarked import BookmarkedStream

__all__ = ["remember_settings", "warn_of_wider_settings"]


_RECIPE = "To load them, run the stream once with a separate state ID and `end_date`"


def warn_of_wider_settings(stream: BookmarkedStream) -> None:
    """Warn of settings that ask for rows in front of the bookmark, which no run would read."""
    known, settings, bookmark = stream.known_state, stream.settings, stream.bookmark
    if bookmark is None:
        return
    began = known.get("starting_at")
    if settings.start_date and isinstance(began, str) and settings.start_date < began:
        stream.logger.warning(
            "%s: `start_date` is ignored: this state starts at %s, and bookmarks take precedence, "
            "so earlier rows are missing. %s %s.",
            stream.name,
            began,
            _RECIPE,
            began,
        )
    if settings.include_deleted and known.get("include_deleted") is False:
        stream.logger.warning(
            "%s: `include_deleted` is true, but rows of this state were read without it, so "
            "deleted ones may be missing. %s %s.",
            stream.name,
            _RECIPE,
            bookmark,
        )
    if settings.include_archived and known.get("include_archived") is False:
        stream.logger.warning(
            "%s: `include_archived` is true, but this state was read without it, so rows are "
            "missing that were last updated over two years before. %s %s.",
            stream.name,
            _RECIPE,
            bookmark,
        )


def remember_settings(stream: BookmarkedStream, start: str, *, reaches_back: bool) -> None:
    """Note what a run from ``start`` on reads without; what was false once stays so in the state.

    ``reaches_back``: it begins before the rows that the standard search has.
    """
    settings, state = stream.settings, stream.state
    first = stream.bookmark is None
    if not settings.include_deleted or first:
        state["include_deleted"] = settings.include_deleted
    if reaches_back and (not settings.include_archived or first):
        state["include_archived"] = settings.include_archived
    if first:
        state["starting_at"] = start
