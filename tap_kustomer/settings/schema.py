"""What a user may set, as data: names, types, defaults and descriptions.

``settings.py`` judges the values.
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
            "`acme`, `acme.kustomerapp.com` or an address of it; leads to the right region by "
            "itself, so prefer it to `region`."
        ),
        examples=["acme"],
    ),
    th.Property(
        "region",
        th.StringType,
        default="us",
        allowed_values=["us", "eu", "in"],
        title="Region",
        description="Region of the org; used when `org_name` is not set.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        title="API address",
        description=(
            "Overrides the host, for a proxy or the simulator: scheme and host, with or "
            "without `/v1`. Plain http only to this machine."
        ),
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description=(
            "Rows updated since then are read (RFC 3339 date or date-time; default: two years "
            "before now). Counts only while a stream has no bookmark."
        ),
        examples=["2024-01-01", "2024-01-01T00:00:00Z"],
    ),
    th.Property(
        "end_date",
        th.DateTimeType,
        title="End date",
        description=(
            "Rows updated until then are read; default: the start of the run. A run with it "
            "never moves a bookmark back."
        ),
    ),
    th.Property(
        "optional_streams",
        th.ArrayType(th.StringType),
        default=[],
        title="Optional streams",
        description="Names of the optional streams that the catalog shall offer.",
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
            "Further list endpoints as streams: objects with `name`, `path` (below the host, "
            "`{id}` in it for the id of the row of `parent`) and, where needed, `params`, "
            "`page_size` (0: without paging), `parent` (a stream), `key` (default `id`) and "
            "`secrets` (attributes that never leave). `docs/streams.md` has a line for each "
            "endpoint that Kustomer documents."
        ),
        examples=[[{"name": "apps", "path": "/v1/apps"}]],
    ),
    th.Property(
        "include_deleted",
        th.BooleanType,
        default=True,
        title="Include deleted rows",
        description="Searches also return deleted rows; `_sdc_deleted_at` says when.",
    ),
    th.Property(
        "include_archived",
        th.BooleanType,
        default=True,
        title="Include archived rows",
        description=(
            "Rows idle for over two years come from the archive search when `start_date` "
            "reaches back that far."
        ),
    ),
    th.Property(
        "unknown_fields",
        th.StringType,
        default="keep",
        allowed_values=["keep", "drop"],
        title="Unknown fields",
        description="What happens to attributes that the schema does not know.",
    ),
    th.Property(
        "audit_log_object_types",
        th.ArrayType(th.StringType),
        default=["conversation", "customer"],
        title="Object types of audit_logs",
        description="The object types that the stream `audit_logs` reads.",
    ),
    th.Property(
        "tombstones",
        th.BooleanType,
        default=False,
        title="Tombstones",
        description=(
            "A confirmed deletion (stream `deletions`) is also written into the object's own "
            "stream: key, `org_id`, `_sdc_deleted_at`, every other column null, so that the "
            "target forgets what Kustomer forgot."
        ),
    ),
    th.Property(
        "present_ids_of",
        th.ArrayType(th.StringType),
        default=["customers", "conversations"],
        title="Streams of present_ids",
        description="The search streams whose ids `present_ids` lists.",
    ),
    th.Property(
        "lists_every_minutes",
        th.IntegerType,
        default=0,
        title="Minutes between lists",
        description=(
            "Full-table lists are read again only after so many minutes; 0: in each run. Runs in "
            "between say `not due` in `sync_runs` and leave their tables as they are."
        ),
    ),
    th.Property(
        "lookback_seconds",
        th.IntegerType,
        default=300,
        title="Lookback",
        description=(
            "Seconds that a bookmark stays behind the start of its pass, for rows that the "
            "search index shows late."
        ),
    ),
    th.Property(
        "page_size",
        th.IntegerType,
        default=500,
        title="Page size",
        description="Rows per search page, 1 to 500.",
    ),
    th.Property(
        "search_requests_per_minute",
        th.IntegerType,
        default=100,
        title="Searches per minute",
        description="Kustomer's search budget for API keys.",
    ),
    th.Property(
        "requests_per_minute",
        th.IntegerType,
        title="Requests per minute",
        description=(
            "The budget of the whole org, agents in the app included; default: what Kustomer's "
            "answers say, 300 until the first."
        ),
    ),
    th.Property(
        "api_utilization_percentage",
        th.IntegerType,
        default=80,
        title="API utilization",
        description="Share of both budgets that this tap may use, in percent.",
    ),
    th.Property(
        "max_concurrency",
        th.IntegerType,
        default=4,
        title="Requests in flight",
        description="How many requests may wait for their answers at the same time.",
    ),
    th.Property(
        "request_timeout",
        th.IntegerType,
        default=120,
        title="Request timeout",
        description="Seconds to wait for an answer.",
    ),
    th.Property(
        "backoff_max_elapsed_seconds",
        th.IntegerType,
        default=600,
        title="Longest retry",
        description=(
            "Seconds that one request is retried before its stream fails. A host that has never "
            "answered, or a Kustomer that is down as a whole, is tried for 20 seconds."
        ),
    ),
    th.Property(
        "user_agent",
        th.StringType,
        default=f"tap-kustomer/{__version__}",
        title="User agent",
        description="How the tap names itself to Kustomer.",
    ),
    th.Property(
        "webhook_spool",
        th.StringType,
        title="Webhook spool",
        description=(
            "File of `kustomer-webhooks serve` that the stream `webhook_events` reads; see "
            "docs/webhooks.md."
        ),
        examples=["/var/lib/kustomer-webhooks/spool.db"],
    ),
    th.Property(
        "webhook_events_data",
        th.BooleanType,
        default=False,
        title="Objects of webhook events",
        description="Webhook events also carry the object as Kustomer sent it.",
    ),
    th.Property(
        "emit_activate_version_messages",
        th.BooleanType,
        default=False,
        title="Emit ACTIVATE_VERSION",
        description=(
            "Full-table lists end with an ACTIVATE_VERSION message, so that targets remove "
            "rows which the list no longer has."
        ),
    ),
).to_dict()
