"""The look at an org: asks what the table of streams leaves open, and judges all of it.

It uses what discovery and the table leave of the check's requests, the most important questions
first. One that cannot be asked or answered leaves its assumption *not seen*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tap_kustomer import timestamps
from tap_kustomer.client.codec import decode
from tap_kustomer.contact.allowance import NOT_ASKED, Allowance
from tap_kustomer.contact.answers import Answers, attributes_of_rows
from tap_kustomer.contact.questions import OrgQuestions, Question
from tap_kustomer.contact.rows import judge_rows
from tap_kustomer.contact.search_questions import SearchQuestions
from tap_kustomer.errors import SpentError, StreamError, UnavailableError
from tap_kustomer.ledger.ledger import Column, Ledger
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.session import Session
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.search import SearchStream

__all__ = ["Contact", "SearchLook", "look"]

_SERVER_ERROR = 500  # the first status of those
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
    klasses_unasked: int = 0  # whose attributes were not asked for
    custom_attributes: int = 0
    requests: int = 0  # of the whole check
    searches_sent: int = 0  # of those
    stopped: str | None = None  # why the look ended early
    unasked: list[str] = field(default_factory=list)  # entries that it had no request left for

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
                "klasses_unasked": self.klasses_unasked,
                "custom_attributes": self.custom_attributes,
                "searches": [vars(one) for one in self.searches],
                "requests_sent": self.requests,
                "searches_sent": self.searches_sent,
                "stopped": self.stopped,
                "not_asked": self.unasked,
            },
        }


def look(  # noqa: PLR0913 - what the table of streams saw, spent and left
    session: Session,
    streams: Sequence[KustomerStream],
    answers: Answers,
    allowance: Allowance,
    *,
    counts: Mapping[str, Iterable[Callable[[], None]]],
    archives: Iterable[Callable[[], None]],
) -> Contact:
    """Ask what is left open, judge all that was answered, and return it.

    ``answers`` and ``allowance`` have watched the table of streams, which leaves over ``counts``
    of rows in lists by stream, and those in ``archives``.
    Raises: ``CredentialsError`` where the key no longer works.
    """
    contact = Contact(session.ledger, answers)
    org = session.org
    contact.klasses = len(org.klasses)
    readable = {f"kobject.{klass.name}" for klass in org.klasses if klass.is_readable}
    contact.klasses_unasked = len(readable - org.metadata.keys() - org.unread_metadata.keys())
    contact.custom_attributes = sum(len(one) for one in org.metadata.values())
    asked = [
        one for one in streams if isinstance(one, SearchStream) and one.first_answer is not None
    ]
    contact.searches = [_first_page(one) for one in asked]
    open_questions = [
        *_first_questions(session, asked),
        *map(Question, archives),
        *_questions_of_org(session, asked, answers, counts),
        *_last_questions(session, asked, contact),
    ]
    unasked: set[str] = set()
    for question in open_questions:
        if not _is_answered(question, contact, unasked):
            break
    failed = sum(count for status, count in answers.statuses.items() if status >= _SERVER_ERROR)
    if unasked and failed and contact.stopped is None:
        contact.stopped = f"Kustomer failed at {failed} of the requests, so fewer could be made."
    contact.requests, contact.searches_sent = allowance.requests, allowance.searches
    judge_rows(session.ledger, streams, answers.seen)
    for id_, finding in session.ledger.findings.items():
        if id_ in unasked and finding.column is Column.NOT_SEEN:
            contact.unasked.append(id_)
            session.ledger.not_seen(id_, f"not asked: {NOT_ASKED}")
    return contact


def _is_answered(question: Question, contact: Contact, unasked: set[str]) -> bool:
    """Ask, and return whether there is any use in asking more."""
    try:
        question.ask()
    except UnavailableError as error:
        contact.stopped = f"Kustomer no longer answered, so the look ended early. {error}"
        return False
    except SpentError:
        unasked.update(question.entries)  # one that takes no search may still be asked
    except StreamError:
        return True  # another one may be answered
    return True


def _first_questions(session: Session, asked: Sequence[SearchStream]) -> Iterator[Question]:
    """Yield what decides whether rows could be missing."""
    of_search = SearchQuestions(session)
    customers = _customers(asked)
    klass = next((one for one in asked if one.assumption == "klass-attribute"), None)
    if customers is not None:
        about_archive = ("archive-page-size", "two-year-edge")
        yield Question(partial(of_search.archive, customers), about_archive)
        yield Question(partial(of_search.live_edge, customers), ("two-year-edge",))
        yield Question(partial(of_search.unknown_attribute, customers), ("unknown-attribute",))
    if klass is not None:
        about_klass = ("archive-klass-attribute",)
        yield Question(partial(of_search.archive_of_klass, klass), about_klass)


def _questions_of_org(
    session: Session,
    asked: Sequence[SearchStream],
    answers: Answers,
    counts: Mapping[str, Iterable[Callable[[], None]]],
) -> Iterator[Question]:
    """Yield what is no search, the counts of lists in between; deactivated users come first."""
    of_org = OrgQuestions(session, answers)
    yield from map(Question, counts.get("users", ()))
    yield from of_org.all(_customers(asked))
    for stream, left in counts.items():
        if stream != "users":
            yield from map(Question, left)


def _last_questions(
    session: Session, asked: Sequence[SearchStream], contact: Contact
) -> Iterator[Question]:
    """Yield the other searches."""
    of_search = SearchQuestions(session)
    customers = _customers(asked)
    if customers is not None:
        yield Question(partial(of_search.freshest, customers), ("index-in-place",))
        yield Question(partial(of_search.ids_only, customers), ("ids-only",))
        yield Question(partial(of_search.page_behind_the_last, customers), ("page-depth",))
    larger = sorted(asked, key=lambda one: -(one.run.expected or _rows(one)))
    for stream in [one for one in larger if not _is_whole(one)][:_SECOND_PAGES]:
        entry = next(one for one in contact.searches if one.stream == stream.name)
        yield Question(partial(_second_page, session, stream, entry))
    if customers is not None:
        yield Question(partial(of_search.behind_ten_thousand, customers))


def _customers(asked: Sequence[SearchStream]) -> SearchStream | None:
    return next((one for one in asked if one.name == "customers"), None)


def _rows(stream: SearchStream) -> int:
    return 0 if stream.first_answer is None else stream.first_answer.expected


def _is_whole(stream: SearchStream) -> bool:
    first = stream.first_answer
    return first is None or len(first.page) < first.page_size


def _first_page(stream: SearchStream) -> SearchLook:
    first = stream.first_answer
    assert first is not None  # noqa: S101 - for the types: asked by the caller
    return SearchLook(
        stream.name,
        asked=stream.settings.page_size,
        given=first.page.page_size or first.page_size,
        total=first.page.total,
        ties=round(first.page.share_of_ties, 3),
    )


def _second_page(session: Session, stream: SearchStream, entry: SearchLook) -> None:
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
    try:
        page = session.prefetch.call(lambda: search.ask(bounds))
    except SpentError:
        raise
    except StreamError:
        entry.in_order = False
        raise
    entry.pages = 2
    rows = attributes_of_rows(decode(page.raw).get("data") or [])
    if not rows:
        session.ledger.differs("search-filter", "nothing follows a full page", stream.name)
