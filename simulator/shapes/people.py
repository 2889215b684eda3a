"""Shapes of people and what they belong to: customers, companies, users, teams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import to_iso
from simulator.shapes.base import (
    CITIES,
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Shape,
    ShapeContext,
    authors,
    chance,
    complaint,
    earlier,
    email_of,
    maybe,
    object_id,
    person_name,
    phone,
    relationships,
    to_one,
    weighted,
)

if TYPE_CHECKING:
    import random

    from simulator.jsontypes import JSON

AVATARS = ("green", "yellow", "blue", "purple"), ("compass", "leaf", "anchor", "flower")
ROLES = {
    "user": ["org.user", "org.user.customer.read", "org.user.conversation.write"],
    "machine": ["org.permission.customer.read", "org.permission.search.create"],
    "limited": ["org.user.note.write"],
}


def customer(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a customer; kobject relationships are keyed by klass and carry no data."""
    first, last = person_name(rng)
    email = email_of(first, last, rng.randrange(100_000))
    number = phone(rng)
    created, updated = ctx.created_ms, ctx.updated_ms
    own = f"/v1/customers/{ctx.one(rng, 'id') or object_id(rng, created)}"
    counts = _conversation_counts(rng)
    color, icon = (rng.choice(names) for names in AVATARS)
    external = f"cust-{rng.randrange(10**7)}"
    verified = chance(rng, 0.3)
    employer = maybe(rng, 0.4, ctx.one(rng, "company", "companies"))
    attributes: JSON = {
        "name": f"{first} {last}",
        "firstName": first,
        "lastName": last,
        "displayName": f"{first} {last}",
        "displayColor": color,
        "displayIcon": icon,
        "externalId": external,
        "externalIds": [{"externalId": external, "verified": verified, "id": None}],
        "sharedExternalIds": [],
        "emails": [{"email": email, "verified": verified, "type": "work"}],
        "sharedEmails": [],
        "phones": [{"phone": number, "verified": False, "type": "mobile"}],
        "sharedPhones": [],
        "whatsapps": [{"phone": number}] if chance(rng, 0.1) else [],
        "facebookIds": [],
        "instagramIds": [],
        "socials": _socials(rng, first),
        "sharedSocials": [],
        "urls": [],
        "locations": [],
        "recentLocation": _recent_location(rng, updated),
        "activeUsers": [],
        "watchers": ctx.some(rng, "users", 1),
        "locale": rng.choice(("en_US", "de_DE", "pt_PT", None)),
        "timeZone": rng.choice(("Europe/Lisbon", "America/Chicago", None)),
        "gender": rng.choice(("m", "f", None)),
        "birthdayAt": None,
        "avatarUrl": None,
        "username": None,
        "signedUpAt": maybe(rng, 0.6, to_iso(created)),
        "presence": weighted(rng, {"offline": 9, "online": 1}),
        "lastSeenAt": earlier(rng, updated, DAY),
        "lastActivityAt": to_iso(updated),
        "lastCustomerActivityAt": earlier(rng, updated, HOUR),
        "lastMessageAt": earlier(rng, updated, HOUR),
        "lastMessageIn": {"sentAt": earlier(rng, updated, HOUR), "sentiment": None},
        "lastMessageOut": {"sentAt": earlier(rng, updated, HOUR)},
        "lastConversation": {
            "id": object_id(rng, created),
            "channels": ["email"],
            "sentiment": {},
            "tags": [],
        },
        "conversationCounts": counts,
        "preview": {
            "previewAt": to_iso(updated),
            "type": "message_in",
            "text": complaint(rng),
            "channel": "email",
        },
        "tags": ctx.some(rng, "tags", 2),
        "sentiment": {"polarity": rng.choice((-1, 0, 1)), "confidence": round(rng.random(), 6)},
        "progressiveStatus": rng.choice(("open", "done", None)),
        "verified": verified,
        "satisfactionLevel": _satisfaction(rng, created),
        "recentItems": [],
        "defaultLang": "en_us",
        "roleGroupVersions": [],
        "accessOverride": [],
        "rev": rng.randint(1, 60),
        "custom": {},
    }
    if chance(rng, 0.04):  # most rows of a real payload have no modifiedAt
        attributes["modifiedAt"] = to_iso(updated)
    related = {
        "messages": {"links": {"self": f"{own}/messages"}},
        **relationships(company=to_one("company", employer, "/v1/companies")),
        **authors(rng, ctx),
    }
    if chance(rng, 0.2):
        related["shop-orders"] = {
            "links": {"self": f"{own}/klasses/shop-orders"},
            "meta": {"kobject": True},
        }
    return attributes, related


def _conversation_counts(rng: random.Random) -> JSON:
    done, opened, snoozed = rng.randint(0, 9), rng.randint(0, 2), int(chance(rng, 0.1))
    return {"done": done, "open": opened, "snoozed": snoozed, "all": done + opened + snoozed}


def _socials(rng: random.Random, first: str) -> list[JSON]:
    if not chance(rng, 0.1):
        return []
    handle = f"@{first.lower()}{rng.randrange(1000)}"
    return [
        {
            "type": "twitter",
            "userid": str(rng.randrange(10**9)),
            "username": handle,
            "url": f"https://social.example/{handle}",
            "verified": False,
        }
    ]


