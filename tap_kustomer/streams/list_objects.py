"""The lists: one class per Kustomer object that has no search, or whose search is not needed.

Those of schedules and klasses do more than declare, and have modules of their own.

To add one, write its class here and its schema in ``tap_kustomer/schemas``;
``docs/contributing.md`` walks through an example.
Roles: https://developer.kustomer.com/docs/get-started/api-keys-and-roles
"""

from __future__ import annotations

from tap_kustomer.streams.base import KustomerStream, streams_in
from tap_kustomer.streams.klasses import Klasses
from tap_kustomer.streams.lists import ListStream
from tap_kustomer.streams.schedules import Schedules
from tap_kustomer.streams.switched_lists import SwitchedListStream

__all__ = ["LIST_STREAMS"]

RESOURCE_PASSES = ({"resource": "conversation"}, {"resource": "kobject"})


class Users(ListStream):
    """One row per user: agents, machines and deactivated users."""

    name = "users"
    paths = ("/v1/users",)
    passes = ({"deleted": "false"}, {"deleted": "true"})  # filters cannot be combined
    page_size = 500
    roles = ("org.permission.user.read", "org.user.read")


class Teams(SwitchedListStream):
    """One row per team of users, deleted ones included."""

    name = "teams"
    paths = ("/v1/teams",)
    passes = ({"deleted": "true"}, {"deleted": "false"})
    page_size = 500
    roles = ("org.permission.team.read",)


class Tags(SwitchedListStream):
    """One row per tag, deleted ones included. The list is in real use, not documented."""

    name = "tags"
    paths = ("/v1/tags",)
    passes = ({"deleted": "true"}, {"deleted": "false"})
    roles = ("org.permission.tag.read",)
    roles_documented = False


class Shortcuts(SwitchedListStream):
    """One row per shortcut, deleted ones included: a prepared text or action of agents."""

    name = "shortcuts"
    paths = ("/v1/shortcuts",)
    passes = ({"deleted": "all"},)
    roles = (
        "org.permission.shortcut.read",
        "org.user.content.shortcut.read",
        "org.user.shortcut.read",
        "org.admin.content.shortcut.read",
        "org.admin.shortcut.read",
    )


class ShortcutCategories(ListStream):
    """One row per category of shortcuts."""

    name = "shortcut_categories"
    resource = "shortcut_category"
    paths = ("/v1/shortcuts/categories",)
    roles = Shortcuts.roles


class Snippets(ListStream):
    """One row per snippet: a text of the org in several languages."""

    name = "snippets"
    optional = True
    paths = ("/v1/snippets",)
    roles = tuple(role.replace("shortcut", "snippet") for role in Shortcuts.roles)


class Workflows(ListStream):
    """One row per workflow, without its steps and trigger: their headers may hold secrets."""

    name = "workflows"
    optional = True
    paths = ("/v1/workflows",)
    roles = ("org.permission.workflow.read", "org.admin.workflow.read")


class AiAutomations(ListStream):
    """One row per AI automation: an agent or assistant of the org."""

    name = "ai_automations"
    optional = True
    paths = ("/v1/ai/automations",)
    roles = ("org.permission.assistant.read", "org.user.apps.read")


class Brands(ListStream):
    """One row per brand of the org."""

    name = "brands"
    paths = ("/v1/brands",)
    roles = ("org.permission.brand.read", "org.user.brand.read", "org.admin.brand.read")


class Slas(ListStream):
    """One row per SLA; its terms are in ``sla_versions``."""

    name = "slas"
    paths = ("/v1/slas",)
    roles = ("org.permission.sla.read", "org.user.sla.read")


class SlaVersions(ListStream):
    """One row per version of an SLA. They come along with the list of SLAs only."""

    name = "sla_versions"
    paths = ("/v1/slas",)
    passes = ({"versions": "all"},)
    included_type = "sla_version"
    roles = Slas.roles


class Queues(ListStream):
    """One row per routing queue. Links of the API name the second path."""

    name = "queues"
    paths = ("/v1/routing/queues", "/v1/queues")
    roles = ("org.permission.queue.read", "org.permission.routing.read", "org.user.routing.read")


