"""One class per Kustomer object: what it is, where it is read, who may read it.

To add a list, write its class here, its schema in ``tap_kustomer/schemas`` and its name into
``OBJECT_STREAMS``; ``docs/contributing.md`` walks through an example.
Roles: https://developer.kustomer.com/docs/get-started/api-keys-and-roles
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tap_kustomer import timestamps
from tap_kustomer.catalog.discovery import KLASS_STATUSES
from tap_kustomer.readers.passes import ARCHIVE_AFTER_DAYS
from tap_kustomer.streams.base import RowBatch
from tap_kustomer.streams.lists import ListStream, listed_rows
from tap_kustomer.streams.search import SearchStream

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_kustomer.streams.base import KustomerStream

__all__ = ["OBJECT_STREAMS", "Companies", "Conversations", "Customers", "Messages", "Notes"]

# A start this much before the two-year edge reaches back over it; the default start date, two
# years before the run, does not.
_REACHES_BACK_SECONDS = 3600


class Customers(SearchStream):
    """One row per customer: a person who contacts the org."""

    name = "customers"
    query_context = "customer"


class Conversations(SearchStream):
    """One row per conversation with a customer, over all its channels."""

    name = "conversations"
    query_context = "conversation"


class Messages(SearchStream):
    """One row per message of a conversation, in either direction."""

    name = "messages"
    query_context = "message"


class Notes(SearchStream):
    """One row per internal note on a conversation or customer.

    Notes have no archive search: those idle for over two years come from the list of all notes.
    """

    name = "notes"
    query_context = "note"
    has_archive = False

    @override
    def older_rows(self, start: str) -> Iterator[RowBatch]:
        """Yield the notes that the search no longer has, when the start reaches back to them."""
        edge = self._two_years_ago()
        if not self.settings.include_archived or (
            start > timestamps.shift(edge, seconds=-_REACHES_BACK_SECONDS)
        ):
            return
        self.logger.info(
            "notes: the search ends at rows updated two years ago and notes have no archive "
            "search, so older ones are read from the list of all notes, 100 a request.",
        )
        # The days around the edge come from both, as its exact place is not known.
        last = timestamps.shift(edge, days=2)
        for rows in listed_rows(self, ("/v1/notes",)):
            old = [row for row in rows if start <= _updated(row) <= last]
            yield RowBatch([self.make_row(row) for row in old])


class Companies(SearchStream):
    """One row per company that customers belong to.

    UNCONFIRMED that the search takes ``company_updated_at``; else the full list is read.
    """

    name = "companies"
    query_context = "company"
    list_paths = ("/v1/companies",)


class Users(ListStream):
    """One row per user: agents, machines and deactivated users."""

    name = "users"
    paths = ("/v1/users",)
    passes = ({"deleted": "false"}, {"deleted": "true"})  # filters cannot be combined
    page_size = 500
    roles = ("org.permission.user.read", "org.user.read")


class Teams(ListStream):
    """One row per team of users."""

    name = "teams"
    paths = ("/v1/teams",)
    page_size = 500
    roles = ("org.permission.team.read",)
    roles_documented = False


class Tags(ListStream):
    """One row per tag."""

    name = "tags"
    paths = ("/v1/tags",)
    roles = ("org.permission.tag.read",)
    roles_documented = False


class Shortcuts(ListStream):
    """One row per shortcut: a prepared text or action of agents."""

    name = "shortcuts"
    paths = ("/v1/shortcuts",)
    roles = ("org.permission.shortcut.read",)
    roles_documented = False


class Klasses(ListStream):
    """One row per klass, in every status."""

    name = "klasses"
    paths = ("/v1/klasses",)
    passes = tuple({"status": status} for status in KLASS_STATUSES)
    roles = ("org.permission.klass.read", "org.user.klass.read", "org.admin.klass.read")


def _updated(row: dict[str, object]) -> str:
    attributes = row.get("attributes")
    value = attributes.get("updatedAt") if isinstance(attributes, dict) else None
    return timestamps.normalise(value) or ""


OBJECT_STREAMS: tuple[type[KustomerStream], ...] = (
    Customers,
    Conversations,
    Messages,
    Notes,
    Companies,
    Users,
    Teams,
    Tags,
    Shortcuts,
    Klasses,
)
