"""Reads a search request as strictly as the vendor's schema: what it does not name is a 400."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.api import attributes as attrs
from simulator.api.answers import Refused
from simulator.api.parameters import paging
from simulator.clock import to_ms
from simulator.org.objects import KOBJECT, SEARCHED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.api.attributes import Attribute
    from simulator.jsontypes import JSON
    from simulator.knobs import Knobs
    from simulator.org.org import Org

STANDARD_KEYS = frozenset(
    [
        "queryContext",
        "and",
        "or",
        "not",
        "sort",
        "timeZone",
        "includeDeleted",
        "fields",
        "aggs",
        "searchHash",
    ]
)
ARCHIVE_KEYS = frozenset(["queryContext", "and", "or", "not", "sort", "timeZone", "includeDeleted"])
STANDARD_CONTEXTS = re.compile(rf"^({'|'.join(sorted(SEARCHED))}|kobject|kobject_.*)$")
ARCHIVE_CONTEXTS = re.compile(r"^(message|conversation|customer|kobject|kobject_.*|company)$")
MAX_CRITERIA, MAX_SORTS, MAX_FIELDS = 20, 5, 20

# Operators that official examples or working connectors use; the vendor's own table of them was
# not read, so which class takes which is UNCONFIRMED (never-sent).
_EQUALITY = frozenset({"equals", "in", "not_set"})
_ORDER = frozenset({"equals", "gte", "gt", "lte", "lt", "not_set"})
OPERATORS: Mapping[str, frozenset[str]] = {
    attrs.DATETIME: _ORDER,
    attrs.NUMBER: _ORDER | {"in"},
    attrs.BOOLEAN: frozenset({"equals", "not_set"}),
    attrs.LIST: _EQUALITY | {"contains"},
    attrs.STRING: _EQUALITY | {"contains"},
    attrs.EXACT: _EQUALITY,
    attrs.TEXT: frozenset({"contains", "equals", "not_set"}),
    attrs.ANY: frozenset({"contains", "equals"}),
}

_UTC = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$")
_LOCAL = re.compile(r"^\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True)
class Criterion:
    """One condition; ``value`` of a date is in milliseconds."""

    attribute: Attribute
    operator: str
    value: object


@dataclass(frozen=True)
class Query:
    """A search request that is in order."""

    context: str
    archive: bool
    all_of: tuple[Criterion, ...] = ()
    any_of: tuple[Criterion, ...] = ()
    none_of: tuple[Criterion, ...] = ()
    sort: tuple[tuple[Attribute, bool], ...] = ()  # attribute, descending
    include_deleted: bool = False
    page: int = 1
    page_size: int = 100
    ids_only: bool = False
    total_cap: int | None = None  # the announced total ends here


def read_query(
    body: object, params: Mapping[str, str], org: Org, knobs: Knobs, *, archive: bool
) -> Query:
    """Return the query that a body and the URL's parameters ask for.

    Raises: ``Refused`` with 400 and a pointer to what is wrong.
    """
    if not isinstance(body, dict):
        raise Refused(400, "Invalid request body: an object is expected.")
    for key in body:
        if key not in (ARCHIVE_KEYS if archive else STANDARD_KEYS):
            raise Refused(400, f"Unknown property {key!r}.", pointer=f"/{key}")
    context = _context(body, org, knobs, archive=archive)
    reader = _Reader(context, _zone(body), _known(context, org, knobs, archive=archive), knobs)
    _check_rest(body)
    return Query(
        context=context,
        archive=archive,
        all_of=reader.criteria(body, "and"),
        any_of=reader.criteria(body, "or"),
        none_of=reader.criteria(body, "not"),
        sort=reader.sort(body, archive=archive),
        include_deleted=_include_deleted(body, context, knobs),
        **paging(params, knobs, archive=archive),
    )


def _context(body: JSON, org: Org, knobs: Knobs, *, archive: bool) -> str:
    context = body.get("queryContext")
    pattern = ARCHIVE_CONTEXTS if archive else STANDARD_CONTEXTS
    if not isinstance(context, str) or not pattern.match(context):
        raise Refused(400, "Invalid queryContext.", pointer="/queryContext")
    refused = knobs.archive_refused_contexts if archive else knobs.refused_contexts
    if context in refused:
        raise Refused(400, f"queryContext {context!r} is not supported.", pointer="/queryContext")
    if context.startswith(f"{KOBJECT}_"):
        rule = knobs.archive_kobject_klass_attribute if archive else knobs.kobject_klass_attribute
        if rule is None or not org.metadata.has(f"{KOBJECT}.{context[len(KOBJECT) + 1 :]}"):
            raise Refused(400, f"Unknown queryContext {context!r}.", pointer="/queryContext")
    return context


def _known(context: str, org: Org, knobs: Knobs, *, archive: bool) -> dict[str, Attribute]:
    """Return the attributes that a context may filter by.

    The vendor's list is one for all contexts. Attributes of another object than the context's are
    refused here; UNCONFIRMED (never-sent): the simulator does not join objects, and no tap should.
    """
    base = KOBJECT if context.startswith(KOBJECT) else context
    table = dict((attrs.ARCHIVE if archive else attrs.STANDARD)[base])
    klass = context[len(KOBJECT) + 1 :] if context.startswith(f"{KOBJECT}_") else None
    if klass:
        rule = knobs.archive_kobject_klass_attribute if archive else knobs.kobject_klass_attribute
        own = attrs.renamed(table, klass)
        if rule == "kobject_<klass>_updated_at":
            table = own
        elif rule == "both":
            table |= own
    if archive:
        return table
    company = ("company_updated_at", "company_created_at")
    extra = {
        "company": company if knobs.company_updated_at_supported else (),
        "work_session": knobs.work_session_attributes,
        "work_item": knobs.work_item_attributes,
    }
    for name in extra.get(context, ()):
        table[name] = attrs.attribute(context, name.removeprefix(f"{context}_"))
    return table | _custom(base, klass, org)


def _custom(base: str, klass: str | None, org: Org) -> dict[str, Attribute]:
    if base != KOBJECT:
        made = [attrs.custom_attribute(base, name) for name in org.metadata.properties(base)]
    else:
        klasses = [klass] if klass else [
            resource.partition(".")[2] for resource in org.metadata.resources()
            if resource.startswith(f"{KOBJECT}.")
        ]  # fmt: skip
        made = [
            attrs.Attribute(f"{KOBJECT}_custom_{klass}_{name}", found.kind, found.path)
            for klass in klasses
            for name in org.metadata.properties(f"{KOBJECT}.{klass}")
            for found in [attrs.custom_attribute(KOBJECT, name)]
        ]
    return {attribute.name: attribute for attribute in made}


class _Reader:
    """Reads criteria and sort orders of one request."""

    def __init__(
        self, context: str, zone: dt.tzinfo, known: dict[str, Attribute], knobs: Knobs
    ) -> None:
        self._context, self._zone, self._known, self._knobs = context, zone, known, knobs

    def criteria(self, body: JSON, key: str) -> tuple[Criterion, ...]:
        """Return the conditions of `and`, `or` or `not`: an object or a list of objects."""
        found = []
        for number, entry in enumerate(_objects(body, key, MAX_CRITERIA)):
            pointer = f"/{key}/{number}"
            name, condition = _single(entry, pointer)
            attribute = self._attribute(name, pointer)
            if not isinstance(condition, dict):
                raise Refused(400, f"{name}: an operator is expected.", pointer=pointer)
            # Several operators in one criterion are shown nowhere: UNCONFIRMED (never-sent), so
            # refused.
            operator, value = _single(condition, f"{pointer}/{name}")
            if attribute is None or name in self._knobs.ignore_filters:
                continue
            if operator not in OPERATORS[attribute.kind]:
                raise Refused(400, f"{name}: unknown operator {operator!r}.", pointer=pointer)
            found.append(Criterion(attribute, operator, self._value(attribute, operator, value)))
        return tuple(found)

    def sort(self, body: JSON, *, archive: bool) -> tuple[tuple[Attribute, bool], ...]:
        """Return the sort orders."""
        orders = []
        for number, entry in enumerate(_objects(body, "sort", MAX_SORTS)):
            pointer = f"/sort/{number}"
            name, order = _single(entry, pointer)
            if order not in ("asc", "desc"):
                raise Refused(400, f"{name}: sort is `asc` or `desc`.", pointer=pointer)
            attribute = self._known.get(name)
            if self._context == "customer" and name in attrs.CUSTOMER_SORTS:
                attribute = attrs.attribute("customer", name.removeprefix("customer_"))
            if attribute is not None and attrs.sortable(attribute, self._context, archive=archive):
                orders.append((attribute, order == "desc"))
            elif self._knobs.unknown_attributes == "refuse":
                raise Refused(400, f"Cannot sort by {name!r}.", pointer=pointer)
        return tuple(orders)

    def _attribute(self, name: str, pointer: str) -> Attribute | None:
        found = self._known.get(name)
        if found is None and self._knobs.unknown_attributes == "refuse":
            # That an unknown attribute is a 400 follows from `additionalProperties: false` in
            # the vendor's schema; UNCONFIRMED (unknown-attribute).
            raise Refused(400, f"Unknown attribute {name!r}.", pointer=pointer)
        return found

    def _value(self, attribute: Attribute, operator: str, value: object) -> object:
        wrong = Refused(400, f"{attribute.name}: wrong value for {operator!r}.")
        if operator == "not_set":
            if value != "":
                raise wrong
            return value
        if operator == "in":
            if not isinstance(value, list) or not value:
                raise wrong
            return tuple(self._value(attribute, "equals", entry) for entry in value)
        if attribute.kind == attrs.DATETIME:
            return self._instant(attribute.name, operator, value)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        right = {
            attrs.NUMBER: is_number,
            attrs.BOOLEAN: isinstance(value, (bool, str)),
        }.get(attribute.kind, isinstance(value, str))
        if not right:
            raise wrong
        return value

    def _instant(self, name: str, operator: str, value: object) -> int:
        """Return milliseconds: a UTC instant as it is, a local date by `timeZone`.

        A date stands for the whole day: its last moment as an upper bound; UNCONFIRMED
        (never-sent).
        """
        wrong = Refused(400, f"{name}: dates are `YYYY-MM-DD` or UTC `YYYY-MM-DDTHH:MM:SS.sssZ`.")
        if not isinstance(value, str):
            raise wrong
        try:
            if _UTC.match(value):
                return to_ms(value)
            if _LOCAL.match(value):
                day = dt.datetime.fromisoformat(value).replace(tzinfo=self._zone)
                if operator in ("lte", "gt"):
                    return to_ms(day + dt.timedelta(days=1)) - 1
                return to_ms(day)
        except ValueError:
            raise wrong from None
        raise wrong


def _objects(body: JSON, key: str, most: int) -> list[JSON]:
    value = body.get(key, [])
    entries = [value] if isinstance(value, dict) else value
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Refused(400, f"{key}: an object or a list of objects is expected.", pointer=f"/{key}")
    if len(entries) > most:
        raise Refused(400, f"{key}: at most {most} entries.", pointer=f"/{key}")
    if any(entry in entries[:number] for number, entry in enumerate(entries)):
        raise Refused(400, f"{key}: entries must differ.", pointer=f"/{key}")
    return entries


def _single(entry: JSON, pointer: str) -> tuple[str, object]:
    if len(entry) != 1:
        raise Refused(400, "Exactly one key is expected.", pointer=pointer)
    [(name, value)] = entry.items()
    return name, value


def _zone(body: JSON) -> dt.tzinfo:
    name = body.get("timeZone", "GMT")
    if name in ("GMT", "UTC"):
        return dt.timezone.utc
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise Refused(400, "Unknown timeZone.", pointer="/timeZone") from None


def _include_deleted(body: JSON, context: str, knobs: Knobs) -> bool:
    if "includeDeleted" not in body:
        return False
    value = body["includeDeleted"]
    if not isinstance(value, bool):
        raise Refused(400, "includeDeleted: a boolean is expected.", pointer="/includeDeleted")
    supported = knobs.include_deleted_supported
    if supported is not True and (supported is False or context not in supported):
        raise Refused(400, "includeDeleted is not supported here.", pointer="/includeDeleted")
    return value


def _check_rest(body: JSON) -> None:
    fields = body.get("fields", [])
    whole = isinstance(fields, list) and all(isinstance(entry, dict) for entry in fields)
    if not whole or len(fields) > MAX_FIELDS:
        raise Refused(400, "fields: a list of at most 20 objects.", pointer="/fields")
    if not isinstance(body.get("aggs", {}), dict):
        raise Refused(400, "aggs: an object is expected.", pointer="/aggs")
    if not isinstance(body.get("searchHash", ""), str):
        raise Refused(400, "searchHash: a string is expected.", pointer="/searchHash")
