"""Reads the parameters of a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.api.answers import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.jsontypes import JSON
    from simulator.knobs import Knobs


def paging(params: Mapping[str, str], knobs: Knobs, *, archive: bool) -> JSON:
    """Return the page, its size and whether a search wants only ids.

    Raises: ``Refused`` where a page cannot be had.
    """
    known = ("page", "pageSize", "idsOnly", *(() if archive else ("trackTotalHits",)))
    for name in params:
        if name not in known:
            raise Refused(400, f"Unknown query parameter {name!r}.", pointer=name)
    page = positive(params, "page", 1)
    size = positive(params, "pageSize", 100)
    most = knobs.archive_page_size if archive else knobs.max_page_size
    if size > most:
        if knobs.oversize == "refuse":
            raise Refused(400, f"pageSize: at most {most}.", pointer="pageSize")
        size = most
    if is_past_window(page, size, knobs):
        if knobs.past_window == "refuse":
            raise Refused(400, "page: past the last page that can be had.", pointer="page")
        if knobs.past_window == "not_found":
            raise Refused(404, "There is no such page.", pointer="page")
    ids_only = params.get("idsOnly", "false")
    if ids_only not in ("true", "false") or (
        "idsOnly" in params and knobs.ids_only_shape == "refused"
    ):
        raise Refused(400, "idsOnly: `true` or `false`.", pointer="idsOnly")
    return {
        "page": page,
        "page_size": size,
        "ids_only": ids_only == "true",
        "total_cap": None if archive else _total_cap(params, knobs),
    }


def is_past_window(page: int, size: int, knobs: Knobs) -> bool:
    """Say whether a page lies behind what page numbers reach."""
    window = knobs.result_window
    return page > knobs.max_pages or (window is not None and page * size > window)


def _total_cap(params: Mapping[str, str], knobs: Knobs) -> int | None:
    """Return the number at which the total of a search ends; ``None``: the total is exact.

    `trackTotalHits` is documented as a boolean; Kustomer's own app sends a number, and gets
    totals that end there.
    """
    asked = params.get("trackTotalHits")
    if asked is not None and knobs.track_total_hits == "refused":
        raise Refused(400, "Unknown query parameter 'trackTotalHits'.", pointer="trackTotalHits")
    if asked is not None and asked not in ("true", "false") and not asked.isdecimal():
        raise Refused(400, "trackTotalHits: a boolean is expected.", pointer="trackTotalHits")
    if knobs.track_total_hits == "ignored":
        return knobs.total_cap
    if asked is not None and asked.isdecimal():
        return int(asked)
    if asked == "false" or (asked is None and knobs.track_total_hits == "capped"):
        return knobs.total_cap
    return None


def positive(params: Mapping[str, str], name: str, default: int) -> int:
    """Return a parameter that is a whole number from 1 on.

    Raises: ``Refused`` with 400.
    """
    text = params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise Refused(400, f"{name}: a number from 1 on is expected.", pointer=name)
    return int(text)
