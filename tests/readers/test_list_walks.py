"""The reader of lists alone, against lists in memory that change and answer oddly.

Thousands of orders of events: rows leave and come between any two requests, one answer is a part,
pages have links or none, totals or none, and fewer rows than asked for.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest

from tap_kustomer.client.transport import Request
from tap_kustomer.errors import NotFoundError, StreamError
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tap_kustomer.ledger.ledger import Ledger
from tap_kustomer.readers.lists import ListReader

TRIALS = {"long": 100_000, "few": 200}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 2_000)
PATH = "/v1/tags"
ODD = (
    "short", "empty", "null", "errors", "no next", "no links", "cut", "repeated", "404", "self",
    "total smaller", "total larger", "first page", "skip",
)  # fmt: skip

T = TypeVar("T")


@dataclass
class MemoryList:
    """A list of an org, answered page by page as Kustomer does."""

    rng: random.Random
    rows: list[str]
    most: int  # rows on a page
    links: str = "text"  # text, href, none; dead: no page names a next one
    tells_size: bool = True
    tells_total: bool = False
    erasures: float = 0.0  # chance before each request
    arrivals: float = 0.0
    arrive: str = "behind"  # behind, in front, anywhere
    odd: Mapping[int, str] = field(default_factory=dict)  # request -> what is odd in its answer
    most_requests: int = 500
    requests: int = 0

    def __post_init__(self) -> None:
        """Begin with all rows there."""
        self.there_all_the_time = set(self.rows)
        self.limiter = self
        self.ledger = Ledger(ASSUMPTIONS)
        self.asked = 0

    def wait(self, _budget: object) -> None:
        """Let every request through."""

    def next_request(self, request: Request, link: str) -> Request:
        """Return the request of a link, as the client does."""
        url = urlsplit(urljoin(f"http://host{request.path}", link))
        return Request(f"{url.path}?{url.query}", budget=request.budget)

    def fetch(self, request: Request, parse: Callable[[bytes], T]) -> T:
        """Return the answer, asked for again where it is no page or refused, as the client does."""
        while True:
            self._live()
            try:
                return parse(json.dumps(self._answer(request)).encode())
            except (ValueError, NotFoundError):
                continue

    def _live(self) -> None:
        if self.rows and self.rng.random() < self.erasures:
            gone = self.rows.pop(self.rng.randrange(len(self.rows)))
            self.there_all_the_time.discard(gone)
        if self.rng.random() < self.arrivals:
            ends = {"behind": len(self.rows), "in front": 0}
            place = ends.get(self.arrive, self.rng.randint(0, len(self.rows)))
            self.rows.insert(place, f"new-{self.requests}")

    def _answer(self, request: Request) -> dict[str, Any]:
        self.requests += 1
        assert self.requests <= self.most_requests, "no end"
        odd = self.odd.get(self.requests, "")
        if odd == "404":
            raise NotFoundError(PATH)
        asked = dict(parse_qsl(urlsplit(request.path).query)) | {
            name: str(value) for name, value in request.params.items()
        }
        page, size = int(asked["page"]), min(int(asked["pageSize"]), self.most)
        page = {"repeated": max(page - 1, 1), "first page": 1, "skip": page + 1}.get(odd, page)
        shown = self.rows[(page - 1) * size : page * size]
        keep = {"short": len(shown) // 2, "cut": len(shown) // 2, "empty": 0}.get(odd, len(shown))
        document: dict[str, Any] = {
            "data": [{"type": "tag", "id": id_} for id_ in shown[:keep]],
            "meta": self._meta(odd, size),
        }
        if self.links != "none" and odd != "no links":
            following = page if odd == "self" else page + 1
            link = f"{PATH}?{urlencode({'page': following, 'pageSize': size})}"
            is_cut = self.links == "dead" or odd in {"no next", "cut"}
            more = page * size < len(self.rows) and not is_cut
            next_link: Any = {"href": link} if self.links == "href" else link
            document["links"] = {"next": next_link if more else None}
        if odd == "null":
            document["data"] = None
        if odd == "errors":
            document["errors"] = [{"code": "internal"}]
        return document

    def _meta(self, odd: str, size: int) -> dict[str, Any]:
        meta = {"pageSize": size} if self.tells_size else {}
        wrong = {"total smaller": -self.rng.randint(1, 5), "total larger": self.rng.randint(1, 5)}
        if self.tells_total or odd in wrong:
            meta["total"] = max(0, len(self.rows) + wrong.get(odd, 0))
        return meta


def read(server: MemoryList, page_size: int = 100, at_least: int = 1) -> set[str]:
    """Return the ids that the reader yields, each once."""
    reader = ListReader(server, PATH, {}, page_size, at_least)  # type: ignore[arg-type]
    ids = [row["id"] for page in reader.pages() for row in page.rows]
    assert len(ids) == len(set(ids))
    return set(ids)


def lists(seed: int, *, odd: bool) -> tuple[MemoryList, int, int]:
    """Return a list, the page size to ask for, and how many rows the run before has read."""
    rng = random.Random(seed)
    asked = rng.randint(2, 7)
    size = rng.choice([0, 1, asked, 2 * asked, rng.randint(0, 40)])
    server = MemoryList(
        rng,
        rows=[f"row-{number}" for number in range(size)],
        most=rng.choice([asked, asked, rng.randint(2, asked)]),
        links=rng.choice(["text", "text", "href", "none", "dead"]),
        tells_size=rng.random() < 0.7,
        tells_total=rng.random() < 0.4,
        erasures=rng.choice([0, 0.03, 0.2]),
        arrivals=rng.choice([0, 0.03, 0.2]),
        arrive=rng.choice(["behind", "in front", "anywhere"]),
    )
    if server.links == "dead" and not server.tells_size:
        server.most = asked  # a short page without a link is an end like any other
    if odd and server.links != "dead":  # those are odd enough
        pages = 1 + size // server.most
        server.odd = {rng.randint(1, 2 * pages): rng.choice(ODD)}
        if pages == 1:
            server.arrivals = 0  # they would make up for the rows that the odd answer lacks
    # Of a list of one page that was never read, nothing tells that an answer is a part.
    return server, asked, size if odd or rng.random() < 0.5 else 1


def test_no_row_that_stays_is_missing_from_a_list_that_ends_as_complete() -> None:
    """Whatever moves and whichever answer is odd: all rows, or a failed stream."""
    failed = 0
    for seed in range(TRIALS):
        server, asked, at_least = lists(seed, odd=seed % 3 > 0)
        try:
            found = read(server, asked, at_least)
        except (StreamError, NotFoundError):
            failed += 1
            continue
        missing = server.there_all_the_time - found
        assert not missing, f"seed {seed}: {sorted(missing)} of {server.requests} requests"
    assert failed < TRIALS / 12


@pytest.mark.parametrize(
    ("rows", "links", "requests"),
    [
        (0, "text", 2),
        (3, "text", 1),
        (4, "text", 4),
        (10, "text", 6),
        (3, "none", 2),
        (4, "none", 6),
        (10, "none", 8),
        (3, "dead", 1),
        (4, "dead", 4),
        (10, "dead", 6),
    ],
)
def test_a_quiet_list_is_asked_for_no_more_than_its_proof_needs(
    rows: int, links: str, requests: int
) -> None:
    """One page is one request; more pages are two walks; without links the end is asked for."""
    server = MemoryList(random.Random(1), [str(number) for number in range(rows)], 4, links)

    assert len(read(server, page_size=4)) == rows
    assert server.requests == requests


@pytest.mark.parametrize(
    ("rows", "links", "requests"),
    [
        (3, "none", 1),
        (4, "none", 4),
        (8, "none", 6),
        (10, "none", 6),
        (4, "text", 1),
        (8, "text", 4),
    ],
)
def test_a_total_that_agrees_saves_the_request_behind_the_end(
    rows: int, links: str, requests: int
) -> None:
    """It does not save the second walk: rows may come for those that leave."""
    ids = [str(number) for number in range(rows)]
    server = MemoryList(random.Random(1), ids, 4, links, tells_total=True)

    assert len(read(server, page_size=4)) == rows
    assert server.requests == requests


@dataclass
class ScriptedList(MemoryList):
    """A list whose answers to each page are given, one after the other; the last stays."""

    pages: dict[int, list[dict[str, Any]]] = field(default_factory=dict)

    def _answer(self, request: Request) -> dict[str, Any]:
        self.requests += 1
        assert self.requests <= self.most_requests, "no end"
        asked = dict(parse_qsl(urlsplit(request.path).query)) | dict(request.params)
        answers = self.pages[int(asked["page"])]
        return answers.pop(0) if len(answers) > 1 else answers[0]


def page(ids: str, following: int | None = None, *, has_links: bool = True) -> dict[str, Any]:
    """Return a page with a row for each letter."""
    data = [{"type": "tag", "id": id_} for id_ in ids]
    link = f"{PATH}?page={following}" if following else None
    return {"data": data, "links": {"next": link}} if has_links else {"data": data}


def scripted(**pages: Any) -> ScriptedList:
    """Return a list of ``p1``, ``p2`` and so on."""
    answers = {
        int(name[1:]): one if isinstance(one, list) else [one] for name, one in pages.items()
    }
    return ScriptedList(random.Random(1), [], 2, pages=answers)


@pytest.mark.parametrize(
    ("pages", "rows", "requests"),
    [
        # A short page that led on is now the last: that has to be said twice.
        ({"p1": [page("a", 2), page("b"), page("b")]}, "b", 3),
        # The same after one without rows.
        ({"p1": [page("", 2), page("b"), page("b")]}, "b", 3),
        # The links are suddenly missing: the same.
        (
            {
                "p1": page("ab", 2),
                "p2": page("c", has_links=False),
                "p3": page("", has_links=False),
            },
            "abc",
            10,
        ),
        # Pages hold fewer rows than asked for, without a word: the walk begins again.
        (
            {
                "p1": page("a", has_links=False),
                "p2": page("b", has_links=False),
                "p3": page("", has_links=False),
            },
            "ab",
            10,
        ),
    ],
)
def test_what_a_list_says_of_its_end_is_believed_once_it_was_said_twice(
    pages: dict[str, Any], rows: str, requests: int
) -> None:
    """No more often, since a list that stays so would never be whole."""
    server = scripted(**pages)

    assert read(server, page_size=2) == set(rows)
    assert server.requests == requests


def test_a_list_whose_end_is_another_each_time_is_not_whole() -> None:
    """After six walks; the sentence speaks of rows that change, not of a page."""
    server = scripted(p1=[page("a", 2), page("b"), page("c")] * 6)

    with pytest.raises(StreamError, match=r"changed so much .* read 6 times"):
        read(server, page_size=2)
    assert server.requests == 18


def test_a_third_walk_that_shows_the_same_as_the_first_is_a_proof() -> None:
    """Whatever the second showed."""
    server = scripted(
        p1=[page("ab", 2), page("xy", 2), page("ab", 2)], p2=[page("c"), page("z"), page("c")]
    )

    assert read(server, page_size=2) == set("abcxyz")
    assert server.requests == 6


def test_a_walk_that_was_broken_off_does_not_keep_the_next_from_being_a_proof() -> None:
    """The next is compared from the first page on."""
    broken = [page("x", 3), page("y"), page("z")]
    server = scripted(p1=page("ab", 2), p2=[page("c"), *broken, page("c")])

    assert read(server, page_size=2) == set("abc")
    assert server.requests == 8


def test_later_walks_prove_the_first_together() -> None:
    """The second shows the same up to a row that left, the third what is around that row."""
    server = scripted(
        p1=page("ab", 2),
        p2=[page("cd", 3), page("cd", 3), page("df")],
        p3=[page("ef"), page("f"), page("")],
        p4=page(""),
    )

    assert read(server, page_size=2) == set("abcdef")
    assert server.requests == 10


def test_a_list_whose_end_changes_and_whose_total_agrees_is_said_to_change() -> None:
    """Nothing says that there are more rows."""
    broken = [page("x", 3), page("y"), page("z")]
    server = scripted(p1={**page("ab", 2), "meta": {"total": 2}}, p2=broken * 6)

    with pytest.raises(StreamError, match="changed so much"):
        read(server, page_size=2)


def test_a_list_with_fewer_rows_than_it_announces_is_read_twice_and_fails() -> None:
    """More will not come; the sentence has both numbers, and no cap is assumed."""
    server = scripted(p1={**page("a"), "meta": {"total": 7}})

    with pytest.raises(StreamError, match=r"after 1 rows, though there seem to be 7 rows\."):
        read(server, page_size=2)
    assert server.requests == 2
    assert not server.ledger.differences


def test_pages_that_bring_nothing_new_take_no_room() -> None:
    """Prefetched ones wait in memory; what came along with a row counts, also alone."""
    server = MemoryList(random.Random(1), [str(number) for number in range(10)], 4)
    pages = list(ListReader(server, PATH, {}, 4, 1).pages())  # type: ignore[arg-type]
    assert [page.size > 0 for page in pages] == [True] * 3 + [False] * 3
    assert [page.size for page in pages[3:]] == [0] * 3
    along = scripted(p1={**page(""), "included": [{"id": "x"}]})
    pages = list(ListReader(along, PATH, {}, 4, 0).pages())  # type: ignore[arg-type]
    assert pages[0].size > 0


def test_a_second_walk_that_is_refused_at_its_first_page_is_no_empty_list() -> None:
    """Its rows would all count as gone."""

    class Closing(MemoryList):
        def fetch(self, request: Request, parse: Callable[[bytes], T]) -> T:
            if self.requests >= 3:
                raise NotFoundError(PATH)
            return super().fetch(request, parse)

    with pytest.raises(StreamError, match="not its end"):
        read(Closing(random.Random(1), [str(number) for number in range(10)], 4), page_size=4)


def test_an_empty_page_that_leads_on_is_not_read_in_smaller_ones() -> None:
    """It tells nothing of how many rows the list puts on a page."""
    server = scripted(p1=page("", 2), p2=page("ab"))

    with pytest.raises(StreamError, match="is not full, though another follows"):
        read(server, page_size=2)
    assert server.requests == 3


def test_a_list_that_gives_one_page_for_all_numbers_is_not_whole() -> None:
    """Without links and totals nothing tells that the page is the only one."""
    one = page("ab", has_links=False)
    server = scripted(p1=one, p2=one, p3=one)

    with pytest.raises(StreamError, match="brings the rows of an earlier one"):
        read(server, page_size=2)


class RepeatingList(MemoryList):
    """A list that links ever new pages, all with the rows of the first."""

    def _answer(self, request: Request) -> dict[str, Any]:  # noqa: ARG002 - as its own are
        self.requests += 1
        assert self.requests <= self.most_requests, "no end"
        link = f"{PATH}?page={self.requests + 1}"
        return {"data": [{"type": "tag", "id": id_} for id_ in self.rows], "links": {"next": link}}


def test_a_list_that_repeats_itself_ends_after_three_pages_without_a_new_row() -> None:
    """Two may come where rows arrive in front and push others onto later pages."""
    server = RepeatingList(random.Random(1), ["a", "b"], 2)

    with pytest.raises(StreamError, match="no end"):
        read(server, page_size=2)
    assert server.requests == 1 + 3


@dataclass
class RefusingList(MemoryList):
    """A list whose pages from ``refused`` on are answered with 404, for good."""

    refused: int = 2

    def fetch(self, request: Request, parse: Callable[[bytes], T]) -> T:
        """Return the answer, or raise what the client raises once it has asked twice."""
        asked = dict(parse_qsl(urlsplit(request.path).query)) | dict(request.params)
        if int(asked["page"]) >= self.refused:
            raise NotFoundError(PATH)
        return super().fetch(request, parse)


@pytest.mark.parametrize(
    ("rows", "links", "answers"),
    [
        (3, "none", 1),  # the page in front is short
        (8, "none", None),
        (4, "text", 2),  # it is full, and its links name no next one
        (8, "text", None),
        (4, "dead", 2),
    ],
)
def test_a_refused_page_is_an_end_only_where_nothing_has_to_follow(
    rows: int, links: str, answers: int | None
) -> None:
    """Else a 404 in the middle of a list would be the loss of its rest."""
    ids = [str(number) for number in range(rows)]
    server = RefusingList(random.Random(1), ids, 4, links)
    if answers:
        assert read(server, page_size=4) == set(ids)
        assert server.requests == answers
    else:
        with pytest.raises(StreamError, match="not its end"):
            read(server, page_size=4)


def test_a_list_that_has_fewer_rows_than_before_is_read_twice() -> None:
    """A part of one page looks like a whole one; what was there before does not."""
    for at_least, requests in ((3, 1), (4, 2)):
        server = MemoryList(random.Random(1), ["a", "b", "c"], 100)
        assert read(server, at_least=at_least) == {"a", "b", "c"}
        assert server.requests == requests


@pytest.mark.parametrize("links", ["text", "none"])
@pytest.mark.parametrize("tells_total", [True, False])
def test_a_list_that_ends_at_ten_thousand_rows_is_not_whole(
    links: str, *, tells_total: bool
) -> None:
    """A known cap: not even a total that says the same is believed."""
    rows = [str(number) for number in range(10_000)]
    server = MemoryList(random.Random(1), rows, 100, links, tells_total=tells_total)

    with pytest.raises(StreamError, match=r"seem to be more\. Lists may stop at 10,000"):
        read(server)
    assert server.ledger.differences == ["list-depth"]


@pytest.mark.parametrize(
    ("pages", "rows", "requests"),
    [
        # Pages of two rows, as the list tells: that holds, whatever was asked for.
        ({"p1": {**page("ab", 2), "meta": {"pageSize": 2}}, "p2": page("c")}, "abc", 4),
        # More rows than the first page told of: the walk says nothing, and two others do.
        (
            {
                "p1": [{**page("a", 2), "meta": {"pageSize": 1}}, page("abc", 2), page("abc", 2)],
                "p2": [page("bcd", 3), page("d"), page("d")],
                "p3": page(""),
            },
            "abcd",
            8,
        ),
        # More than was asked for, on every page: the list knows no page size.
        ({"p1": page("abcd", 2), "p2": page("efgh", 3), "p3": page("i")}, "abcdefghi", 6),
    ],
)
def test_a_page_size_that_a_list_tells_is_believed_until_a_page_holds_more(
    pages: dict[str, Any], rows: str, requests: int
) -> None:
    """What was a full page may then have been a part."""
    server = scripted(**pages)

    assert read(server, page_size=3) == set(rows)
    assert server.requests == requests


def test_a_page_that_leads_on_and_lacks_rows_of_the_size_it_tells_fails() -> None:
    """The list says itself how many rows there should be, so fewer are no page size."""
    server = scripted(p1={**page("ab", 2), "meta": {"pageSize": 3}}, p2=page("c"))

    with pytest.raises(StreamError, match="is not full, though another follows"):
        read(server, page_size=3)


def of_kind(kind: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the page with rows of another kind."""
    return {**answer, "data": [{**row, "type": kind} for row in answer["data"]]}


