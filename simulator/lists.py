"""The list endpoints: one row of a table each. A new list is a new row here.

Sources: https://developer.kustomer.com/docs/concepts/pagination and each endpoint's own page;
roles, sizes and filters that no page confirms are marked UNCONFIRMED.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from simulator.answers import Refused
from simulator.clock import to_ms

if TYPE_CHECKING:
    from simulator.index import Version
    from simulator.jsontypes import JSON
    from simulator.knobs import Knobs
    from simulator.org import Org

Params: TypeAlias = Mapping[str, str]


@dataclass(frozen=True)
class ListSpec:
    """A collection that is read page by page.

    ``parent`` is the object whose id stands in the path. ``select`` says which rows the URL's
    parameters ask for, ``order`` puts them in another order than that of their ids, ``render``
    changes a row before it is sent, ``included`` adds what is sent beside the page's rows.
    """

    path: str
    object: str
    role: str
    parent: str | None = None
    max_page_size: int = 100
    default_page_size: int = 100
    links: bool = True
    meta: Literal["page", "empty", "strings"] = "page"
    total: bool = False
    shows_deleted: bool = True
    params: frozenset[str] = frozenset()
    open_params: re.Pattern[str] | None = None
    select: Callable[[Params, Knobs], Callable[[Version], bool]] | None = None
    order: Callable[[list[Version], Params], list[Version]] | None = None
    render: Callable[[Version, Org], bytes] | None = None
    included: Callable[[list[Version], Params, Org], list[JSON] | None] | None = None

    def knows(self, param: str) -> bool:
        """Say whether the endpoint takes a query parameter."""
        known = {"page", "pageSize"} | self.params
        return param in known or bool(self.open_params and self.open_params.match(param))


def _choice(params: Params, name: str, *allowed: str) -> str | None:
    value = params.get(name)
    if value is not None and value not in allowed:
        raise Refused(400, f"{name}: one of {', '.join(allowed)}.", pointer=name)
    return value


def _users(params: Params, knobs: Knobs) -> Callable[[Version], bool]:
    """`deleted`, `userType`, `email`, `pending`: "filters cannot be combined" (vendor)."""
    used = [name for name in ("deleted", "userType", "email", "pending") if name in params]
    if len(used) > 1:
        raise Refused(400, "Filters cannot be combined.", pointer=used[1])
    deleted = _choice(params, "deleted", "true", "false")
    pending = _choice(params, "pending", "true", "false")
    kind = _choice(params, "userType", "user", "machine", "limited")
    if deleted is None and knobs.users_default == "active":
        deleted = "false"

    def wanted(version: Version) -> bool:
        if deleted is not None and version.deleted != (deleted == "true"):
            return False
        if kind is None and "email" not in params and pending is None:
            return True
        attributes = version.resource["attributes"]
        if pending is not None:
            return (attributes.get("firstLoginAt") is None) == (pending == "true")
        if kind is not None:
            return bool(attributes.get("userType") == kind)
        return bool(attributes.get("email") == params["email"])

    return wanted


def _klasses(params: Params, _: Knobs) -> Callable[[Version], bool]:
    """`status` is `enabled` unless asked otherwise (vendor)."""
    status = _choice(params, "status", "enabled", "disabled", "existing_only") or "enabled"
    return lambda version: version.resource["attributes"].get("status") == status


def _companies(params: Params, _: Knobs) -> Callable[[Version], bool]:
    def wanted(version: Version) -> bool:
        attributes = version.resource["attributes"] if params.keys() - {"page", "pageSize"} else {}
        if "externalId" in params and attributes.get("externalId") != params["externalId"]:
            return False
        return params.get("filter", "").lower() in str(attributes.get("name", "")).lower()

    return wanted


_DATE_FILTER = re.compile(r"^filter\[(createdAt|updatedAt)\]\[(gte|gt|lte|lt)\]$")


def _customers(params: Params, knobs: Knobs) -> Callable[[Version], bool]:
    """`filter[createdAt][gte]=…`, `filter[updatedAt][lt]=…`: the newer page on `GET /customers`."""
    bounds = []
    for name, text in params.items():
        if match := _DATE_FILTER.match(name):
            if not knobs.customer_list_filters:
                raise Refused(400, f"Unknown query parameter {name!r}.", pointer=name)
            bounds.append((match[1], match[2], _date(name, text)))

    def wanted(version: Version) -> bool:
        for field, operator, bound in bounds:
            value = version.created if field == "createdAt" else version.updated
            if value is None or not _compare(value, operator, bound):
                return False
        return True

    return wanted


def _compare(value: int, operator: str, bound: int) -> bool:
    if operator.endswith("e"):
        return value >= bound if operator == "gte" else value <= bound
    return value > bound if operator == "gt" else value < bound


def _customer_order(versions: list[Version], params: Params) -> list[Version]:
    """`sort=-createdAt` is in the vendor's example; other keys are UNCONFIRMED."""
    sort = _choice(params, "sort", "createdAt", "-createdAt", "updatedAt", "-updatedAt")
    if sort is None:
        return versions
    field = "created" if sort.endswith("createdAt") else "updated"
    return sorted(
        versions,
        key=lambda version: (getattr(version, field) or 0, version.id),
        reverse=sort.startswith("-"),
    )


def _by_id(versions: list[Version], params: Params) -> list[Version]:
    """`sort=desc` is the order of ids, backwards."""
    return versions[::-1] if _choice(params, "sort", "asc", "desc") == "desc" else versions


def _from_date(params: Params, _: Knobs) -> Callable[[Version], bool]:
    """`fromDate`: whether by creation or update is UNCONFIRMED; here by update."""
    if "fromDate" not in params:
        return lambda _: True
    bound = _date("fromDate", params["fromDate"])
    return lambda version: (version.updated or 0) >= bound


