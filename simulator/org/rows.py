"""Makes a row's first JSON: shape, links, timestamps, custom values."""

from __future__ import annotations

import importlib
import random
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from simulator.clock import to_iso
from simulator.org.objects import KOBJECT, OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType, SimpleNamespace

    from simulator.jsontypes import JSON


@dataclass(frozen=True)
class Recipe:
    """All that a row's JSON is made of; the same recipe always makes the same row."""

    seed: int
    org_id: str
    name: str
    klass: str | None
    id: str
    now: float
    created: int | None
    updated: int | None
    deleted: bool
    parents: dict[str, str | list[str]]
    attributes: JSON
    relationships: JSON
    pools: Mapping[str, list[str]]  # ids that a row may refer to
    properties: Mapping[str, JSON]  # custom attributes known when the row was added
    plain: bool = False  # without the realistic shape: for tests that need many rows quickly


def build(recipe: Recipe) -> JSON:
    """Return the JSON:API resource of a recipe."""
    kind = OBJECTS[recipe.name]
    rng = random.Random(recipe.seed)
    attributes, relationships = _shape(recipe, rng)
    if recipe.properties and not recipe.plain:
        attributes["custom"] = {
            **_custom(recipe.properties, rng),
            **(attributes.get("custom") or {}),
        }
    attributes.pop("createdAt", None)
    attributes.pop("updatedAt", None)
    if recipe.created is not None:
        attributes["createdAt"] = to_iso(recipe.created)
    if recipe.updated is not None:
        attributes["updatedAt"] = to_iso(recipe.updated)
    if recipe.deleted or "deleted" in attributes:
        attributes["deleted"] = recipe.deleted
    if recipe.deleted and recipe.updated is not None:
        attributes["deletedAt"] = to_iso(recipe.updated)
    resource: JSON = {
        "type": f"kobject.{recipe.klass}" if recipe.name == KOBJECT else kind.type,
        "id": recipe.id,
        "attributes": {**attributes, **recipe.attributes},
        "relationships": {
            "org": reference("org", recipe.org_id),
            **relationships,
            **recipe.relationships,
        },
    }
    link = self_link(recipe.name, recipe.id, recipe.klass, recipe.parents)
    if link is not None:
        resource["links"] = {"self": link}
    return resource


def reference(kind: str, id: str, path: str | None = None) -> JSON:  # noqa: A002
    """Return a to-one relationship."""
    own = OBJECTS.get(kind)
    link = path or (own.path if own else None) or f"/v1/{kind}s/{{id}}"
    return {"links": {"self": link.replace("{id}", id)}, "data": {"type": kind, "id": id}}


def self_link(
    name: str,
    id: str,  # noqa: A002
    klass: str | None,
    parents: Mapping[str, str | list[str]],
) -> str | None:
    """Return a resource's own relative path, if its object has one."""
    path = OBJECTS[name].path
    if path is None:
        return None
    single = {key: value for key, value in parents.items() if isinstance(value, str)}
    return path.format_map({"customer": "", "message": "", **single, "id": id, "klass": klass})


def _shape(recipe: Recipe, rng: random.Random) -> tuple[JSON, JSON]:
    module = None if recipe.plain else _shapes()
    if module is None:
        return _plain(recipe)
    context = module.ShapeContext(
        org_id=recipe.org_id,
        now=recipe.now,
        created_at=None if recipe.created is None else to_iso(recipe.created),
        updated_at=None if recipe.updated is None else to_iso(recipe.updated),
        parents={**recipe.pools, **recipe.parents, "id": recipe.id},
    )
    shape: Callable[..., tuple[JSON, JSON]] = module.SHAPES[recipe.name]
    extra = {"klass": recipe.klass} if recipe.name == KOBJECT else {}
    return shape(rng, context, **extra)


def _plain(recipe: Recipe) -> tuple[JSON, JSON]:
    attributes: JSON = {"name": f"{recipe.name} {recipe.id[-6:]}", "rev": 1, "custom": {}}
    related = {
        parent: reference(parent, recipe.parents[parent])  # type: ignore[arg-type]
        for parent in OBJECTS[recipe.name].parents
        if isinstance(recipe.parents.get(parent), str)
    }
    if recipe.klass:
        related["klass"] = {
            "link": {"self": f"/v1/klasses/{recipe.klass}"},
            "data": {"type": "klass", "id": recipe.klass},
        }
    return attributes, related


@cache
def _shapes() -> ModuleType | SimpleNamespace | None:
    try:
        return importlib.import_module("simulator.shapes")
    except ModuleNotFoundError:
        return None


WORDS = [
    "amber",
    "birch",
    "cobalt",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "iris",
    "juniper",
]


def _custom(properties: Mapping[str, JSON], rng: random.Random) -> JSON:
    """Return values for most of an object's custom attributes; the API leaves absent ones out."""
    values: JSON = {}
    for name, definition in properties.items():
        if definition.get("deletedAt") or rng.random() < 0.25:  # noqa: PLR2004
            continue
        value = _custom_value(name, definition, rng)
        values[name] = [value] if definition.get("multi") else value
    return values


def _custom_value(name: str, definition: JSON, rng: random.Random) -> object:  # noqa: PLR0911
    enumeration = definition.get("enumeration")
    if isinstance(enumeration, list) and enumeration:
        return rng.choice(enumeration)
    if name.endswith("Num"):
        # One attribute holds whole numbers and fractions alike: seen in a real payload.
        return rng.randrange(10_000) if rng.random() < 0.9 else rng.randrange(10_000) / 8  # noqa: PLR2004
    if name.endswith("Bool"):
        return rng.random() < 0.5  # noqa: PLR2004
    if name.endswith("At"):
        moment = to_iso(1_600_000_000_000 + rng.randrange(150_000_000) * 1000)
        return moment if rng.random() < 0.8 else moment[:19] + "-05:00"  # noqa: PLR2004
    if name.endswith("Id"):
        return f"{rng.getrandbits(96):024x}"
    if name.endswith("Url"):
        return f"https://shop.example/{rng.choice(WORDS)}/{rng.randrange(1000)}"
    if name.endswith("Tree"):
        return f"{rng.choice(WORDS)}.{rng.choice(WORDS)}"
    if name.endswith("Txt"):
        return "\n".join(" ".join(rng.choices(WORDS, k=8)) for _ in range(3))
    return rng.choice(WORDS)
