"""What Airbyte asks a user for: the tap's own settings, in the form that its pages render."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tap_kustomer.errors import SettingsError
from tap_kustomer.settings.values import SETTINGS_SCHEMA
from tap_kustomer.streams.registry import OPTIONAL_STREAMS

__all__ = ["PROTOCOL_VERSION", "specification", "tap_config"]

PROTOCOL_VERSION = "0.2.0"
_DOCUMENTATION = "https://developer.kustomer.com/docs/get-started/api-keys-and-roles"
_DRAFT = "http://json-schema.org/draft-07/schema#"

# What only means something between a Singer tap and a Singer target.
_SINGER_ONLY = ("emit_activate_version_messages", "tombstones")
# They change rows behind the catalog's back, and some exist to hide values. Ignoring them would
# let through what a user wants hidden, so they are refused.
_RESHAPING = ("stream_maps", "flattening_enabled", "batch_config")
# The SDK writes these into the tap's settings when a tap is made.
_OF_THE_SDK = (
    "stream_maps",
    "stream_map_config",
    "faker_config",
    "flattening_enabled",
    "flattening_max_depth",
    "flattening_max_key_length",
    "flattening_separator",
)
# Airbyte shows a field with such a pattern with a calendar; the tap judges the rest.
_MOMENT = r"^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([Zz]|[+-]\d{2}:?\d{2})?)?$"


def specification() -> dict[str, Any]:
    """Return the ``ConnectorSpecification``: the settings in their order, as JSON Schema.

    Airbyte's pages know one type per setting, so ``null`` is left out of the types.
    """
    names = [
        name
        for name in SETTINGS_SCHEMA["properties"]
        if name not in _SINGER_ONLY and name not in _OF_THE_SDK
    ]
    properties = {
        name: {**_setting(SETTINGS_SCHEMA["properties"][name]), "order": order}
        for order, name in enumerate(names)
    }
    # With the names at hand, Airbyte offers them for choice.
    properties["optional_streams"]["items"] = {"type": "string", "enum": list(OPTIONAL_STREAMS)}
    # Its name looks like a secret's to Airbyte; it is the name of an attribute.
    properties["extra_streams"]["items"]["properties"]["key"]["airbyte_secret"] = False
    return {
        "protocol_version": PROTOCOL_VERSION,
        "documentationUrl": _DOCUMENTATION,
        "connectionSpecification": {
            "$schema": _DRAFT,
            "title": "Kustomer",
            "type": "object",
            "required": list(SETTINGS_SCHEMA["required"]),
            "properties": properties,
            "additionalProperties": True,
        },
    }


def tap_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tap's settings. Raises ``SettingsError`` for those that Airbyte cannot honour."""
    problems = [
        f"`{name}` works in the Singer tap only, because Airbyte's catalog could not show what it "
        "does. Remove it, and deselect columns or add a mapping in the Airbyte connection."
        for name in _RESHAPING
        if config.get(name)
    ]
    if problems:
        raise SettingsError(problems)
    left_out = {*_SINGER_ONLY, *_RESHAPING, *_OF_THE_SDK}
    return {name: value for name, value in config.items() if name not in left_out}


def _setting(declared: Mapping[str, Any]) -> dict[str, Any]:
    setting = {
        keyword: declared[keyword]
        for keyword in ("title", "description", "default", "examples")
        if keyword in declared
    }
    setting["type"] = _only_type(declared)
    if "items" in declared:
        setting["items"] = _setting(declared["items"])
    if declared.get("properties"):
        inner = declared["properties"]
        setting["properties"] = {name: _setting(one) for name, one in inner.items()}
        setting["required"] = list(declared.get("required", ()))
    if "enum" in declared:
        setting["enum"] = [one for one in declared["enum"] if one is not None]
    if declared.get("format") == "date-time":
        setting["pattern"] = _MOMENT
        setting["pattern_descriptor"] = "YYYY-MM-DD or YYYY-MM-DDTHH:mm:ssZ"
    if declared.get("secret"):
        setting["airbyte_secret"] = True
    return setting


def _only_type(declared: Mapping[str, Any]) -> str:
    types = declared["type"]
    (only,) = [types] if isinstance(types, str) else [one for one in types if one != "null"]
    return str(only)
