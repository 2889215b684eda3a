"""Realistic rows for the simulated org: one function per object.

Each function makes attributes and relationships in the API's camelCase, with the oddities that
the vendor's examples and real payloads show. The store adds id, type, links, createdAt,
updatedAt and the org. The same `random.Random` makes the same row.

Where a unit or a shape rests on a guess, the function says UNCONFIRMED.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import (
    shapes_conversation,
    shapes_kobject,
    shapes_people,
    shapes_routing,
    shapes_setup,
    shapes_talk,
)
from simulator.shapes_base import Shape, ShapeContext

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SHAPES", "Shape", "ShapeContext"]

SHAPES: dict[str, Callable[..., Shape]] = {
    "customer": shapes_people.customer,
    "company": shapes_people.company,
    "conversation": shapes_conversation.conversation,
    "message": shapes_talk.message,
    "note": shapes_talk.note,
    "conversation_time": shapes_talk.conversation_time,
    "work_session": shapes_routing.work_session,
    "work_item": shapes_routing.work_item,
    "kobject": shapes_kobject.kobject,
    "user": shapes_people.user,
    "team": shapes_people.team,
    "tag": shapes_setup.tag,
    "shortcut": shapes_setup.shortcut,
    "brand": shapes_setup.brand,
    "sla": shapes_routing.sla,
    "sla_version": shapes_routing.sla_version,
    "queue": shapes_routing.queue,
    "schedule": shapes_routing.schedule,
    "holiday": shapes_routing.holiday,
    "satisfaction": shapes_setup.satisfaction,
    "snooze": shapes_setup.snooze,
    "sub_status": shapes_setup.sub_status,
    "klass": shapes_setup.klass,
    "audit_log": shapes_setup.audit_log,
    "customer_event": shapes_talk.customer_event,
    "attachment": shapes_talk.attachment,
    "forward": shapes_talk.forward,
    "satisfaction_response": shapes_talk.satisfaction_response,
    "customer_merge": shapes_people.customer_merge,
    "draft": shapes_talk.draft,
    "session": shapes_people.session,
    "kb_article": shapes_setup.kb_article,
    "kb_category": shapes_setup.kb_category,
    "card": shapes_setup.card,
    "kview": shapes_setup.kview,
    "outbound_webhook": shapes_setup.outbound_webhook,
    "spam_sender": shapes_setup.spam_sender,
    "role_group": shapes_people.role_group,
    "queue_rule": shapes_routing.queue_rule,
}
