"""The reader of lists by cursor alone, against logs in memory that grow and answer oddly."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest

from tap_kustomer.client.transport import Request
from tap_kustomer.errors import MissingRoleError, NotFoundError, StreamError
from tap_kustomer.readers.cursor import CursorReader

TRIALS = {"long": 100_000, "few": 200}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 2_000)
PATH = "/v1/audit-logs"
READINGS = 3
ODD = (
    "short", "empty", "cut", "nothing", "null", "errors", "no next", "no links", "repeated",
    "first page", "total smaller", "total larger", "no meta", "404", "part", "newest",
)  # fmt: skip

T = TypeVar("T")


@dataclass
class MemoryLog:
    """The log of an org, newest entry first, answered by cursor as Kustomer does."""

    rng: random.Random
    rows: list[str]
    count: int
    links: bool = True
    tells_totals: bool = True
    arrivals: float = 0.0  # chance before each request
    odd_request: int = 0
    odd: str = ""
    requests: int = 0

    def next_request(self, request: Request, link: str) -> Request:
        """Return the request of a link, as the client does."""
        url = urlsplit(urljoin(f"http://host{request.path}", link))
        return Request(f"{url.path}?{url.query}", budget=request.budget)

    def fetch(self, request: Request, parse: Callable[[bytes], T]) -> T:
        """Return the answer, asked for again where it is no page or refused, as the client does."""
        while True:
            if self.rng.random() < self.arrivals:
                self.rows.insert(0, f"new-{self.requests}")
            try:
                return parse(json.dumps(self._answer(request)).encode())
            except (ValueError, NotFoundError):
                continue

    def _answer(self, request: Request) -> dict[str, Any]:
        self.requests += 1
        assert self.requests < 300, "no end"
        odd = self.odd if self.requests == self.odd_request else ""
        if odd == "404":
            raise NotFoundError(PATH)
        asked = dict(parse_qsl(urlsplit(request.path).query)) | dict(request.params)
        start = self.rows.index(asked["before"]) + 1 if "before" in asked else 0
        start = {"repeated": max(start - self.count, 0), "first page": 0}.get(odd, start)
        rows, start = self._indexed(odd, start)
        shown = rows[start : start + self.count]
        keep = {"short": len(shown) // 2, "cut": len(shown) // 2, "empty": 0, "nothing": 0}
        data = shown[: keep.get(odd, len(shown))]
        wrong = {"total smaller": -3, "total larger": 3}.get(odd, 0)
        document: dict[str, Any] = {"data": [{"type": "audit_log", "id": id_} for id_ in data]}
        if self.tells_totals and odd != "no meta":
            total, left = len(rows) + wrong, len(rows) - start + wrong
            document["meta"] = {"count": self.count, "total": total, "cursorCount": max(left, 0)}
        if self.links and odd != "no links":
            more = start + self.count < len(rows) and odd not in {"no next", "cut", "nothing"}
            query = urlencode({"count": self.count, "before": shown[-1] if shown else ""})
            document["links"] = {"next": f"{PATH}?{query}" if more else None}
        if odd == "null":
            document["data"] = None
        if odd == "errors":
            document["errors"] = [{"code": "internal"}]
        return document

    def _indexed(self, odd: str, start: int) -> tuple[list[str], int]:
        """Return the rows that the answer is made of, and from where on: all, or a part."""
        if odd == "newest":
            rows = self.rows[: max(len(self.rows) // 2, start)]
        elif odd == "part":
            rows = self.rows[:start] + [one for one in self.rows[start:] if self.rng.random() < 0.7]
        else:
            rows = self.rows
        return rows, start


def read(server: MemoryLog) -> set[str]:
    """Return the ids of a range that was read until it was whole."""
    reader = CursorReader(server, PATH, {}, count=server.count)  # type: ignore[arg-type]
    found: set[str] = set()
    for _ in range(READINGS):
        for page in reader.pages():
            ids = [row["id"] for row in page.rows]
            assert found.isdisjoint(ids)
            found.update(ids)
        if reader.is_whole:
            return found
    raise reader.incomplete


def test_no_entry_is_missing_from_a_range_that_ends_as_whole() -> None:
    """Whichever answer is odd, also one that is whole in itself and the only one of its log."""
    failed = 0
    for seed in range(TRIALS):
        rng = random.Random(seed)
        count = rng.randint(2, 6)
        size = rng.choice([0, 1, count, 2 * count, rng.randint(0, 30)])
        pages = 1 + size // count
        server = MemoryLog(
            rng,
            [f"row-{number}" for number in range(size)],
            count,
            links=rng.random() < 0.8,
            tells_totals=rng.random() < 0.7,
            arrivals=rng.choice([0, 0.1, 0.5]),
            odd_request=rng.randint(1, pages + 1),
            odd=rng.choice(ODD) if seed % 4 else "",
        )
        there = set(server.rows)
        try:
            found = read(server)
        except StreamError:
            failed += 1
            continue
        missing = there - found
        assert not missing, f"seed {seed}: {sorted(missing)} of {server.requests} requests"
    assert failed < TRIALS / 12


@dataclass
class ScriptedLog:
    """A log whose answer to each cursor is given; an error is raised as the client raises it."""

    answers: dict[str, Any]
    requests: int = 0

    def next_request(self, request: Request, link: str) -> Request:
        """Return the request of a link."""
        return Request(link, budget=request.budget)

    def fetch(self, request: Request, parse: Callable[[bytes], T]) -> T:
        """Return the answer to the cursor that is asked for."""
        self.requests += 1
        is_behind = "before" in request.params  # the last row
        answer = page("") if is_behind else self.answers[request.path.removeprefix(PATH)]
        if isinstance(answer, list):  # one after the other; the last stays
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return parse(json.dumps(answer).encode())


def page(ids: str, cursor: str = "", **meta: int) -> dict[str, Any]:
    """Return a page with a row for each letter; ``cursor`` is that of the next page."""
    link = f"{PATH}{cursor}" if cursor else None
    data = [{"type": "audit_log", "id": id_} for id_ in ids]
    return {"data": data, "links": {"next": link}, "meta": meta}


def entries(log: ScriptedLog) -> tuple[str, CursorReader]:
    """Return the ids of one reading, two on a full page, and the reader."""
    reader = CursorReader(log, PATH, {}, count=2)  # type: ignore[arg-type]
    return "".join(row["id"] for one in reader.pages() for row in one.rows), reader


def test_three_empty_pages_in_a_row_are_followed_and_a_fourth_is_no_log() -> None:
    """A filter that Kustomer applies behind the paging leaves pages empty; none is an end."""
    empty = {f"?{number}": page("", f"?{number + 1}") for number in range(1, 4)}
    log = ScriptedLog({"": page("ab", "?1"), **empty, "?4": page("cd", "?5"), "?5": page("e")})
    assert entries(log)[0] == "abcde"

    again = {f"?{number}": page("", f"?{number + 1}") for number in range(5, 8)}
    log = ScriptedLog({**log.answers, **again, "?8": page("e")})
    assert entries(log)[0] == "abcde"  # they are counted in a row

    log = ScriptedLog({**log.answers, "?8": page("", "?9"), "?9": page("f")})
    with pytest.raises(StreamError, match="has no end"):
        entries(log)

    log = ScriptedLog({"": page("", "?2"), "?2": empty["?2"], "?3": empty["?3"], "?4": page("a")})
    assert entries(log)[0] == "a"  # also in front of the first row

    log = ScriptedLog({"": page("", "?1"), **empty, "?4": page("a")})
    with pytest.raises(StreamError, match="has no end"):
        entries(log)


def test_a_refusal_counts_only_as_the_first_answer_of_a_log() -> None:
    """Later it would pass for the end of the log, or for a role that the key has."""
    for refusal in (NotFoundError(PATH), MissingRoleError("refused")):
        with pytest.raises(type(refusal)):
            entries(ScriptedLog({"": refusal}))
        with pytest.raises(StreamError, match="not its end") as caught:
            entries(ScriptedLog({"": page("ab", "?1"), "?1": refusal}))
        assert not isinstance(caught.value, (NotFoundError, MissingRoleError))


def test_an_empty_log_without_numbers_has_no_holes() -> None:
    """It is asked for twice, and what follows is not held back for ever."""
    log = ScriptedLog({"": page("")})
    found, reader = entries(log)

    assert (found, log.requests) == ("", 2)
    assert reader.is_whole
    assert not reader.has_holes


@pytest.mark.parametrize("id_", ["", None, [7]])
def test_an_entry_that_has_no_id_once_is_asked_for_again(id_: Any) -> None:
    """Nothing could be made of it; one that stays so is left to whoever makes the rows."""
    odd = page("ab", total=2)
    odd["data"][1]["id"] = id_
    found, _ = entries(ScriptedLog({"": [odd, page("ab", total=2)]}))
    assert found == "ab"

    log = ScriptedLog({"": odd})
    reader = CursorReader(log, PATH, {}, count=2)  # type: ignore[arg-type]
    assert [row["id"] for one in reader.pages() for row in one.rows] == ["a", id_]
    assert log.requests == 2


def test_what_an_entry_has_to_have_is_up_to_whoever_reads() -> None:
    """A part of one is asked for again, like one without an id."""
    odd = page("ab", total=2)
    odd["data"][0]["type"] = "half"
    log = ScriptedLog({"": [odd, page("ab", total=2)]})
    reader = CursorReader(
        log,  # type: ignore[arg-type]
        PATH,
        {},
        count=2,
        is_entry=lambda row: row["type"] == "audit_log",
    )
    found = [row for one in reader.pages() for row in one.rows]

    assert [(row["id"], row["type"]) for row in found] == [("a", "audit_log"), ("b", "audit_log")]
    assert log.requests == 2


@pytest.mark.parametrize(
    ("meta", "is_whole"),
    [
        ({}, True),  # nothing was announced
        ({"total": 3}, True),
        ({"total": 4}, False),
        ({"total": 9, "cursorCount": 3}, True),  # of all entries, those of the range
        ({"total": 4, "cursorCount": 9}, False),
    ],
)
def test_a_range_is_whole_once_it_has_as_many_rows_as_its_first_page_announced(
    meta: dict[str, int], *, is_whole: bool
) -> None:
    """What later pages announce is another number: entries come meanwhile."""
    log = ScriptedLog({"": page("ab", "?1", **meta), "?1": page("c", total=7)})
    found, reader = entries(log)

    assert found == "abc"
    assert reader.is_whole is is_whole


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        # The first is asked for twice, always. The last page is short, and all are counted.
        ({"": page("ab", "?1", total=3), "?1": page("c", total=3)}, 3),
        # It is counted with an empty page behind it.
        ({"": page("ab", "?1", total=2), "?1": page("", total=2)}, 3),
        # One is missing: the page is asked for again, and then what lies behind its last row.
        ({"": page("ab", "?1", total=4), "?1": page("c", total=4)}, 6),
        # Nothing was announced: each page is asked for twice, and what lies behind the last row.
        ({"": page("ab", "?1"), "?1": page("c")}, 6),
        # One is missing behind a full page: only what lies behind its last row is asked for.
        ({"": page("ab", total=4)}, 4),
        # A short page that leads on is asked for again; its link may have left rows out.
        ({"": page("a", "?1", total=1)}, 3),
    ],
)
def test_an_end_is_asked_for_as_often_as_its_proof_needs(
    answers: dict[str, Any], requests: int
) -> None:
    """One request more in each run of each hour is a cost, one less a loss."""
    log = ScriptedLog(answers)
    entries(log)

    assert log.requests == requests


@pytest.mark.parametrize(("odd", "has_holes"), [(1, False), (2, False), (3, True)])
def test_a_page_that_is_short_is_asked_for_three_times(odd: int, *, has_holes: bool) -> None:
    """Each time with other rows: the last answer is taken, as one with holes where it is short."""
    short = [page(letter, "?2") for letter in "cde"][:odd]
    log = ScriptedLog({"": page("ab", "?1"), "?1": [*short, page("cd", "?2")], "?2": page("fg")})
    _, reader = entries(log)

    assert reader.has_holes is has_holes


def test_a_hole_stays_one_whatever_comes_behind_it() -> None:
    """Else its place would be noted, and the rows in it never be asked for again."""
    log = ScriptedLog({"": page("a", "?1", total=4), "?1": page("b")})
    _, reader = entries(log)

    assert reader.has_holes
