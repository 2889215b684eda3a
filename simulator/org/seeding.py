"""Fills an org with a realistic whole: people, their conversations, and what hangs on them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.clock import DAY
from simulator.org.talk import automation, said

if TYPE_CHECKING:
    from simulator.jsontypes import JSON
    from simulator.org.org import Org

HOUR = 3600.0
OLDEST = 1000 * DAY  # the first customers; some have been idle for more than two years since

# What an org sets up, and how much of it.
SETTINGS = {
    "role_group": 4,
    "team": 5,
    "tag": 12,
    "shortcut": 15,
    "queue": 4,
    "satisfaction": 2,
    "snooze": 4,
    "sub_status": 4,
    "kb_category": 3,
    "kb_article": 10,
    "card": 3,
    "kview": 4,
    "outbound_webhook": 2,
    "spam_sender": 3,
    "queue_rule": 3,
}

KLASSES: dict[str, tuple[str, dict[str, JSON]]] = {
    "ecomm-order": (
        "enabled",
        {
            "orderNumberStr": {"displayName": "Order number"},
            "totalPriceNum": {"displayName": "Total"},
            "orderedAt": {"displayName": "Ordered"},
            "shippedBool": {"displayName": "Shipped"},
            "trackingUrl": {"displayName": "Tracking"},
            "statusStr": {"displayName": "Status", "enumeration": ["new", "paid", "sent"]},
            "giftNoteTxt": {"displayName": "Gift note"},
            "itemsId": {"displayName": "Items", "target": "kobject.device", "multi": True},
        },
    ),
    "subscription": (
        "enabled",
        {
            "planStr": {"displayName": "Plan", "enumeration": False},
            "monthlyNum": {"displayName": "Monthly fee"},
            "renewsAt": {"displayName": "Renews"},
        },
    ),
    "device": ("existing_only", {"serialStr": {"displayName": "Serial number"}}),
    "legacy-import": ("disabled", {"sourceIdStr": {"displayName": "Source id"}}),
}

ATTRIBUTES: dict[str, dict[str, JSON]] = {
    "customer": {
        "loyaltyTierStr": {"displayName": "Tier", "enumeration": ["basic", "gold", "black"]},
        "lifetimeValueNum": {"displayName": "Lifetime value"},
        "lastOrderAt": {"displayName": "Last order"},
        "newsletterBool": {"displayName": "Newsletter"},
        "favouriteOrdersId": {
            "displayName": "Favourite orders",
            "target": "kobject.ecomm-order",
            "multi": True,
        },
        "taxNumberStr": {"displayName": "Tax number", "hasSensitiveAttributes": True},
    },
    "conversation": {
        "contactReasonTree": {
            "displayName": "Contact reason",
            "tree": {"children": [{"value": "delivery", "children": [{"value": "late"}]}]},
        },
        "refundNum": {"displayName": "Refund"},
        "escalatedBool": {"displayName": "Escalated"},
    },
    "company": {"contractStr": {"displayName": "Contract"}, "seatsNum": {"displayName": "Seats"}},
    "message": {"translatedTxt": {"displayName": "Translation"}},
}

CHANNELS = {"email": 5, "chat": 4, "sms": 2, "voice": 1, "whatsapp": 1}


@dataclass
class _Story:
    """When a customer came, and the beginning and end of each conversation."""

    created: float
    conversations: list[tuple[float, float]]

    @property
    def last(self) -> float:
        return max([self.created, *(end for _, end in self.conversations)])


class _Seeding:
    def __init__(self, org: Org, deleted: float, children: bool) -> None:  # noqa: FBT001
        self.org, self.deleted, self.children = org, deleted, children
        self.rng = random.Random(f"{org.seed_number} seeding")
        self.now = org.clock.now()

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def moment(self, low: float, high: float) -> float:
        return self.rng.uniform(low, max(low, high))

    def one(  # noqa: PLR0913  # the parts of a row
        self,
        context: str,
        created: float,
        updated: float | None = None,
        *,
        parents: dict[str, str | list[str]] | None = None,
        deletable: bool = False,
        ids: list[str] | None = None,
        **attributes: Any,
    ) -> str:
        [id_] = self.org.add(
            context,
            created_at=created,
            updated_at=created if updated is None else updated,
            parents=parents,
            deleted=deletable and self.chance(self.deleted),
            ids=ids,
            **attributes,
        )
        return id_

    # ---------------------------------------------------------------- setting

    def settings(self) -> None:
        start = self.now - OLDEST
        for number, kind in enumerate(["machine", "limited", *["user"] * 10]):
            updated = self.moment(start + 20 * DAY, self.now)
            self.one("user", start + number * DAY, updated, userType=kind)
        self.org.add("user", 2, created_at=start, updated_at=start + 300 * DAY, deleted=True)
        for context, count in SETTINGS.items():
            for _ in range(count):
                created = self.moment(start, self.now - DAY)
                self.one(context, created, self.moment(created, self.now),
                         deletable=context in ("tag", "team", "shortcut"))  # fmt: skip
        for number in range(2):
            for context in ("brand", "schedule"):
                id_ = self.one(context, start, self.moment(start, self.now), default=number == 0)
                if context == "schedule":
                    for _ in range(3):
                        self.one("holiday", start, parents={"schedule": id_})
            self._sla(start, versions=number + 1)

    def _sla(self, start: float, versions: int) -> None:
        ids = [f"{self.rng.getrandbits(96):024x}" for _ in range(versions)]
        sla = self.one("sla", start, parents={"sla_versions": ids}, currentVersion=versions)
        for number, id_ in enumerate(ids, 1):
            self.one("sla_version", start + number * DAY, ids=[id_], parents={"sla": sla},
                     version=number)  # fmt: skip

    def metadata(self) -> None:
        for resource, attributes in ATTRIBUTES.items():
            for name, definition in attributes.items():
                self.org.set_attribute(resource, name, **definition)
        self.org.set_attribute("customer", "oldRegionStr", displayName="Old region")
        self.org.delete_attribute("customer", "oldRegionStr")
        for number, (name, (status, attributes)) in enumerate(KLASSES.items()):
            created = self.now - OLDEST + number * DAY
            self.org.add_klass(name, status, attributes=attributes, created_at=created)

    # --------------------------------------------------------------- customers

    def customer(self, company: str | None) -> None:
        story = self._story()
        parents: dict[str, str | list[str]] = {"company": company} if company else {}
        customer = self.one("customer", story.created, story.last, parents=parents, deletable=True)
        for start, end in story.conversations:
            self._conversation(customer, start, end)
        for name, share in (
            ("ecomm-order", 0.8), ("subscription", 0.3), ("device", 0.2), ("legacy-import", 0.05),
        ):  # fmt: skip
            if self.chance(share):
                created = self.moment(story.created, self.now)
                updated = min(self.now, created + self.rng.uniform(0, 30 * DAY))
                self.one(f"kobject_{name}", created, updated,
                         parents={"customer": customer, **parents}, deletable=True)  # fmt: skip
        if self.children:
            for context, share in (("customer_merge", 0.05), ("draft", 0.05), ("session", 0.3)):
                if self.chance(share):
                    moment = self.moment(story.created, story.last)
                    self.one(context, moment, parents={"customer": customer})

    def _story(self) -> _Story:
        created = self.now - self.rng.uniform(DAY, OLDEST)
        count = self.rng.choices((0, 1, 2, 3, 5), (2, 5, 3, 2, 1))[0]
        starts = sorted(self.moment(created, self.now - HOUR) for _ in range(count))
        spans = [
            (start, min(self.now - 60, start + self.rng.uniform(600, 4 * DAY))) for start in starts
        ]
        return _Story(created, spans)

    def _conversation(self, customer: str, start: float, end: float) -> None:
        rng = self.rng
        channel = rng.choices(list(CHANNELS), list(CHANNELS.values()))[0]
        response = f"{int(end):08x}{rng.getrandbits(64):016x}"
        parents: dict[str, str | list[str]] = {
            "customer": customer,
            "channel": channel,
            "satisfaction_response": response,
        }
        conversation = self.one("conversation", start, end, parents=parents, deletable=True)
        related: dict[str, str | list[str]] = {
            "customer": customer,
            "conversation": conversation,
            "channel": channel,
        }
        moments = sorted([start, *(self.moment(start, end) for _ in range(rng.randrange(1, 6)))])
        known = self.org.row("conversation", conversation) if self.children else {}
        for moment, facts in said(known, moments, self.now):
            message = self.one("message", moment, min(moment + 90, self.now), parents=related,
                               deletable=True, **facts)  # fmt: skip
            if self.children and self.chance(0.1):
                self.one("attachment", moment, parents={**related, "message": message})
        if self.chance(0.3):
            self.one("note", self.moment(start, end), parents=related, deletable=True)
        for _ in range(rng.randrange(1, 3)):
            self.one("conversation_time", self.moment(start, end), parents=related)
        if self.children:
            self._hangers_on(conversation, related, start, end, response)

    def _hangers_on(
        self,
        conversation: str,
        related: dict[str, str | list[str]],
        start: float,
        end: float,
        response: str,
    ) -> None:
        for _ in range(self.rng.randrange(1, 4)):
            self.one("customer_event", self.moment(start, end), parents=related)
        if self.chance(0.05):
            self.one("forward", self.moment(start, end), parents=related)
        if self.chance(0.4):
            self.one("work_item", start, end, parents=related)
        attributes = self.org.row("conversation", conversation)["attributes"]
        if (attributes.get("satisfactionLevel") or {}).get("formResponse") == response:
            self.one("satisfaction_response", end, ids=[response], parents=related)
        if self.now - end < 90 * DAY:
            self.one("audit_log", end, parents={"object": conversation, **related},
                     objectType="conversation", objectId=conversation,
                     eventName="kustomer.conversation.update", eventVerb="update")  # fmt: skip

    def rules(self) -> None:
        start = self.now - OLDEST
        for context, count in RULES.items():
            for _ in range(count):
                created = self.moment(start, self.now - DAY)
                self.one(context, created, self.moment(created, self.now))

    def work_sessions(self) -> None:
        for user in self.org.ids("user"):
            for day in range(20):
                start = self.now - day * DAY - self.rng.uniform(0, 8 * HOUR)
                end = min(self.now, start + self.rng.uniform(HOUR, 8 * HOUR))
                self.one("work_session", start, end, parents={"user": user})


# Set up last, so that what is drawn for all else stays as it was.
RULES = {
    "routing_status": 5,
    "routing_settings": 3,
    "shortcut_category": 3,
    "snippet": 4,
    "workflow": 4,
    "ai_automation": 2,
}


def seed(org: Org, *, customers: int = 200, deleted: float = 0.02, children: bool = True) -> None:
    """Add a whole org: settings, klasses, ``customers`` people and what they did.

    The same seed and clock make the same org. ``deleted`` is the share of rows that are softly
    deleted; ``children`` False leaves out what only child streams read. About one customer in
    six has been idle for over two years. From here on changes write audit logs.
    """
    seeding = _Seeding(org, deleted, children)
    with org.lock:
        seeding.metadata()
        seeding.settings()
        companies = [
            seeding.one("company", created, seeding.moment(created, seeding.now))
            for _ in range(max(1, customers // 20))
            for created in [seeding.moment(seeding.now - OLDEST, seeding.now)]
        ]
        for _ in range(customers):
            seeding.customer(seeding.rng.choice(companies) if seeding.chance(0.2) else None)
        seeding.work_sessions()
        seeding.rules()
        if children:
            automation(org)
    org.audit = True
