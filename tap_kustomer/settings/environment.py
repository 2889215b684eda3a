"""What the environment says: ``TAP_KUSTOMER_<SETTING>`` with ``--config=ENV``, the log level.

The SDK lets a ``.env`` file replace what is really set, reads any boolean that it does not know
as false, and ends with a traceback at a number that is none, a file that is no UTF-8 or a log
level of another program. Here a wrong text stays what it is, to be refused by the setting's name.
"""

from __future__ import annotations

import io
import json
import logging
import logging.config
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import find_dotenv, load_dotenv
from singer_sdk._logging import _setup_console_logging
from singer_sdk.plugin_base import _plugin_log_level

__all__ = ["set_up_logging", "settings_from_environment", "settle_log_level"]

logger = logging.getLogger("tap-kustomer")

_LOG_LEVEL = "TAP_KUSTOMER_LOGLEVEL"
_LOG_CONFIG = "SINGER_SDK_LOG_CONFIG"
_MORE_THAN_DEBUG = {"TRACE", "ALL", "VERBOSE", "SILLY", "FINE", "FINEST"}
_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


def settings_from_environment(schema: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the settings of ``schema`` that the environment, or a ``.env`` file, has.

    A variable that is really set wins over the file, also an empty one, which is as good as
    not set: schedulers often cannot leave a variable out.
    """
    _load_dotenv()
    settle_log_level()
    if level := os.environ.get(_LOG_LEVEL) or os.environ.get("LOGLEVEL"):
        logging.getLogger().setLevel(level.upper())  # the file may have named it
    found = {
        name: os.environ.get(prefix + name.upper().replace("-", "_"), "").strip()
        for name in schema["properties"]
    }
    return {name: _value(text, schema["properties"][name]) for name, text in found.items() if text}


def _load_dotenv() -> None:
    """Add the variables of the nearest ``.env``, here or in a folder above, that are not set."""
    try:
        path = find_dotenv(usecwd=True)
    except OSError:
        return  # this folder was deleted meanwhile, so there is none above it either
    if not path:
        return
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        logger.warning("%s cannot be read (%s), so it sets nothing.", path, error.strerror)
        return
    encoding = "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    load_dotenv(stream=io.StringIO(text.replace("\0", "")), override=False)


def settle_log_level() -> None:
    """Replace a log level that Python does not know: ``LOGLEVEL`` may be another program's."""
    name = _LOG_LEVEL if os.environ.get(_LOG_LEVEL) else "LOGLEVEL"
    asked = os.environ.get(name, "").upper()
    if not asked or isinstance(logging.getLevelName(asked), int):
        return
    level = asked.strip()
    known = "DEBUG" if level in _MORE_THAN_DEBUG else "INFO"
    if isinstance(logging.getLevelName(level), int):
        known = level
    elif level:
        logger.warning("%s is %s, which isn't a Python log level; using %s.", name, level, known)
    os.environ[_LOG_LEVEL] = known


def set_up_logging(plugin: str) -> None:
    """Log to stderr, or as SINGER_SDK_LOG_CONFIG wants; one that cannot be used is a warning."""
    settle_log_level()
    level = _plugin_log_level(plugin_name=plugin)
    path = os.environ.get(_LOG_CONFIG)
    if not path:
        os.environ.pop(_LOG_CONFIG, None)
    try:
        _setup_console_logging(log_level=level)
    except Exception as error:  # noqa: BLE001 - of files, YAML, and whatever a handler's class does
        os.environ.pop(_LOG_CONFIG, None)
        logging.getLogger().handlers.clear()
        # Loggers that the config has disabled are heard again.
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        _setup_console_logging(log_level=level)
        logger.warning(
            "%s is not used: %s holds no logging config in YAML (%s).",
            _LOG_CONFIG,
            path,
            type(error).__name__,
        )


def _value(text: str, schema: Mapping[str, Any]) -> Any:
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