@pytest.mark.parametrize(
    ("pages", "rows", "requests"),
    [
        ({"p1": [of_kind("customer", page("x")), page("a"), page("a")]}, "a", 3),
        (
            {
                "p1": page("ab", 2),
                "p2": [of_kind("customer", page("x")), page("c"), page("c")],
            },
            "abc",
            6,
        ),
        # All of it is of that kind, which is asked once.
        (
            {
                "p1": of_kind("customer", page("ab", 2)),
                "p2": of_kind("customer", page("c")),
            },
            "abc",
            5,
        ),
    ],
)
def test_a_page_of_another_list_is_asked_for_again(
    pages: dict[str, Any], rows: str, requests: int
) -> None:
    """It may come out of a cache; what says so twice is what the list holds."""
    server = scripted(**pages)

    assert read(server, page_size=2) == set(rows)
    assert server.requests == requests


def without_ids(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the page, its last row without an id."""
    data = [dict(row) for row in answer["data"]]
    data[-1]["id"] = " "
    return {**answer, "data": data}


@pytest.mark.parametrize(
    ("pages", "requests"),
    [
        ({"p1": [without_ids(page("a")), page("a")]}, 3),
        ({"p1": page("ab", 2), "p2": [without_ids(page("c")), page("c")]}, 6),
    ],
)
def test_a_row_that_has_no_id_once_is_asked_for_again(pages: dict[str, Any], requests: int) -> None:
    """On any page; nothing could be made of it."""
    server = scripted(**pages)

    assert read(server, page_size=2) == set("abc"[: len(pages) * 2 - 1])
    assert server.requests == requests


def test_a_list_whose_rows_have_no_ids_is_asked_once_more_and_taken_as_it_is() -> None:
    """Some have another key, or none; where it is known, not even once more."""
    answer = without_ids(page("a"))
    for doubts, requests in ((True, 2), (False, 1)):
        server = scripted(p1=answer)
        reader = ListReader(server, PATH, {}, 2, 1, doubts_ids=doubts)  # type: ignore[arg-type]

        assert [one["id"] for found in reader.pages() for one in found.rows] == [" "]
        assert server.requests == requests


def test_rows_without_ids_are_doubted_on_one_page_only() -> None:
    """The second answer said what the list is like."""
    answers = {"p1": without_ids(page("ab", 2)), "p2": without_ids(page("c"))}
    server = scripted(**answers)

    read(server, page_size=2)

    pages = server.requests
    known = scripted(**answers)
    reader = ListReader(known, PATH, {}, 2, 1, doubts_ids=False)  # type: ignore[arg-type]
    assert list(reader.pages())
    assert pages == known.requests + 1
