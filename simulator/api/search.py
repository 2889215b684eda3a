"""Answers a search: the two-year edge, conditions, order, one page."""

from __future__ import annotations

import bisect
import json
import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.api import attributes as attrs
from simulator.api.answers import Answer
from simulator.api.parameters import is_past_window
from simulator.clock import DAY, to_ms
from simulator.org.index import NO_TIME, IndexView, Key, Version, encode, page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from simulator.api.attributes import Attribute
    from simulator.api.validation import Criterion, Query
    from simulator.knobs import Knobs
    from simulator.org.org import Org

STANDARD_PATH = "/v1/customers/search"
ARCHIVE_PATH = "/v1/customers/archive/search"


@dataclass
class Found:
    """The rows of one page, and how many there are in all."""

    versions: list[Version]
    total: int


def answer(query: Query, org: Org, knobs: Knobs) -> Answer:
    """Return a page of full documents, with the numbers of the whole result."""
    found = find(query, org, knobs)
    versions = found.versions
    if knobs.fresh_documents:
        versions = [org.store.get(version.name, version.id) or version for version in versions]
    if query.ids_only:
        rows = [_identifier(version, knobs) for version in versions]
    elif query.context == "work_item":
        rows = [_with_resource(version, org, knobs) for version in versions]
    else:
        rows = [version.body for version in versions]
    total = found.total if query.total_cap is None else min(found.total, query.total_cap)
    pages = math.ceil(total / query.page_size)
    meta = {
        "pageSize": query.page_size,
        "page": query.page,
        "total": total,
        "totalPages": pages,
        "aggregations": {},
        "timed_out": False,  # in no documentation, but in a real payload
    }
    return Answer(document={"meta": meta, "data": None, "links": _links(query, pages)}, rows=rows)


def find(query: Query, org: Org, knobs: Knobs) -> Found:
    """Return what a query finds in the index as it is now."""
    view = org.store.view(query.context)
    keys = view.keys(include_deleted=query.include_deleted)
    low, high, rest = _bounds(query, org, knobs)
    begin = 0 if low is None else bisect.bisect_left(keys, (low, -1))
    end = len(keys) if high is None else bisect.bisect_left(keys, (high + 1, -1))
    by_position = bool(query.sort) and is_position(query.context, query.sort[0][0])
    rng = org.ties if org.shuffle_ties else None
    start = (query.page - 1) * query.page_size
    beyond = is_past_window(query.page, query.page_size, knobs)
    ignored = _sort_ignored(query, knobs)
    in_place = by_position and not query.sort[0][1] and not ignored
    if in_place and not (rest or query.any_of or query.none_of or beyond):
        # The index as it lies: a copy of a million keys for a page would take longer than all.
        rows = page_of(keys, begin + start, min(begin + start + query.page_size, end), rng)
        return Found([view.documents[row] for row in rows], max(end - begin, 0))
    chosen: Sequence[Key] = keys[begin:end]
    if rest or query.any_of or query.none_of:
        chosen = _matching(chosen, view, rest, query)
    if ignored:
        chosen = sorted((hash((instant, row, 17)) >> 8, row) for instant, row in chosen)
    elif not by_position or query.sort[0][1]:
        chosen = _sorted(chosen, view, query)
    if beyond:
        start = len(chosen)
    rows = page_of(chosen, start, start + query.page_size, rng)
    return Found([view.documents[row] for row in rows], len(chosen))


def is_position(context: str, attribute: Attribute) -> bool:
    """Say whether the index is kept in order of this attribute."""
    return attribute.path == (attrs.CREATED if context == "conversation_time" else attrs.UPDATED)


def _bounds(query: Query, org: Org, knobs: Knobs) -> tuple[int | None, int | None, list[Criterion]]:
    """Return the first and last instant that can match, and the conditions left to check.

    The standard search ends at rows updated two years ago, the archive search begins there
    (vendor, both search pages). A row without `updatedAt` counts as current.
    """
    edge = to_ms(org.clock.now() - knobs.horizon_days * DAY + knobs.edge_offset_seconds)
    low, high = (None, edge - 1) if query.archive else (edge, None)
    rest = []
    for criterion in query.all_of:
        value = criterion.value
        if not is_position(query.context, criterion.attribute) or not isinstance(value, int):
            rest.append(criterion)
            continue
        if criterion.operator in ("gte", "gt", "equals"):
            low = max(value + (criterion.operator == "gt"), value if low is None else low)
        if criterion.operator in ("lte", "lt", "equals"):
            least = value - (criterion.operator == "lt")
            high = least if high is None else min(high, least)
        elif high is None:
            high = NO_TIME - 1
    return low, high, rest


def _matching(
    keys: Iterable[Key], view: IndexView, rest: Sequence[Criterion], query: Query
) -> list[Key]:
    every = [_test(criterion) for criterion in rest]
    some = [_test(criterion) for criterion in query.any_of]
    none = [_test(criterion) for criterion in query.none_of]
    documents = view.documents

    def matches(version: Version) -> bool:
        return (
            all(test(version) for test in every)
            and (not some or any(test(version) for test in some))
            and not any(test(version) for test in none)
        )

    if every and not some and not none:
        for test in every:  # one condition after the other, each in one sweep
            keys = [key for key in keys if test(documents[key[1]])]
        return list(keys)
    return [key for key in keys if matches(documents[key[1]])]


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
    "equals": operator.eq,
}


