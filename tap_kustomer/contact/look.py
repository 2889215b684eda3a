"""The look at an org: asks what the preflight's own questions leave open, and judges all of it.

At most sixty requests, twenty of them searches, besides the preflight's; fewer where an org has
nothing to ask about. A question that cannot be answered leaves its assumption *not seen*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tap_kustomer import timestamps
from tap_kustomer.client.codec import decode
from tap_kustomer.contact.allowance import Allowance, SpentError
from tap_kustomer.contact.answers import Answers, attributes_of_rows, share_of_ties
from tap_kustomer.contact.questions import OrgQuestions, SearchQuestions
from tap_kustomer.contact.rows import judge_rows
from tap_kustomer.errors import StreamError, UnavailableError
from tap_kustomer.ledger.ledger import Ledger
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.session import Session
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.search import SearchStream

__all__ = ["Contact", "SearchLook", "look"]

_SECOND_PAGES = 6  # streams of which a second page is compared with the first


@dataclass
class SearchLook:
    """What the pages of one search stream show."""

    stream: str
    asked: int  # rows a page
    given: int
    total: int | None  # None: not told, or capped
    pages: int = 1  # compared with what was asked for
    in_order: bool = True
    ties: float = 0.0  # share of rows that share their timestamp


@dataclass
class Contact:
    """What a look found: the ledger, the searches, and the way there."""

    ledger: Ledger
    answers: Answers
    searches: list[SearchLook] = field(default_factory=list)
    klasses: int = 0
    custom_attributes: int = 0
    requests: int = 0  # of the look
    searches_sent: int = 0  # of those
    stopped: str | None = None  # why not all questions were asked

    def as_dict(self) -> dict[str, Any]:
        """Return what was found for machines."""
        assumptions = self.ledger.assumptions
        return {
            "assumptions": [
                {
                    "id": id_,
                    "assumed": assumptions[id_].assumed,
                    "column": one.column.value,
                    "how": one.how,
                    "places": one.places,
                    "otherwise": assumptions[id_].otherwise,
                }
                for id_, one in self.ledger.findings.items()
            ],
            "look": {
                "pods": sorted(self.answers.pods),
                "requests_per_minute_of_the_org": self.answers.org_limit,
                "limit_on_a_search": self.answers.search_limit,
                "klasses": self.klasses,
                "custom_attributes": self.custom_attributes,
                "searches": [vars(one) for one in self.searches],
                "requests_sent": self.requests,
                "searches_sent": self.searches_sent,
                "stopped": self.stopped,
            },
        }


def look(session: Session, streams: Sequence[KustomerStream], answers: Answers) -> Contact:
    """Ask what is left open, judge all that was answered, and return it.

    ``answers`` has watched the preflight. Raises: ``CredentialsError`` where the key no longer
    works.
    """
    contact = Contact(session.ledger, answers)
    metadata = session.org.metadata
    contact.klasses = len(session.org.klasses)
    contact.custom_attributes = sum(len(one) for one in metadata.values())
    asked = [
        one for one in streams if isinstance(one, SearchStream) and one.first_answer is not None
    ]
    allowance = Allowance(session.client)
    try:
        contact.searches = [_first_page(one) for one in asked]
        for question in _questions(session, asked, answers, allowance, contact):
            if not _is_answered(question, contact):
                break
    finally:
        allowance.close()
    contact.requests, contact.searches_sent = allowance.requests, allowance.searches
    judge_rows(session.ledger, streams, answers.seen)
    return contact


def _is_answered(question: Callable[[], None], contact: Contact) -> bool:
    """Ask, and return whether there is any use in asking more."""
    try:
        question()
    except UnavailableError as error:
        contact.stopped = f"Kustomer no longer answered, so the look ended early. {error}"
        return False
    except (SpentError, StreamError):
        return True  # a cheaper question may be within the allowance, another one be answered
    return True


def _questions(
    session: Session,
    asked: Sequence[SearchStream],
    answers: Answers,
    allowance: Allowance,
    contact: Contact,
) -> Iterator[Callable[[], None]]:
    """Yield the questions, the most important first."""
    of_search = SearchQuestions(session, allowance)
    of_org = OrgQuestions(session, allowance, answers)
    customers = next((one for one in asked if one.name == "customers"), None)
    klass = next((one for one in asked if one.assumption == "klass-attribute"), None)
    if customers is not None:
        yield lambda: of_search.archive(customers)
        yield lambda: of_search.live_edge(customers)
        yield lambda: of_search.unknown_attribute(customers)
    yield from of_org.all(customers)
    if klass is not None:
        yield lambda: of_search.archive_of_klass(klass)
    if customers is not None:
        yield lambda: of_search.ids_only(customers)
        yield lambda: of_search.freshest(customers)
        yield lambda: of_search.page_behind_the_last(customers)
    larger = sorted(asked, key=lambda one: -(one.run.expected or _rows(one)))
    for stream in [one for one in larger if not _is_whole(one)][:_SECOND_PAGES]:
        entry = next(one for one in contact.searches if one.stream == stream.name)
        yield lambda stream=stream, entry=entry: _second_page(  # type: ignore[misc]
            session, allowance, stream, entry
        )
    if customers is not None:
        yield lambda: of_search.behind_ten_thousand(customers)


def _rows(stream: SearchStream) -> int:
    return 0 if stream.first_answer is None else stream.first_answer.page.expected


def _is_whole(stream: SearchStream) -> bool:
    first = stream.first_answer
    return first is None or len(first.page) < first.page_size


def _first_page(stream: SearchStream) -> SearchLook:
    first = stream.first_answer
    assert first is not None  # noqa: S101 - for the types: asked by the caller
    stamps = [key.updated for key in first.page.keys if key.updated is not None]
    return SearchLook(
        stream.name,
        asked=stream.settings.page_size,
        given=first.page.page_size or first.page_size,
        total=first.page.total,
        ties=round(share_of_ties(stamps), 3),
    )


def _second_page(
    session: Session, allowance: Allowance, stream: SearchStream, entry: SearchLook
) -> None:
    """Compare the page behind the first with the first, and with what was asked for."""
    first = stream.first_answer
    stamps = [] if first is None else [key.updated for key in first.page.keys if key.updated]
    if first is None or not stamps:
        return
    search = PageSearch(
        session.client,
        first.query,
        page_size=first.page_size,
        watermark=timestamps.shift(first.started, seconds=-stream.settings.lookback_seconds),
        exact_totals=session.exact_totals,
    )
    bounds = Bounds(stamps[-1], first.started)
    entry.in_order = False
    page = allowance.spend(lambda: session.workers.call(lambda: search.ask(bounds)), searches=True)
    entry.pages, entry.in_order = 2, True
    rows = attributes_of_rows(decode(page.raw).get("data") or [])
    if not rows:
        session.ledger.differs("search-filter", "nothing follows a full page", stream.name)
