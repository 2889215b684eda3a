"""What is said in the conversations of an org, so that messages agree with their conversation."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from simulator.clock import DAY, to_ms

if TYPE_CHECKING:
    from simulator.jsontypes import JSON
    from simulator.org.org import Org

__all__ = ["automation", "said"]

HOUR = 3600.0
GREETED = 0.5  # of the chats that customers begin
REPLACED = 2  # version of an SLA that took the place of another


def said(conversation: JSON, moments: list[float], now: float) -> list[tuple[float, JSON]]:
    """Return when messages are sent, and what of each agrees with the conversation.

    The first begins it, the second is the first response. Without one, all are the customer's.
    """
    attributes = conversation.get("attributes") or {}
    begun, response = attributes.get("direction"), attributes.get("firstResponse")
    if begun is None:
        return [(moment, {}) for moment in moments]
    first = (moments[0], _direction(begun, "initial"))
    if not response:
        return [first, *((moment, _direction("in", "followup")) for moment in moments[1:])]
    answered = to_ms(response["sentAt"]) / 1000
    answer = {
        **_direction("out", "response"),
        "responseTime": response["time"],
        "responseBusinessTime": response["businessTime"],
        "createdByTeams": response["assignedTeams"],
        "relationships": _written_by(response["createdBy"]),
    }
    later: list[tuple[float, JSON]] = [
        (min(max(moment, answered + 1), now), {}) for moment in moments[2:]
    ]
    return [first, (answered, answer), *later]


def automation(org: Org) -> None:
    """Let a machine user greet who comes by chat, and log the SLAs that were replaced."""
    rng = random.Random(f"{org.seed_number} automation")
    machines = [
        row["id"] for row in org.rows("user") if row["attributes"].get("userType") == "machine"
    ]
    for row in org.rows("conversation"):
        attributes = row["attributes"]
        chat = attributes.get("channels") == ["chat"] and attributes.get("direction") == "in"
        if chat and machines and rng.random() < GREETED:
            _greet(org, row, machines[0])
        if (attributes.get("sla") or {}).get("version") == REPLACED:
            _replace_sla(org, row)


def _greet(org: Org, conversation: JSON, machine: str) -> None:
    moment = min(to_ms(conversation["attributes"]["createdAt"]) / 1000 + 2, org.clock.now())
    customer = (conversation["relationships"].get("customer") or {}).get("data") or {}
    org.add(
        "message",
        created_at=moment,
        updated_at=moment,
        parents={"conversation": conversation["id"], "customer": customer.get("id") or ""},
        relationships=_written_by(machine),
        channel="chat",
        **{**_direction("out", "response"), "auto": True},
    )


def _replace_sla(org: Org, conversation: JSON) -> None:
    """Log that the SLA's first version, which was breached, gave way to the present one."""
    sla = conversation["attributes"]["sla"]
    moment = min(to_ms(sla["matchedAt"]) / 1000 + HOUR, org.clock.now())
    if org.clock.now() - moment > 90 * DAY:  # the log keeps no more
        return
    breach = {"metric": "firstResponse", "at": sla["matchedAt"]}
    before = {**sla, "version": 1, "breached": True, "status": "breached", "breach": breach}
    org.add(
        "audit_log",
        created_at=moment,
        parents={"object": conversation["id"]},
        objectType="conversation",
        objectId=conversation["id"],
        eventName="kustomer.conversation.update",
        eventVerb="update",
        changes={
            "attributes": {"sla": {"op": "replace", "before": before, "after": sla}},
            "relationships": {},
        },
    )


def _written_by(user: str | None) -> JSON:
    return {"createdBy": {"data": {"type": "user", "id": user}} if user else None}


def _direction(direction: str, role: str) -> JSON:
    return {
        "direction": direction,
        "directionType": f"{role}-{direction}",
        "status": "received" if direction == "in" else "sent",
        "auto": False,
        "source": None,
    }
