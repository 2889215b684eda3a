"""What ``--help`` and ``--about`` say beyond the SDK's own: examples, descriptions, defaults."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from singer_sdk.about import AboutFormatter, AboutInfo
from typing_extensions import override

__all__ = ["EXAMPLES", "HELP", "OPTIONS", "SettingsText"]

HELP = """Read a Kustomer org and write Singer messages to standard output.

Settings come from a file (--config FILE, more than once to merge files; later ones override
earlier ones) or from the environment (--config=ENV): the setting org_name is the variable
TAP_KUSTOMER_ORG_NAME. Meltano passes them for you.
"""
EXAMPLES = """\b
Examples:
  tap-kustomer --config config.json --check
  tap-kustomer --config config.json --discover > catalog.json
  tap-kustomer --config config.json --catalog catalog.json | target-jsonl
"""
# Better words for options of the SDK; by the name of their parameter.
OPTIONS = {
    "about": "Show version, capabilities and every setting.",
    "about_format": "Output of --about (json, markdown) and of --check (json).",
    "config": "File with settings, or ENV for environment variables.",
    "discover": "Print the catalog: the org's streams and columns.",
    "test": "Read one row of each stream; --test=schema prints schemas only.",
    "catalog": "File made by --discover, with the streams to read selected.",
    "state": "File with the last STATE of an earlier run, which this one continues.",
}
_WIDTH = 80


class SettingsText(AboutFormatter, format_name="text"):
    """Takes the place of the SDK's text, which has neither descriptions nor defaults."""

    @override
    def format_about(self, about_info: AboutInfo) -> str:
        """Return name, version, capabilities, and each setting with its meaning."""
        versions = ", ".join(about_info.supported_python_versions or ())
        head = [
            f"{about_info.name} {about_info.version}: {about_info.description}",
            f"Singer SDK {about_info.sdk_version}, Python {versions}",
            "Capabilities: " + ", ".join(one.value for one in about_info.capabilities),
            f"Settings, also as variables {about_info.env_var_prefix}<NAME> (--config=ENV):",
        ]
        lines = [line for text in head for line in textwrap.wrap(text, _WIDTH)]
        return "\n".join([*lines, *_settings(about_info.settings)])


def _settings(schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    for name, setting in schema["properties"].items():
        default = setting.get("default")
        shown = "" if default is None else f", default {json.dumps(default)}"
        types = setting.get("type", "string")
        kind = next(one for one in ([types] if isinstance(types, str) else types) if one != "null")
        must = ", required" if name in required else ""
        yield f"\n  {name} ({kind}{must}{shown})"
        text = setting.get("description", "")
        yield from textwrap.wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="    ")
