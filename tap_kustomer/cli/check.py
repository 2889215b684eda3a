"""The preflight: what the key may read, and how long a first extract takes.

It asks each endpoint for a page, so it costs about one request per stream. Where there are many
klasses, three are asked for by themselves and the others looked at together.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from tap_kustomer import timestamps
from tap_kustomer.catalog.discovery import KLASSES_SAMPLED
from tap_kustomer.cli.check_stream import (
    OPEN,
    SAMPLED,
    UNASKED,
    LeftOver,
    StreamCheck,
    check_stream,
)
from tap_kustomer.contact.look import Contact
from tap_kustomer.errors import StreamError
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.session import Session
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.extra import ExtraRows
from tap_kustomer.streams.kobjects import KlassObjects, Kobjects
from tap_kustomer.streams.search import SearchStream

__all__ = ["Preflight", "Sample", "preflight"]


@dataclass
class Sample:
    """What a search of all klasses shows of those that were not asked for by themselves.

    ``problem`` says why it shows nothing.
    """

    streams: list[str]
    rows: int | None = None  # of a full extract
    searches: int = 0  # of a full extract
    problem: str | None = None


@dataclass
class Preflight:
    """The whole table, and what follows from it."""

    org_id: str | None
    api_url: str
    searches_per_minute: int  # the tap's share
    requests_per_minute: int
    streams: list[StreamCheck]
    rows_since: str | None = None  # UTC text: searches count rows updated since then
    sample: Sample | None = None  # of the klasses that were not asked for by themselves
    contact: Contact | None = None  # what the org's API does, once it was looked at

    @property
    def works(self) -> bool:
        """Whether every selected stream works that was asked for."""
        return all(one.works for one in self.streams if one.selected)

    @property
    def minutes(self) -> int:
        """Minutes that a full extract of the selected streams needs at the tap's share."""
        selected = [one for one in self.streams if one.selected and one.readable == OPEN]
        searches = sum(one.searches for one in selected)
        searches += self.sample.searches if self.sample is not None else 0
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


def preflight(session: Session, streams: Sequence[KustomerStream]) -> tuple[Preflight, LeftOver]:
    """Ask Kustomer about every one of ``streams``, the selected ones first.

    Returns what was found, and the questions that are left over.
    Raises: ``CredentialsError`` when the key or the host is wrong.
    """
    left = LeftOver()
    by_importance = sorted(streams, key=_importance)
    klasses = [one for one in by_importance if isinstance(one, KlassObjects)]
    unasked = {one.name for one in klasses[KLASSES_SAMPLED:]}
    checks: dict[str, StreamCheck] = {}
    for stream in by_importance:
        if isinstance(stream, KlassObjects) and session.shared.are_used:
            unasked.add(stream.name)  # what was asked for one klass has brought the rows of all
        if stream.name not in unasked:
            checks[stream.name] = check_stream(stream, left)
    sample = None
    if unasked:
        asked = [one for one in klasses if one.name not in unasked]
        kobjects = next((one for one in streams if isinstance(one, Kobjects)), None)
        names = [one.name for one in klasses if one.name in unasked]
        sample = _sample(names, asked, kobjects, checks)
    for stream in by_importance:
        if stream.name in unasked:
            readable = SAMPLED if sample is not None and sample.problem is None else UNASKED
            checks[stream.name] = StreamCheck(stream.name, stream.selected, readable)
    searches, requests = session.client.limiter.shares
    found = Preflight(
        session.org.id,
        session.settings.api_url,
        searches,
        requests,
        [checks[one.name] for one in streams],
        session.settings.start_date or session.edge.moment,
        sample,
    )
    return found, left


def _importance(stream: KustomerStream) -> tuple[bool, ...]:
    """Order streams: selected ones first, of these what every org has, of these the searches."""
    is_looked_at = isinstance(stream, ExtraRows)  # by discovery
    return not stream.selected, is_looked_at, stream.optional, not isinstance(stream, SearchStream)


def _sample(
    names: list[str],
    asked: Iterable[KlassObjects],
    kobjects: Kobjects | None,
    checks: dict[str, StreamCheck],
) -> Sample:
    """Look at the streams ``names`` by a search of all klasses, less those that were ``asked``."""
    answered = [one for one in asked if one.first_answer is not None]
    sample = Sample(names, searches=len(names))
    if not answered:
        sample.problem = "No klass could be searched by itself, so the others were not looked at."
        return sample
    if answered[0].session.shared.are_used:
        sample.rows = sample.searches = 0  # they are among those of the klass that was asked for
        return sample
    try:
        total = _rows_of_all(answered[0], kobjects)
    except StreamError as error:
        sample.problem = f"The klasses could not be looked at together: {error}"
        return sample
    sample.rows = max(total - sum(checks[one.name].rows or 0 for one in answered), 0)
    sample.searches = max(math.ceil(sample.rows / answered[0].settings.page_size), len(names))
    return sample


def _rows_of_all(klass: KlassObjects, kobjects: Kobjects | None) -> int:
    """Return how many rows all klasses have, in the form in which ``klass`` was searched."""
    if kobjects is not None and kobjects.first_answer is not None:
        return kobjects.first_answer.expected
    first = klass.first_answer
    assert first is not None  # noqa: S101 - for the types: one that was answered
    query = replace(
        klass.query("kobject", "kobject"),
        stream=Kobjects.name,
        include_deleted=first.query.include_deleted,
    )
    search = PageSearch(
        klass.session.client,
        query,
        page_size=first.page_size,
        watermark=timestamps.shift(first.started, seconds=-klass.settings.lookback_seconds),
        exact_totals=klass.session.exact_totals,
    )
    return klass.prefetch.call(lambda: search.ask(Bounds(klass.starting_at))).expected
