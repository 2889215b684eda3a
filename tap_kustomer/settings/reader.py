"""Judges one setting after the other, by what ``schema.py`` says of it."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from tap_kustomer import timestamps
from tap_kustomer.settings.extra_streams import ExtraStream, read_extra_streams
from tap_kustomer.settings.schema import SETTINGS_SCHEMA

__all__ = ["SettingsReader", "those_set"]

# https://developer.kustomer.com/docs/get-started/regions-and-base-urls
_REGION_HOSTS = {
    "us": "https://api.kustomerapp.com",
    "eu": "https://api.prod2.kustomerapp.com",
    "in": "https://api.prod4.kustomerapp.com",
}


_DECLARED: Mapping[str, Mapping[str, Any]] = SETTINGS_SCHEMA["properties"]
_FLAG = "true or false"


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


class SettingsReader:
    """Reads one setting after the other and collects what is wrong with them."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read from ``config``, in which each setting has a value."""
        self._config = config
        self.problems: list[str] = []

    def _value(
        self, name: str, fits: Callable[[Any], bool], wanted: str, default: Any = None
    ) -> Any:
        value = self._config.get(name)
        if default is None:
            default = _DECLARED[name]["default"]
        if value is None:
            return default
        if fits(value):
            return value
        self.problems.append(f"`{name}` must be {wanted}.")
        return default

    def flag(self, name: str) -> bool:
        """Return whether a setting is on."""
        return bool(self._value(name, _is_flag, _FLAG))

    def number(self, name: str) -> int:
        """Return a whole number in its range; 0 where none is set and there is no default."""
        declared = _DECLARED[name]
        low, high = declared["minimum"], declared["maximum"]
        return self._number(name, declared.get("default", 0), low, high)

    def _number(self, name: str, default: int, low: int, high: int) -> int:
        def fits(value: object) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

        return int(self._value(name, fits, f"a whole number from {low} to {high}", default))

    def choice(self, name: str) -> str:
        """Return one of the values that the schema names."""
        allowed = [one for one in _DECLARED[name]["enum"] if one is not None]
        wanted = "one of " + ", ".join(allowed)
        return str(self._value(name, lambda v: isinstance(v, str) and v in allowed, wanted))

    def header(self, name: str) -> str:
        """Return what may stand in a header."""

        def fits(value: object) -> bool:
            return isinstance(value, str) and bool(re.fullmatch(r"[\x21-\x7e][\x20-\x7e]*", value))

        return str(self._value(name, fits, "a line of printable ASCII text"))

    def path(self, name: str) -> str | None:
        """Return the path of a file, if one is set."""

        def fits(value: object) -> bool:
            return isinstance(value, str) and "\0" not in value

        return str(self._value(name, fits, "the path of a file", "")) or None

    def some_names(self, name: str) -> tuple[str, ...]:
        """Return names that only the org can judge."""

        def is_list(value: object) -> bool:
            return isinstance(value, list) and all(isinstance(item, str) for item in value)

        return tuple(self._value(name, is_list, "a list of names"))

    def names(self, name: str, allowed: Collection[str]) -> tuple[str, ...]:
        """Return names, each of which must be one of ``allowed``."""
        values = self.some_names(name)
        for value in values:
            if value not in allowed:
                near = difflib.get_close_matches(value, allowed, n=1)
                hint = f"did you mean {near[0]}?" if near else f"it knows {', '.join(allowed)}."
                self.problems.append(f"`{name}` has no option {value!r}; {hint}")
        return values

    def extra_streams(self, streams: Mapping[str, bool]) -> tuple[ExtraStream, ...]:
        """Return the entries of `extra_streams`; ``streams`` as for ``Settings.from_config``."""
        entries, problems = read_extra_streams(self._config.get("extra_streams"), streams)
        self.problems += problems
        return entries

    def moment(self, name: str) -> str | None:
        """Return a moment as UTC text, if one is set."""
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
        """Judge the form of `stream_maps`, of which the SDK would tell by a traceback."""
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
            elif mapping not in (None, "__NULL__"):
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
        """Judge the settings of flattening."""
        enabled = self._value("flattening_enabled", _is_flag, _FLAG, default=False)
        depth = self._number("flattening_max_depth", -1, 0, 100)
        self._number("flattening_max_key_length", 255, 16, 255)
        if enabled and depth < 0:
            self.problems.append("Set `flattening_max_depth`, for example to 1.")

    def api_key(self) -> str:
        """Return the key without what is pasted around it; its value is never repeated."""
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
        """Return scheme and host of the API: as given, else the org's, else the region's."""
        region = self.choice("region")
        address = self._config.get("api_url")
        if address is not None:
            return self._host("api_url", address)
        org_name = self._config.get("org_name")
        if org_name is None:
            return _REGION_HOSTS[region]
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


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)
