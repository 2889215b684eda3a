"""Rows of endpoints without a schema file: what looks like a secret is taken out first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tap_kustomer.catalog.extra_columns import PARENT_ROW_ID
from tap_kustomer.errors import StreamError
from tap_kustomer.naming import snake_case
from tap_kustomer.rows.maker import Record, RecordShape, RowMaker
from tap_kustomer.settings.extra_streams import ExtraStream

__all__ = ["BELONGS_TO", "ExtraRowMaker", "identified", "looks_secret", "public"]

BELONGS_TO = "parent row"  # member of a resource, set by the tap: the id of the parent's row

_WORDS = frozenset(
    {
        *("token", "tokens", "secret", "secrets", "password", "passwords", "passwd", "passphrase"),
        *("authorization", "signature", "signatures", "credential", "credentials", "apikey"),
        *("headers", "cookie", "cookies", "jwt", "bearer"),
    }
)
_KEYS = re.compile(r"(^|_)(api|private|access|signing|encryption|shared|hook)_?keys?(_|$)")


def identified(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resource with its id; where a list leaves it out, the own link ends with it."""
    links = resource.get("links")
    link = links.get("self") if isinstance(links, dict) else None
    if resource.get("id") is None and isinstance(link, str):
        tail = link.partition("?")[0].rstrip("/").rpartition("/")[2]
        return {**resource, "id": tail or None}
    return dict(resource)


def looks_secret(name: str) -> bool:
    """Whether a name is one of those that secrets have.

    >>> looks_secret("lastTokenChars"), looks_secret("X-Api-Key"), looks_secret("tokenizer")
    (True, True, False)
    """
    column = snake_case(name)
    return not _WORDS.isdisjoint(column.split("_")) or bool(_KEYS.search(column))


def public(value: Any, entry: ExtraStream) -> Any:
    """Return ``value`` without what is secret, at whatever depth.

    A pair such as ``{"name": "Authorization", "value": ...}`` loses its value.
    """
    if isinstance(value, list):
        return [public(one, entry) for one in value]
    if not isinstance(value, dict):
        return value
    labels = [value.get(label) for label in ("name", "key", "header", "id")]
    hides_value = any(isinstance(label, str) and _is_secret(label, entry) for label in labels)
    return {
        name: public(one, entry)
        for name, one in value.items()
        if not _is_secret(name, entry) and not (hides_value and name == "value")
    }


def _is_secret(name: str, entry: ExtraStream) -> bool:
    if snake_case(name) in entry.secrets:
        return True
    return looks_secret(name) and not {name, snake_case(name)} & entry.shown


class ExtraRowMaker(RowMaker):
    """Makes the rows of one entry of ``extra_streams``."""

    def __init__(self, shape: RecordShape, entry: ExtraStream) -> None:
        """Compile the conversion of ``shape``."""
        super().__init__(shape)
        self._entry = entry
        self._key = snake_case(entry.key)
        self._names_parent = PARENT_ROW_ID in shape.selected

    def __call__(self, resource: Mapping[str, Any]) -> Record:
        """Return the row of ``resource``. Raises ``StreamError`` when it lacks its key."""
        resource = identified(resource)
        parent, id_ = resource.pop(BELONGS_TO, None), resource.get("id")
        if self._key == "id" and not isinstance(id_, (str, int)):
            raise self._keyless()
        row = super().__call__({**public(resource, self._entry), "id": id_})
        if row.get(self._key) in {None, ""}:
            raise self._keyless()
        if self._names_parent:
            row[PARENT_ROW_ID] = None if parent is None else str(parent)
        return row

    def _keyless(self) -> StreamError:
        entry = self._entry
        return StreamError(
            entry.problem(
                f"a row of {entry.path} has no `{entry.key}` to go by. Set `key` to an attribute "
                "that every row has."
            )
        )