def _recent_location(rng: random.Random, updated: int) -> JSON:
    city, country, latitude, longitude = rng.choice(CITIES)
    place = {"cityName": city, "countryCode": country, "latitude": latitude, "longitude": longitude}
    return {"updatedAt": to_iso(updated), **({"location": place} if chance(rng, 0.4) else {})}


def _satisfaction(rng: random.Random, created: int) -> JSON:
    if chance(rng, 0.8):
        return {}
    rating = rng.randint(1, 5)
    first = {"rating": rating, "score": rating // 4, "createdAt": to_iso(created)}
    return {"count": 1, "avgRating": rating, "avgScore": rating // 4, "firstSatisfaction": first}


def company(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a company."""
    name = f"{rng.choice(CITIES)[0]} {person_name(rng)[1]} Ltd"
    domain = f"c{rng.randrange(100_000)}.example.com"
    attributes: JSON = {
        "name": name,
        "externalId": f"comp-{rng.randrange(10**6)}",
        "avatarUrl": None,
        "domains": [{"domain": domain}],
        "emails": [{"type": "work", "email": f"office@{domain}"}],
        "phones": [{"type": "work", "phone": phone(rng)}],
        "whatsapps": [],
        "socials": [],
        "urls": [{"url": f"https://{domain}", "type": "website"}],
        "locations": [{"type": "work", "address": f"{rng.randint(1, 99)} Harbour Road"}],
        "employeeCount": rng.randint(0, 400),
        "tags": ctx.some(rng, "tags", 1),
        "modifiedAt": to_iso(ctx.updated_ms),
        "rev": rng.randint(1, 20),
        "defaultLang": "en_us",
        "roleGroupVersions": [],
        "custom": {},
    }
    return attributes, authors(rng, ctx)


def user(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a user: an agent, a machine user or a collaborator."""
    first, last = person_name(rng)
    kind = weighted(rng, {"user": 8, "machine": 1, "limited": 1})
    created = ctx.created_ms
    attributes: JSON = {
        "name": f"{first} {last}",
        "displayName": maybe(rng, 0.7, first),
        "userType": kind,
        "email": email_of(first, last, rng.randrange(1000)),
        "emailVerifiedAt": maybe(rng, 0.9, to_iso(created + HOUR)),
        "firstEmailVerifiedAt": maybe(rng, 0.9, to_iso(created + HOUR)),
        "mobile": None,
        "avatarUrl": None,
        "emailSignature": None,
        "password": {"allowNew": True, "forceNew": False, "updatedAt": to_iso(created)},
        "roles": ROLES[kind],
        "roleGroups": ctx.some(rng, "role_groups", 2),
        "firstLoginAt": to_iso(created + HOUR),
        "mostRecentLoginAt": earlier(rng, ctx.updated_ms, DAY),
        "modifiedAt": to_iso(ctx.updated_ms),
        "isEmailValid": True,
        "deleted": False,
        "custom": {},
    }
    return attributes, authors(rng, ctx)


def team(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a team; its members are ids in an attribute."""
    name = rng.choice(("Front Line", "Returns", "Billing", "Night Shift", "Enterprise"))
    attributes: JSON = {
        "name": f"{name} {rng.randrange(100)}",
        "displayName": name,
        "icon": rng.choice(("headset", "truck", "moon")),
        "members": ctx.some(rng, "users", 12),
        "roleGroups": ctx.some(rng, "role_groups", 1),
        "modifiedAt": to_iso(ctx.updated_ms),
        "deleted": False,
        "deletedAt": None,
    }
    return attributes, authors(rng, ctx)


def role_group(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a role group, which the app calls a permission set."""
    system = chance(rng, 0.5)
    attributes: JSON = {
        "name": f"{rng.choice(('Agents', 'Leads', 'Auditors'))} {rng.randrange(100)}",
        "description": "What this group may do.",
        "display": True,
        "system": system,
        "roles": ROLES["user"],
        "meta": {"outboundBrandVisibility": {"includeUnassigned": True}},
        "modifiedAt": to_iso(ctx.updated_ms),
    }
    return attributes, {} if system else authors(rng, ctx)


def session(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return a customer's web session."""
    first = ctx.created_ms
    attributes: JSON = {
        "sessionId": ctx.one(rng, "session") or object_id(rng, first),
        "count": rng.randint(1, 20),
        "firstEventAt": to_iso(first),
        "lastEventAt": to_iso(first + rng.randint(SECOND, 40 * MINUTE)),
    }
    return attributes, relationships(customer=to_one("customer", ctx.one(rng, "customer")))


def customer_merge(rng: random.Random, ctx: ShapeContext) -> Shape:
    """Return the merge of one customer into another."""
    target = ctx.one(rng, "target", "customer") or object_id(rng, ctx.created_ms)
    source = ctx.one(rng, "source") or object_id(rng, ctx.created_ms)
    attributes: JSON = {"status": weighted(rng, {"success": 19, "error": 1})}
    related = {"source": to_one("customer", source), "target": to_one("customer", target)}
    return attributes, {**related, **relationships(createdBy=to_one("user", ctx.one(rng, "user")))}
