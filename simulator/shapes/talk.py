"""Shapes of what a conversation holds: messages, notes, times, events, attachments, surveys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import to_iso
from simulator.shapes.base import (
    ADDITIONS,
    CITIES,
    DAY,
    GOODS,
    HOUR,
    MINUTE,
    SECOND,
    Shape,
    ShapeContext,
    authors,
    chance,
    complaint,
    email_of,
    maybe,
    object_id,
    person_name,
    phone,
    relationships,
    to_one,
    weighted,
)
from simulator.shapes.story import CHANNEL_SHARES, CHANNELS

if TYPE_CHECKING:
    import random

    from simulator.jsontypes import JSON

SUPPORT = "support@example.com"


def belongs(rng: random.Random, ctx: ShapeContext, *names: str) -> JSON:
    """Return the to-one relationships to those parents that the context has."""
    return relationships(**{name: to_one(name, ctx.one(rng, name)) for name in names})


def message(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a message of about 1.5 KB.

    ``meta.to``, ``cc`` and ``bcc`` are text, an object or an array, as real rows have them.
    UNCONFIRMED (duration-unit): `responseTime` is in milliseconds.
    """
    channel = ctx.one(rng, "channel") or weighted(rng, CHANNEL_SHARES)
    kind = CHANNELS.get(channel, CHANNELS["email"])
    inbound = chance(rng, 0.55)
    role = weighted(rng, {"initial": 3, "response": 5, "followup": 2})
    sent = ctx.created_ms
    subject = complaint(rng)
    wait = int(kind.first_response * rng.lognormvariate(0.0, 0.8))
    replies = not inbound and role == "response"
    attributes: JSON = {
        "externalId": f"<{rng.getrandbits(96):024x}@mail.example.com>",
        "channel": channel,
        "app": kind.app,
        "subject": subject if channel == "email" else None,
        "preview": f"{subject}. " + " ".join(rng.sample(ADDITIONS, rng.randint(1, 3))),
        "size": rng.randint(40, 2000),
        "direction": "in" if inbound else "out",
        "directionType": f"{role}-{'in' if inbound else 'out'}",
        "status": "received" if inbound else weighted(rng, {"sent": 49, "error": 1}),
        "auto": not inbound and chance(rng, 0.1),
        "meta": _meta(rng, channel, subject, inbound=inbound),
        "sentiment": {"polarity": rng.choice((-1, 0, 1)), "confidence": round(rng.random(), 6)},
        "responseTime": wait if replies else None,
        "responseBusinessTime": min(wait, HOUR) if replies else None,
        "assignedUsers": ctx.some(rng, "users", 1),
        "assignedTeams": ctx.some(rng, "teams", 1),
        "createdByTeams": [] if inbound else ctx.some(rng, "teams", 1),
        "reactions": [],
        "intentDetections": [],
        "lang": rng.choice(("en_us", "de", "pt_pt", None)),
        "redacted": False,
        "sentAt": to_iso(sent),
        "rev": rng.randint(1, 5),
        "custom": {},
    }
    if not inbound:
        attributes["firstDelivered"] = {
            "timestamp": to_iso(sent + SECOND),
            "clientType": rng.choice(("web", "ios", "android")),
            "clientVersion": "4.2.0",
        }
    if attributes["status"] == "error":
        attributes |= {
            "errorAt": to_iso(sent),
            "error": {"status": 550, "title": "Mailbox unavailable"},
        }
    if not inbound and chance(rng, 0.1):
        attributes["source"] = rng.choice(("bulk", "satisfaction"))
    if chance(rng, 0.1):
        attributes["modifiedAt"] = to_iso(ctx.updated_ms)
    shortcuts = ctx.some(rng, "shortcuts", 1) if not inbound else []
    related = {
        **belongs(rng, ctx, "customer", "conversation"),
        **(authors(rng, ctx) if not inbound else {}),
        "shortcuts": {"data": [{"type": "shortcut", "id": id_} for id_ in shortcuts]},
    }
    if chance(rng, 0.05) and "customer" in related:
        related["customer"]["data"]["type"] = "customers"  # as in the vendor's own examples
    return attributes, related


