"""The objects that are read by search: what each is and what its search is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from typing_extensions import override

from tap_kustomer import timestamps
from tap_kustomer.errors import MissingRoleError, StreamError
from tap_kustomer.streams.base import RowBatch, streams_in
from tap_kustomer.streams.lists import listed_rows
from tap_kustomer.streams.search import SEARCH_ROLES, SearchStream

__all__ = ["OBJECT_STREAMS", "Companies", "Conversations", "Customers", "Messages", "Notes"]


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

    _unlisted: StreamError | None = None  # why the list of all notes could not be read

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the notes of the list and of the search, those of the search in any case.

        Raises: ``StreamError`` at the end when the list could not be read. The bookmark then
        stays in front of the notes that only the list has.
        """
        for batch in super().read():
            yield batch if self._unlisted is None else replace(batch, bookmark=None)
        if self._unlisted is None:
            return
        role = "`org.permission.note.read` or `org.user.note.read`"
        advice = f"Create a key that also has the role {role}, or set `include_archived` to false."
        if not isinstance(self._unlisted, MissingRoleError):
            advice = "Run again later, or set `include_archived` to false to go without them."
        msg = (
            "notes: the notes of the last two years were read, but older ones come from the list "
            f"of all notes, which could not be read. {self._unlisted} {advice}"
        )
        raise StreamError(msg)

    @override
    def older_rows(self, start: str) -> Iterator[RowBatch]:
        """Yield the notes that the search no longer has, when the start reaches back to them."""
        try:
            yield from self._listed_rows(start)
        except StreamError as error:
            self._unlisted = error

    def _listed_rows(self, start: str) -> Iterator[RowBatch]:
        if not self.settings.include_archived or not self.is_near_edge:
            return
        self.logger.info(
            "notes: the search ends at rows updated two years ago and notes have no archive "
            "search, so older ones are read from the list of all notes, 100 a request.",
        )
        # The days around the edge come from both, as its exact place is not known.
        last = self.session.edge.end_of_overlap
        # A note that was updated since the first search is behind that search's answer.
        recent = self.run.started_at if self.settings.end_date is None else None
        undated = 0
        for rows in listed_rows(self, ("/v1/notes",)):
            moments = [_updated(row) for row in rows]
            undated += moments.count("")
            # No search has those that do not tell when they were updated.
            old = [
                row
                for row, moment in zip(rows, moments, strict=True)
                if not moment or start <= moment <= last or (recent and moment > recent)
            ]
            yield RowBatch([self.make_row(row) for row in old])
        if undated:
            self.logger.warning(
                "notes: %d notes do not say when they were updated. They are read with the list "
                "of all notes only, so a change to them is not seen until that is read again.",
                undated,
            )


class Companies(SearchStream):
    """One row per company that customers belong to.

    UNCONFIRMED (company-updated-at) that the search takes ``company_updated_at``; else the full
    list is read.
    """

    name = "companies"
    resource = "company"
    query_context = "company"
    assumption = "company-updated-at"
    list_paths = ("/v1/companies",)
    roles = (*SEARCH_ROLES, "org.permission.company.read", "org.user.company.read")


class ConversationTimes(SearchStream):
    """One row per stretch of time that an agent spent on a conversation; rows never change."""

    name = "conversation_times"
    query_context = "conversation_time"
    field = "createdAt"
    replication_key = "created_at"
    has_archive = False
    ends_with_search = True


class WorkSessions(SearchStream):
    """One row per work session: an agent's shift in routing.

    UNCONFIRMED (work-session-updated-at) that the search takes ``work_session_updated_at``; else
    the full list is read, never by a date of creation or sign-in: a session that is still open
    would freeze.
    """

    name = "work_sessions"
    query_context = "work_session"
    assumption = "work-session-updated-at"
    has_archive = False
    ends_with_search = True
    list_paths = ("/v1/routing/work-sessions",)
    roles = (
        *SEARCH_ROLES,
        "org.permission.work_session.read",
        "org.permission.routing.read",
        "org.user.routing.read",
    )


class WorkItems(SearchStream):
    """One row per work item: the way of a conversation through routing.

    UNCONFIRMED (work-item-updated-at) that the search takes ``work_item_updated_at``: it is used
    only while every page is in its order, else the documented list is read in full.
    """

    name = "work_items"
    query_context = "work_item"
    assumption = "work-item-updated-at"
    has_archive = False
    ends_with_search = True
    list_paths = ("/v1/routing/work-items",)
    roles = (*SEARCH_ROLES, "org.permission.routing.read", "org.user.routing.read")


def _updated(row: dict[str, object]) -> str:
    attributes = row.get("attributes")
    value = attributes.get("updatedAt") if isinstance(attributes, dict) else None
    return timestamps.normalise(value) or ""


OBJECT_STREAMS = streams_in(__name__)
