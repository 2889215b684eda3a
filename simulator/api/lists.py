"""The list endpoints: one row of a table each.

Sources: https://developer.kustomer.com/docs/concepts/pagination and each endpoint's own page;
roles, sizes and filters that no page confirms are marked `UNCONFIRMED`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator.api import filters
from simulator.org.objects import OBJECTS

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable

    from simulator.api.filters import Params
    from simulator.jsontypes import JSON
    from simulator.knobs import Knobs
    from simulator.org.index import Version
    from simulator.org.org import Org


@dataclass(frozen=True)
class ListSpec:
    """A collection that is read page by page.

    ``parent`` is the object whose id stands in the path. ``select`` says which rows the URL's
    parameters ask for, ``order`` puts them in another order than that of their ids, ``render``
    changes a row before it is sent, ``render_for`` where the parameters ask for it, ``included``
    adds what is sent beside the page's rows.
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
    render_for: Callable[[Params], Callable[[Version, Org], bytes] | None] | None = None
    included: Callable[[list[Version], Params, Org], list[JSON] | None] | None = None

    def knows(self, param: str) -> bool:
        """Say whether the endpoint takes a query parameter."""
        known = {"page", "pageSize"} | self.params
        return param in known or bool(self.open_params and self.open_params.match(param))


def _spec(path: str, name: str, role: str, **rest: object) -> ListSpec:
    return ListSpec(path, name, role, **rest)  # type: ignore[arg-type]


_SORT = frozenset({"sort"})

# Lists with more to them than a path; plain ones are `listed` in `simulator/org/objects.py`.
_SPECIAL: tuple[ListSpec, ...] = (
    _spec("/v1/users", "user", "user", max_page_size=500, select=filters.users,
          params=frozenset({"deleted", "userType", "email", "pending"})),
    _spec("/v1/teams", "team", "team", max_page_size=500, select=filters.deleted,
          params=frozenset({"deleted"})),
    _spec("/v1/tags", "tag", "tag", select=filters.deleted, params=frozenset({"deleted"})),
    _spec("/v1/shortcuts/categories", "shortcut_category", "shortcut"),
    _spec("/v1/shortcuts", "shortcut", "shortcut", select=filters.deleted,
          params=frozenset({"deleted"})),
    # The list of SLAs is in no vendor page, only one by id: UNCONFIRMED (lists-exist).
    _spec("/v1/slas", "sla", "sla", params=frozenset({"versions"}), included=filters.sla_versions),
    _spec("/v1/routing/queues", "queue", "queue"),
    _spec("/v1/satisfaction", "satisfaction", "satisfaction", links=False),
    _spec("/v1/snoozes", "snooze", "snooze", select=filters.snoozes,
          params=frozenset({"resource"})),
    _spec("/v1/sub-statuses", "sub_status", "sub_status", select=filters.sub_statuses,
          params=frozenset({"resource"})),
    _spec("/v1/klasses", "klass", "klass", params=frozenset({"status"}), select=filters.klasses),
    _spec("/v1/companies", "company", "company", select=filters.companies, shows_deleted=False,
          params=frozenset({"externalId", "filter"})),
    _spec("/v1/notes", "note", "note", params=_SORT, order=filters.by_id),
    # The only list whose example reports totals; it shows pages of 30.
    _spec("/v1/customers", "customer", "customer", total=True, shows_deleted=False,
          default_page_size=30, params=_SORT, open_params=filters.DATE_FILTER,
          select=filters.customers, order=filters.customer_order),
    _spec("/v1/conversations", "conversation", "conversation", params=_SORT, order=filters.by_id,
          shows_deleted=False),
    _spec("/v1/messages", "message", "message", params=_SORT | {"include"}, order=filters.by_id,
          included=filters.attachments, shows_deleted=False),
    _spec("/v1/routing/work-sessions", "work_session", "work_session",
          params=frozenset({"user", "active", "statusType"}), select=filters.work_sessions),
    _spec("/v1/kb/articles", "kb_article", "kb", params=frozenset({"includeBody"}),
          render_for=filters.bodies),
    _spec("/v1/kb/categories", "kb_category", "kb"),
    _spec("/v1/spam/senders", "spam_sender", "spam", select=filters.spam_senders,
          params=frozenset({"includeDeleted"})),
    _spec("/v1/routing/queue-rules", "queue_rule", "queue"),
)  # fmt: skip

_PLAIN = (
    _spec(str(kind.path).removesuffix("/{id}"), name, name)
    for name, kind in OBJECTS.items()
    if kind.listed
)
LISTS: tuple[ListSpec, ...] = (*_SPECIAL, *_PLAIN)

KOBJECTS = _spec("/v1/klasses/{klass}", "kobject", "klass", params=frozenset({"fromDate"}),
                 select=filters.from_date)  # fmt: skip

# What single resources add on request: `GET /v1/schedules/{id}?include=holidays`.
SINGLE_INCLUDED: dict[str, tuple[str, Callable[[list[Version], Params, Org], list[JSON] | None]]]
SINGLE_INCLUDED = {
    "schedule": ("include", filters.holidays),
    "sla": ("versions", filters.sla_versions),
    "message": ("include", filters.attachments),
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