def _meta(rng: random.Random, channel: str, subject: str, *, inbound: bool) -> JSON:
    first, last = person_name(rng)
    if channel == "voice":
        placed = {"to": phone(rng), "from": phone(rng), "status": "completed"}
        return {**placed, "externalRecordingUrl": "https://calls.example.com/r/1"}
    if channel in ("sms", "whatsapp"):
        return {"to": rng.choice((phone(rng), {"contact": phone(rng)})), "from": phone(rng)}
    if channel != "email":
        return {"trackingId": f"{rng.getrandbits(96):024x}"}
    address = email_of(first, last, rng.randrange(100_000))
    sender, receiver = (address, SUPPORT) if inbound else (SUPPORT, address)
    to: object = [{"email": receiver, "name": f"{first} {last}"}]
    if chance(rng, 0.06):
        to = rng.choice((receiver, {"email": receiver}))
    return {
        "subject": subject,
        "from": sender,
        "to": to,
        "cc": rng.choice(([], [], [], "lead@example.com", {"email": "lead@example.com"})),
        "bcc": [],
        "recipient": {"email": receiver, "mailboxHash": ""},
        "inReplyTo": maybe(rng, 0.4, f"<{rng.getrandbits(96):024x}@mail.example.com>"),
    }


def note(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return an internal note."""
    mentioned = ctx.some(rng, "users", 1)
    attributes: JSON = {
        "body": f"{complaint(rng)}; the customer was told so by phone.",
        "externalId": None,
        "createdByTeams": ctx.some(rng, "teams", 1),
        "lang": maybe(rng, 0.5, "en_us"),
        "custom": {},
    }
    if chance(rng, 0.1):
        attributes["modifiedAt"] = to_iso(ctx.updated_ms)
    related = {**belongs(rng, ctx, "customer", "conversation"), **authors(rng, ctx)}
    if mentioned:
        related["userMentions"] = {"data": [{"type": "user", "id": id_} for id_ in mentioned]}
    return attributes, related


def conversation_time(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return the time an agent spent, in seconds; a part comes from the newer timer.

    That both come from one search is UNCONFIRMED (handle-time-unit).
    """
    handled = int(rng.lognormvariate(4.5, 1.0)) + 1
    created = ctx.created_ms
    attributes: JSON = {
        "handleAt": to_iso(created - handled * SECOND),
        "handleTime": handled,
        "channels": [ctx.one(rng, "channel") or weighted(rng, CHANNEL_SHARES)],
        "assignedUsers": ctx.some(rng, "users", 1),
        "assignedTeams": ctx.some(rng, "teams", 1),
        "createdByTeams": ctx.some(rng, "teams", 1),
    }
    if chance(rng, 0.6):
        attributes |= {"messageAt": to_iso(created), "messageTime": rng.randint(1, handled)}
        attributes |= {"messagesSent": rng.randint(1, 3), "touched": True}
    if chance(rng, 0.2):
        attributes |= {"noteAt": to_iso(created), "noteTime": rng.randint(1, handled)}
        attributes |= {"notesSent": 1}
    attributes |= {name: chance(rng, 0.2) for name in ("reopened", "snoozed", "resolved")}
    user = ctx.one(rng, "user", "users")
    author = to_one("user", user)
    related = belongs(rng, ctx, "customer", "conversation")
    if chance(rng, 0.2):
        attributes |= _of_newer_timer(attributes, user, created)
        related |= relationships(handleBy=author)
    return attributes, {**related, **relationships(createdBy=author)}


def _of_newer_timer(attributes: JSON, user: str | None, created: int) -> JSON:
    """Return what differs in an entry of version 2, which counts milliseconds."""
    times = ("handleTime", "messageTime", "noteTime")
    return {
        **{name: attributes[name] * SECOND for name in times if name in attributes},
        "timerVersion": "v2",
        "handleBy": user,
        "handlePauseAt": to_iso(created),
        "handlePauseBy": user,
        "isFocused": False,
        "isInitialFocusSession": True,
        "agentActionTrigger": "reply_sent" if "messageTime" in attributes else "note_sent",
        "conversationStatus": "open",
    }


def customer_event(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a change on the timeline, or a tracked event of a session."""
    moment = to_iso(ctx.updated_ms)
    tracked = ctx.one(rng, "session")
    related = {**belongs(rng, ctx, "customer", "conversation", "message"), **authors(rng, ctx)}
    if tracked is not None:
        city, country, latitude, longitude = rng.choice(CITIES)
        place = {"countryCode": country, "cityName": city}
        return {
            "name": "tracking.viewed-product",
            "type": "customer",
            "trackingEvent": "tracking.viewed-product",
            "sessionId": tracked,
            "realIp": "192.0.2.7",
            "app": None,
            "location": {**place, "latitude": latitude, "longitude": longitude},
            "meta": {"productStr": rng.choice(GOODS)},
            "publishedAt": moment,
            "modifiedAt": None,
        }, related
    change = {"op": "replace", "before": "open", "after": "done"}
    attributes: JSON = {
        "name": rng.choice(("kustomer.conversation.update", "kustomer.conversation.create")),
        "type": "conversation",
        "changes": {"attributes": {"status": change}, "relationships": {}},
        "location": None,
        "meta": None,
        "publishedAt": moment,
        "modifiedAt": moment,
    }
    return attributes, related


def attachment(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return an attachment; its signed link is the server's to make."""
    kind, ending = rng.choice((("image/png", "png"), ("application/pdf", "pdf")))
    attributes: JSON = {
        "name": f"{rng.choice(GOODS)}-{rng.randrange(1000)}.{ending}",
        "contentType": kind,
        "contentLength": rng.randint(500, 4_000_000),
        "redacted": False,
    }
    return attributes, belongs(rng, ctx, "message")


def draft(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a message that was written and not sent."""
    body = rng.choice(("", rng.choice(ADDITIONS)))
    attributes: JSON = {
        "channel": rng.choice(("email", "chat")),
        "body": body,
        "status": "draft",
        "payload": _editor(rng, body),
        "modifiedAt": to_iso(ctx.updated_ms),
    }
    return attributes, {**belongs(rng, ctx, "customer", "conversation"), **authors(rng, ctx)}


def forward(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a conversation's forward to a third party."""
    body = rng.choice(ADDITIONS)
    attributes: JSON = {
        "channel": "email",
        "app": "postmark",
        "body": body,
        "from": {"name": "Support", "email": SUPPORT},
        "to": [{"name": "Warehouse", "email": "warehouse@example.com"}],
        "status": rng.choice(("draft", "sent")),
        "payload": _editor(rng, body),
        "modifiedAt": to_iso(ctx.updated_ms),
    }
    files = [{"type": "attachment", "id": object_id(rng, ctx.created_ms)}]
    related = {**belongs(rng, ctx, "customer", "conversation"), **authors(rng, ctx)}
    return attributes, {**related, "attachments": {"data": files if chance(rng, 0.3) else []}}


def _editor(rng: random.Random, text: str) -> JSON:
    block = {"key": f"{rng.getrandbits(20):05x}", "text": text, "type": "unstyled", "depth": 0}
    return {"draftJs": {"blocks": [block], "entityMap": {}}}


def satisfaction_response(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return one survey sent to one customer; known from `conversation.satisfactionLevel`."""
    rated = chance(rng, 0.5)
    rating = rng.randint(1, 5)
    sent = to_iso(ctx.created_ms)
    attributes: JSON = {
        "channel": ctx.one(rng, "channel") or weighted(rng, CHANNEL_SHARES),
        "status": "rated" if rated else "sent",
        "rating": rating if rated else None,
        "score": rating // 4 if rated else None,
        "scheduledFor": sent,
        "sentAt": to_iso(ctx.created_ms + MINUTE),
        "submittedAt": to_iso(ctx.created_ms + DAY) if rated else None,
        "sentByTeams": ctx.some(rng, "teams", 1),
        "firstAnswer": "They were quick." if rated and chance(rng, 0.3) else None,
        "answers": [],
        "formType": "csat",
        "app": "postmark",
        "lockedAt": None,
        "firstReadAt": to_iso(ctx.created_ms + HOUR) if rated else None,
        "completedAt": to_iso(ctx.created_ms + DAY) if rated else None,
    }
    related = relationships(
        satisfaction=to_one("satisfaction", ctx.one(rng, "satisfaction"), "/v1/satisfaction"),
        sentBy=to_one("user", ctx.one(rng, "user", "users")),
    )
    return attributes, {**belongs(rng, ctx, "customer", "conversation"), **related}
