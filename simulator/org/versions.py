"""First versions of rows, made from a recipe or from a resource as it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simulator.clock import to_ms
from simulator.org.index import Version
from simulator.org.objects import contexts_of
from simulator.org.rows import Recipe, build

if TYPE_CHECKING:
    from simulator.jsontypes import JSON, Instant, Instants

MISSING: Any = object()  # as `updated_at` or `created_at`: the row has none


def first_version(recipe: Recipe) -> Version:
    """Return the first version of a row; its JSON is made when it is asked for."""
    attributes = recipe.attributes
    updated, created = recipe.updated, recipe.created
    if "updatedAt" in attributes:
        updated = instant_of(attributes["updatedAt"])
    if "createdAt" in attributes:
        created = instant_of(attributes["createdAt"])
    return Version(
        row=-1,
        number=-1,
        id=recipe.id,
        name=recipe.name,
        contexts=contexts_of(recipe.name, recipe.klass),
        created=created,
        updated=updated,
        deleted=recipe.deleted,
        parents=recipe.parents,
        make=lambda: build(recipe),
    )


def new_version(old: Version, resource: JSON, *, row: int, updated: int | None) -> Version:
    """Return another version of a row; ``row`` -1 makes it one that the index does not know."""
    return Version(
        row=row,
        number=-1,
        id=old.id,
        name=old.name,
        contexts=old.contexts,
        created=old.created,
        updated=updated,
        deleted=(resource.get("attributes") or {}).get("deleted") is True,
        parents=old.parents,
        make=lambda: resource,
    )


def nth(instants: Instants, number: int) -> Instant:
    """Return the instant for the row of this number."""
    if callable(instants):
        return instants(number)
    if isinstance(instants, (str, int, float, dt.datetime)):
        return instants
    assert isinstance(instants, Sequence)  # noqa: S101  # the only kind left
    return instants[number]


def instant_of(value: object) -> int | None:
    """Return the milliseconds of a timestamp, None for anything else."""
    try:
        return to_ms(value) if isinstance(value, str) else None
    except ValueError:
        return None


def parents_in(resource: JSON) -> dict[str, str | list[str]]:
    """Return the ids of a resource's to-one relationships."""
    related = resource.get("relationships") or {}
    found = {
        name: (value or {}).get("data", {}) for name, value in related.items()
        if isinstance(value, dict)
    }  # fmt: skip
    return {
        name: data["id"] for name, data in found.items()
        if isinstance(data, dict) and isinstance(data.get("id"), str)
    }  # fmt: skip
