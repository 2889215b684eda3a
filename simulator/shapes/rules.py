"""Shapes of what an org configures: routing statuses, workflows, snippets, AI automations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import to_iso
from simulator.shapes.base import Shape, ShapeContext, authors, relationships, to_one, weighted

if TYPE_CHECKING:
    import random

    from simulator.jsontypes import JSON


def routing_status(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a status that agents may take in routing."""
    kind = weighted(rng, {"available": 2, "unavailable": 3, "busy": 1, "offline": 1})
    attributes: JSON = {
        "name": f"{kind.title()} {rng.randrange(100)}",
        "description": "What the agent does at the moment.",
        "statusType": kind,
        "selectable": kind != "offline",
        "system": False,
        "enabled": True,
        "routable": kind == "available",
    }
    return attributes, relationships(createdBy=to_one("user", ctx.one(rng, "user", "users")))


def routing_settings(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a team's capacity in routing."""
    attributes: JSON = {
        "enabled": True,
        "workItemCapacity": rng.randint(4, 12),
        "capacity": {"chat": rng.randint(1, 4), "email": rng.randint(4, 12)},
        "externalQueues": [],
        "modifiedAt": to_iso(ctx.updated_ms),
    }
    queues = [{"type": "queue", "id": id_} for id_ in ctx.some(rng, "queues", 3)]
    related = relationships(
        team=to_one("team", ctx.one(rng, "team", "teams")),
        modifiedBy=to_one("user", ctx.one(rng, "user", "users")),
    )
    return attributes, {**related, "queues": {"data": queues}}


def shortcut_category(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a category of shortcuts."""
    name = f"{rng.choice(('Returns', 'Greetings', 'Billing'))} {rng.randrange(100)}"
    above = to_one(
        "shortcut_category", ctx.one(rng, "shortcut_category"), "/v1/shortcuts/categories"
    )
    attributes: JSON = {"name": name, "modifiedAt": to_iso(ctx.updated_ms)}
    return attributes, {**relationships(parent=above), **authors(rng, ctx)}


def snippet(rng: random.Random, _: ShapeContext) -> Shape:
    """Return a text in several languages."""
    number = rng.randrange(1000)
    attributes: JSON = {
        "name": f"Closing {number}",
        "key": f"closing_{number}",
        "description": "Ends a message.",
        "category": "general",
        "app": None,
        "source": "Thank you!",
        "langs": {"en_us": {"text": "Thank you!"}, "de": {"text": "Danke!"}},
    }
    return attributes, {}


def workflow(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a workflow; the headers of its steps hold keys, as in real orgs."""
    call = {
        "action": "kustomer.rest-api.call",
        "params": {"headers": {"Authorization": f"Bearer {rng.getrandbits(96):024x}"}},
    }
    attributes: JSON = {
        "name": f"Escalate {rng.randrange(100)}",
        "description": "Tells the warehouse.",
        "trigger": {
            "id": f"{rng.getrandbits(96):024x}",
            "eventName": "kustomer.conversation.update",
        },
        "steps": [call],
        "lastError": {"message": "The key was refused."},
        "enabled": True,
        "editable": True,
        "containsVariables": False,
    }
    return attributes, authors(rng, ctx)


def ai_automation(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return an agent or assistant of the org."""
    person = ctx.one(rng, "user", "users")
    attributes: JSON = {
        "name": f"Order helper {rng.randrange(100)}",
        "description": "Answers where an order is.",
        "type": rng.choice(("conversational", "customer", "rep", "workflow")),
        "version": rng.randint(1, 9),
        "machineUserId": person,
        "modifiedAt": to_iso(ctx.updated_ms),
    }
    user = to_one("user", person)
    return attributes, relationships(user=user, modifiedBy=user)
