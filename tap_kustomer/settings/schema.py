"""What a user may set, as data: names, types, ranges, defaults and descriptions.

``reader.py`` judges the values by it.
"""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th

from tap_kustomer import __version__

__all__ = ["SETTINGS_SCHEMA"]

SETTINGS_SCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType,
        required=True,
        secret=True,
        title="API key",
        description=(
            "Bearer token of Kustomer: Settings > Security > API Keys. Blanks, quotes and a "
            "pasted `Bearer ` around it are removed."
        ),
    ),
    th.Property(
        "org_name",
        th.StringType,
        title="Organization name",
        description=(
            "`acme`, `acme.kustomerapp.com`, or any URL on that host. Finds the right region "
            "automatically, so use it instead of `region`."
        ),
        examples=["acme"],
    ),
    th.Property(
        "region",
        th.StringType,
        default="us",
        allowed_values=["us", "eu", "in"],
        title="Region",
        description="Region of the org. Only used when `org_name` is not set.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        title="API address",
        description=(
            "Overrides the host, for a proxy or the simulator: scheme and host, with or "
            "without `/v1`. Plain http is allowed for localhost only."
        ),
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description=(
            "Read rows updated on or after this date (RFC 3339 date or date-time; default: two "
            "years ago). Ignored once a stream has a bookmark."
        ),
        examples=["2024-01-01", "2024-01-01T00:00:00Z"],
    ),
    th.Property(
        "end_date",
        th.DateTimeType,
        title="End date",
        description=(
            "Upper bound on `updated_at`; defaults to the start of the run. Never moves a "
            "bookmark backwards."
        ),
    ),
    th.Property(
        "optional_streams",
        th.ArrayType(th.StringType),
        default=[],
        title="Optional streams",
        description="Optional streams to include in the catalog.",
        examples=[["audit_logs", "conversation_events"]],
    ),
    th.Property(
        "extra_streams",
        th.ArrayType(
            th.ObjectType(
                th.Property("name", th.StringType, required=True, title="Name"),
                th.Property("path", th.StringType, required=True, title="Path"),
                th.Property("params", th.ObjectType(), title="Query parameters"),
                th.Property("page_size", th.IntegerType, title="Page size"),
                th.Property("parent", th.StringType, title="Parent stream"),
                th.Property("key", th.StringType, title="Key"),
                th.Property("secrets", th.ArrayType(th.StringType), title="Secrets"),
            ),
        ),
        default=[],
        title="Extra streams",
        description=(
            "More list endpoints to load as streams: objects with `name`, `path` (after the host; "
            "`{id}` is the id of a row of `parent`) and optionally `params`, `page_size` (0: no "
            "paging), `parent` (a stream), `key` (default `id`) and `secrets` (attributes to leave "
            "out). `docs/streams.md` has an entry for each endpoint that Kustomer documents."
        ),
        examples=[[{"name": "apps", "path": "/v1/apps"}]],
    ),
    th.Property(
        "include_deleted",
        th.BooleanType,
        default=True,
        title="Include deleted rows",
        description="Also load rows that were deleted in Kustomer; `_sdc_deleted_at` says when.",
    ),
    th.Property(
        "include_archived",
        th.BooleanType,
        default=True,
        title="Include archived rows",
        description=(
            "Load rows that have not changed for over two years from the archive search, when "
            "`start_date` reaches back that far."
        ),
    ),
    th.Property(
        "unknown_fields",
        th.StringType,
        default="keep",
        allowed_values=["keep", "drop"],
        title="Unknown fields",
        description=(
            "What to do with fields that the schema doesn't list: `keep` them in "
            "`extra_attributes`, or `drop` them."
        ),
    ),
    th.Property(
        "audit_log_object_types",
        th.ArrayType(th.StringType),
        default=["conversation", "customer"],
        title="Object types of audit_logs",
        description="Object types that the stream `audit_logs` loads.",
    ),
    th.Property(
        "tombstones",
        th.BooleanType,
        default=False,
        title="Tombstones",
        description=(
            "Also write a confirmed deletion (stream `deletions`) to the object's own stream: key, "
            "`org_id` and `_sdc_deleted_at`, every other column null, so that the target erases "
            "what Kustomer erased."
        ),
    ),
    th.Property(
        "present_ids_of",
        th.ArrayType(th.StringType),
        default=["customers", "conversations"],
        title="Streams of present_ids",
        description="Streams whose ids `present_ids` lists; only those that are read by search.",
    ),
    th.Property(
        "lists_every_minutes",
        th.IntegerType(minimum=0, maximum=525_600),
        default=0,
        title="Minutes between lists",
        description=(
            "Full-table lists are read again only after so many minutes; 0: in each run. Runs in "
            "between say `not due` in `sync_runs` and leave their tables as they are."
        ),
    ),
    th.Property(
        "lookback_seconds",
        th.IntegerType(minimum=0, maximum=86_400),
        default=300,
        title="Lookback",
        description=(
            "How far before the start of the run the bookmark stops (seconds), so the next run "
            "picks up rows that were indexed late."
        ),
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1, maximum=500),
        default=500,
        title="Page size",
        description="Rows per search request, 1 to 500.",
    ),
    th.Property(
        "search_requests_per_minute",
        th.IntegerType(minimum=1, maximum=100_000),
        default=100,
        title="Searches per minute",
        description="Kustomer's limit on search requests, shared by all API keys of an org.",
    ),
    th.Property(
        "requests_per_minute",
        th.IntegerType(minimum=1, maximum=1_000_000),
        title="Requests per minute",
        description=(
            "Request limit of the whole org, shared with agents in the app. Default: read from "
            "Kustomer's response headers; 300 until the first response."
        ),
    ),
    th.Property(
        "api_utilization_percentage",
        th.IntegerType(minimum=1, maximum=100),
        default=80,
        title="API utilization",
        description="Share of both limits that this tap may use, in percent.",
    ),
    th.Property(
        "max_concurrency",
        th.IntegerType(minimum=1, maximum=64),
        default=4,
        title="Requests in flight",
        description="Maximum number of concurrent requests.",
    ),
    th.Property(
        "request_timeout",
        th.IntegerType(minimum=1, maximum=3_600),
        default=120,
        title="Request timeout",
        description="Seconds to wait for a response.",
    ),
    th.Property(
        "backoff_max_elapsed_seconds",
        th.IntegerType(minimum=0, maximum=86_400),
        default=600,
        title="Longest retry",
        description=(
            "How long one request is retried before its stream fails (seconds). If the host never "
            "responded, or Kustomer is completely down, the tap gives up after 20 seconds."
        ),
    ),
    th.Property(
        "user_agent",
        th.StringType,
        default=f"tap-kustomer/{__version__}",
        title="User agent",
        description="`User-Agent` header sent to Kustomer.",
    ),
    th.Property(
        "webhook_spool",
        th.StringType,
        title="Webhook spool",
        description=(
            "File of `kustomer-webhooks serve` that the stream `webhook_events` loads; see "
            "docs/webhooks.md."
        ),
        examples=["/var/lib/kustomer-webhooks/spool.db"],
    ),
    th.Property(
        "webhook_events_data",
        th.BooleanType,
        default=False,
        title="Objects of webhook events",
        description="Include the object in webhook events, as Kustomer sent it.",
    ),
    th.Property(
        "emit_activate_version_messages",
        th.BooleanType,
        default=False,
        title="Emit ACTIVATE_VERSION",
        description=(
            "End each full-table list with an ACTIVATE_VERSION message: targets that support it "
            "then delete tags, users, ... that no longer exist."
        ),
    ),
).to_dict()
