"""One stream of a preflight: whether it can be read, and how many rows it has."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from tap_kustomer.client.transport import Request
from tap_kustomer.errors import (
    KustomerError,
    MissingRoleError,
    NotFoundError,
    RequestRefusedError,
    SpentError,
)
from tap_kustomer.readers.list_page import ListPage
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.streams.audit_logs import PATH, AuditLogs
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.children import ChildStream
from tap_kustomer.streams.lists import ListStream, listed_pages
from tap_kustomer.streams.search import SearchStream
from tap_kustomer.streams.searched import Searched, SearchedStream
from tap_kustomer.streams.switched_lists import SwitchedListStream
from tap_kustomer.streams.webhook_events import WebhookEvents
from tap_kustomer.sync import note_role

__all__ = [
    "ABSENT",
    "MISSING_ROLE",
    "OPEN",
    "SAMPLED",
    "UNASKED",
    "LeftOver",
    "StreamCheck",
    "check_stream",
]

OPEN, MISSING_ROLE, ABSENT, BROKEN = "yes", "no", "absent", "error"
SAMPLED, UNASKED = "sampled", "not asked"


@dataclass
class StreamCheck:
    """What is known of one stream before it is read."""

    stream: str
    selected: bool
    # yes, no (a role is missing), absent (not part of this org), error, sampled (a klass whose
    # rows were looked at among those of all), not asked (the check has sent what it may)
    readable: str = OPEN
    role: str | None = None  # the role to add
    rows: int | None = None  # of a full extract, as far as Kustomer tells
    at_least: bool = False  # not all that is counted in ``rows`` was asked for
    searches: int = 0  # requests of a full extract, from the search budget
    requests: int = 0  # from the org's budget alone
    problem: str | None = None

    @property
    def works(self) -> bool:
        """Whether a run with this stream can succeed, as far as it was asked for."""
        return self.readable in {OPEN, ABSENT, SAMPLED, UNASKED}


@dataclass
class LeftOver:
    """Questions of the table that count rows only, left for when there are requests to spare."""

    archives: list[Callable[[], None]] = field(default_factory=list)
    lists: dict[str, list[Callable[[], None]]] = field(default_factory=dict)  # by stream
    log_is_open: bool = False  # the audit log has answered
    archived: dict[str, int] = field(default_factory=dict)  # rows of the archive, by search stream


def check_stream(stream: KustomerStream, left: LeftOver | None = None) -> StreamCheck:
    """Ask Kustomer whether ``stream`` can be read, and how many rows it has.

    Its other questions are put to ``left``, and what they count counts once they are asked.
    Raises: ``CredentialsError`` when the key or the host is wrong.
    """
    check = StreamCheck(stream.name, stream.selected)
    if stream.problem is not None:
        check.readable, check.problem = BROKEN, stream.problem
        return check
    try:
        _ask(check, stream, left or LeftOver())
    except SpentError as error:
        check.readable, check.problem = UNASKED, str(error)
        return check
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


def _ask(check: StreamCheck, stream: KustomerStream, left: LeftOver) -> None:
    if isinstance(stream, SearchStream):
        _count_search(check, stream, left)
    elif isinstance(stream, ChildStream):
        _count_children(check, stream, left)
    elif isinstance(stream, ListStream):
        _count_passes(check, stream, left)
    elif isinstance(stream, AuditLogs):
        _ask_log(stream, left)
    elif isinstance(stream, WebhookEvents):
        check.rows = stream.count()


def _count_search(check: StreamCheck, stream: SearchStream, left: LeftOver) -> None:
    stream.ensure_prepared()
    first = stream.first_answer
    if first is None:
        _count_list(check, stream, stream.list_paths, passes=({},), page_size=100, left=left)
        return
    check.rows = first.expected

    def add(archived: int) -> None:
        check.rows = (check.rows or 0) + archived

    _count_searches(check, stream, stream, add, left)


def _count_children(check: StreamCheck, stream: ChildStream, left: LeftOver) -> None:
    """Count the searches for parents, and the requests below them by the first page's share."""
    parent = stream.searched
    if parent.source is None:
        stream.ensure_prepared()
    else:  # a run would search for itself, and find the same
        stream.source = parent.source
        stream.prefetch.call(stream.try_first)
    first, parents = stream.first_answer, stream.first_parents()
    check.rows = None
    if first is None:
        return
    share = stream.requests_below(parents) / max(len(parents), 1)

    def add(found: int) -> None:
        check.requests += math.ceil(found * share)

    add(first.expected)
    _count_searches(check, stream, parent, add, left)


