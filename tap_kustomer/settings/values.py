"""The settings: what a user may set, and the checked values that the tap works with.

``SETTINGS_SCHEMA`` is what ``--about`` and the SDK read; ``Settings.from_config`` judges every
value before the first request and never repeats the value of a secret, whatever its type.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tap_kustomer import timestamps
from tap_kustomer.edge import TwoYearEdge
from tap_kustomer.errors import SettingsError
from tap_kustomer.settings.extra_streams import ExtraStream
from tap_kustomer.settings.reader import SettingsReader, those_set
from tap_kustomer.settings.schema import SETTINGS_SCHEMA

__all__ = ["SETTINGS_SCHEMA", "Settings", "unknown_settings"]

AUDIT_LOG_OBJECT_TYPES = (
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
)


@dataclass(frozen=True)
class Settings:
    """Checked settings; the key is hidden in ``repr``. Timestamps are UTC text."""

    api_key: str = field(repr=False)
    api_url: str
    start_date: str | None
    end_date: str | None
    optional_streams: tuple[str, ...]
    include_deleted: bool
    include_archived: bool
    keep_unknown_fields: bool
    audit_log_object_types: tuple[str, ...]
    tombstones: bool
    present_ids_of: tuple[str, ...]
    lists_every_minutes: int
    lookback_seconds: int
    page_size: int
    search_requests_per_minute: int
    requests_per_minute: int | None
    utilization: float
    max_concurrency: int
    request_timeout: int
    backoff_max_elapsed_seconds: int
    user_agent: str
    webhook_spool: str | None
    webhook_events_data: bool
    extra_streams: tuple[ExtraStream, ...] = ()

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        *,
        optional_names: Collection[str],
        streams: Mapping[str, bool] | None = None,
    ) -> Settings:
        """Return the settings of ``config``. Raises ``SettingsError`` with every problem.

        ``streams`` are the names that are taken, each with whether it may be a parent.
        """
        read = SettingsReader(those_set(config))
        settings = cls(
            api_key=read.api_key(),
            api_url=read.api_url(),
            start_date=read.moment("start_date"),
            end_date=read.moment("end_date"),
            optional_streams=read.names("optional_streams", optional_names),
            include_deleted=read.flag("include_deleted"),
            include_archived=read.flag("include_archived"),
            keep_unknown_fields=read.choice("unknown_fields") == "keep",
            audit_log_object_types=read.names("audit_log_object_types", AUDIT_LOG_OBJECT_TYPES),
            tombstones=read.flag("tombstones"),
            present_ids_of=read.some_names("present_ids_of"),
            lists_every_minutes=read.number("lists_every_minutes"),
            lookback_seconds=read.number("lookback_seconds"),
            page_size=read.number("page_size"),
            search_requests_per_minute=read.number("search_requests_per_minute"),
            requests_per_minute=read.number("requests_per_minute") or None,
            utilization=read.number("api_utilization_percentage") / 100,
            max_concurrency=read.number("max_concurrency"),
            request_timeout=read.number("request_timeout"),
            backoff_max_elapsed_seconds=read.number("backoff_max_elapsed_seconds"),
            extra_streams=read.extra_streams(streams or {}),
            user_agent=read.header("user_agent"),
            webhook_spool=read.path("webhook_spool"),
            webhook_events_data=read.flag("webhook_events_data"),
        )
        read.flag("emit_activate_version_messages")
        read.stream_maps()
        read.flattening()
        # A day more, for machines whose clock is wrong.
        now = timestamps.from_epoch(time.time())
        tomorrow, default_start = timestamps.shift(now, days=1), TwoYearEdge.seen_at(now).moment
        if settings.start_date and settings.start_date > tomorrow:
            read.problems.append("`start_date` lies in the future: nothing would ever be read.")
        if settings.start_date and settings.end_date and settings.start_date > settings.end_date:
            read.problems.append("`start_date` lies after `end_date`; swap them or drop one.")
        if settings.end_date and not settings.start_date and settings.end_date < default_start:
            read.problems.append(
                "`end_date` lies over two years back, where a run begins without `start_date`: "
                "set `start_date` too.",
            )
        if read.problems:
            raise SettingsError(read.problems)
        return settings


def unknown_settings(config: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Return a warning for each setting that nobody reads, with the nearest known name."""
    warnings = []
    for name in sorted(set(config) - set(known)):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else "."
        warnings.append(f"The setting `{name}` is unknown and has no effect{hint}")
    return warnings
