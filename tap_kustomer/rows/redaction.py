"""Values that do not leave: secrets among the attributes, and what a rule of privacy names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tap_kustomer.naming import snake_case

__all__ = ["Withheld", "without"]


class Withheld:
    """The names whose values stay wherever the schema does not know what it sees.

    ``names`` are columns, custom attributes and secrets, dotted ones by their last part. A name is
    withheld in the words of the API too, as a part of a dotted one, and as the relationship that
    leads to a column.

    >>> withheld = Withheld(["display_name", "customer_id"])
    >>> [name in withheld for name in ("displayName", "a.display_name", "customer", "name")]
    [True, True, True, False]
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Withhold ``names``."""
        self._names = frozenset(snake_case(name.rpartition(".")[2]) for name in names)

    def __bool__(self) -> bool:
        """Whether anything is withheld."""
        return bool(self._names)

    def __contains__(self, name: str) -> bool:
        """Whether what ``name`` stands for is withheld."""
        parts = {snake_case(part) for part in (name, *name.split("."))}
        return any(part + ending in self._names for part in parts for ending in ("", "_id", "_ids"))

    def rest_of(self, value: Any) -> Any:
        """Return ``value`` without what is withheld, at whatever depth."""
        if not self._names:
            return value
        try:
            return self._rest_of(value)
        except RecursionError:
            return None  # nobody has looked into it

    def _rest_of(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._rest_of(one) for one in value]
        if isinstance(value, dict):
            return {name: self._rest_of(one) for name, one in value.items() if name not in self}
        return value


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
