"""The org that is read: what discovery learned of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tap_kustomer.errors import StreamError

__all__ = ["Klass", "Org", "covers"]


@dataclass(frozen=True)
class Klass:
    """A custom type of the org."""

    id: str
    name: str  # the system name: stable, and part of `queryContext`
    status: str  # enabled, disabled or existing_only
    created_at: str  # UTC text; "" when unknown
    resource: Mapping[str, Any] = field(repr=False, default_factory=dict)

    @property
    def is_readable(self) -> bool:
        """Whether the klass gets a stream."""
        return self.status in {"enabled", "existing_only"}


@dataclass(frozen=True)
class Org:
    """One org, its klasses, its custom attributes, and what the key may do in it."""

    id: str | None
    roles: frozenset[str] | None  # None: Kustomer did not tell
    klasses: tuple[Klass, ...] = ()
    klasses_problem: StreamError | None = None  # why they could not be listed
    # Status -> the resources of its list, as sent; empty where a list could not be read.
    klass_lists: Mapping[str, Sequence[dict[str, Any]]] = field(repr=False, default_factory=dict)
    # Resource (customer, kobject.<klass>, ...) -> custom attribute -> its definition.
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # Resource -> why its definitions are not known.
    unread_metadata: Mapping[str, StreamError] = field(default_factory=dict)

    def may(self, roles: Iterable[str]) -> bool | None:
        """Whether the key holds any of ``roles``; ``None`` when that is not known."""
        wanted = tuple(roles)
        if self.roles is None or not wanted:
            return None
        return any(covers(held, role) for held in self.roles for role in wanted)


def covers(held: str, wanted: str) -> bool:
    """Whether a key with the role ``held`` has the role ``wanted``.

    A broader role covers those below it: UNCONFIRMED (role-table). Kustomer's answer decides.

    >>> covers("org.permission", "org.permission.tag.read"), covers("org.user", "org.permission.x")
    (True, False)
    """
    return wanted == held or wanted.startswith(f"{held}.")
