"""The settings: what a user may set, and the checked values that the tap works with.

``SETTINGS_SCHEMA`` is what ``--about`` and the SDK read; ``Settings.from_config`` judges every
value before the first request and never repeats the value of a secret, whatever its type.
"""

from __future__ import annotations

import ast
import difflib
import logging
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tap_kustomer import __version__, timestamps
from tap_kustomer.errors import SettingsError
from tap_kustomer.settings.extra_streams import ExtraStream, read_extra_streams
from tap_kustomer.settings.schema import SETTINGS_SCHEMA

__all__ = ["REGION_HOSTS", "SETTINGS_SCHEMA", "Settings", "those_set", "unknown_settings"]

logger = logging.getLogger("tap-kustomer")

# https://developer.kustomer.com/docs/get-started/regions-and-base-urls
REGION_HOSTS = {
    "us": "https://api.kustomerapp.com",
    "eu": "https://api.prod2.kustomerapp.com",
    "in": "https://api.prod4.kustomerapp.com",
}
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
        read = _Reader(those_set(config))
        settings = cls(
            api_key=read.api_key(),
            api_url=read.api_url(),
            start_date=read.moment("start_date"),
            end_date=read.moment("end_date"),
            optional_streams=read.names("optional_streams", (), optional_names),
            include_deleted=read.flag("include_deleted", default=True),
            include_archived=read.flag("include_archived", default=True),
            keep_unknown_fields=read.choice("unknown_fields", "keep", ("keep", "drop")) == "keep",
            audit_log_object_types=read.names(
                "audit_log_object_types",
                ("conversation", "customer"),
                AUDIT_LOG_OBJECT_TYPES,
            ),
            tombstones=read.flag("tombstones", default=False),
            present_ids_of=read.some_names("present_ids_of", ("customers", "conversations")),
            lists_every_minutes=read.number("lists_every_minutes", 0, 0, 525_600),
            lookback_seconds=read.number("lookback_seconds", 300, 0, 86_400),
            page_size=read.number("page_size", 500, 1, 500),
            search_requests_per_minute=read.number("search_requests_per_minute", 100, 1, 100_000),
            requests_per_minute=read.number("requests_per_minute", 0, 1, 1_000_000) or None,
            utilization=read.number("api_utilization_percentage", 80, 1, 100) / 100,
            max_concurrency=read.number("max_concurrency", 4, 1, 64),
            request_timeout=read.number("request_timeout", 120, 1, 3_600),
            backoff_max_elapsed_seconds=read.number("backoff_max_elapsed_seconds", 600, 0, 86_400),
            extra_streams=read.extra_streams(streams or {}),
            user_agent=read.header("user_agent", f"tap-kustomer/{__version__}"),
            webhook_spool=read.path("webhook_spool"),
            webhook_events_data=read.flag("webhook_events_data", default=False),
        )
        read.flag("emit_activate_version_messages", default=False)
        read.stream_maps()
        read.flattening()
        # A day more, for machines whose clock is wrong.
        if settings.start_date and settings.start_date > timestamps.from_epoch(
            time.time() + 86_400
        ):
            read.problems.append("`start_date` lies in the future: nothing would ever be read.")
        if settings.start_date and settings.end_date and settings.start_date > settings.end_date:
            read.problems.append("`start_date` lies after `end_date`; swap them or drop one.")
        if read.problems:
            raise SettingsError(read.problems)
        return settings


