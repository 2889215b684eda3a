"""Shapes of a conversation: its timings differ by channel, as support analytics expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import to_iso
from simulator.shapes.base import (
    DAY,
    HOUR,
    MINUTE,
    Shape,
    ShapeContext,
    authors,
    chance,
    complaint,
    maybe,
    object_id,
    relationships,
    to_one,
)
from simulator.shapes.story import Story, draw_story

if TYPE_CHECKING:
    import random

    from simulator.jsontypes import JSON


SLA_FIRST_RESPONSE = {
    "email": 8 * HOUR,
    "chat": 3 * MINUTE,
    "sms": HOUR,
    "whatsapp": HOUR,
    "voice": MINUTE,
}
BUSINESS_SHARE = 0.4  # of a long wait falls into business hours
MAX_PRIORITY = 5


def conversation(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a conversation of about 3 KB with some 65 attributes.

    Every `time` and `businessTime` is elapsed milliseconds. UNCONFIRMED (duration-unit): no source
    names the unit; one real row beside its timestamps would settle it.
    """
    story = draw_story(rng, ctx)
    text = complaint(rng)
    attributes: JSON = {
        "name": text,
        "preview": text + ".",
        "externalId": maybe(rng, 0.1, f"case-{rng.randrange(10**6)}"),
        "channels": [story.channel],
        "replyChannel": maybe(rng, 0.3, story.channel),
        "direction": story.direction,
        "status": story.status,
        "priority": rng.choices((1, 2, 3, 4, MAX_PRIORITY), (2, 4, 10, 3, 1))[0],
        "assignedUsers": story.users,
        "assignedTeams": story.teams,
        "tags": ctx.some(rng, "tags", 2),
        "suggestedTags": [],
        "suggestedShortcuts": [],
        "predictions": [],
        "skills": [],
        "matchedTimeBasedRules": [],
        "roleGroupVersions": [],
        "accessOverride": [],
        "linkedConversations": [],
        "sentiment": {"polarity": rng.choice((-1, 0, 1)), "confidence": round(rng.random(), 2)},
        "satisfaction": 0,
        "spam": chance(rng, 0.01),
        "pinned": False,
        "phase": None,
        "attribution": None,
        "externalQueue": None,
        "importedAt": None,
        "lastDeflection": None,
        "mergedTarget": None,
        "defaultLang": "en_us",
        "locale": "US",
        "rev": rng.randint(1, 40),
        "modificationHistory": {"statusAt": to_iso(story.last_message)},
        "custom": {},
        **_ending(rng, story),
        **_counts(rng, story),
        **_messages(rng, story),
        **_timings(rng, story),
        **_agreement(rng, story),
        "satisfactionLevel": _satisfaction(rng, ctx, story),
        "lastActivityAt": to_iso(ctx.updated_ms),
    }
    if chance(rng, 0.5):
        attributes["modifiedAt"] = to_iso(ctx.updated_ms)
    if chance(rng, 0.15):
        attributes["firstCompany"] = {"id": object_id(rng, story.created), "name": "Harbour Ltd"}
    if chance(rng, 0.1):
        attributes["assistant"] = {
            "type": "simple",
            "status": "transferred",
            "assistantId": [object_id(rng, story.created)],
            "fac": {"isFac": chance(rng, 0.3), "reasons": [], "exclusions": []},
        }
    related = _related(rng, ctx, story)
    # Drawn last, so that what happens rarely changes nothing else of the row.
    _oddities(rng, ctx, story, attributes)
    return attributes, related


def _oddities(rng: random.Random, ctx: ShapeContext, story: Story, attributes: JSON) -> None:
    """Let a few be imported, merged, rated without a score or under a changed SLA.

    UNCONFIRMED (merged-conversations): what marks a conversation that was merged, and that an SLA's
    new version begins anew.
    """
    if chance(rng, 0.03):
        attributes["importedAt"] = to_iso(min(story.last_message + DAY, ctx.updated_ms))
    if chance(rng, 0.02):
        attributes["mergedTarget"] = True
    if chance(rng, 0.1):
        attributes["satisfactionLevel"].pop("score", None)
    if "sla" in attributes and chance(rng, 0.05):
        attributes["sla"] |= {"version": 2, "breached": False, "status": "satisfied"}
        attributes["sla"].pop("breach", None)


def _ending(rng: random.Random, story: Story) -> JSON:
    if story.channel not in ("chat", "voice") or story.status != "done":
        return {"ended": False}
    return {
        "ended": True,
        "endedAt": to_iso(story.last_message),
        "endedReason": rng.choice(("agent", "customer", "timeout")),
        "endedByType": rng.choice(("user", "customer", None)),
    }


def _counts(rng: random.Random, story: Story) -> JSON:
    return {
        "messageCount": story.inbound + story.outbound,
        "inboundMessageCount": story.inbound,
        "outboundMessageCount": story.outbound,
        "noteCount": rng.choice((0, 0, 0, 1, 2)),
        "doneCount": story.done_count,
        "reopenCount": story.reopened,
        "reopenFromDoneCount": story.reopened,
        "snoozeCount": rng.choice((0, 0, 0, 1)),
    }


