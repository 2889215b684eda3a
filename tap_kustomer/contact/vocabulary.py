"""The words that are Kustomer's own, not an org's: all that a report or a recording may show.

What is not among them is replaced. A list that is too short makes a recording less telling; one
that is too long could give something away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from tap_kustomer.streams.child_objects import CHILD_STREAMS
from tap_kustomer.streams.list_objects import LIST_STREAMS
from tap_kustomer.streams.objects import OBJECT_STREAMS

__all__ = [
    "ENUMERATIONS",
    "RESOURCES",
    "attribute_words",
    "is_attribute",
    "path_words",
    "role_words",
]

# Names inside attributes, beside those of the columns.
_NESTED = """
    address aggregations allDay assignedTeams assignedUsers attachments attributes available
    avatarUrl bcc body breach breachAt breached business businessTime cc channel channels
    children code content count createdAt createdBy creator currency custom customer data
    date day days default definition deleted deletedAt description detail direction
    directionType display displayName done email emails enabled endedAt errors event
    eventName eventVerb field fields first firstBreachAt form formResponse from fullDay geo
    handledAt headers hours href html id included initial intervals items key kind label
    language last lastName latitude length level levels links list locale locations
    longitude messageCount messageCountByChannel meta metadata metric metrics mimeType mode
    modifiedAt multi name names next objectId objectType open operator operators options
    order outcome page pageSize parameter path pattern patternProperties phone phones
    pointer position postalCode prev preview priority properties property queue reason
    receivedAt ref region related relationships required resource responseTime role roles
    rule satisfiedAt score self sent sentAt size sort source start startedAt state states
    status statusAt street subject summary team teams text time timed_out timerVersion
    timezone title to total totalPages tree type unit updatedAt url urls user users value
    values verified version versions weight zone
"""
# Types of resources, and the words of search contexts.
_RESOURCES = """
    ai_automation app article attachment audit_log auth_token brand card category class
    company conversation conversation_event conversation_time customer customer_event
    customer_merge draft event form forward hook klass kobject kb_article kb_category kview
    message metadata note org outbound_webhook queue queue_rule role role_group
    routing_settings routing_status satisfaction satisfaction_response schedule holiday
    search_schema session shortcut shortcut_category sla sla_version snippet snooze
    spam_sender spam-sender sub_status substatus tag team token user work_item work_session
    workflow
"""
RESOURCES = frozenset(_RESOURCES.split())
_STATE_WORDS = """
    open done snoozed closed pending active inactive enabled disabled existing_only draft
    sent delivered failed read unread online offline available unavailable away busy ended
    started satisfied breached paused achieved running
"""
_CHANNEL_WORDS = """
    email chat sms voice form facebook twitter twitter-dm twitter-tweet instagram whatsapp
    note api
"""
_STATES = frozenset(_STATE_WORDS.split())
_CHANNELS = frozenset(_CHANNEL_WORDS.split())
# Values that are the vendor's, by the attribute that holds them.
ENUMERATIONS: Mapping[str, frozenset[str]] = {
    "status": _STATES,
    "state": _STATES,
    "channel": _CHANNELS,
    "channels": _CHANNELS,
    "direction": frozenset({"in", "out", "asc", "desc"}),
    "directionType": frozenset(
        {"followup-in", "followup-out", "initial-in", "initial-out", "response-in", "response-out"}
    ),
    "type": frozenset({"string", "number", "boolean", "date", "object", "array"}),
    "operator": frozenset({"string", "number", "boolean", "date", "datetime", "text", "id"}),
    "timerVersion": frozenset({"v1", "v2"}),
    "eventVerb": frozenset({"create", "update", "delete"}),
    "objectType": frozenset({"customer", "conversation", "kobject", "user", "team", "message"}),
    "filter[objectType]": frozenset({"customer", "conversation", "kobject", "user", "team"}),
    "resource": frozenset({"conversation", "kobject", "customer"}),
    "resourceType": frozenset({"conversation", "kobject", "customer"}),
    "deleted": frozenset({"true", "false", "all"}),
    "includeDeleted": frozenset({"true", "false"}),
    "includeBody": frozenset({"true", "false"}),
    "idsOnly": frozenset({"true", "false"}),
    "trackTotalHits": frozenset({"true", "false"}),
    "versions": frozenset({"all", "active"}),
    "timeZone": frozenset({"GMT"}),
}
_PATHS = """
    v1 v2 v3 users current auth tokens metadata klasses customers archive search searches
    schema conversations messages notes companies audit-logs kb articles categories domains
    routing queues work-items work-sessions events attachments forwards merges drafts
    sessions satisfaction responses slas tags teams
"""
_TOP_LEVEL = re.compile(r"[a-z][A-Za-z]{0,39}", re.ASCII)


@cache
def attribute_words() -> frozenset[str]:
    """Return the names of attributes, relationships and what is inside them."""
    columns = {
        column
        for file in files("tap_kustomer.schemas").iterdir()
        if file.name.endswith(".json")
        for column in json.loads(file.read_text(encoding="utf-8"))["properties"]
    }
    stems = {column.removesuffix("_ids").removesuffix("_id") for column in columns}
    return frozenset({*_NESTED.split(), *map(_camel_case, columns | stems)})


def is_attribute(name: str) -> bool:
    """Whether ``name`` stands for an attribute of a resource: those are named by Kustomer alone."""
    return _TOP_LEVEL.fullmatch(name) is not None or name in attribute_words()


@cache
def path_words() -> frozenset[str]:
    """Return the parts of the paths that the tap asks for."""
    paths: list[str] = []
    for one in (*LIST_STREAMS, *OBJECT_STREAMS, *CHILD_STREAMS):
        for name in ("path", "paths", "list_paths"):
            found = getattr(one, name, ())
            paths += (
                [found] if isinstance(found, str) else found if isinstance(found, tuple) else ()
            )
    words = {word for path in paths for word in path.split("/") if word and "{" not in word}
    return frozenset({*words, *_PATHS.split()})


@cache
def role_words() -> frozenset[str]:
    """Return the roles that the pages of the streams name, and those above them."""
    streams = (*LIST_STREAMS, *OBJECT_STREAMS, *CHILD_STREAMS)
    roles = {role for one in streams for role in one.roles}
    above = {role.rpartition(".")[0] for role in roles}
    return frozenset({*roles, *above, "org.permission", "org.user", "org.admin"})


def _camel_case(column: str) -> str:
    first, *rest = column.split("_")
    return first + "".join(word.title() for word in rest)