def _date(name: str, text: str) -> int:
    try:
        return to_ms(text)
    except ValueError:
        raise Refused(400, f"{name}: a date is expected.", pointer=name) from None


def _sla_versions(versions: list[Version], params: Params, org: Org) -> list[JSON] | None:
    """`versions=all` adds the versions of the page's SLAs beside it, `active` only the current."""
    asked = _choice(params, "versions", "active", "all")
    if asked is None:
        return None
    found = [
        (sla, child)
        for sla in versions
        for child in org.store.children("sla_version", "sla", sla.id)
    ]
    return [
        child.resource
        for sla, child in found
        if asked == "all"
        or child.resource["attributes"].get("version")
        == sla.resource["attributes"].get("currentVersion")
    ]


def _attachments(versions: list[Version], params: Params, org: Org) -> list[JSON] | None:
    if _choice(params, "include", "attachments") is None:
        return None
    children = (
        child for one in versions for child in org.store.children("attachment", "message", one.id)
    )
    return [signed(child.resource, org) for child in children]


def _holidays(versions: list[Version], params: Params, org: Org) -> list[JSON] | None:
    if _choice(params, "include", "holidays") is None:
        return None
    return [
        child.resource
        for one in versions
        for child in org.store.children("holiday", "schedule", one.id)
    ]


def signed(resource: JSON, org: Org) -> JSON:
    """Return an attachment with a fresh link to its file, good for ten minutes, as the vendor's."""
    attributes = resource["attributes"]
    related = (
        f"https://attachments.example/{org.org_id}/{resource['id']}-{attributes.get('name')}"
        f"?X-Amz-Date={int(org.clock.now())}&X-Amz-Expires=600"
        f"&X-Amz-Signature={org.rng.getrandbits(128):032x}"
    )
    return {**resource, "links": {**resource.get("links", {}), "related": related}}


def _spec(path: str, name: str, role: str, **rest: object) -> ListSpec:
    return ListSpec(path, name, role, **rest)  # type: ignore[arg-type]


_SORT = frozenset({"sort"})

LISTS: tuple[ListSpec, ...] = (
    _spec("/v1/users", "user", "user", max_page_size=500, select=_users,
          params=frozenset({"deleted", "userType", "email", "pending"})),
    _spec("/v1/teams", "team", "team", max_page_size=500),
    _spec("/v1/tags", "tag", "tag"),
    _spec("/v1/shortcuts", "shortcut", "shortcut"),
    _spec("/v1/brands", "brand", "brand"),
    # The list of SLAs is in no vendor page, only one by id: UNCONFIRMED.
    _spec("/v1/slas", "sla", "sla", params=frozenset({"versions"}), included=_sla_versions),
    _spec("/v1/routing/queues", "queue", "queue"),
    _spec("/v1/schedules", "schedule", "schedule"),
    _spec("/v1/satisfaction", "satisfaction", "satisfaction", links=False),
    _spec("/v1/snoozes", "snooze", "snooze"),
    _spec("/v1/sub-statuses", "sub_status", "sub_status"),
    _spec("/v1/klasses", "klass", "klass", params=frozenset({"status"}), select=_klasses),
    _spec("/v1/companies", "company", "company", select=_companies, shows_deleted=False,
          params=frozenset({"externalId", "filter"})),
    _spec("/v1/notes", "note", "note", params=_SORT, order=_by_id),
    # The only list whose example reports totals; it shows pages of 30.
    _spec("/v1/customers", "customer", "customer", total=True, shows_deleted=False,
          default_page_size=30, params=_SORT, open_params=_DATE_FILTER, select=_customers,
          order=_customer_order),
    _spec("/v1/conversations", "conversation", "conversation", params=_SORT, order=_by_id,
          shows_deleted=False),
    _spec("/v1/messages", "message", "message", params=_SORT | {"include"}, order=_by_id,
          included=_attachments, shows_deleted=False),
    _spec("/v1/routing/work-sessions", "work_session", "work_session",
          params=frozenset({"user", "active", "statusType"})),
    _spec("/v1/routing/work-items", "work_item", "work_item"),
    _spec("/v1/kb/articles", "kb_article", "kb"),
    _spec("/v1/kb/categories", "kb_category", "kb"),
    _spec("/v1/cards", "card", "card"),
    _spec("/v1/kviews", "kview", "kview"),
    _spec("/v1/outbound-webhooks", "outbound_webhook", "outbound_webhook"),
    _spec("/v1/spam/senders", "spam_sender", "spam"),
    _spec("/v1/role-groups", "role_group", "role_group"),
    _spec("/v1/routing/queue-rules", "queue_rule", "queue"),
)  # fmt: skip

KOBJECTS = _spec("/v1/klasses/{klass}", "kobject", "klass", params=frozenset({"fromDate"}),
                 select=_from_date)  # fmt: skip

# What single resources add on request: `GET /v1/schedules/{id}?include=holidays`.
SINGLE_INCLUDED: dict[str, tuple[str, Callable[[list[Version], Params, Org], list[JSON] | None]]]
SINGLE_INCLUDED = {
    "schedule": ("include", _holidays),
    "sla": ("versions", _sla_versions),
    "message": ("include", _attachments),
}


def visible(
    spec: ListSpec, versions: Iterable[Version], params: Params, knobs: Knobs
) -> list[Version]:
    """Return the rows a list shows, in its order."""
    shown = spec.shows_deleted if knobs.lists_show_deleted is None else knobs.lists_show_deleted
    wanted = spec.select(params, knobs) if spec.select else None
    rows = [
        version
        for version in versions
        if (shown or not version.deleted or spec.object == "user")
        and (wanted is None or wanted(version))
    ]
    return spec.order(rows, params) if spec.order else rows
