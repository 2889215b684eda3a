"""The objects of an org: their JSON:API type, their own link, what they belong to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectKind:
    """How rows of one object look from outside.

    ``path`` is the resource's own link; ``{id}``, ``{klass}`` and the names in ``parents``
    are filled in. ``parents`` are the objects a row belongs to; the store can list it by them.
    ``searched``: a search has the object as its context. ``listed``: the collection of ``path``
    is a plain list, read with the object's role.
    """

    type: str
    path: str | None = None
    parents: tuple[str, ...] = ()
    has_updated_at: bool = True
    searched: bool = False
    listed: bool = False


# Types and links as in the vendor's documented response examples; those of objects that the
# document does not describe follow its pattern (UNCONFIRMED (resource-types): tag to sub_status,
# kb_*, kview, outbound_webhook, role_group, queue_rule, work_*).
OBJECTS: dict[str, ObjectKind] = {
    "customer": ObjectKind("customer", "/v1/customers/{id}", searched=True),
    "company": ObjectKind("company", "/v1/companies/{id}", searched=True),
    "conversation": ObjectKind(
        "conversation", "/v1/conversations/{id}", ("customer",), searched=True
    ),
    "message": ObjectKind(
        "message", "/v1/messages/{id}", ("customer", "conversation"), searched=True
    ),
    "note": ObjectKind("note", "/v1/notes/{id}", ("customer", "conversation"), searched=True),
    "conversation_time": ObjectKind(
        "conversation_time",
        "/v1/conversations/times/{id}",
        ("customer", "conversation"),
        searched=True,
        has_updated_at=False,
    ),
    "work_session": ObjectKind(
        "work_session", "/v1/routing/work-sessions/{id}", ("user",), searched=True
    ),
    "work_item": ObjectKind(
        "work_item", "/v1/routing/work-items/{id}", ("conversation",), searched=True, listed=True
    ),
    "kobject": ObjectKind("kobject", "/v1/klasses/{klass}/{id}", ("customer",)),
    "user": ObjectKind("user", "/v1/users/{id}"),
    "team": ObjectKind("team", "/v1/teams/{id}"),
    "tag": ObjectKind("tag", "/v1/tags/{id}"),
    "shortcut": ObjectKind("shortcut", "/v1/shortcuts/{id}"),
    "brand": ObjectKind("brand", "/v1/brands/{id}", listed=True),
    "sla": ObjectKind("sla", "/v1/slas/{id}", has_updated_at=False),
    "sla_version": ObjectKind("sla_version", None, ("sla",), has_updated_at=False),
    "queue": ObjectKind("queue", "/v1/queues/{id}"),
    "schedule": ObjectKind("schedule", "/v1/schedules/{id}", listed=True),
    "holiday": ObjectKind("holiday", "/v1/holidays/{id}", ("schedule",)),
    "satisfaction": ObjectKind("satisfaction", "/v1/satisfaction/{id}"),
    "snooze": ObjectKind("snooze", "/v1/snoozes/{id}"),
    "sub_status": ObjectKind("sub_status", "/v1/sub-statuses/{id}"),
    "klass": ObjectKind("klass", "/v1/klasses/{id}"),
    "audit_log": ObjectKind("audit_log", None, has_updated_at=False),
    "customer_event": ObjectKind(
        "customer_event", "/v1/customers/{customer}/events/{id}", ("customer", "conversation")
    ),
    "attachment": ObjectKind(
        "attachment",
        "/v1/messages/{message}/attachments/{id}",
        ("message", "conversation"),
        has_updated_at=False,
    ),
    "forward": ObjectKind("forward", "/v1/forwards/{id}", ("customer", "conversation")),
    "satisfaction_response": ObjectKind(
        "satisfaction_response",
        "/v1/satisfaction-responses/{id}",
        ("customer", "conversation", "satisfaction"),
    ),
    "customer_merge": ObjectKind("customer_merge", "/v1/customers/merges/{id}", ("customer",)),
    "draft": ObjectKind("draft", None, ("customer", "conversation")),
    "session": ObjectKind(
        "customer_session", "/v1/customers/{customer}/sessions", ("customer",), has_updated_at=False
    ),
    "kb_article": ObjectKind("kb_article", "/v1/kb/articles/{id}"),
    "kb_category": ObjectKind("kb_category", "/v1/kb/categories/{id}"),
    "card": ObjectKind("card", "/v1/cards/{id}", listed=True),
    "kview": ObjectKind("kview", "/v1/kviews/{id}", listed=True),
    "outbound_webhook": ObjectKind("outbound_webhook", "/v1/outbound-webhooks/{id}", listed=True),
    "spam_sender": ObjectKind("sender", None),
    "role_group": ObjectKind("role_group", "/v1/role-groups/{id}", listed=True),
    "queue_rule": ObjectKind("queue_rule", "/v1/routing/queue-rules/{id}"),
    "routing_status": ObjectKind("routing_user_status", "/v1/routing/statuses/{id}", listed=True),
    "routing_settings": ObjectKind("routing_settings", "/v1/routing/settings/{id}", listed=True),
    "shortcut_category": ObjectKind("shortcut_category", "/v1/shortcuts/categories/{id}"),
    "snippet": ObjectKind("snippet", "/v1/snippets/{id}", listed=True),
    "workflow": ObjectKind("workflow", "/v1/workflows/{id}", listed=True),
    "ai_automation": ObjectKind("ai_automation", "/v1/ai/automations/{id}", listed=True),
}

# Contexts of the search; `kobject_<klass>` comes with each klass.
SEARCHED = frozenset(name for name, kind in OBJECTS.items() if kind.searched)
KOBJECT = "kobject"


def split_context(context: str) -> tuple[str, str | None]:
    """Return the object's name, and for `kobject_<klass>` the klass.

    Raises: ``KeyError`` for an object that no org has.
    """
    if context in OBJECTS:
        return context, None
    name, _, klass = context.partition("_")
    if name == KOBJECT and klass:
        return KOBJECT, klass
    message = f"There is no object {context!r}; known: {', '.join(sorted(OBJECTS))}."
    raise KeyError(message)


def contexts_of(name: str, klass: str | None) -> tuple[str, ...]:
    """Return the names under which a row is kept: a kobject also under its klass."""
    return (name, f"{KOBJECT}_{klass}") if klass else (name,)
