"""What each search may filter and sort by: the vendor's attribute lists, as data.

Standard search: https://developer.kustomer.com/kustomer-api-docs/reference/search
Archive search: https://developer.kustomer.com/kustomer-api-docs/reference/customerarchivesearch
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from simulator.org.objects import KOBJECT

DATETIME, NUMBER, BOOLEAN, LIST, STRING, EXACT, TEXT, ANY = (
    "datetime", "number", "boolean", "list", "string", "string_notanalyzed", "text", "any",
)  # fmt: skip
CREATED, UPDATED = "createdAt", "updatedAt"


@dataclass(frozen=True)
class Attribute:
    """A name in the query language, its value class, and where a resource holds the value.

    ``path`` is dotted; `@x` is the id of relationship `x`. Where a resource's place for it is
    not known the path finds nothing, and no row matches.
    """

    name: str
    kind: str
    path: str


# One line each: name without its context, value class, and the path where it is not simply the
# name in camel case.
_STANDARD = {
    "customer": """
        any_text any *
        name string
        gender list
        presence list
        email string emails.email
        shared_email string sharedEmails.email
        phone string phones.phone
        shared_phone string sharedPhones.phone
        urls string urls.url
        address string locations.address
        locale string
        activity_at datetime lastActivityAt
        last_seen_at datetime
        signed_up_at datetime
        last_message_sent_at datetime lastMessageAt
        last_message_out_sent_at datetime lastMessageOut.sentAt
        last_message_unresponded_to_sent_at datetime lastMessageUnrespondedTo.sentAt
        last_message_at datetime
        externalId string_notanalyzed
        shared_externalId string_notanalyzed sharedExternalIds.externalId
        created_at datetime
        updated_at datetime
        modified_at datetime
        created_by list @createdBy
        modified_by list @modifiedBy
        satisfaction_avg_score number satisfactionLevel.avgScore
        satisfaction_avg_rating number satisfactionLevel.avgRating
        conversations_count number conversationCounts.all
        status list progressiveStatus
        progressive_status list
        active_users list
        watchers list
        tags list
        sentiment list sentiment.polarity
        social_type list socials.type
        social_userid string_notanalyzed socials.userid
        social_username string_notanalyzed socials.username
        shared_social_type list sharedSocials.type
        shared_social_userid string_notanalyzed sharedSocials.userid
        shared_social_username string_notanalyzed sharedSocials.username
        default_lang string_notanalyzed
        imported_at datetime
        imported boolean
    """,
    "company": """
        any_text any *
        name string
        tags list
        default_lang string_notanalyzed
        imported_at datetime
        imported boolean
    """,
    "message": """
        any_text any *
        body text preview
        channel list
        size number
        direction boolean
        sent_at datetime
        created_at datetime
        updated_at datetime
        created_by list @createdBy
        modified_by list @modifiedBy
        sentiment list sentiment.polarity
        customer_id string_notanalyzed @customer
        status list
        error_at datetime
        error_title string
        external_id string_notanalyzed
        direction_type list
        created_by_teams string_notanalyzed
        redacted boolean
        redacted_at datetime
        imported_at datetime
        imported boolean
        recipients string meta.to
        sender string meta.from
        shortcuts string_notanalyzed @shortcuts
        subject text
        source list
        attachment_count number
        auto boolean
        lang string_notanalyzed
    """,
    "note": """
        any_text any *
        body text
        created_at datetime
        modified_at datetime
        updated_at datetime
        created_by list @createdBy
        modified_by list @modifiedBy
        deleted boolean
        user_mentions list userMentions.user
        team_mentions list userMentions.team
        attachment_count number
        external_id string_notanalyzed
        customer_id string_notanalyzed @customer
        conversation_id string_notanalyzed @conversation
        lang string_notanalyzed
        imported_at datetime
        imported boolean
    """,
    "conversation": """
        any_text any *
        name string
        sentiment list sentiment.polarity
        status list
        sub_status string_notanalyzed @subStatus
        created_at datetime
        updated_at datetime
        modified_at datetime
        modified_by list @modifiedBy
        message_count number
        note_count number
        satisfaction_survey_id list satisfactionLevel.form
        satisfaction_sent_by list satisfactionLevel.sentBy
        satisfaction_sent_by_teams list satisfactionLevel.sentByTeams
        satisfaction_created_at datetime satisfactionLevel.createdAt
        satisfaction_score number satisfactionLevel.score
        satisfaction_rating number satisfactionLevel.rating
        satisfaction_status list satisfactionLevel.status
        channels list
        satisfaction string
        priority number
        tags list
        assigned_users list
        assigned_teams list
        last_message_sent_at datetime lastMessageAt
        last_message_out_sent_at datetime lastMessageOut.sentAt
        last_message_unresponded_to_sent_at datetime lastMessageUnrespondedTo.sentAt
        last_message_at datetime
        first_response_sent_at datetime firstResponse.sentAt
        first_response_time number firstResponse.time
        first_response_created_by list firstResponse.createdBy
        last_response_created_by list lastResponse.createdBy
        last_message_direction list
        direction list
        outbound_message_count number
        customer_id string_notanalyzed @customer
        campaign_id string_notanalyzed
        first_message_in_sent_at datetime firstMessageIn.sentAt
        first_message_in_direction_type list firstMessageIn.directionType
        first_message_in_channel list firstMessageIn.channel
        first_message_out_sent_at datetime firstMessageOut.sentAt
        first_message_out_direction_type list firstMessageOut.directionType
        first_message_out_channel list firstMessageOut.channel
        default_lang string_notanalyzed
        sla_status list sla.status
        sla_version_id string_notanalyzed @slaVersion
        sla_id list @sla
        sla_breached boolean sla.breached
        sla_breach_at datetime sla.breach.at
        sla_satisfied_at datetime sla.satisfiedAt
        sla_breach_metric list sla.breach.metric
        first_done_created_by list firstDone.createdBy
        last_done_created_at datetime lastDone.createdAt
        last_done_created_by list lastDone.createdBy
        last_done_created_by_teams list lastDone.createdByTeams
        reply_channel list
        queue list @queue
        external_queue list
        ended boolean
        ended_at datetime
        ended_reason string
        imported_at datetime
        imported boolean
    """,
    "conversation_time": """
        created_at datetime
        conversation_id string_notanalyzed @conversation
        created_by_teams list
        assigned_users list
        assigned_teams list
        touched boolean
        reopened boolean
        snoozed boolean
        resolved boolean
        message_at datetime
        message_time number
        messages_sent number
        note_at datetime
        note_time number
        notes_sent number
        handle_at datetime
        handle_time number
        channels list
    """,
    "kobject": """
        any_text any *
        created_at datetime
        updated_at datetime
        imported_at datetime
        imported boolean
    """,
    # The contexts exist, their attributes are named nowhere: UNCONFIRMED (work-session-updated-at).
    "work_session": "",
    "work_item": "",
}

_ARCHIVE = {
    "conversation": """
        id string_notanalyzed
        created_at datetime
        updated_at datetime
        customer_id string_notanalyzed @customer
        any_text any *
        deleted boolean
    """,
    "customer": """
        id string_notanalyzed
        companyId string_notanalyzed @company
        created_at datetime
        updated_at datetime
        deleted boolean
        any_text_new any *
    """,
    "message": """
        id string_notanalyzed
        created_at datetime
        updated_at datetime
        conversation_id string_notanalyzed @conversation
        any_text any *
    """,
    "kobject": """
        id string_notanalyzed
        created_at datetime
        updated_at datetime
        customer_id string_notanalyzed @customer
        company_id string_notanalyzed @company
        any_text any *
    """,
    "company": """
        created_at datetime
        updated_at datetime
    """,
}

# Sort attributes of a customer search beside its dates; the vendor's list, verbatim names.
CUSTOMER_SORTS = frozenset(
    f"customer_{name}"
    for name in [
        "name",
        "gender",
        "externalId",
        "lastmessage_preview",
        "progressive_status",
        "done",
        "open",
        "snoozed",
    ]
)
_ARCHIVE_SORTS = frozenset(
    [
        "conversation_created_at",
        "conversation_updated_at",
        "conversation_customer_id",
        "conversation_deleted",
        "customer_companyId",
        "customer_created_at",
        "customer_updated_at",
        "customer_deleted",
        "message_id",
        "message_created_at",
        "message_updated_at",
        "kobject_created_at",
        "kobject_updated_at",
        "company_created_at",
        "company_updated_at",
    ]
)
_ARCHIVE_KLASS_SORT = re.compile(r"^kobject.*_(created|updated)_at$")

SUFFIX_KINDS = {
    "Num": NUMBER,
    "At": DATETIME,
    "Bool": BOOLEAN,
    "Id": LIST,
    "Txt": TEXT,
}


def camel(name: str) -> str:
    """Return `first_response` as `firstResponse`."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def attribute(context: str, name: str, kind: str | None = None, path: str = "") -> Attribute:
    """Return the attribute ``name`` of a context; dates are known by their `_at`."""
    kind = kind or (DATETIME if name.endswith("_at") else EXACT)
    return Attribute(f"{context}_{name}", kind, path or camel(name))


