"""Every behaviour of the server that can be set, with the vendor's (or the safest) as default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

Seconds: TypeAlias = "float | Callable[[], float]"


@dataclass
class Knobs:
    """Settings of a ``Simulator``; each may be changed while it runs.

    Most default to what is documented. Where the documents leave a question open, the comment
    says `UNCONFIRMED` and the other answers are the other values.
    """

    # --- key and errors
    api_key: str = "simulated-api-key"
    # "recorded" is what production answers, the others are documented or older.
    error_shape: Literal["recorded", "A", "B", "legacy"] = "recorded"
    pod: str = "prod1"  # named in a header of every answer
    # Whether a 403 names the role is UNCONFIRMED (role-in-refusal).
    name_missing_role: bool = False
    # A status: every request fails as a key of another region does. The status is UNCONFIRMED
    # (pod-mismatch).
    pod_mismatch: int | None = None
    # `GET /v1/auth/tokens/current`: what role it needs is UNCONFIRMED (own-roles); 403 and 404 are
    # possible.
    token_status: int = 200

    # --- search
    # A search takes up to 500 rows a page; what is more is cut in silence, or refused.
    max_page_size: int = 500
    archive_page_size: int = 500
    oversize: Literal["refuse", "clamp"] = "clamp"
    # "There is a hard limit of 100 for the maximum number of pages" (vendor, search).
    max_pages: int = 100
    # Rows of a search that page numbers reach; None: all up to page 100. AWS Glue's connector says
    # 10,000, in June 2025 one read 13,472 and more. Where it ends is UNCONFIRMED (page-depth).
    result_window: int | None = None
    # What a page beyond the window answers is UNCONFIRMED (page-depth).
    past_window: Literal["refuse", "not_found", "empty"] = "refuse"
    # `trackTotalHits=true` on the live search: "yes" and "capped" take it and give exact totals.
    # Without it, totals are exact ("yes") or end at `total_cap` ("capped"). "ignored" takes it and
    # caps all the same, "refused" answers 400 and gives exact totals without it. Which is so:
    # UNCONFIRMED (exact-totals), exact totals without it were seen.
    track_total_hits: Literal["yes", "capped", "ignored", "refused"] = "yes"
    total_cap: int = 10_000
    ignore_sort: bool | Collection[str] = False
    ignore_filters: Collection[str] = ()
    unknown_attributes: Literal["refuse", "ignore"] = "refuse"
    # `GET /v1/customers/searches/schema` tells what may be filtered and sorted by.
    search_schema: bool = True
    # Absent from the standard search's reference, present in the registries of June 2026.
    company_updated_at_supported: bool = True
    # Which attribute filters the context `kobject_<klass>`: UNCONFIRMED (klass-attribute). None
    # refuses the context.
    kobject_klass_attribute: (
        Literal["kobject_updated_at", "kobject_<klass>_updated_at", "both"] | None
    ) = "kobject_updated_at"
    archive_kobject_klass_attribute: (
        Literal["kobject_updated_at", "kobject_<klass>_updated_at", "both"] | None
    ) = "both"
    # Attribute names of these contexts are UNCONFIRMED (work-session-updated-at), for example
    # `work_session_updated_at`.
    work_session_attributes: Collection[str] = ()
    work_item_attributes: Collection[str] = ()
    # Work items of a search embed the routed record; where in the row is UNCONFIRMED
    # (work-item-resource). "reference": they do not.
    work_item_resource: Literal["attribute", "relationship", "reference"] = "attribute"
    refused_contexts: Collection[str] = ()
    archive_refused_contexts: Collection[str] = ()
    # Contexts that know `includeDeleted`; True: all.
    include_deleted_supported: bool | Collection[str] = True
    # "updatedAt more recent than in the past 2 years"; the exact edge is UNCONFIRMED
    # (two-year-edge).
    horizon_days: float = 730
    edge_offset_seconds: float = 0
    fresh_documents: bool = False
    # The answer to `idsOnly=true` is UNCONFIRMED (ids-only).
    ids_only_shape: Literal["identifiers", "ids", "refused"] = "identifiers"

    # --- lists
    list_oversize: Literal["clamp", "refuse"] = "clamp"
    list_max_page_size: int | None = None
    # Rows at which every list ends (10,000 by one source); None: no end. UNCONFIRMED (list-depth).
    list_depth: int | None = None
    lists_show_deleted: bool | None = None  # None: as each list's row of the table says
    # Without their switch (`deleted`, `includeDeleted`) teams, tags, shortcuts and spam senders
    # come without deleted rows: UNCONFIRMED (deleted-switch). False for `deleted_switches`
    # refuses the switch.
    lists_hide_deleted: bool = True
    deleted_switches: bool = True
    # `GET /v1/sub-statuses` without `resource` is refused; "unknown" refuses the parameter.
    sub_status_resource: Literal["required", "optional", "unknown"] = "required"
    lists_report_total: bool = False
    list_links: bool = True
    string_meta: bool = False
    included_shape: Literal["array", "object"] = "array"
    # UNCONFIRMED (list-paths): the reference's own links say `/v1/queues/{id}`.
    queues_path: str = "/v1/routing/queues"
    work_items_list: bool = True
    # `GET /v1/users` without `deleted`: UNCONFIRMED (users-default).
    users_default: Literal["active", "all"] = "active"
    # Resources that the metadata endpoint does not serve, and how it says so: UNCONFIRMED
    # (metadata-served).
    metadata_refusals: Mapping[str, int] = field(
        default_factory=lambda: {"note": 404, "user": 404, "team": 404}
    )
    customer_list_filters: bool = True
    # Rows of each documented list that the org has no rows of its own for; None: answers 404.
    endpoint_rows: int | None = None
    audit_retention_days: float = 90
    # Audit logs without `filter[objectType]`: UNCONFIRMED (audit-without-type) that all are shown,
    # not refused.
    audit_without_type: Literal["all", "refuse"] = "all"

    # --- many ids in one GET
    # `GET /v1/customers/{id,id,...}` answers an array (vendor). UNCONFIRMED (several-ids)
    # elsewhere: the first of the ids may be answered alone, or the whole taken for one id that
    # nobody has.
    several_ids: Literal["array", "first", "not_found"] = "array"
    # So many ids are looked at, the rest is left out: UNCONFIRMED (several-ids-most).
    several_ids_most: int | None = None
    # The answer when none of them exists: UNCONFIRMED (several-ids-absent).
    several_ids_absent: Literal["empty", "not_found"] = "empty"

    # --- budgets
    limits: bool = True
    window: Literal["fixed", "sliding"] = "fixed"
    window_seconds: float = 60
    ratelimit_headers: bool = True
    # Which budget a search's headers speak of is UNCONFIRMED (search-rate-headers); None: they are
    # absent.
    ratelimit_headers_on_search: Literal["org", "search"] | None = "org"
    ratelimit_reset: Literal["seconds", "milliseconds", "delta"] | None = "seconds"
    ratelimit_reset_always: bool = False
    # In no source; honoured where present.
    retry_after: Literal["seconds", "date"] | None = None
    # Requests per minute that other clients of the org make all the time.
    other_client_org: float = 0
    other_client_search: float = 0

    # --- transport
    page_latency: Seconds = 0.0  # clock seconds until a search page is sent
    latency: Seconds = 0.0  # the same for all other requests
    gzip: bool = False
    date_header: bool = True
