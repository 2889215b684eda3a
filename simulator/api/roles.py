"""Which role opens what: any one of those listed is enough.

Two vocabularies exist side by side, permission-set roles and legacy ones; names from the
vendor's pages. Rows marked `UNCONFIRMED` follow the pattern of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.api.answers import Refused
from simulator.org.objects import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Collection

_P = "org.permission."


def _roles(*names: str) -> tuple[str, ...]:
    return names


def _contents(name: str) -> tuple[str, ...]:
    """Return the roles of what agents write with."""
    return _roles(
        f"{_P}{name}.read",
        f"org.user.content.{name}.read",
        f"org.user.{name}.read",
        f"org.admin.content.{name}.read",
        f"org.admin.{name}.read",
    )


ROLES: dict[str, tuple[str, ...]] = {
    "search": _roles(
        f"{_P}search.create",
        f"{_P}search.update",
        f"{_P}search_global.create",
        f"{_P}search_preview.create",
        "org.user.search.read",
        "org.admin.search.read",
    ),
    "customer": _roles(f"{_P}customer.read", "org.user.customer.read"),
    "company": _roles(f"{_P}company.read", "org.user.company.read"),
    "conversation": _roles(f"{_P}conversation.read", "org.user.conversation.read"),
    "message": _roles(f"{_P}message.read", "org.user.message.read"),
    "note": _roles(f"{_P}note.read", "org.user.note.read"),
    "klass": _roles(f"{_P}klass.read", "org.user.klass.read", "org.admin.klass.read"),
    "kobject": _roles(f"{_P}kobject.read", f"{_P}kobject.kobject_*.read", "org.user.kobject.read"),
    "metadata": _roles(f"{_P}metadata.read", "org.user.metadata.read", "org.admin.metadata.read"),
    "attachment": _roles(f"{_P}attachment.read", "org.user.attachment.read"),
    "brand": _roles(f"{_P}brand.read", "org.user.brand.read", "org.admin.brand.read"),
    "schedule": _roles(f"{_P}schedule.read", "org.user.schedule.read", "org.admin.schedule.read"),
    "event": _roles(f"{_P}event.read", "org.user.event.read"),
    "draft": _roles(f"{_P}draft.read", "org.user.draft.read"),
    "customer_merge": _roles(
        f"{_P}customer_merge.read", "org.user.customer.read", "org.admin.customer.merge.read"
    ),
    "satisfaction": _roles(f"{_P}satisfaction.read", "org.user.satisfaction.read"),
    "satisfaction_response": _roles(
        f"{_P}satisfaction.read", f"{_P}satisfaction_response.read", "org.user.satisfaction.read"
    ),
    "sla": _roles(f"{_P}sla.read", "org.user.sla.read"),
    # Two sources disagree about the legacy role: either is enough here. UNCONFIRMED (role-table).
    "audit_logs": _roles(
        f"{_P}audit_logs.read", "org.admin.audit_logs.read", "org.user.audit_logs.read"
    ),
    "user": _roles(f"{_P}user.read", "org.user.read"),
    "work_session": _roles(f"{_P}work_session.read", f"{_P}routing.read", "org.user.routing.read"),
    "work_item": _roles(f"{_P}routing.read", f"{_P}queue.read", "org.user.routing.read"),
    "snooze": _roles(f"{_P}snooze.read"),
    "sub_status": _roles(
        f"{_P}sub_status.read",
        f"{_P}conversation.read",
        f"{_P}kobject.read",
        "org.user.conversation.read",
        "org.user.kobject.read",
        "org.admin.sub_status.read",
        "org.admin.content.sub_status.read",
    ),
    "outbound_webhook": _roles(
        f"{_P}outbound_webhook.read", "org.outbound_webhooks", "org.admin.outbound_webhooks"
    ),
    "spam": _roles(f"{_P}spam.read", "org.admin.spam.read"),
    "team": _roles(f"{_P}team.read"),
    "tag": _roles(f"{_P}tag.read"),
    "shortcut": _contents("shortcut"),
    "snippet": _contents("snippet"),
    "workflow": _roles(f"{_P}workflow.read", "org.admin.workflow.read"),
    "routing_status": _roles(
        f"{_P}routing_status.read", f"{_P}routing.read", "org.user.routing.read"
    ),
    # By the pattern of the others: UNCONFIRMED (role-table).
    "routing_settings": _roles(f"{_P}routing.read", "org.user.routing.read"),
    "ai_automation": _roles(f"{_P}assistant.read", "org.user.apps.read"),
    "queue": _roles(f"{_P}queue.read", f"{_P}routing.read", "org.user.routing.read"),
    "kb": _roles(f"{_P}kb.read", "org.user.kb.read", "org.admin.kb.read", "org.admin.kb"),
    "card": _roles(f"{_P}card.read", "org.user.card.read"),  # UNCONFIRMED (role-table)
    "kview": _roles(f"{_P}kview.read", "org.user.kview.read"),  # UNCONFIRMED (role-table)
    # By the pattern of the others: UNCONFIRMED (role-table).
    "role_group": _roles(f"{_P}role_group.read", "org.admin.role_group.read"),
}


def roles_for(key: str) -> tuple[str, ...]:
    """Return the roles that open ``key``.

    By the pattern of the others where none is known: UNCONFIRMED (role-table).
    """
    return ROLES.get(key, (f"{_P}{key}.read",))


def all_roles() -> list[str]:
    """Return every permission-set role, the roles of a key that may read all."""
    return sorted(
        {role for key in {*ROLES, *OBJECTS} for role in roles_for(key) if role.startswith(_P)}
    )


def require(key: str, granted: Collection[str] | None, *, name_it: bool) -> None:
    """Let a key through that has one of the roles.

    Raises: ``Refused`` with 403; it names a role only if told to.
    """
    if granted is None or not set(roles_for(key)).isdisjoint(granted):
        return
    named = f" Required role: {roles_for(key)[0]}." if name_it else ""
    raise Refused(403, f"You are not authorized to access this resource.{named}")


def require_delete(name: str, granted: Collection[str] | None) -> None:
    """Let a key through that may delete objects of this name.

    By the pattern of the others: UNCONFIRMED (writes).

    Raises: ``Refused`` with 403.
    """
    if granted is not None and f"{_P}{name}.delete" not in granted:
        raise Refused(403, "You are not authorized to access this resource.")