def _table(tables: dict[str, str]) -> dict[str, dict[str, Attribute]]:
    return {
        context: {
            made.name: made
            for line in text.split("\n")
            if line.strip()
            for made in [attribute(context, *line.split())]
        }
        for context, text in tables.items()
    }


STANDARD = _table(_STANDARD)
ARCHIVE = _table(_ARCHIVE)


def custom_attribute(prefix: str, name: str) -> Attribute:
    """Return the filter of a custom attribute: `<prefix>_custom_<name>`."""
    kind = next((kind for end, kind in SUFFIX_KINDS.items() if name.endswith(end)), STRING)
    return Attribute(f"{prefix}_custom_{name}", kind, f"custom.{name}")


def sortable(found: Attribute, context: str, *, archive: bool) -> bool:
    """Say whether a search may be sorted by an attribute that it may filter by.

    The vendor's page lists customer attributes only; that dates of other contexts work is what
    other taps rely on. Whether the rest is refused or ignored is UNCONFIRMED (unknown-attribute).
    """
    if archive:
        return found.name in _ARCHIVE_SORTS or bool(_ARCHIVE_KLASS_SORT.match(found.name))
    if found.kind == DATETIME:
        return True
    return context == "customer" and found.name in CUSTOMER_SORTS


def renamed(table: dict[str, Attribute], klass: str) -> dict[str, Attribute]:
    """Return the attributes of kobjects under the name of one klass: `kobject_<klass>_…`."""
    start = len(KOBJECT) + 1
    return {
        made.name: made
        for old in table.values()
        for made in [Attribute(f"{KOBJECT}_{klass}_{old.name[start:]}", old.kind, old.path)]
    }
