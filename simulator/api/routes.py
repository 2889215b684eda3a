"""Finds what answers a path, and lets it answer. Pure: no sockets, no faults."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn, TypeAlias
from urllib.parse import urlencode

from simulator.api import audit, endpoints, search, search_schema, whoami
from simulator.api.answers import Answer, Refused
from simulator.api.children import CHILDREN, GONE
from simulator.api.lists import KOBJECTS, LISTS, SINGLE_INCLUDED, ListSpec, visible
from simulator.api.parameters import positive
from simulator.api.roles import require, require_delete
from simulator.api.validation import read_query
from simulator.org.deletes import ERASED, MARKED
from simulator.org.metadata import DOUBTFUL_RESOURCES
from simulator.org.objects import KOBJECT, OBJECTS

if TYPE_CHECKING:
    from simulator.jsontypes import JSON
    from simulator.knobs import Knobs
    from simulator.org.index import Version
    from simulator.org.org import Org


@dataclass(frozen=True)
class Call:
    """A request, as an endpoint sees it."""

    method: str
    path: str
    params: Mapping[str, str]
    body: object
    org: Org
    knobs: Knobs
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def is_search(self) -> bool:
        """Whether it is a search: those have a budget of their own."""
        return self.method == "POST" and self.path in (search.STANDARD_PATH, search.ARCHIVE_PATH)

    def allow(self, *params: str) -> None:
        """Refuse query parameters that the endpoint does not know."""
        for name in self.params:
            if name not in params:
                raise Refused(400, f"Unknown query parameter {name!r}.", pointer=name)

    def require(self, role: str) -> None:
        """Refuse a key without the role."""
        require(role, self.org.roles, name_it=self.knobs.name_missing_role)


# Objects of which several can be asked for by id in one GET (vendor).
SEVERAL = frozenset(["customer", "user", "conversation", "sub_status"])

Handler: TypeAlias = Callable[[Call], Answer]
# Kustomer tells a record that is missing from an endpoint that does not exist.
NOT_FOUND = Refused(404, "The requested resource was not found.", parameter="id")
NO_ENDPOINT = Refused(404, "The requested resource was not found.", parameter="path")


def respond(call: Call) -> Answer:
    """Return the answer to a call.

    Raises: ``Refused`` for every documented error.
    """
    if call.is_search:
        call.require("search")
        archive = call.path == search.ARCHIVE_PATH
        query = read_query(call.body, call.params, call.org, call.knobs, archive=archive)
        return search.answer(query, call.org, call.knobs)
    if call.method == "DELETE":
        return _delete(call)
    if call.method != "GET":
        raise NO_ENDPOINT
    if (rows := call.org.shown.get(call.path)) is not None:
        endpoint = endpoints.endpoint_at(call.path) or endpoints.Endpoint(call.path)
        return endpoints.answer(endpoint, call.path, call.params, rows, call.knobs)
    for pattern, handler in _ROUTES:
        if match := pattern.match(call.path):
            try:
                return handler(replace(call, ids=match.groupdict()))
            except Refused as refused:
                if refused.status != HTTPStatus.NOT_FOUND:
                    raise
                return _documented(call) or _raise(refused)
    return _documented(call) or _raise(NO_ENDPOINT)


def _documented(call: Call) -> Answer | None:
    """Return the page of a list that is documented and has no rows of the org's own."""
    endpoint = endpoints.endpoint_at(call.path)
    count = call.knobs.endpoint_rows
    if endpoint is None or count is None or endpoint.shape in _OWN_SHAPES:
        return None
    rows = endpoints.rows_of(endpoint, call.path, count)
    return endpoints.answer(endpoint, call.path, call.params, rows, call.knobs)


def _raise(refused: Refused) -> NoReturn:
    raise refused


def _list(spec: ListSpec, versions: list[Version], call: Call) -> Answer:
    """Return one page of a list."""
    call.require(spec.role)
    knobs, params = call.knobs, call.params
    for name in params:
        if not spec.knows(name):
            raise Refused(400, f"Unknown query parameter {name!r}.", pointer=name)
    page = positive(params, "page", 1)
    size = positive(params, "pageSize", spec.default_page_size)
    most = knobs.list_max_page_size or spec.max_page_size
    if size > most and knobs.list_oversize == "refuse":
        raise Refused(400, f"pageSize: at most {most}.", pointer="pageSize")
    size = min(size, most)
    rows = visible(spec, versions, params, knobs)
    reachable = rows if knobs.list_depth is None else rows[: knobs.list_depth]
    shown = reachable[(page - 1) * size : page * size]
    document: JSON = {"meta": _list_meta(spec, page, size, len(rows), knobs), "data": None}
    if spec.links and knobs.list_links:
        more = page * size < len(reachable)
        document["links"] = _list_links(call, page, size, more=more, spec=spec, total=len(rows))
    if spec.included and (included := spec.included(shown, params, call.org)) is not None:
        single = knobs.included_shape == "object" and len(included) == 1
        document["included"] = included[0] if single else included
    render = spec.render_for(params) if spec.render_for else spec.render
    render = render or (lambda version, _: version.body)
    return Answer(document=document, rows=[render(version, call.org) for version in shown])


