"""What hangs on one parent: a list of its own, or single resources that the parent names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.errors import MissingRoleError, NotFoundError, StreamError, UnknownEndpointError
from tap_kustomer.readers.list_page import ListPage, attributes_of
from tap_kustomer.readers.lists import read_list, read_one

__all__ = ["Children", "is_gone", "read_children", "read_named"]


@dataclass(frozen=True)
class Children:
    """The children of one parent, and what it took to read them."""

    parent: dict[str, Any]
    rows: list[dict[str, Any]]
    asked: int  # paths
    unknown: int  # of these, answered with 404 for good


def read_children(
    client: KustomerClient,
    parent: dict[str, Any],
    paths: Iterable[str],
    parent_is_gone: Callable[[], bool],
    *,
    page_size: int | None = 100,
) -> Children:
    """Return the lists that Kustomer has at ``paths``.

    A 404 is no failure once the parent itself is gone.
    Raises: an error of ``tap_kustomer.errors``.
    """
    rows: list[dict[str, Any]] = []
    asked = unknown = 0
    for path in paths:
        asked += 1
        try:
            # Most parents have no children, so a list without rows is nothing to ask for twice.
            for page in read_list(client, path, page_size=page_size, at_least=0, doubts_ids=False):
                rows += page.rows
        except NotFoundError as error:
            if not parent_is_gone():
                msg = (
                    f"{error} What it hangs on is there, so rows would be missing. Deselect the "
                    "stream if your org does not have it; else report this to Kustomer's support."
                )
                raise StreamError(msg) from None
            unknown += 1
    return Children(parent, rows, asked, unknown)


def read_named(client: KustomerClient, parent: dict[str, Any], paths: Iterable[str]) -> Children:
    """Return the single resources at ``paths``, which ``parent`` names; some may be deleted.

    Raises: an error of ``tap_kustomer.errors``, except for what is answered with 404.
    """
    asked = unknown = 0
    rows: list[dict[str, Any]] = []
    for path in paths:
        asked += 1
        try:
            found = read_one(client, path)
        except NotFoundError:
            found = None
        if found:
            rows.append(found)
        else:
            unknown += 1
    return Children(parent, rows, asked, unknown)


def is_gone(client: KustomerClient, path: str) -> bool:
    """Whether the resource at ``path`` was deleted.

    Raises: ``StreamError`` when the key may not ask for it.
    """
    try:
        page = client.fetch(Request(path), ListPage.parse_single)
    except UnknownEndpointError:
        return False  # nothing is missing but the path
    except NotFoundError:
        return True
    except MissingRoleError:
        msg = (
            f"There is nothing at {path} (status 404), and this API key may not "
            "ask whether that was deleted itself. Run again later, or give the key the role to "
            "read it."
        )
        raise StreamError(msg) from None
    return any(attributes_of(row).get("deleted") is True for row in page.rows)
