"""Shape of a custom object, as an order."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from simulator.clock import to_iso
from simulator.shapes.base import (
    DAY,
    GOODS,
    Shape,
    ShapeContext,
    authors,
    chance,
    maybe,
    relationships,
    to_one,
)

if TYPE_CHECKING:
    import random

    from simulator.jsontypes import JSON


def kobject(rng: random.Random, ctx: ShapeContext, *, klass: str) -> Shape:
    """Return an object of ``klass``; its relationship to the klass has `link`, not `links`.

    About every other klass is assignable, which its name decides.
    """
    number, goods = rng.randrange(100_000), rng.choice(GOODS)
    attributes: JSON = {
        "externalId": f"{klass}-{number}",
        "title": f"{klass} #{number} ({goods})",
        "icon": "box",
        "images": [f"https://shop.example/{goods}.png"] if chance(rng, 0.3) else [],
        "tags": ctx.some(rng, "tags", 1),
        "rev": rng.randint(0, 9),
        "custom": {},
    }
    if chance(rng, 0.2):
        attributes["description"] = f"One {goods}, sent by parcel."
        attributes["data"] = {"source": "shop", "number": number}
    assignable = zlib.crc32(klass.encode()) % 2 == 0
    queue = ctx.one(rng, "queue", "queues") if assignable else None
    if assignable:
        done = chance(rng, 0.6)
        attributes |= {
            "status": "done" if done else "open",
            "queue": queue,
            "assignedUser": ctx.one(rng, "user", "users"),
            "doneCount": int(done),
            "reopenCount": 0,
            "reopenFromDoneCount": 0,
        }
        if done:
            attributes["firstDone"] = attributes["lastDone"] = {
                "time": DAY,
                "businessTime": DAY // 3,
                "createdAt": to_iso(ctx.updated_ms),
                "commentCount": 0,
            }
    related: JSON = {
        **relationships(
            customer=to_one("customer", ctx.one(rng, "customer")),
            company=to_one(
                "company", maybe(rng, 0.2, ctx.one(rng, "company", "companies")), "/v1/companies"
            ),
            queue=to_one("queue", queue),
        ),
        "klass": {
            "link": {"self": f"/v1/klasses/{klass}"},
            "data": {"type": "klass", "id": klass},
        },
        **authors(rng, ctx),
    }
    return attributes, related
