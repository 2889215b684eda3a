"""The audit log: read newest first, by cursors instead of pages.

Source: https://developer.kustomer.com/kustomer-api-docs/reference/getauditlogs
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from simulator.api.answers import Answer, Refused
from simulator.api.parameters import positive
from simulator.clock import DAY, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.knobs import Knobs
    from simulator.org.index import Version
    from simulator.org.org import Org

PATH = "/v1/audit-logs"
MOST, DEFAULT = 1000, 100
OBJECT_TYPES = frozenset(
    [
        "bill_subscription",
        "business_rule",
        "company",
        "conversation",
        "customer",
        "message",
        "search",
        "shortcut",
        "user",
        "work_item",
        "ip_rule",
        "work_session",
        "shopify_rest",
    ]
)
PARAMS = frozenset(
    [
        "count",
        "before",
        "after",
        "filter[start]",
        "filter[end]",
        "filter[objectType]",
        "filter[objectId]",
        "filter[userId]",
        "filter[include]",
    ]
)
_ID = re.compile(r"^[0-9a-f]{24}$")


def answer(params: Mapping[str, str], org: Org, knobs: Knobs) -> Answer:
    """Return one stretch of the log.

    Rows older than the retention (90 days by the vendor's help page) are gone. The parameter
    texts say that `before` needs `after`, the example links carry one alone: one is enough.
    """
    for name in params:
        if name not in PARAMS:
            raise Refused(400, f"Unknown query parameter {name!r}.", pointer=name)
    count = positive(params, "count", DEFAULT)
    if count > MOST:
        raise Refused(400, f"count: at most {MOST}.", pointer="count")
    org.publish()
    rows = _rows(params, org, knobs)
    start, stop = _stretch(params, rows, count)
    page = rows[start:stop]
    kept = {name: value for name, value in params.items() if name not in ("before", "after")}

    def link(**cursor: str) -> str:
        return f"{PATH}?{urlencode({'count': count, **kept, **cursor}, safe='[]')}"

    meta = {"count": count, "total": len(rows), "cursorCount": len(rows) - start}
    links = {
        "self": f"{PATH}?{urlencode({**params, 'count': count}, safe='[]')}",
        "first": link(),
        "prev": link(after=page[0].id) if page else None,
        # Whether the last page's `next` is null or leads to an empty page is UNCONFIRMED
        # (audit-end).
        "next": link(before=page[-1].id) if page and stop < len(rows) else None,
    }
    document = {"meta": meta, "links": links, "data": None}
    return Answer(document=document, rows=[version.body for version in page])


def _rows(params: Mapping[str, str], org: Org, knobs: Knobs) -> list[Version]:
    oldest = to_ms(org.clock.now() - knobs.audit_retention_days * DAY)
    low = max(oldest, _date(params, "filter[start]", oldest))
    high = _date(params, "filter[end]", 1 << 62)
    kind = params.get("filter[objectType]")
    if kind is None and knobs.audit_without_type == "refuse":
        raise Refused(400, "objectType is required.", pointer="filter[objectType]")
    if kind is not None and kind not in OBJECT_TYPES:
        raise Refused(400, "Unknown objectType.", pointer="filter[objectType]")
    if "filter[objectId]" in params and kind is None:
        raise Refused(400, "objectId needs objectType.", pointer="filter[objectId]")
    kinds = {kind, *params.get("filter[include]", kind).split(",")} if kind else None
    exact = {
        field: params[f"filter[{field}]"]
        for field in ("objectId", "userId")
        if f"filter[{field}]" in params
    }
    rows = [
        version
        for version in org.store.versions("audit_log")
        if version.created is not None and low <= version.created <= high
    ]
    if kinds or exact:
        rows = [version for version in rows if _fits(version, kinds, exact)]
    return sorted(rows, key=lambda version: (version.created, version.id), reverse=True)


def _fits(version: Version, kinds: set[str] | None, exact: Mapping[str, str]) -> bool:
    attributes = version.resource["attributes"]
    if kinds and attributes.get("objectType") not in kinds:
        return False
    return all(attributes.get(field) == value for field, value in exact.items())


def _stretch(params: Mapping[str, str], rows: list[Version], count: int) -> tuple[int, int]:
    places = {version.id: place for place, version in enumerate(rows)}
    for name in ("before", "after"):
        if name in params and not _ID.match(params[name]):
            raise Refused(400, f"{name}: an id is expected.", pointer=name)
    if "before" in params:
        start = places.get(params["before"], len(rows) - 1) + 1
        return start, min(start + count, len(rows))
    if "after" in params:
        stop = places.get(params["after"], 0)
        return max(0, stop - count), stop
    return 0, min(count, len(rows))


def _date(params: Mapping[str, str], name: str, default: int) -> int:
    if name not in params:
        return default
    try:
        return to_ms(params[name])
    except ValueError:
        raise Refused(400, f"{name}: a date is expected.", pointer=name) from None
