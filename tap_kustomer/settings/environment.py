"""Settings from the environment: ``TAP_KUSTOMER_<SETTING>``, read with ``--config=ENV``.

The SDK reads any boolean that it does not know as false, and a number that is none ends it with
a traceback; here such a text stays what it is, so that it is refused by the setting's name.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from singer_sdk.configuration._dict_config import parse_environment_config

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["settings_from_environment"]

_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


def settings_from_environment(schema: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the settings of ``schema`` that the environment, or a ``.env`` file, has.

    An empty text counts as not set: schedulers often cannot leave a variable out.
    """
    properties = schema["properties"]
    as_texts = {"properties": {name: {"type": "string"} for name in properties}}
    texts = parse_environment_config(as_texts, prefix)
    return {
        name: _value(text, properties[name]) for name, text in texts.items() if text.strip() != ""
    }


def _value(text: str, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401
    types = schema.get("type", ())
    types = {types} if isinstance(types, str) else set(types)
    if "boolean" in types:
        return _BOOLEANS.get(text.strip().lower(), text)
    if "integer" in types:
        return int(text) if re.fullmatch(r"\s*[+-]?\d{1,18}\s*", text, re.ASCII) else text
    if types & {"array", "object"}:
        try:
            return json.loads(text)
        except ValueError:
            pass
        if "array" in types and not text.lstrip().startswith("["):
            return [part.strip() for part in text.split(",")]
    return text