def _test(criterion: Criterion) -> Callable[[Version], bool]:
    """Return the check of one condition, quick where the row need not be decoded."""
    bound, compare = criterion.value, _COMPARISONS.get(criterion.operator)
    field = {attrs.CREATED: "created", attrs.UPDATED: "updated"}.get(criterion.attribute.path)
    if field is None or compare is None or not isinstance(bound, int):
        return lambda version: _holds(criterion, version)
    if field == "created":
        return lambda version: version.created is not None and compare(version.created, bound)
    return lambda version: version.updated is not None and compare(version.updated, bound)


def _holds(criterion: Criterion, version: Version) -> bool:
    values = values_of(criterion.attribute, version)
    wanted, bound = criterion.operator, criterion.value
    if wanted == "not_set":
        return not values
    if wanted == "in":
        assert isinstance(bound, tuple)  # noqa: S101  # made by the validation
        return any(value in bound for value in values)
    if wanted == "contains":
        needle = str(bound).lower()
        return any(needle in str(value).lower() for value in values)
    if isinstance(bound, (int, float)) and not isinstance(bound, bool):
        return any(
            isinstance(value, (int, float)) and _COMPARISONS[wanted](value, bound)
            for value in values
        )
    return any(value == bound or str(value).lower() == str(bound).lower() for value in values)


_KNOWN: dict[str, Callable[[Version], object]] = {
    attrs.UPDATED: lambda version: version.updated,
    attrs.CREATED: lambda version: version.created,
    "id": lambda version: version.id,
    "deleted": lambda version: version.deleted,
    "*": lambda version: version.body.decode(),
}


def values_of(attribute: Attribute, version: Version) -> list[object]:
    """Return what a row holds at an attribute's place, dates as milliseconds."""
    known = _KNOWN.get(attribute.path)
    if known is not None:  # without decoding the row
        value = known(version)
        return [] if value is None else [value]
    resource = version.resource
    if attribute.path.startswith("@"):
        related = (resource.get("relationships") or {}).get(attribute.path[1:])
        found = _walk(related, ["data", "id"])
    else:
        found = _walk(resource.get("attributes"), attribute.path.split("."))
    if attribute.kind != attrs.DATETIME:
        return found
    return [moment for value in found for moment in _moment(value)]


def _moment(value: object) -> list[int]:
    try:
        return [to_ms(value)] if isinstance(value, str) else []
    except ValueError:
        return []


def _walk(value: object, path: list[str]) -> list[object]:
    if isinstance(value, list):
        return [leaf for entry in value for leaf in _walk(entry, path)]
    if not path:
        return [] if value is None else [value]
    return _walk(value.get(path[0]), path[1:]) if isinstance(value, dict) else []


def _sort_ignored(query: Query, knobs: Knobs) -> bool:
    if isinstance(knobs.ignore_sort, bool):
        return knobs.ignore_sort
    return bool(query.sort) and query.sort[0][0].name in knobs.ignore_sort


def _sorted(keys: Sequence[Key], view: IndexView, query: Query) -> list[Key]:
    """Return keys in the asked order; only the first attribute counts, as others observed.

    Rows without the attribute come last, whichever the direction. Without a sort the newest
    come first; UNCONFIRMED (never-sent).
    """
    if not query.sort:
        return sorted((-instant, row) for instant, row in keys)
    attribute, descending = query.sort[0]
    if attribute.kind == attrs.DATETIME:
        return _sorted_by_time(keys, view, attribute, descending=descending)
    placed = [(_rank(attribute, view.documents[row]), row) for _, row in keys]
    have = sorted({rank for rank, _ in placed if rank is not None}, reverse=descending)
    places = {rank: place for place, rank in enumerate(have)}
    return sorted((NO_TIME if rank is None else places[rank], row) for rank, row in placed)


def _sorted_by_time(
    keys: Sequence[Key], view: IndexView, attribute: Attribute, *, descending: bool
) -> list[Key]:
    sign = -1 if descending else 1
    instant_of = _KNOWN.get(attribute.path)
    placed = []
    for _, row in keys:
        version = view.documents[row]
        instant = (
            instant_of(version) if instant_of else next(iter(values_of(attribute, version)), None)
        )
        placed.append((sign * instant if isinstance(instant, int) else NO_TIME, row))
    return sorted(placed)


def _rank(attribute: Attribute, version: Version) -> str | float | None:
    values = values_of(attribute, version)
    if not values:
        return None
    value = values[0]
    if attribute.kind == attrs.NUMBER:
        return value if isinstance(value, (int, float)) else None
    return str(value)


def _identifier(version: Version, knobs: Knobs) -> bytes:
    if knobs.ids_only_shape == "ids":
        return encode(version.id)
    return encode({"type": json.loads(version.body)["type"], "id": version.id})


def _with_resource(version: Version, org: Org, knobs: Knobs) -> bytes:
    """Return a work item with the record that is routed, as it is now."""
    row = version.resource
    reference = row["relationships"].get("resource", {}).get("data")
    routed = reference and org.store.get(reference["type"], reference["id"])
    if routed and knobs.work_item_resource == "attribute":
        row["attributes"]["resource"] = routed.resource
    elif routed and knobs.work_item_resource == "relationship":
        row["relationships"]["resource"]["data"] = routed.resource
    return encode(row)


def _links(query: Query, pages: int) -> dict[str, str | None]:
    """Return relative links; `next` keeps pointing on behind the last page that can be had."""
    path = ARCHIVE_PATH if query.archive else STANDARD_PATH

    def link(page: int) -> str:
        return f"{path}?page={page}&pageSize={query.page_size}"

    return {
        "self": link(query.page),
        "first": link(1),
        "prev": link(query.page - 1) if query.page > 1 else None,
        "next": link(query.page + 1) if query.page < pages else None,
        "last": link(max(pages, 1)),
    }
