"""Which version of a row is the newer one: ``rev`` decides, then ``updatedAt``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tap_kustomer import timestamps

__all__ = ["SeenVersions", "Version", "rev_of"]


class Version(NamedTuple):
    """What tells two versions of a row apart. ``rev`` grows by one with each change."""

    rev: float | None
    updated_at: str  # UTC text; "" when unknown

    @classmethod
    def of(cls, resource: Mapping[str, Any]) -> Version:
        """Return the version of a resource."""
        attributes = resource.get("attributes")
        if not isinstance(attributes, dict):
            return cls(None, "")
        rev = rev_of(attributes.get("rev"))
        return cls(rev, timestamps.normalise(attributes.get("updatedAt")) or "")

    def is_newer_than(self, other: Version) -> bool:
        """Whether a row changed from ``other`` to this."""
        if self.rev is None or other.rev is None or self.rev == other.rev:
            return self.updated_at > other.updated_at
        return self.rev > other.rev


def rev_of(value: object) -> float | None:
    """Return the number that ``value`` is; ``None`` for what is no ``rev``."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


class SeenVersions:
    """The newest version of each row that a list has shown."""

    def __init__(self) -> None:
        """Begin with none."""
        self._seen: dict[str, Version] = {}

    def __len__(self) -> int:
        """Return the number of different rows."""
        return len(self._seen)

    def takes(self, id_: str, resource: Mapping[str, Any]) -> bool:
        """Whether a row is new, or newer than it was when it was seen before; notes it then."""
        version = Version.of(resource)
        before = self._seen.get(id_)
        if before is not None and not version.is_newer_than(before):
            return False
        self._seen[id_] = version
        return True
