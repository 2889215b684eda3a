"""The preflight: what the key may read, and how long a first extract takes.

It asks each endpoint for one row, so it costs about one request per stream.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from tap_kustomer.contact.look import Contact
from tap_kustomer.errors import KustomerError, MissingRoleError, NotFoundError, RequestRefusedError
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.session import Session
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.lists import ListStream, listed_pages
from tap_kustomer.streams.search import SearchStream
from tap_kustomer.streams.switched_lists import SwitchedListStream
from tap_kustomer.streams.webhook_events import WebhookEvents
from tap_kustomer.sync import note_role

__all__ = ["MISSING_ROLE", "Preflight", "StreamCheck", "check_stream", "preflight"]

OPEN, MISSING_ROLE, ABSENT, BROKEN = "yes", "no", "absent", "error"


@dataclass
class StreamCheck:
    """What is known of one stream before it is read."""

    stream: str
    selected: bool
    readable: str = OPEN  # yes, no (a role is missing), absent (not part of this org), error
    role: str | None = None  # the role to add
    rows: int | None = None  # of a full extract, as far as Kustomer tells
    searches: int = 0  # requests of a full extract, from the search budget
    requests: int = 0  # from the org's budget alone
    problem: str | None = None

    @property
    def works(self) -> bool:
        """Whether a run with this stream can succeed."""
        return self.readable in {OPEN, ABSENT}


@dataclass
class Preflight:
    """The whole table, and what follows from it."""

    org_id: str | None
    api_url: str
    searches_per_minute: int  # the tap's share
    requests_per_minute: int
    streams: list[StreamCheck]
    rows_since: str | None = None  # UTC text: searches count rows updated since then
    contact: Contact | None = None  # what the org's API does, once it was looked at

    @property
    def works(self) -> bool:
        """Whether every selected stream works."""
        return all(one.works for one in self.streams if one.selected)

    @property
    def minutes(self) -> int:
        """Minutes that a full extract of the selected streams needs at the tap's share."""
        selected = [one for one in self.streams if one.selected and one.readable == OPEN]
        searches = sum(one.searches for one in selected)
        requests = searches + sum(one.requests for one in selected)
        return math.ceil(
            max(searches / self.searches_per_minute, requests / self.requests_per_minute),
        )

    @property
    def missing_roles(self) -> list[str]:
        """Roles that a new key needs for the selected streams, each once."""
        roles = [one.role for one in self.streams if one.selected and one.role]
        return list(dict.fromkeys(roles))

    def as_json(self) -> str:
        """Return the table for machines."""
        return json.dumps(
            {
                **asdict(replace(self, contact=None)),
                "works": self.works,
                "minutes": self.minutes,
                "missing_roles": self.missing_roles,
                **({} if self.contact is None else self.contact.as_dict()),
            },
            indent=2,
        )


def preflight(session: Session, streams: Iterable[KustomerStream]) -> Preflight:
    """Ask Kustomer about every one of ``streams``.

    Raises: ``CredentialsError`` when the key or the host is wrong.
    """
    checks = [check_stream(stream) for stream in streams]
    since = session.settings.start_date or session.edge.moment
    searches, requests = session.client.limiter.shares
    api_url = session.settings.api_url
    return Preflight(session.org.id, api_url, searches, requests, checks, since)


def check_stream(stream: KustomerStream) -> StreamCheck:
    """Ask Kustomer whether ``stream`` can be read, and how many rows it has.

    Raises: ``CredentialsError`` when the key or the host is wrong.
    """
    check = StreamCheck(stream.name, stream.selected)
    if stream.problem is not None:
        check.readable, check.problem = BROKEN, stream.problem
        return check
    try:
        if isinstance(stream, SearchStream):
            _count_search(check, stream)
        elif isinstance(stream, ListStream):
            _count_passes(check, stream)
        elif isinstance(stream, WebhookEvents):
            check.rows = stream.count()
    except MissingRoleError:
        return _refused(check, stream)
    except NotFoundError:
        stream.session.ledger.differs("lists-exist", "a 404", stream.name)
        check.readable, check.problem = ABSENT, "not part of this org"
    except KustomerError as error:
        check.readable, check.problem = BROKEN, str(error)
        return check
    if check.readable == OPEN and (stream.reads_list or isinstance(stream, SearchStream)):
        note_role(stream, is_open=True)
        if stream.reads_list:
            stream.session.ledger.holds("lists-exist")
    return check


def _refused(check: StreamCheck, stream: KustomerStream) -> StreamCheck:
    note_role(stream, is_open=False)
    check.readable = MISSING_ROLE
    check.role = stream.role_to_ask_for
    probably = "" if stream.roles_documented else "probably "
    check.problem = f"the key {probably}lacks {check.role}"
    return check


def _count_search(check: StreamCheck, stream: SearchStream) -> None:
    stream.ensure_prepared()
    first = stream.first_answer
    if first is None:
        _count_list(check, stream, stream.list_paths, ({},), 100)
        return
    totals = [first.page.expected]
    if stream.has_archive and stream.settings.include_archived and stream.reaches_back:
        archive = PageSearch(
            stream.client,
            replace(first.query, archive=True),
            page_size=1,
            watermark=first.started,
        )
        page = stream.workers.call(lambda: archive.ask(Bounds(stream.starting_at)))
        totals.append(page.expected)
    check.rows = sum(totals)
    check.searches = sum(max(math.ceil(total / first.page_size), 1) for total in totals)


def _count_passes(check: StreamCheck, stream: ListStream) -> None:
    try:
        _count_list(check, stream, stream.paths, stream.passes, stream.page_size)
        if isinstance(stream, SwitchedListStream):
            stream.session.ledger.holds(stream.switch)
    except RequestRefusedError:
        if not isinstance(stream, SwitchedListStream):
            raise
        stream.session.ledger.differs(stream.switch, "it is refused", stream.name)
        _count_list(check, stream, stream.paths, stream.plain_passes, stream.page_size)


def _count_list(
    check: StreamCheck,
    stream: KustomerStream,
    paths: Sequence[str],
    passes: Sequence[Mapping[str, str]],
    page_size: int | None,
) -> None:
    """Count a list by its first page: most lists do not tell how many rows they have."""
    rows: int | None = 0
    for params in passes:
        page = next(listed_pages(stream, paths, params, page_size), None)
        if page is None:
            continue
        known = len(page.rows) if page.next_link is None and page.has_links else page.total
        rows = None if known is None or rows is None else rows + known
        check.requests += max(math.ceil((known or 1) / (page_size or 1)), 1) if page_size else 1
    check.rows = rows
