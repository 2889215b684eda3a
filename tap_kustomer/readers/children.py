"""What hangs on one parent: a list of its own, or single resources that the parent names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_kustomer.errors import NotFoundError
from tap_kustomer.readers.lists import read_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_kustomer.client.transport import KustomerClient

__all__ = ["Children", "read_children"]


@dataclass(frozen=True)
class Children:
    """The children of one parent, and what it took to read them."""

    parent: dict[str, Any]
    rows: list[dict[str, Any]]
    requests: int
    unknown: int  # paths that were answered with 404


def read_children(
    client: KustomerClient,
    parent: dict[str, Any],
    paths: Iterable[str],
    page_size: int | None,
) -> Children:
    """Return what Kustomer has at ``paths``; ``page_size`` ``None`` for single resources.

    A 404 is no failure: the parent or the child may have been deleted meanwhile.
    Raises: any other error of ``tap_kustomer.errors``.
    """
    rows: list[dict[str, Any]] = []
    requests = unknown = 0
    for path in paths:
        pages = read_list(client, path, page_size=page_size)
        try:
            for page in pages:
                requests += 1
                rows += page.rows
        except NotFoundError:
            requests += 1
            unknown += 1
    return Children(parent, rows, requests, unknown)