def _messages(rng: random.Random, story: Story) -> JSON:
    first, last = to_iso(story.created), to_iso(story.last_message)
    begun = {
        "id": object_id(rng, story.created),
        "sentAt": first,
        "channel": story.channel,
        "directionType": f"initial-{story.direction}",
    }
    latest = {"id": object_id(rng, story.last_message), "sentAt": last}
    inbound = story.direction == "in"
    facts: JSON = {
        "firstMessageIn": begun if inbound else {},
        "firstMessageOut": {} if inbound else {**begun, "createdBy": story.author},
        "lastMessageIn": {**latest, "channel": story.channel},
        "lastMessageOut": {} if story.wait is None else {"sentAt": last},
        "lastMessageDirection": "out" if story.wait is not None else story.direction,
        "lastMessageAt": last,
        "lastReceivedAt": last,
    }
    if inbound and story.wait is None:
        facts["lastMessageUnrespondedTo"] = latest
    return facts


def _timings(rng: random.Random, story: Story) -> JSON:
    reply = _reply(story)
    done = _done(story)
    open_time = story.done_after if story.done_after is not None else story.wait or 0
    return {
        "firstResponse": reply,
        "firstResponseSinceLastDone": {},
        "lastResponse": {key: reply[key] for key in ("time", "businessTime") if reply},
        "firstDone": done,
        "lastDone": {key: done[key] for key in ("time", "businessTime", "createdAt") if done},
        "open": {"statusAt": to_iso(story.created)},
        "totalOpen": {"time": open_time, "businessTime": _business(open_time)},
        "totalSnooze": {},
        "totalDone": {} if story.done_after is None else {"time": DAY, "businessTime": DAY // 3},
        "snooze": _snooze(rng, story),
    }


def _business(elapsed: int) -> int:
    """Return the part of a duration within business hours; short waits lie inside them."""
    return elapsed if elapsed < HOUR else int(elapsed * BUSINESS_SHARE)


def _reply(story: Story) -> JSON:
    if story.wait is None:
        return {}
    sent = story.created + story.wait
    return {
        "time": story.wait,
        "businessTime": _business(story.wait),
        "responseTime": story.wait,
        "sentAt": to_iso(sent),
        "createdBy": story.author,
        "assignedTeams": story.teams,
    }


def _done(story: Story) -> JSON:
    if story.done_after is None:
        return {}
    return {
        "time": story.done_after,
        "businessTime": _business(story.done_after),
        "createdAt": to_iso(story.created + story.done_after),
        "createdBy": story.author,
        "messageCountByChannel": {story.channel: story.inbound + story.outbound},
    }


def _snooze(rng: random.Random, story: Story) -> JSON:
    if story.status != "snoozed":
        return {}
    return {
        "status": "scheduled",
        "statusAt": to_iso(story.last_message),
        "time": to_iso(story.last_message + rng.randint(1, 72) * HOUR),
    }


def _agreement(rng: random.Random, story: Story) -> JSON:
    """Return the SLA: breached when the first reply came later than the channel's target.

    UNCONFIRMED (sla-states): the names of its states; a real row of each would settle them.
    """
    if story.direction == "out" or chance(rng, 0.3):
        return {}
    target = SLA_FIRST_RESPONSE.get(story.channel, DAY)
    breached = (story.age if story.wait is None else story.wait) > target
    due = to_iso(story.created + target)
    met = {} if story.wait is None else {"satisfiedAt": to_iso(story.created + story.wait)}
    sla: JSON = {
        "name": "Standard replies",
        "version": 1,
        "matchedAt": to_iso(story.created),
        "metrics": {"firstResponse": {"breachAt": due, **met}},
        "breached": breached,
        "status": "breached" if breached else "satisfied" if met else "pending",
        "summary": {"firstBreachAt": due} if breached else met,
    }
    if breached:
        sla["breach"] = {"metric": "firstResponse", "at": due}
    return {"sla": sla}


def _satisfaction(rng: random.Random, ctx: ShapeContext, story: Story) -> JSON:
    """Return the survey; `formResponse` is the id of a satisfaction response."""
    if story.status != "done" or chance(rng, 0.65):
        return {}
    sent = to_iso(story.last_message + MINUTE)
    level: JSON = {
        "form": ctx.one(rng, "satisfaction", "satisfactions") or object_id(rng, story.created),
        "formResponse": ctx.one(rng, "satisfaction_response") or object_id(rng, story.created),
        "channel": story.channel,
        "status": "sent",
        "sentAt": sent,
        "sentBy": story.author,
        "sentByTeams": story.teams,
        "answers": [],
    }
    if chance(rng, 0.4):
        rating = rng.choices((1, 2, 3, 4, MAX_PRIORITY), (2, 1, 2, 5, 10))[0]
        level |= {"status": "rated", "rating": rating, "score": rating // 4}
    return level


def _related(rng: random.Random, ctx: ShapeContext, story: Story) -> JSON:
    own = ctx.one(rng, "id") or object_id(rng, story.created)
    customer = ctx.one(rng, "customer")
    detail = maybe(rng, 0.3, ctx.one(rng, "sub_status", "sub_statuses"))
    ended = story.author if story.status == "done" and story.channel == "chat" else None
    return {
        "messages": {"links": {"self": f"/v1/conversations/{own}/messages"}},
        **relationships(
            customer=to_one("customer", customer),
            brand=to_one("brand", ctx.one(rng, "brand", "brands")),
            queue=to_one("queue", ctx.one(rng, "queue", "queues")),
            sla=to_one("sla", ctx.one(rng, "sla", "slas")),
            slaVersion=to_one("sla_version", ctx.one(rng, "sla_version"), "/v1/slas/versions"),
            subStatus=to_one("sub_status", detail, "/v1/sub-statuses"),
            endedBy=to_one("user", ended),
        ),
        **authors(rng, ctx),
    }