def _list_meta(spec: ListSpec, page: int, size: int, total: int, knobs: Knobs) -> JSON:
    if spec.meta == "empty":
        return {}
    meta: JSON = {"pageSize": size, "page": page}
    if spec.total or knobs.lists_report_total:
        meta |= {"total": total, "totalPages": math.ceil(total / size)}
    if spec.meta == "strings" or knobs.string_meta:
        # Seen where API keys are listed: page and pageSize as strings.
        meta |= {"pageSize": str(size), "page": str(page)}
    return meta


def _list_links(  # noqa: PLR0913  # what the links depend on
    call: Call, page: int, size: int, *, more: bool, spec: ListSpec, total: int
) -> JSON:
    kept = {key: value for key, value in call.params.items() if key not in ("page", "pageSize")}

    def link(number: int) -> str:
        query = urlencode({**kept, "page": number, "pageSize": size}, safe="[]:")
        return f"{call.path}?{query}"

    links: JSON = {
        "self": link(page),
        "first": link(1),
        "prev": link(page - 1) if page > 1 else None,
        "next": link(page + 1) if more else None,
    }
    if spec.total:
        links["last"] = link(max(1, math.ceil(total / size)))
    return links


def _collection(spec: ListSpec) -> Handler:
    def handler(call: Call) -> Answer:
        if spec.object == "work_item" and not call.knobs.work_items_list:
            raise NO_ENDPOINT  # only creating them is documented on this path
        return _list(spec, call.org.store.by_id(spec.object), call)

    return handler


def _queues(call: Call) -> Answer:
    if call.path != call.knobs.queues_path:
        raise NO_ENDPOINT
    spec = next(spec for spec in LISTS if spec.object == "queue")
    return _list(spec, call.org.store.by_id("queue"), call)


def _child(spec: ListSpec) -> Handler:
    parent = spec.parent or ""

    def handler(call: Call) -> Answer:
        call.require(spec.role)
        if call.org.store.get(parent, call.ids["id"]) is None:
            raise NOT_FOUND
        rows = call.org.store.children(spec.object, parent, call.ids["id"])
        return _list(spec, rows, call)

    return handler


def _single(spec: ListSpec) -> Handler:
    param, included = SINGLE_INCLUDED.get(spec.object, ("", None))

    def handler(call: Call) -> Answer:
        call.require(spec.role)
        call.allow(*([param] if param else []))
        if spec.object in SEVERAL and "," in call.ids["id"]:
            return _several(spec, call)
        version = call.org.store.get(spec.object, call.ids["id"])
        if version is None and call.ids["id"] == "default":
            rows = call.org.store.by_id(spec.object)
            version = next((row for row in rows if row.resource["attributes"].get("default")), None)
        if version is None:
            raise NOT_FOUND
        document: JSON = {"data": version.resource}
        if included and (extra := included([version], call.params, call.org)) is not None:
            single = call.knobs.included_shape == "object" and len(extra) == 1
            document["included"] = extra[0] if single else extra
        return Answer(document=document)

    return handler


def _several(spec: ListSpec, call: Call) -> Answer:
    """Return the rows of several ids; those that do not exist are left out."""
    knobs = call.knobs
    ids = call.ids["id"].split(",")[: knobs.several_ids_most]
    found = [version for id_ in ids if (version := call.org.store.get(spec.object, id_))]
    refused = knobs.several_ids == "not_found"
    if refused or (not found and knobs.several_ids_absent == "not_found"):
        raise NOT_FOUND
    if knobs.several_ids == "first":
        if not found or found[0].id != ids[0]:
            raise NOT_FOUND
        return Answer(document={"data": found[0].resource})
    return Answer(document={"data": [version.resource for version in found]})


