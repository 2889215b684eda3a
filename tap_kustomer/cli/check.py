"""The preflight: what the key may read, and how long a first extract takes.

It asks each endpoint for one row, so it costs about one request per stream.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from tap_kustomer.errors import KustomerError, MissingRoleError, NotFoundError, RequestRefusedError
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.streams.lists import ListStream, listed_pages
from tap_kustomer.streams.search import SearchStream
from tap_kustomer.streams.switched_lists import SwitchedListStream
from tap_kustomer.streams.webhook_events import WebhookEvents
from tap_kustomer.sync import note_role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import IO

    from tap_kustomer.session import Session
    from tap_kustomer.streams.base import KustomerStream

__all__ = ["Preflight", "StreamCheck", "preflight"]

_WIDTH = 120  # columns, where no terminal says how wide it is
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
                **asdict(self),
                "works": self.works,
                "minutes": self.minutes,
                "missing_roles": self.missing_roles,
            },
            indent=2,
        )

    def print(self, file: IO[str]) -> None:
        """Print the table for people; colours on a terminal only."""
        width = None if file.isatty() else _WIDTH
        console = Console(file=file, highlight=False, width=width)
        console.print(f"Org {self.org_id or 'unknown'} at {self.api_url}")
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("stream", no_wrap=True)
        table.add_column("may read", no_wrap=True)
        for heading in ("rows", "requests", "minutes"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("remark", overflow="fold")
        for one in self.streams:
            table.add_row(*self._cells(one), style=None if one.selected else "dim")
        console.print(table)
        for sentence in self._sentences():
            console.print(sentence, soft_wrap=True)

    def _cells(self, one: StreamCheck) -> list[str]:
        colour = {OPEN: "green", ABSENT: "yellow"}.get(one.readable, "red")
        requests = one.searches + one.requests
        minutes = max(
            one.searches / self.searches_per_minute,
            requests / self.requests_per_minute,
        )
        known = one.readable == OPEN
        remark = one.problem or ("" if one.selected else "not selected")
        return [
            one.stream,
            f"[{colour}]{one.readable}[/{colour}]",
            f"{one.rows:,}" if known and one.rows is not None else "",
            f"{requests:,}" if known and requests else "",
            f"{minutes:,.1f}" if known and requests else "",
            remark,
        ]

    def _sentences(self) -> list[str]:
        lines = []
        if self.missing_roles:
            lines.append(
                "Make a key that also has these roles (roles of a key cannot be changed later): "
                + ", ".join(self.missing_roles),
            )
        lines.append(
            f"A full extract takes about {max(self.minutes, 1)} "
            f"minute{'s' if self.minutes > 1 else ''} at {self.searches_per_minute} searches and "
            f"{self.requests_per_minute} requests a minute, if Kustomer answers fast enough; later "
            "runs read only what changed.",
        )
        if not self.works:
            lines.append("[red]Not every selected stream can be read.[/red]")
        return lines


def preflight(session: Session, streams: Iterable[KustomerStream]) -> Preflight:
    """Ask Kustomer about every one of ``streams``.

    Raises: ``CredentialsError`` when the key or the host is wrong.
    """
    checks = [_check(stream) for stream in streams]
    searches, requests = session.client.limiter.shares
    api_url = session.settings.api_url
    return Preflight(session.org.id, api_url, searches, requests, checks)


def _check(stream: KustomerStream) -> StreamCheck:
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
    probe = stream.first_answer
    if probe is None:
        _count_list(check, stream, stream.list_paths, ({},), 100)
        return
    totals = [probe.page.expected]
    if stream.has_archive and stream.settings.include_archived and stream.reaches_back:
        archive = PageSearch(
            stream.client,
            replace(probe.query, archive=True),
            page_size=1,
            watermark=probe.started,
        )
        page = stream.workers.call(lambda: archive.ask(Bounds(stream.starting_at)))
        totals.append(page.expected)
    check.rows = sum(totals)
    check.searches = sum(max(math.ceil(total / probe.page_size), 1) for total in totals)


def _count_passes(check: StreamCheck, stream: ListStream) -> None:
    try:
        _count_list(check, stream, stream.paths, stream.passes, stream.page_size)
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
