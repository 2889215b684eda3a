"""Shapes of routing: queues, their rules, work sessions and work items, SLAs, schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import to_iso
from simulator.shapes.base import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Shape,
    ShapeContext,
    authors,
    chance,
    maybe,
    object_id,
    relationships,
    to_one,
    weighted,
)
from simulator.shapes.story import CHANNEL_SHARES

if TYPE_CHECKING:
    import random

    from simulator.jsontypes import JSON

OFFICE_HOURS = [[480, 1020]]  # minutes since midnight
PRIORITIES = "12345"


def queue(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a routing queue."""
    name = rng.choice(("returns", "billing", "vip", "chat"))
    attributes: JSON = {
        "name": f"{name}-{rng.randrange(100)}",
        "displayName": name.title(),
        "description": f"Conversations about {name}.",
        "priority": rng.randint(1, 5),
        "itemSize": rng.randint(1, 10),
        "system": False,
        "restrictTransfersByUsers": False,
        "settings": {"overrideAssignment": "never", "putBackItemsOnOffline": "always"},
        "modifiedAt": to_iso(ctx.updated_ms),
        "deleted": False,
    }
    return attributes, authors(rng, ctx)


def queue_rule(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a rule that puts conversations into a queue."""
    wanted = {"conversation_channels": {"operator": "contains", "value": "email"}}
    attributes: JSON = {
        "name": f"Mail to queue {rng.randrange(100)}",
        "description": "",
        "enabled": chance(rng, 0.9),
        "criteria": {"and": [wanted], "or": []},
        "modifiedAt": to_iso(ctx.updated_ms),
    }
    target = relationships(queue=to_one("queue", ctx.one(rng, "queue", "queues")))
    return attributes, {**target, **authors(rng, ctx)}


def work_session(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return an agent's shift in routing; without `signedOutAt` it is still open."""
    start, length = ctx.created_ms, rng.randint(2 * HOUR, 9 * HOUR)
    opened = start + length > ctx.now_ms
    available = int(length * 0.7)
    limit = rng.randint(4, 12)
    items = rng.randint(0, limit) if opened else 0
    statuses = {object_id(rng, start): {"statusAt": to_iso(start), "time": available}}
    attributes: JSON = {
        "active": opened,
        "routable": opened,
        "statusType": weighted(rng, {"available": 3, "unavailable": 1, "busy": 1}),
        "capacityStatus": rng.choice(("idle", "at-capacity", "not-at-capacity")),
        "signedInAt": to_iso(start),
        "signedOutAt": None if opened else to_iso(start + length),
        "workItemCount": items,
        "pausedWorkItemCount": 0,
        "handledItemCount": rng.randint(0, 60),
        "handledConversationCount": rng.randint(0, 40),
        "totalCapacity": limit,
        "capacityRemaining": limit - items,
        "capacity": [{"priority": 1, "limit": limit, "remaining": limit - items}],
        "totalAvailable": {"statusAt": to_iso(start), "time": available},
        "totalUnavailable": {"statusAt": to_iso(start), "time": length - available},
        "totalTimeByStatus": statuses,
        "lastAssignedItemAt": to_iso(start + length // 2),
        "lastCompletedItemAt": None if opened else to_iso(start + length),
        "modifiedAt": to_iso(ctx.updated_ms),
        "rev": rng.randint(1, 200),
    }
    queues = [{"type": "queue", "id": id_} for id_ in ctx.some(rng, "queues", 3)]
    person = ctx.one(rng, "user", "users")
    related = relationships(
        user=to_one("user", person),
        team=to_one("team", ctx.one(rng, "team", "teams")),
        status=to_one("routing_user_status", next(iter(statuses)), "/v1/routing/statuses"),
        modifiedBy=to_one("user", person),
    )
    return attributes, {**related, "queues": {"data": queues}}


def work_item(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a conversation's way through the routing.

    Times are milliseconds: UNCONFIRMED (duration-unit).
    """
    start = ctx.created_ms
    waited, handled = rng.randint(SECOND, HOUR), rng.randint(MINUTE, 2 * HOUR)
    status = weighted(rng, {"completed": 7, "queued": 1, "routed": 1, "assigned": 1})
    finished = status == "completed"
    entered = to_iso(start + SECOND)
    attributes: JSON = {
        "resourceType": "conversation",
        "status": status,
        "paused": False,
        "channel": ctx.one(rng, "channel") or weighted(rng, CHANNEL_SHARES),
        "priority": rng.randint(1, 5),
        "itemSize": rng.randint(1, 10),
        "queuedCount": rng.randint(1, 2),
        "workItemNumber": rng.randint(1, 3),
        "resourceCreatedAt": to_iso(start),
        "resourceDirection": "in",
        "resourceRev": rng.randint(1, 9),
        "firstEnterQueueAt": entered,
        "completedAt": to_iso(start + waited + handled) if finished else None,
        "handle": {"time": handled, "businessTime": handled // 2} if finished else {},
        "ivr": {"enteredAt": to_iso(start), "time": SECOND, "businessTime": SECOND},
        "lastRevision": {
            "enteredQueueAt": entered,
            "acceptedAt": to_iso(start + waited) if finished else None,
        },
        "wrapUp": {"enteredAt": to_iso(start + waited), "time": SECOND} if finished else {},
        "abandoned": {},
        "firstRoutedResponse": {},
        "resourceFirstQueueTime": SECOND,
        "resourceFirstRouteTime": waited,
        "resourceFirstAssignTime": waited if finished else None,
        "modifiedAt": to_iso(ctx.updated_ms),
        "rev": rng.randint(1, 20),
    }
    person = to_one("user", ctx.one(rng, "user", "users")) if finished else None
    related = relationships(
        resource=to_one("conversation", ctx.one(rng, "conversation")),
        queue=to_one("queue", ctx.one(rng, "queue", "queues")),
        team=to_one("team", ctx.one(rng, "team", "teams")),
        assignedTo=person,
        acceptedBy=person,
        workSession=to_one("work_session", ctx.one(rng, "work_session")),
        routedTo=person,
        routedToSession=to_one("work_session", ctx.one(rng, "work_session")),
        rule=to_one("queue_rule", ctx.one(rng, "queue_rule")),
    )
    return attributes, related


def sla(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return an SLA; its terms are in its versions."""
    versions = ctx.parents.get("sla_versions") or ctx.parents.get("sla_version") or []
    ids = [versions] if isinstance(versions, str) else versions
    related = relationships(createdBy=to_one("user", ctx.one(rng, "user", "users")))
    related["versions"] = {"data": [{"type": "sla_version", "id": id_} for id_ in ids]}
    return {"currentVersion": max(len(ids), 1)}, related


def sla_version(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return one version of an SLA; its times are milliseconds by priority."""
    hours = rng.randint(1, 24)
    times = dict.fromkeys(PRIORITIES, hours * HOUR)
    wanted = {"conversation_channel": {"operator": "contains", "value": "email"}}
    attributes: JSON = {
        "name": f"Replies within {hours} h",
        "description": "Mail from customers.",
        "version": rng.randint(1, 3),
        "hours": rng.choice(("calendar", "business")),
        "metrics": {
            "firstResponse": {"enabled": True, "times": times},
            "totalConversationOpenTime": {"enabled": False, "times": {}},
        },
        "criteria": {"and": [wanted]},
    }
    return attributes, relationships(
        sla=to_one("sla", ctx.one(rng, "sla")),
        createdBy=to_one("user", ctx.one(rng, "user", "users")),
    )


def schedule(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return business hours: minutes of the day by weekday, null on free days."""
    weekend = {"0": None, "6": None}
    attributes: JSON = {
        "name": f"Hours {rng.randrange(100)}",
        "hours": {**weekend, **{str(day): OFFICE_HOURS for day in range(1, 6)}},
        "timezone": rng.choice(("Europe/Lisbon", "America/Chicago")),
        "default": False,
        "modifiedAt": to_iso(ctx.updated_ms),
    }
    return attributes, authors(rng, ctx)


def holiday(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a day on which a schedule does not hold."""
    start = ctx.created_ms + rng.randint(1, 300) * DAY
    attributes: JSON = {
        "name": f"Day off {rng.randrange(100)}",
        "description": maybe(rng, 0.5, "Office closed."),
        "enabled": True,
        "startDate": to_iso(start),
        "endDate": to_iso(start + DAY - SECOND),
        "modifiedAt": to_iso(ctx.updated_ms),
    }
    plan = relationships(schedule=to_one("schedule", ctx.one(rng, "schedule")))
    return attributes, {**plan, **authors(rng, ctx)}
