"""Values that never leave: secrets that Kustomer shows among the attributes of a resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["without"]


def without(attributes: Mapping[str, Any], paths: Iterable[Sequence[str]]) -> dict[str, Any]:
    """Return ``attributes`` without what is at ``paths``, each the names on the way down.

    >>> without({"settings": [{"token": "t", "on": True}]}, [("settings", "token")])
    {'settings': [{'on': True}]}
    """
    result = dict(attributes)
    for path in paths:
        _remove(result, path)
    return result


def _remove(attributes: dict[str, Any], path: Sequence[str]) -> None:
    """Remove the value at ``path``, copying what is changed on the way; lists are gone through."""
    name, *rest = path
    if name not in attributes:
        return
    if not rest:
        del attributes[name]
        return
    inner = attributes[name]
    if isinstance(inner, dict):
        attributes[name] = inner = dict(inner)
        _remove(inner, rest)
    elif isinstance(inner, list):
        attributes[name] = copies = [dict(x) if isinstance(x, dict) else x for x in inner]
        for one in copies:
            if isinstance(one, dict):
                _remove(one, rest)
