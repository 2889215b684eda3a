"""What the URLs of lists may ask for: which rows, in which order, and what beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from simulator.api.answers import Refused
from simulator.clock import to_ms
from simulator.org.index import encode

if TYPE_CHECKING:
    from simulator.jsontypes import JSON
    from simulator.knobs import Knobs
    from simulator.org.index import Version
    from simulator.org.org import Org

Params: TypeAlias = Mapping[str, str]


def _choice(params: Params, name: str, *allowed: str) -> str | None:
    value = params.get(name)
    if value is not None and value not in allowed:
        raise Refused(400, f"{name}: one of {', '.join(allowed)}.", pointer=name)
    return value


def users(params: Params, knobs: Knobs) -> Callable[[Version], bool]:
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


def klasses(params: Params, _: Knobs) -> Callable[[Version], bool]:
    """`status` is `enabled` unless asked otherwise (vendor)."""
    status = _choice(params, "status", "enabled", "disabled", "existing_only") or "enabled"
    return lambda version: version.resource["attributes"].get("status") == status


def deleted(params: Params, knobs: Knobs) -> Callable[[Version], bool]:
    """`deleted` of teams, tags and shortcuts (`all` too).

    Without it none: UNCONFIRMED (deleted-switch).
    """
    _known(knobs, params, "deleted")
    asked = _choice(params, "deleted", "true", "false", "all")
    if asked is None:
        asked = "false" if knobs.lists_hide_deleted else "all"
    return lambda version: asked == "all" or version.deleted == (asked == "true")


def spam_senders(params: Params, knobs: Knobs) -> Callable[[Version], bool]:
    """Return the test for `includeDeleted`."""
    _known(knobs, params, "includeDeleted")
    asked = _choice(params, "includeDeleted", "true", "false")
    shown = not knobs.lists_hide_deleted if asked is None else asked == "true"
    return lambda version: shown or not version.deleted


def sub_statuses(params: Params, knobs: Knobs) -> Callable[[Version], bool]:
    """`resource` is a required parameter (vendor)."""
    if knobs.sub_status_resource == "required" and "resource" not in params:
        raise Refused(400, "resource: required.", pointer="resource")
    if knobs.sub_status_resource == "unknown":
        _refuse(params, "resource")
    return _of_resource(params, "resourceType")


def snoozes(params: Params, knobs: Knobs) -> Callable[[Version], bool]:
    """`resource` is optional here."""
    if knobs.sub_status_resource == "unknown":
        _refuse(params, "resource")
    return _of_resource(params, "resource")


def _of_resource(params: Params, attribute: str) -> Callable[[Version], bool]:
    asked = _choice(params, "resource", "conversation", "kobject")
    return lambda version: (
        asked is None or version.resource["attributes"].get(attribute) in (asked, None)
    )


def bodies(params: Params) -> Callable[[Version, Org], bytes] | None:
    """`includeBody=true` shows the text of articles; `htmlBody` is UNCONFIRMED (article-body)."""
    if _choice(params, "includeBody", "true", "false") != "true":
        return None

    def render(version: Version, _: Org) -> bytes:
        resource = version.resource
        title = resource["attributes"].get("title")
        resource["attributes"]["htmlBody"] = f"<h1>{title}</h1><p>Wipe it dry.</p>"
        return encode(resource)

    return render


def _known(knobs: Knobs, params: Params, name: str) -> None:
    if not knobs.deleted_switches:
        _refuse(params, name)


def _refuse(params: Params, name: str) -> None:
    if name in params:
        raise Refused(400, f"Unknown query parameter {name!r}.", pointer=name)


def companies(params: Params, _: Knobs) -> Callable[[Version], bool]:
    """Return the test for `externalId` and for `filter`, a part of the name."""

    def wanted(version: Version) -> bool:
        attributes = version.resource["attributes"] if params.keys() - {"page", "pageSize"} else {}
        if "externalId" in params and attributes.get("externalId") != params["externalId"]:
            return False
        return params.get("filter", "").lower() in str(attributes.get("name", "")).lower()

    return wanted


DATE_FILTER = re.compile(r"^filter\[(createdAt|updatedAt)\]\[(gte|gt|lte|lt)\]$")


def customers(params: Params, knobs: Knobs) -> Callable[[Version], bool]:
    """`filter[createdAt][gte]=…`, `filter[updatedAt][lt]=…`: the newer page on `GET /customers`."""
    bounds = []
    for name, text in params.items():
        if match := DATE_FILTER.match(name):
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


def customer_order(versions: list[Version], params: Params) -> list[Version]:
    """`sort=-createdAt` is in the vendor's example; other keys are UNCONFIRMED (never-sent)."""
    sort = _choice(params, "sort", "createdAt", "-createdAt", "updatedAt", "-updatedAt")
    if sort is None:
        return versions
    field = "created" if sort.endswith("createdAt") else "updated"
    return sorted(
        versions,
        key=lambda version: (getattr(version, field) or 0, version.id),
        reverse=sort.startswith("-"),
    )


def by_id(versions: list[Version], params: Params) -> list[Version]:
    """`sort=desc` is the order of ids, backwards."""
    return versions[::-1] if _choice(params, "sort", "asc", "desc") == "desc" else versions


def from_date(params: Params, _: Knobs) -> Callable[[Version], bool]:
    """`fromDate`: whether by creation or update is UNCONFIRMED (never-sent); here by update."""
    if "fromDate" not in params:
        return lambda _: True
    bound = _date("fromDate", params["fromDate"])
    return lambda version: (version.updated or 0) >= bound


def work_sessions(params: Params, _: Knobs) -> Callable[[Version], bool]:
    """Return the test for `user`, `active` and `statusType`."""
    active = _choice(params, "active", "true", "false")
    status = _choice(params, "statusType", "available", "unavailable", "busy")

    def wanted(version: Version) -> bool:
        if "user" in params and version.parents.get("user") != params["user"]:
            return False
        attributes = version.resource["attributes"] if active or status else {}
        if active and (attributes.get("signedOutAt") is None) != (active == "true"):
            return False
        return status is None or attributes.get("statusType") == status

    return wanted


def events(params: Params, _: Knobs) -> Callable[[Version], bool]:
    """Return the test for `name` and `changed`, as the prose of the vendor's page has them."""

    def wanted(version: Version) -> bool:
        attributes = version.resource["attributes"] if params.keys() & {"name", "changed"} else {}
        changes = (attributes.get("changes") or {}).get("attributes") or {}
        return params.get("name", attributes.get("name")) == attributes.get("name") and (
            "changed" not in params or params["changed"] in changes
        )

    return wanted


def _date(name: str, text: str) -> int:
    try:
        return to_ms(text)
    except ValueError:
        raise Refused(400, f"{name}: a date is expected.", pointer=name) from None


def sla_versions(versions: list[Version], params: Params, org: Org) -> list[JSON] | None:
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


def attachments(versions: list[Version], params: Params, org: Org) -> list[JSON] | None:
    """`include=attachments` adds those of the page's messages."""
    if _choice(params, "include", "attachments") is None:
        return None
    children = (
        child for one in versions for child in org.store.children("attachment", "message", one.id)
    )
    return [signed(child.resource, org) for child in children]


def holidays(versions: list[Version], params: Params, org: Org) -> list[JSON] | None:
    """`include=holidays` adds a schedule's days off."""
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