def those_set(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that have a value: schedulers and forms often cannot leave one out.

    >>> those_set({"org_name": "", "region": None, "page_size": 100})
    {'page_size': 100}
    """
    return {
        name: value
        for name, value in config.items()
        if value is not None and not (isinstance(value, str) and not value.strip())
    }


def unknown_settings(config: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Return a warning for each setting that nobody reads, with the nearest known name."""
    warnings = []
    for name in sorted(set(config) - set(known)):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else "."
        warnings.append(f"The setting `{name}` is unknown and has no effect{hint}")
    return warnings


def _tomorrow() -> str:
    """Return what no clock, right or a bit wrong, has reached; UTC text."""
    return timestamps.from_epoch(time.time() + 86_400)


class _Reader:
    """Reads one setting after the other and collects what is wrong with them."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self.problems: list[str] = []

    def _value(self, name: str, default: Any, fits: Callable[[Any], bool], wanted: str) -> Any:
        value = self._config.get(name)
        if value is None:
            return default
        if fits(value):
            return value
        self.problems.append(f"`{name}` must be {wanted}.")
        return default

    def flag(self, name: str, *, default: bool) -> bool:
        return bool(self._value(name, default, lambda v: isinstance(v, bool), "true or false"))

    def number(self, name: str, default: int, low: int, high: int) -> int:
        def fits(value: object) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

        return int(self._value(name, default, fits, f"a whole number from {low} to {high}"))

    def choice(self, name: str, default: str, allowed: Collection[str]) -> str:
        wanted = "one of " + ", ".join(allowed)
        fits = allowed.__contains__
        return str(self._value(name, default, lambda v: isinstance(v, str) and fits(v), wanted))

    def header(self, name: str, default: str) -> str:
        def fits(value: object) -> bool:
            return isinstance(value, str) and bool(re.fullmatch(r"[\x21-\x7e][\x20-\x7e]*", value))

        return str(self._value(name, default, fits, "a line of printable ASCII text"))

    def path(self, name: str) -> str | None:
        def fits(value: object) -> bool:
            return isinstance(value, str) and "\0" not in value

        return str(self._value(name, "", fits, "the path of a file")) or None

    def some_names(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Return names that only the org can judge."""

        def is_list(value: object) -> bool:
            return isinstance(value, list) and all(isinstance(item, str) for item in value)

        return tuple(self._value(name, list(default), is_list, "a list of names"))

    def names(
        self,
        name: str,
        default: tuple[str, ...],
        allowed: Collection[str],
    ) -> tuple[str, ...]:
        values = self.some_names(name, default)
        for value in values:
            if value not in allowed:
                near = difflib.get_close_matches(value, allowed, n=1)
                hint = f"did you mean {near[0]}?" if near else f"it knows {', '.join(allowed)}."
                self.problems.append(f"`{name}` has no option {value!r}; {hint}")
        return values

    def extra_streams(self, streams: Mapping[str, bool]) -> tuple[ExtraStream, ...]:
        entries, problems = read_extra_streams(self._config.get("extra_streams"), streams)
        self.problems += problems
        return entries

    def moment(self, name: str) -> str | None:
        value = self._config.get(name)
        if value is None:
            return None
        text = timestamps.normalise(value)
        if text is None:
            self.problems.append(
                f"`{name}` must be an RFC 3339 date or date-time, such as 2024-01-31 or "
                "2024-01-31T12:00:00Z.",
            )
        return text

    def stream_maps(self) -> None:
        maps = self._config.get("stream_maps")
        if maps is None:
            return
        if not isinstance(maps, dict):
            self.problems.append("`stream_maps` must be an object: a mapping for each stream.")
            return
        for stream, mapping in maps.items():
            if isinstance(mapping, dict):
                for column, expression in mapping.items():
                    self._expression(f"{stream}.{column}", expression)
            elif mapping not in {None, "__NULL__"}:
                self.problems.append(f"`stream_maps`: {stream} must be an object or null.")

    def _expression(self, place: str, expression: object) -> None:
        """Judge one expression without repeating it: it may hold a salt."""
        if expression is None or place.endswith(("__source__", "__alias__")):
            return
        if place.endswith("__key_properties__") and isinstance(expression, list):
            return
        try:
            ast.parse(expression, mode="eval")  # type: ignore[call-overload]  # judged here
        except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
            self.problems.append(f"`stream_maps`: {place} must be an expression, or null.")

    def flattening(self) -> None:
        enabled = self.flag("flattening_enabled", default=False)
        depth = self.number("flattening_max_depth", -1, 0, 100)
        self.number("flattening_max_key_length", 255, 16, 255)
        if enabled and depth < 0:
            self.problems.append("Set `flattening_max_depth`, for example to 1.")

    def api_key(self) -> str:
        value = self._config.get("api_key")
        if value is None:
            self.problems.append(
                "`api_key` is missing: create a key in Kustomer under Settings > Security > "
                "API Keys and set it, in a file (--config FILE) or as TAP_KUSTOMER_API_KEY "
                "(--config=ENV).",
            )
            return ""
        if not isinstance(value, str):
            self.problems.append("`api_key` must be a text (its value is not shown).")
            return ""
        key = value.strip().strip("'\"").strip()
        key = re.sub(r"^bearer\s+", "", key, flags=re.IGNORECASE).strip().strip("'\"").strip()
        if not re.fullmatch(r"[\x21-\x7e]+", key):
            self.problems.append(
                "`api_key` must be one word of printable ASCII characters (its value is not "
                "shown): copy the token again.",
            )
        return key

    def api_url(self) -> str:
        region = self.choice("region", "us", tuple(REGION_HOSTS))
        address = self._config.get("api_url")
        if address is not None:
            return self._host("api_url", address)
        org_name = self._config.get("org_name")
        if org_name is None:
            return REGION_HOSTS[region]
        return self._org_host(org_name)

    def _org_host(self, value: object) -> str:
        if isinstance(value, str):
            name = re.sub(r"^https?://", "", value.strip().lower()).partition("/")[0]
            name = re.sub(r"(\.api)?\.kustomerapp\.com$", "", name)
            if re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
                return f"https://{name}.api.kustomerapp.com"
        self.problems.append(
            "`org_name` must be the name of the org, such as acme or acme.kustomerapp.com.",
        )
        return ""

    def _host(self, name: str, value: object) -> str:
        problem = f"`{name}` must be scheme and host, such as https://acme.api.kustomerapp.com."
        if not isinstance(value, str):
            self.problems.append(problem)
            return ""
        try:
            url = urlsplit(value.strip())
            host, port = url.hostname, url.port
        except ValueError:
            host = None
        if (
            host is None
            or url.scheme not in {"http", "https"}
            or url.path.rstrip("/") not in {"", "/v1"}
            or url.query
            or url.fragment
            or url.username
        ):
            self.problems.append(problem)
            return ""
        if url.scheme == "http" and not _is_loopback(host):
            self.problems.append(
                f"`{name}` must begin with https://: over plain http the API key could be read "
                "on the way. Only addresses of this machine may use http.",
            )
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*", host):
            self.problems.append(problem)
        literal = f"[{host}]" if ":" in host else host
        return f"{url.scheme}://{literal}" + (f":{port}" if port else "")


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or bool(re.fullmatch(r"127(\.\d{1,3}){3}", host))