class RoutingStatuses(ListStream):
    """One row per status that agents may take in routing: the names behind ``work_sessions``."""

    name = "routing_statuses"
    resource = "routing_status"
    paths = ("/v1/routing/statuses",)
    roles = (
        "org.permission.routing_status.read",
        "org.permission.routing.read",
        "org.user.routing.read",
    )


class TeamRoutingSettings(ListStream):
    """One row per team with the capacity that routing gives its members."""

    name = "team_routing_settings"
    resource = "routing_settings"
    paths = ("/v1/routing/settings",)
    roles = ("org.permission.routing.read", "org.user.routing.read")
    roles_documented = False


class SatisfactionSurveys(ListStream):
    """One row per satisfaction survey: its form, not the answers."""

    name = "satisfaction_surveys"
    resource = "satisfaction"
    paths = ("/v1/satisfaction",)
    roles = ("org.permission.satisfaction.read", "org.user.satisfaction.read")


class Snoozes(SwitchedListStream):
    """One row per snooze option that agents may choose, for conversations and custom objects."""

    name = "snoozes"
    paths = ("/v1/snoozes",)
    passes = RESOURCE_PASSES
    roles = ("org.permission.snooze.read",)
    roles_documented = False  # its page names more, which were not read


class SubStatuses(SwitchedListStream):
    """One row per sub-status of conversations and custom objects.

    Which of the two is meant is a required parameter of the list.
    """

    name = "sub_statuses"
    resource = "sub_status"
    paths = ("/v1/sub-statuses",)
    passes = RESOURCE_PASSES
    roles = (
        "org.permission.sub_status.read",
        "org.permission.conversation.read",
        "org.permission.kobject.read",
        "org.user.conversation.read",
        "org.user.kobject.read",
        "org.admin.sub_status.read",
        "org.admin.content.sub_status.read",
    )


class KbArticles(SwitchedListStream):
    """One row per article of the knowledge base, with its text."""

    name = "kb_articles"
    optional = True
    paths = ("/v1/kb/articles",)
    passes = ({"includeBody": "true"},)
    roles = ("org.permission.kb.read", "org.user.kb.read", "org.admin.kb.read", "org.admin.kb")
    roles_documented = False


class KbCategories(ListStream):
    """One row per category of the knowledge base."""

    name = "kb_categories"
    resource = "kb_category"
    optional = True
    paths = ("/v1/kb/categories",)
    roles = KbArticles.roles
    roles_documented = False


class Cards(ListStream):
    """One row per card: a page of an app that is shown beside a record."""

    name = "cards"
    optional = True
    paths = ("/v1/cards",)
    roles = ("org.permission.card.read",)
    roles_documented = False


class Kviews(ListStream):
    """One row per kview: a layout of a page in the app."""

    name = "kviews"
    optional = True
    paths = ("/v1/kviews",)
    roles = ("org.permission.kview.read",)
    roles_documented = False


class OutboundWebhooks(ListStream):
    """One row per outbound webhook, without its token and headers."""

    name = "outbound_webhooks"
    optional = True
    paths = ("/v1/outbound-webhooks",)
    roles = (
        "org.permission.outbound_webhook.read",
        "org.outbound_webhooks",
        "org.admin.outbound_webhooks",
    )


class SpamSenders(SwitchedListStream):
    """One row per sender whose messages are always, or never, spam; deleted ones included."""

    name = "spam_senders"
    optional = True
    paths = ("/v1/spam/senders",)
    passes = ({"includeDeleted": "true"},)
    roles = ("org.permission.spam.read", "org.admin.spam.read")


class RoleGroups(ListStream):
    """One row per permission set."""

    name = "role_groups"
    optional = True
    paths = ("/v1/role-groups",)
    roles = ("org.permission.role_group.read",)
    roles_documented = False


class QueueRules(ListStream):
    """One row per rule that puts conversations into a queue."""

    name = "queue_rules"
    optional = True
    paths = ("/v1/routing/queue-rules",)
    roles = Queues.roles
    roles_documented = False


LIST_STREAMS: tuple[type[KustomerStream], ...] = (*streams_in(__name__), Schedules, Klasses)
