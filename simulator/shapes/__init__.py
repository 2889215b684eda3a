"""Realistic rows for the simulated org: one function per object.

Each function makes attributes and relationships in the API's camelCase, with the oddities that
the vendor's examples and real payloads show. The store adds id, type, links, createdAt,
updatedAt and the org. The same `random.Random` makes the same row.

Where a unit or a shape rests on a guess, the function says UNCONFIRMED.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.shapes import conversation, kobject, people, routing, rules, setup, talk
from simulator.shapes.base import Shape, ShapeContext

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SHAPES", "Shape", "ShapeContext"]

SHAPES: dict[str, Callable[..., Shape]] = {
    "customer": people.customer,
    "company": people.company,
    "conversation": conversation.conversation,
    "message": talk.message,
    "note": talk.note,
    "conversation_time": talk.conversation_time,
    "work_session": routing.work_session,
    "work_item": routing.work_item,
    "kobject": kobject.kobject,
    "user": people.user,
    "team": people.team,
    "tag": setup.tag,
    "shortcut": setup.shortcut,
    "brand": setup.brand,
    "sla": routing.sla,
    "sla_version": routing.sla_version,
    "queue": routing.queue,
    "schedule": routing.schedule,
    "holiday": routing.holiday,
    "satisfaction": setup.satisfaction,
    "snooze": setup.snooze,
    "sub_status": setup.sub_status,
    "klass": setup.klass,
    "audit_log": setup.audit_log,
    "customer_event": talk.customer_event,
    "attachment": talk.attachment,
    "forward": talk.forward,
    "satisfaction_response": talk.satisfaction_response,
    "customer_merge": people.customer_merge,
    "draft": talk.draft,
    "session": people.session,
    "kb_article": setup.kb_article,
    "kb_category": setup.kb_category,
    "card": setup.card,
    "kview": setup.kview,
    "outbound_webhook": setup.outbound_webhook,
    "spam_sender": setup.spam_sender,
    "role_group": people.role_group,
    "queue_rule": routing.queue_rule,
    "routing_status": rules.routing_status,
    "routing_settings": rules.routing_settings,
    "shortcut_category": rules.shortcut_category,
    "snippet": rules.snippet,
    "workflow": rules.workflow,
    "ai_automation": rules.ai_automation,
}