def _count_searches(
    check: StreamCheck,
    stream: SearchedStream,
    searched: Searched,
    add: Callable[[int], None],
    left: LeftOver,
) -> None:
    """Count the searches of a full extract; ``add`` takes the rows of the archive, once asked."""
    first = stream.first_answer
    if first is None:
        return
    check.searches = max(math.ceil(first.expected / first.page_size), 1)
    if not (searched.has_archive and stream.settings.include_archived and stream.is_near_edge):
        return
    check.at_least = True
    check.searches += 1

    def count() -> None:
        if searched.name not in left.archived:
            archive = PageSearch(
                stream.client,
                replace(first.query, archive=True),
                page_size=1,
                watermark=first.started,
            )
            page = stream.prefetch.call(lambda: archive.ask(Bounds(stream.starting_at)))
            left.archived[searched.name] = page.expected
        archived = left.archived[searched.name]
        add(archived)
        check.searches += max(math.ceil(archived / first.page_size), 1) - 1
        check.at_least = False

    left.archives.append(count)


def _count_passes(check: StreamCheck, stream: ListStream, left: LeftOver) -> None:
    count = partial(_count_list, check, stream, stream.paths, page_size=stream.page_size, left=left)
    try:
        count(passes=stream.passes)
        if isinstance(stream, SwitchedListStream):
            stream.session.ledger.holds(stream.switch)
    except RequestRefusedError:
        if not isinstance(stream, SwitchedListStream):
            raise
        stream.session.ledger.differs(stream.switch, "it is refused", stream.name)
        count(passes=stream.plain_passes)


def _count_list(  # noqa: PLR0913 - a list stream, or the list of a search stream
    check: StreamCheck,
    stream: KustomerStream,
    paths: Sequence[str],
    *,
    passes: Sequence[Mapping[str, str]],
    page_size: int | None,
    left: LeftOver,
) -> None:
    """Count a list by its first page: most lists do not tell how many rows they have."""
    check.rows = 0
    known = [_known_page(stream, params) for params in passes]
    unasked = [params for params, page in zip(passes, known, strict=True) if page is None]
    for page in known:
        if page is not None:
            _add(check, page, page_size)

    def count(params: Mapping[str, str]) -> None:
        page = next(listed_pages(stream, paths, params, page_size), None)
        if page is not None:
            _add(check, page, page_size)
        unasked.remove(params)
        check.at_least = bool(unasked)

    if unasked:
        count(unasked[0])
        # A list has to be read, so it takes a request at least.
        left.lists[stream.name] = [partial(count, params) for params in unasked]


def _known_page(stream: KustomerStream, params: Mapping[str, str]) -> ListPage | None:
    return stream.known_page(params) if isinstance(stream, ListStream) else None


def _add(check: StreamCheck, page: ListPage, page_size: int | None) -> None:
    known = len(page.rows) if page.next_link is None and page.has_links else page.total
    check.rows = None if known is None or check.rows is None else check.rows + known
    check.requests += max(math.ceil((known or 1) / (page_size or 1)), 1) if page_size else 1


def _ask_log(stream: AuditLogs, left: LeftOver) -> None:
    """Ask for the newest entries of all types, once for the streams that are made of them."""
    if left.log_is_open:
        return
    request, ledger = Request(PATH), stream.session.ledger
    try:
        stream.prefetch.call(lambda: stream.client.fetch(request, ListPage.parse))
        ledger.holds("audit-without-type")
    except RequestRefusedError:
        ledger.differs("audit-without-type", "it is refused")
    left.log_is_open = True