def _delete(call: Call) -> Answer:
    """Remove the row for good, or mark it, as its object has it (vendor).

    The status 204 is UNCONFIRMED (writes).
    """
    for name in (*ERASED, *MARKED):
        match = _pattern(OBJECTS[name].path or "").match(call.path)
        if match is None:
            continue
        require_delete(name, call.org.roles)
        id_ = match["id"]
        context = f"{KOBJECT}_{match['klass']}" if name == KOBJECT else name
        if call.org.store.get(context, id_) is None:
            raise NOT_FOUND
        if name in ERASED:
            call.org.erase(name, id_)
        else:
            call.org.delete(name, id_)
        return Answer(status=204, raw=b"")
    raise NOT_FOUND


def _klass(call: Call) -> Answer:
    """`/v1/klasses/{x}` is a klass by id or the list of objects of a klass by name."""
    if call.org.store.get("klass", call.ids["id"]):
        spec = next(spec for spec in LISTS if spec.object == "klass")
        return _single(spec)(call)
    name = call.ids["id"]
    call.require(KOBJECTS.role)
    if name not in call.org.klasses():
        raise NOT_FOUND
    return _list(KOBJECTS, call.org.store.by_id(f"{KOBJECT}_{name}"), call)


def _metadata(call: Call) -> Answer:
    call.require("metadata")
    call.allow()
    resource = call.ids["id"]
    if resource in call.knobs.metadata_refusals:
        raise Refused(call.knobs.metadata_refusals[resource], "No metadata for this resource.")
    if not call.org.metadata.has(resource) and resource not in DOUBTFUL_RESOURCES:
        raise NOT_FOUND
    return Answer(document=call.org.metadata.document(resource, call.org.org_id))


def _search_schema(call: Call) -> Answer:
    call.allow()
    if not call.knobs.search_schema:
        raise NO_ENDPOINT
    return search_schema.answer(call.org, call.knobs)


def _whoami(call: Call) -> Answer:
    call.allow()
    return whoami.current_user(call.org)


def _token(call: Call) -> Answer:
    call.allow()
    return whoami.current_token(call.org, call.knobs)


def _response(call: Call) -> Answer:
    spec = ListSpec("/v1/satisfaction-responses", "satisfaction_response", "satisfaction_response")
    return _single(spec)(call)


def _kobject(call: Call) -> Answer:
    call.require("kobject")
    call.allow()
    version = call.org.store.get(f"{KOBJECT}_{call.ids['klass']}", call.ids["id"])
    if version is None:
        raise NOT_FOUND
    return Answer(document={"data": version.resource})


def _audit_logs(call: Call) -> Answer:
    call.require("audit_logs")
    return audit.answer(call.params, call.org, call.knobs)


def _gone(call: Call) -> Answer:
    raise Refused(404, f"{call.path} is no longer served.", parameter="path")


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "$")


def _routes() -> list[tuple[re.Pattern[str], Handler]]:
    exact: list[tuple[str, Handler]] = [
        (search_schema.PATH, _search_schema),
        ("/v1/users/current", _whoami),
        ("/v1/auth/tokens/current", _token),
        (audit.PATH, _audit_logs),
        ("/v1/routing/queues", _queues),
        ("/v1/queues", _queues),
        ("/v1/metadata/{id}", _metadata),
        ("/v1/klasses/{id}", _klass),
        ("/v1/klasses/{klass}/{id}", _kobject),
        ("/v1/satisfaction-responses/{id}", _response),
        *[(path, _gone) for path in GONE],
        *[(spec.path, _collection(spec)) for spec in LISTS if spec.object != "queue"],
        *[(spec.path, _child(spec)) for spec in CHILDREN],
        *[(spec.path + "/{id}", _single(spec)) for spec in LISTS],
    ]  # fmt: skip
    # Every object with a link of its own answers there too.
    linked = [
        ListSpec(kind.path or "", name, role)
        for name, role in (
            ("forward", "draft"), ("customer_merge", "customer_merge"),
            ("attachment", "attachment"), ("holiday", "schedule"), ("queue", "queue"),
        )
        for kind in [OBJECTS[name]]
    ]  # fmt: skip
    return [
        (_pattern(path), handler)
        for path, handler in [*exact, *[(spec.path, _single(spec)) for spec in linked]]
    ]


_ROUTES = _routes()
# Lists that have rows of their own, or ids of their own: a 404 there stays one.
_OWN_SHAPES = {
    re.sub(r"\{\w+\}", "{}", path)
    for path in (
        *(spec.path for spec in (*LISTS, *CHILDREN)),
        "/v1/users/{}",
        "/v1/sub-statuses/{}",
        "/v1/klasses/{}",
    )
}
