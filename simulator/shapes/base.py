"""What every shape is made with: the context of a row, chances, ids, relationships, words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from simulator.clock import to_iso, to_ms
from simulator.jsontypes import JSON

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

Shape: TypeAlias = tuple[JSON, JSON]
"""A row's attributes and relationships, in the API's camelCase."""

SECOND = 1000  # milliseconds, the unit of every duration here
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True)
class ShapeContext:
    """What the store knows about the row to make.

    ``now`` is in unix seconds. ``parents`` names the ids that the row refers to: customer,
    conversation, message, company, user(s), team(s), tags, queue(s), sla, sla_version, brand,
    session, ...; also ``channel``, to give the messages of a conversation its channel.
    """

    org_id: str
    now: float
    created_at: str | None
    updated_at: str | None
    parents: Mapping[str, str | list[str]]

    @cached_property
    def now_ms(self) -> int:
        """Return unix milliseconds."""
        return int(self.now * 1000)

    @cached_property
    def created_ms(self) -> int:
        """Return when the row was created, in unix milliseconds."""
        return to_ms(self.created_at) if self.created_at else self.now_ms

    @cached_property
    def updated_ms(self) -> int:
        """Return when the row was last changed, in unix milliseconds."""
        return to_ms(self.updated_at) if self.updated_at else self.created_ms

    def one(self, rng: random.Random, *keys: str) -> str | None:
        """Return the id under the first key that is there, or one of its list."""
        for key in keys:
            value = self.parents.get(key)
            if value:
                return value if isinstance(value, str) else rng.choice(value)
        return None

    def some(self, rng: random.Random, key: str, most: int) -> list[str]:
        """Return up to ``most`` ids of the list under ``key``."""
        value = self.parents.get(key) or []
        known = [value] if isinstance(value, str) else value
        return rng.sample(known, min(len(known), rng.randint(0, most)))


def chance(rng: random.Random, probability: float) -> bool:
    """Return True in that share of cases."""
    return rng.random() < probability


def weighted(rng: random.Random, weights: Mapping[str, float]) -> str:
    """Return one of the names, by weight."""
    return rng.choices(list(weights), list(weights.values()))[0]


def maybe(rng: random.Random, probability: float, value: object) -> Any:
    """Return ``value`` in that share of cases, else null."""
    return value if rng.random() < probability else None


def object_id(rng: random.Random, milliseconds: int) -> str:
    """Return a 24-digit id that sorts by creation second, like the vendor's."""
    return f"{milliseconds // 1000:08x}{rng.getrandbits(64):016x}"


def earlier(rng: random.Random, milliseconds: int, most: int) -> str:
    """Return a timestamp up to ``most`` milliseconds before."""
    return to_iso(milliseconds - rng.randrange(most))


def to_one(kind: str, identifier: str | None, path: str | None = None) -> JSON | None:
    """Return a to-one relationship, null without an id."""
    if identifier is None:
        return None
    return {
        "links": {"self": f"{path or f'/v1/{kind}s'}/{identifier}"},
        "data": {"type": kind, "id": identifier},
    }


def relationships(**related: JSON | None) -> JSON:
    """Return the relationships that are there."""
    return {name: value for name, value in related.items() if value is not None}


def authors(rng: random.Random, ctx: ShapeContext, *, deleted: bool = False) -> JSON:
    """Return createdBy and modifiedBy: sometimes absent, sometimes null as in real payloads."""
    made: JSON = {}
    for name in ("createdBy", "modifiedBy", *(["deletedBy"] if deleted else [])):
        user = ctx.one(rng, "user", "users")
        if user is None or chance(rng, 0.1):
            if chance(rng, 0.5):
                made[name] = None
        else:
            made[name] = to_one("user", user)
    return made


FIRST_NAMES = ("Ada", "Bruno", "Carla", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Ines", "Noor")
LAST_NAMES = ("Abara", "Berg", "Castell", "Dufour", "Engel", "Fontana", "Grau", "Haddad", "Lind")
CITIES = (
    ("Lisbon", "PT", 38.72, -9.14),
    ("Austin", "US", 30.27, -97.74),
    ("Gdynia", "PL", 54.52, 18.53),
    ("Osaka", "JP", 34.69, 135.5),
)
GOODS = ("kettle", "lantern", "backpack", "notebook", "bicycle", "scarf", "teapot", "lamp", "tent")
ISSUES = (
    "arrived damaged",
    "has not arrived yet",
    "was charged twice",
    "has the wrong size",
    "stopped working",
    "should be returned",
)
ADDITIONS = (
    "I ordered it last week and would like to know what happens next.",
    "Could you please look into this and tell me what I should do?",
    "The tracking page has shown the same step for days.",
    "A replacement would be fine, a refund as well.",
    "Thanks for the quick answer so far.",
)


def person_name(rng: random.Random) -> tuple[str, str]:
    """Return a first and a last name."""
    return rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)


def email_of(first: str, last: str, number: int) -> str:
    """Return an address in a domain that never receives mail."""
    return f"{first}.{last}{number}@example.com".lower()


def phone(rng: random.Random) -> str:
    """Return a number of the range reserved for fiction."""
    return f"+1{rng.choice(('212', '312', '415', '646'))}55501{rng.randrange(100):02d}"


def complaint(rng: random.Random) -> str:
    """Return one sentence about an order."""
    return f"My {rng.choice(GOODS)} {rng.choice(ISSUES)}"
