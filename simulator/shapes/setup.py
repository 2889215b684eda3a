"""Shapes of what admins set up: tags, shortcuts, brands, klasses, surveys, apps, audit logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import to_iso
from simulator.shapes.base import (
    ADDITIONS,
    DAY,
    GOODS,
    HOUR,
    Shape,
    ShapeContext,
    authors,
    chance,
    earlier,
    maybe,
    object_id,
    relationships,
    to_one,
    weighted,
)

if TYPE_CHECKING:
    import random

    from simulator.jsontypes import JSON


def _changed(ctx: ShapeContext) -> JSON:
    return {"modifiedAt": to_iso(ctx.updated_ms)}


def tag(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a tag."""
    color = rng.choice(("#0e8a16", "#d93f0b", "#5319e7", None))
    name = f"{rng.choice(GOODS)}-{rng.randrange(1000)}"
    state = {"deleted": False, "deletedAt": None}
    return {"name": name, "color": color, **state, **_changed(ctx)}, authors(rng, ctx)


def shortcut(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a prepared reply; its `entityMap` has numbers as keys."""
    text = rng.choice(ADDITIONS)
    entity = {"type": "LINK", "mutability": "MUTABLE", "data": {"url": "https://shop.example"}}
    block = {"key": f"{rng.getrandbits(20):05x}", "text": text, "type": "unstyled", "depth": 0}
    attributes: JSON = {
        "name": f"/{rng.choice(GOODS)}{rng.randrange(1000)}",
        "draft": {"text": text},
        "payload": {"text": {"blocks": [block], "entityMap": {"0": entity}}},
        "conversation": {"custom": {}},
        "isPrivate": chance(rng, 0.2),
        "deleted": False,
        "appDisabled": False,
        "rev": rng.randint(1, 9),
        **_changed(ctx),
    }
    return attributes, authors(rng, ctx)


def brand(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a brand."""
    name = f"{rng.choice(GOODS).title()} House"
    icon = maybe(rng, 0.5, "https://shop.example/icon.png")
    return {"name": name, "iconUrl": icon, "default": False, **_changed(ctx)}, authors(rng, ctx)


def klass(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a klass; its name is the caller's to set."""
    name = ctx.one(rng, "klass") or f"thing-{rng.randrange(10_000)}"
    attributes: JSON = {
        "name": name,
        "displayName": name.replace("-", " ").title(),
        "icon": rng.choice(("box", "truck", "star")),
        "color": "",
        "status": "enabled",
        "mixins": rng.choice(([], ["assignable"], ["assignable", "commentable"])),
        "appDisabled": False,
    }
    return attributes, {"kobjects": {"links": {"self": f"/v1/klasses/{name}"}}}


def satisfaction(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a survey form; its last change is called `modified`."""
    channel = rng.choice(("email", "chat", "sms"))
    attributes: JSON = {
        "name": f"After {channel}",
        "description": f"Sent when a {channel} conversation is done.",
        "formType": "csat",
        "enabled": True,
        "channel": channel,
        "from": {"channel": channel, "account": "survey@example.com", "app": "postmark"},
        "delayTime": rng.choice((0, HOUR)),
        "scale": {"type": "number", "options": 5, "labelLow": "Bad", "labelHigh": "Great"},
        "introduction": "We would like to hear from you.",
        "ratingPrompt": "How did we do?",
        "metaTitle": "Survey",
        "metaDescription": "One question",
        "followUpType": "all",
        "questions": [],
        "allQuestions": [],
        "positiveQuestions": [],
        "negativeQuestions": [],
        "criteria": {"and": [], "or": []},
        "modified": to_iso(ctx.updated_ms),
    }
    template = relationships(template=to_one("kb_template", ctx.one(rng, "template")))
    return attributes, {**template, **authors(rng, ctx)}


def snooze(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a preset of the snooze menu; `value` is milliseconds, or an object for a day."""
    hours = rng.randint(1, 48)
    day = {"day": {"type": "tomorrow", "value": ""}, "time": "09:00 am"}
    relative = chance(rng, 0.6)
    attributes: JSON = {
        "name": f"{hours} hours" if relative else "Tomorrow morning",
        "enabled": True,
        "type": "relative" if relative else "dynamic",
        "value": hours * HOUR if relative else day,
        **_changed(ctx),
    }
    related = authors(rng, ctx)
    attributes["resource"] = "kobject" if chance(rng, 0.3) else "conversation"
    return attributes, related


def sub_status(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a sub-status: the org's own word within one of the three statuses."""
    related = authors(rng, ctx)
    attributes: JSON = {
        "label": f"Waiting for {rng.choice(('warehouse', 'carrier', 'bank'))}",
        "description": "Somebody else has to act.",
        "parentStatus": weighted(rng, {"open": 1, "snoozed": 2, "done": 1}),
        **_changed(ctx),
    }
    attributes["resourceType"] = "kobject" if chance(rng, 0.3) else "conversation"
    attributes["default"] = False
    return attributes, related


def audit_log(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return one change; its org is an attribute, its user both attribute and relationship.

    A change by the system has a user without an id.
    """
    kind = ctx.one(rng, "object_type") or rng.choice(("conversation", "customer"))
    verb = weighted(rng, {"update": 8, "create": 2, "delete": 1})
    person = maybe(rng, 0.7, ctx.one(rng, "user", "users"))
    change = {"op": "replace", "before": "open", "after": "done"}
    target = ctx.one(rng, "object", kind) or object_id(rng, ctx.created_ms)
    attributes: JSON = {
        "org": ctx.org_id,
        "eventName": f"kustomer.{kind}.{verb}",
        "eventVerb": verb,
        "userId": person,
        "userType": "user" if person else "system",
        "objectId": target,
        "objectType": kind,
        "client": rng.choice(("web", "routing-api", "workflow")),
        "ip": "192.0.2.10" if person else None,
        "changes": {"attributes": {"status": change}, "relationships": {}},
        "publishedAt": to_iso(ctx.created_ms + rng.randint(0, 9000)),
        "expiresAt": to_iso(ctx.created_ms + 90 * DAY),
    }
    customer = ctx.one(rng, "customer")
    author = {"links": {"self": f"/v1/users/{person or 'null'}"}}
    related = relationships(customer=to_one("customer", customer))
    return attributes, {**related, "user": {**author, "data": {"type": "user", "id": person}}}


def kb_article(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a knowledge base article; relationships to its texts are keyed by language."""
    title = f"Caring for your {rng.choice(GOODS)}"
    attributes: JSON = {
        "hash": f"{rng.getrandbits(40):010x}",
        "title": title,
        "source": "editor",
        "status": weighted(rng, {"published": 4, "draft": 1}),
        "scope": rng.choice(("public", "internal")),
        "tags": [],
        "categories": [],
        "knowledgeBases": [{"id": object_id(rng, ctx.created_ms), "featured": False}],
        "metaTitle": title,
        "metaDescription": "",
        "metaKeywords": [],
        "latestLangs": {"en_us": {"status": "published", "outdated": False}},
        "publishedAt": to_iso(ctx.updated_ms),
        "deleted": False,
        "deletedAt": None,
        **_changed(ctx),
    }
    version = {"data": {"type": "kb_article_version", "id": object_id(rng, ctx.updated_ms)}}
    publisher = relationships(publishedBy=to_one("user", ctx.one(rng, "user", "users")))
    related = {"categories": {"data": []}, "accessUsers": [], "published_en_us": version}
    return attributes, {**related, **publisher, **authors(rng, ctx)}


def kb_category(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a knowledge base category."""
    title = rng.choice(("Shipping", "Returns", "Care"))
    text = {"title": title, "slug": title.lower(), "description": "", "disabled": False}
    attributes: JSON = {
        "hash": f"{rng.getrandbits(40):010x}",
        "langs": {"en_us": text},
        "published": True,
        "root": False,
        "positions": [],
        "categoryPositions": [],
    }
    above = maybe(rng, 0.5, ctx.one(rng, "kb_category", "kb_categories"))
    parent = to_one("kb_category", above, "/v1/kb/categories")
    return attributes, {**relationships(parent=parent), **authors(rng, ctx)}


def card(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return an installed card: a web page shown beside a record."""
    attributes: JSON = {
        "name": f"Orders {rng.randrange(100)}",
        "description": "Orders of the customer.",
        "url": "https://cards.example.com/orders",
        "contexts": ["customer"],
        **_changed(ctx),
    }
    return attributes, relationships(app=to_one("app", f"shop_{rng.randrange(100)}"))


def kview(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a view of the agent's workspace."""
    attributes: JSON = {
        "resource": "customer",
        "context": "expanded-timeline",
        "template": f"<div>{rng.randrange(1000)}</div>",
        "meta": {"displayName": "Orders", "icon": "box"},
        "enabled": True,
        "advanced": False,
        "layout": [],
        "components": {},
        **_changed(ctx),
    }
    return attributes, authors(rng, ctx)


def outbound_webhook(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a webhook with its signing token, as the API hands it out."""
    attributes: JSON = {
        "name": f"Warehouse {rng.randrange(100)}",
        "url": "https://hooks.example.com/kustomer",
        "enabled": True,
        "isError": False,
        "events": ["kustomer.conversation.create", "kustomer.conversation.update"],
        "headers": [{"name": "X-Warehouse-Key", "value": f"{rng.getrandbits(64):016x}"}],
        "token": f"{rng.getrandbits(128):032x}",
        **_changed(ctx),
    }
    return attributes, authors(rng, ctx)


def spam_sender(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return an address that is always or never spam."""
    attributes: JSON = {
        "channel": "email",
        "list": rng.choice(("whitelist", "blacklist")),
        "sender": f"sender{rng.randrange(10_000)}@example.com",
        "modifiedAt": earlier(rng, ctx.updated_ms + 1, HOUR),
    }
    return attributes, authors(rng, ctx)
