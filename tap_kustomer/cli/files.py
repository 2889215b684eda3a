"""The files that a user gives: config, catalog and state; what is wrong with one is a sentence."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from singer_sdk.singerlib import Catalog, CatalogEntry

from tap_kustomer.errors import SettingsError
from tap_kustomer.state import check_state, parse_state

__all__ = ["InputFileError", "read_catalog", "read_config", "read_state"]

logger = logging.getLogger("tap-kustomer")


class InputFileError(SettingsError):
    """A file cannot be used; its text holds no content of the file."""

    def __init__(self, problem: str) -> None:
        """Keep the sentence."""
        super().__init__([problem])


def read_config(path: str) -> dict[str, Any]:
    """Return the settings in the file. Raises ``InputFileError``."""
    content = _read(path, "config")
    if not isinstance(content, dict):
        msg = f"The config file {path} must hold a JSON object of settings."
        raise InputFileError(msg)
    return content


def read_catalog(path: str) -> dict[str, Any]:
    """Return the Singer catalog in the file. Raises ``InputFileError``."""
    content = _read(path, "catalog")
    try:
        if not isinstance(content["streams"], list):
            raise TypeError  # noqa: TRY301 - one sentence for all that can be wrong
        catalog = Catalog.from_dict(content)
        for entry in catalog.streams:
            if not isinstance(entry.tap_stream_id, str):
                raise TypeError  # noqa: TRY301
            entry.schema.to_dict()
            if any(_is_no_choice(one.selected) for one in entry.metadata.values()):
                msg = (
                    f"The catalog file {path} cannot be used: `selected` of {entry.tap_stream_id} "
                    "must be true or false, without quotes."
                )
                raise InputFileError(msg)
        for raw in content["streams"]:
            entry = catalog[raw["tap_stream_id"]]
            if entry.metadata.resolve_selection().get((), False):
                _warn_of_schema(entry, raw["schema"], ())
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        msg = f"The catalog file {path} isn't a Singer catalog. Create one with --discover."
        raise InputFileError(msg) from error
    return dict(content)


def _warn_of_schema(entry: CatalogEntry, schema: dict[str, Any], path: tuple[str, ...]) -> None:
    """Warn of what the first taps took for a choice, in the schema of a selected stream."""
    for name, one in (schema.get("properties") or {}).items():
        breadcrumb = (*path, "properties", name)
        known = entry.metadata.get(breadcrumb)
        if not isinstance(one, dict) or (known is not None and known.selected is False):
            continue
        if one.get("selected") is False:
            right = {"breadcrumb": breadcrumb, "metadata": {"selected": False}}
            logger.warning(
                '%s: `"selected": false` in the schema of %s has no effect. Put it into the '
                "stream's `metadata` in the catalog: %s",
                entry.tap_stream_id,
                name,
                json.dumps(right),
            )
        _warn_of_schema(entry, one, breadcrumb)


def _is_no_choice(selected: object) -> bool:
    return selected is not None and not isinstance(selected, bool)


def read_state(path: str) -> dict[str, Any]:
    """Return the state in the file; empty where the file is, or holds none yet.

    Raises: ``InputFileError``, ``StateError``.
    """
    content = _read(path, "state")
    check_state(content)
    return dict(content)


def _read(path: str, kind: str) -> Any:
    try:
        raw = Path(path).read_bytes()
        # `json` finds out of bytes which UTF they are in, with a BOM or without.
        encoding = json.detect_encoding(raw)
        text = raw.decode(encoding).removeprefix("\ufeff")
        return parse_state(text) if kind == "state" else json.loads(text)
    except OSError as error:
        msg = (
            f"The {kind} file {path} cannot be read: {error.strerror}. Check its path, and who "
            "may read it."
        )
        raise InputFileError(msg) from error
    except json.JSONDecodeError as error:
        # The cause would hold the whole file, secrets included.
        msg = (
            f"The {kind} file {path} isn't valid JSON (line {error.lineno}, column "
            f"{error.colno}). Check the file."
        )
    except (UnicodeDecodeError, RecursionError):
        msg = f"The {kind} file {path} isn't valid JSON in UTF-8. Save it as UTF-8."
    raise InputFileError(msg)
