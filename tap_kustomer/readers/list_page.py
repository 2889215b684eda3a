"""One page of a list as Kustomer sends it, and what tells its resources apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tap_kustomer.client.codec import decode

__all__ = ["ListPage", "attributes_of", "has_id", "identity", "is_of_other_list", "own_link"]


@dataclass(frozen=True)
class ListPage:
    """One page of a list: the resources, those that came along, and where it goes on."""

    rows: list[dict[str, Any]]
    included: list[dict[str, Any]]
    next_link: str | None
    has_links: bool
    total: int | None
    page_size: int | None = None  # rows on a full page, where the answer tells
    cursor_count: int | None = None  # rows from this page on, in lists that are read by cursor
    size: int = 0  # bytes as sent

    @classmethod
    def parse(cls, raw: bytes) -> ListPage:
        """Return the page in ``raw``. Raises ``ValueError`` when it is none.

        Some lists have no ``links``, some an empty ``meta``, some numbers as text; ``data`` and
        ``included`` may be one object instead of a list. ``data`` that is null is no empty page,
        and what holds ``errors`` is none whatever its status.
        """
        content = _content(raw)
        if content["data"] is None:
            msg = "the answer has no data"
            raise ValueError(msg)
        return cls._of(content, len(raw))

    @classmethod
    def parse_single(cls, raw: bytes) -> ListPage:
        """Return the page in ``raw``; ``data`` may be null, as of a resource that is not there."""
        return cls._of(_content(raw), len(raw))

    @classmethod
    def _of(cls, content: dict[str, Any], size: int) -> ListPage:
        links, meta = content.get("links"), content.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        links = links if isinstance(links, dict) else {}
        return cls(
            rows=_resources(content["data"]),
            included=_resources(content.get("included")),
            next_link=_link(links.get("next")),
            has_links="next" in links,
            total=_whole(meta.get("total")),
            page_size=_whole(meta.get("pageSize", meta.get("count"))) or None,
            cursor_count=_whole(meta.get("cursorCount")),
            size=size,
        )


def has_id(resource: Mapping[str, Any]) -> bool:
    """Whether a resource has an id, however it is written."""
    id_ = resource.get("id")
    return type(id_) is int or (isinstance(id_, str) and bool(id_.strip()))


def identity(resource: Mapping[str, Any]) -> str:
    """Return what tells a resource from the others of its list: id, own link, or all it says.

    >>> identity({"id": 7}), identity({"links": {"self": "/v1/drafts/7"}})
    ('7', '/v1/drafts/7')
    """
    if has_id(resource):
        return str(resource["id"])
    if link := own_link(resource):
        return link
    # Other links may be signed, and then differ in every answer.
    told = {name: value for name, value in resource.items() if name != "links"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:24]


# Whose names stand in the paths of their lists, too.
_KINDS = frozenset(
    {
        "brand", "card", "company", "conversation", "customer", "klass", "message", "note",
        "queue", "schedule", "shortcut", "sla", "snippet", "snooze", "tag", "team", "user",
    }
)  # fmt: skip


def is_of_other_list(page: ListPage, path: str) -> bool:
    """Whether all rows say that they are of a kind that ``path`` does not speak of.

    Such as the answer to another request, out of a cache. It may be true: nothing says that a
    path names what it lists.
    """
    kinds = {str(row.get("type")) for row in page.rows}
    return bool(kinds) and all(
        kind in _KINDS and kind.removesuffix("y") not in path for kind in kinds
    )


def attributes_of(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a resource; none where they are no object."""
    attributes = resource.get("attributes")
    return attributes if isinstance(attributes, dict) else {}


def own_link(resource: Mapping[str, Any]) -> str:
    """Return the link at which a resource is found, or ``""``."""
    links = resource.get("links")
    link = links.get("self") if isinstance(links, dict) else None
    return link if isinstance(link, str) else ""


def _content(raw: bytes) -> dict[str, Any]:
    content = decode(raw)
    if isinstance(content, dict) and "data" in content and not content.get("errors"):
        return content
    msg = "the answer has no data"
    raise ValueError(msg)


def _resources(value: object) -> list[dict[str, Any]]:
    """Return the resources.

    Raises: ``ValueError`` when ``value`` is neither a list nor a resource, or one of the list is
    none: no row would be found where there is one, and a target would drop it from its table.
    """
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    if isinstance(value, dict) and value:
        return [value]
    msg = "the answer holds no resources"
    raise ValueError(msg)


def _link(value: object) -> str | None:
    """Return a link, in either form of JSON:API. Raises: ``ValueError`` when it is none."""
    if isinstance(value, dict) and "href" in value:
        value = value["href"]
    if value is None or isinstance(value, str):
        return value or None
    msg = "the link to the next page is none"
    raise ValueError(msg)


def _whole(value: object) -> int | None:
    """Return a count however it is written, or ``None`` when it is none, or only a bound."""
    if isinstance(value, dict):
        value = value.get("value") if value.get("relation", "eq") == "eq" else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    text = str(value)  # of what is neither a number nor text it has other signs than digits
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None  # noqa: PLR2004 - digits
