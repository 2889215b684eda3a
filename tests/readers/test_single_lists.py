"""Lists by path, single resources and what hangs on a parent, over answers that are given."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pytest

from tap_kustomer.client.transport import Request
from tap_kustomer.errors import (
    MissingRoleError,
    NotFoundError,
    RequestRefusedError,
    StreamError,
    UnavailableError,
    UnknownEndpointError,
)
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tap_kustomer.ledger.ledger import Column, Ledger
from tap_kustomer.readers.children import is_gone, read_children, read_named
from tap_kustomer.readers.lists import never_an_end, read_known_list, read_list, read_one

T = TypeVar("T")
GONE = NotFoundError("There is no such path.")


class Kustomer:
    """Gives each path its answers in turn, the last again and again: a client's place."""

    def __init__(self, **answers: Any) -> None:
        """Keep the answers by path; `_` stands for `/`."""
        self.ledger = Ledger(ASSUMPTIONS)
        self.limiter = self
        self.asked: list[Request] = []
        self.confirmed: list[bool] = []
        self.answers = {
            name.replace("_", "/"): given if isinstance(given, list) else [given]
            for name, given in answers.items()
        }

    def wait(self, _budget: object) -> None:
        """Let every request through."""

    def fetch(self, request: Request, parse: Callable[[bytes], T], *, confirms: bool = True) -> T:
        """Answer, or raise."""
        self.asked.append(request)
        assert len(self.asked) < 100, "no end"
        self.confirmed.append(confirms)
        answers = self.answers.get(request.path, [GONE])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return parse(json.dumps(answer).encode())

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request.path for request in self.asked]

    @property
    def list_paths(self) -> Column:
        """What was seen of the assumption that a list has the path it is documented with."""
        return self.ledger.findings["list-paths"].column


def rows(ids: str = "") -> dict[str, Any]:
    """Return a page with a row for each letter, the last one."""
    return {"data": [{"id": id_} for id_ in ids], "links": {"next": None}}


def ids(pages: Iterable[Any]) -> str:
    """Return the ids of the rows of pages."""
    return "".join(row["id"] for page in pages for row in page.rows)


def test_a_row_that_has_no_id_once_is_asked_for_again_in_any_list() -> None:
    """Unless somebody says that the list has none."""
    kustomer = Kustomer(tags=[rows(" "), rows("a")])

    assert ids(read_list(kustomer, "tags")) == "a"  # type: ignore[arg-type]


def test_a_list_is_asked_for_in_pages_of_a_hundred_rows() -> None:
    """What else is asked for goes along."""
    kustomer = Kustomer(tags=rows("ab"))
    assert ids(read_list(kustomer, "tags", {"sort": "desc"})) == "ab"  # type: ignore[arg-type]
    assert [dict(one.params) for one in kustomer.asked] == [
        {"sort": "desc", "page": 1, "pageSize": 100}
    ]
    assert ids(read_list(kustomer, "tags")) == "ab"  # type: ignore[arg-type]
    assert dict(kustomer.asked[-1].params) == {"page": 1, "pageSize": 100}


def test_a_list_without_pages_is_one_request() -> None:
    """Nothing that it does not know is asked for."""
    kustomer = Kustomer(tags=rows("ab"))
    assert ids(read_list(kustomer, "tags", {"a": "b"}, page_size=None)) == "ab"  # type: ignore[arg-type]
    assert ids(read_list(kustomer, "tags", page_size=None)) == "ab"  # type: ignore[arg-type]
    assert [dict(one.params) for one in kustomer.asked] == [{"a": "b"}, {}]


@pytest.mark.parametrize(
    ("options", "requests"),
    [({}, (2, 1, 1)), ({"at_least": 0}, (1, 1, 1)), ({"at_least": 2}, (2, 2, 1))],
)
@pytest.mark.parametrize("reader", [read_list, read_known_list])
def test_a_list_with_fewer_rows_than_before_is_asked_for_twice(
    reader: Callable[..., Any], options: dict[str, int], requests: tuple[int, ...]
) -> None:
    """One row where nobody knows better: an empty list is rarely true."""
    for number, expected in enumerate(requests):
        kustomer = Kustomer(tags=rows("abc"[:number]))
        path = "tags" if reader is read_list else ["tags"]
        assert ids(reader(kustomer, path, **options)) == "abc"[:number]
        assert len(kustomer.asked) == expected


@pytest.mark.parametrize("error", [GONE, MissingRoleError("no."), RequestRefusedError("no.")])
def test_a_list_that_is_refused_at_once_is_refused(error: StreamError) -> None:
    """The stream decides what it means; only behind an answer rows are missing by it."""
    kustomer = Kustomer(tags=error)
    with pytest.raises(type(error)) as caught:
        ids(read_list(kustomer, "tags"))  # type: ignore[arg-type]
    assert caught.value is error
    again = Kustomer(tags=[rows(""), error])
    with pytest.raises(StreamError, match="this is not its end") as other:
        ids(read_list(again, "tags"))  # type: ignore[arg-type]
    assert type(other.value) is StreamError
    assert str(error) in str(never_an_end(error))


def test_the_first_path_that_is_known_is_read() -> None:
    """That it is another than documented is noted; what else fails is no unknown path."""
    kustomer = Kustomer(b=rows("xy"), c=rows("z"))
    assert ids(read_known_list(kustomer, ["a", "b", "c"])) == "xy"  # type: ignore[arg-type]
    assert kustomer.paths == ["a", "b"]
    assert dict(kustomer.asked[1].params) == {"page": 1, "pageSize": 100}
    assert kustomer.list_paths is Column.HANDLED
    kustomer = Kustomer(a=MissingRoleError("no."), b=rows("xy"))
    with pytest.raises(MissingRoleError):
        ids(read_known_list(kustomer, ["a", "b"]))  # type: ignore[arg-type]
    assert kustomer.paths == ["a"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_list_that_no_path_leads_to_is_not_found(count: int) -> None:
    """After each was asked for."""
    kustomer = Kustomer()
    paths = ["a", "b", "c"][:count]
    with pytest.raises(NotFoundError):
        ids(read_known_list(kustomer, paths))  # type: ignore[arg-type]
    assert kustomer.paths == paths


def test_the_documented_path_is_noted_where_there_are_others() -> None:
    """Where there is one path only, nothing is assumed."""
    for paths, column in (
        (["a"], Column.NOT_SEEN),
        (["a", "b"], Column.AS_ASSUMED),
        (["a", "b", "c"], Column.AS_ASSUMED),
    ):
        kustomer = Kustomer(a=rows("x"), b=rows("y"))
        assert ids(read_known_list(kustomer, paths)) == "x"  # type: ignore[arg-type]
        assert kustomer.list_paths is column


def test_a_single_resource_is_there_when_one_of_two_answers_holds_it() -> None:
    """None of both: then it is not."""
    one = {"data": {"id": "x"}}
    for answers, found, requests in (
        ([one], {"id": "x"}, 1),
        ([{"data": None}, one], {"id": "x"}, 2),
        ([{"data": None}], None, 2),
    ):
        kustomer = Kustomer(x=answers)
        assert read_one(kustomer, "x") == found  # type: ignore[arg-type]
        assert len(kustomer.asked) == requests
    kustomer = Kustomer(x={"data": [{"id": "x"}, {"id": "y"}]})
    assert read_one(kustomer, "x", confirms=False) == {"id": "x"}  # type: ignore[arg-type]
    assert read_one(kustomer, "x") == {"id": "x"}  # type: ignore[arg-type]
    assert kustomer.confirmed == [False, True]


# ---------------------------------------------------------------- children


PARENT = {"id": "p"}


def test_the_lists_of_a_parent_are_read_one_after_the_other() -> None:
    """An empty one is asked for once: most are."""
    kustomer = Kustomer(a=rows("xy"), b=rows(), c=rows("z"))
    found = read_children(kustomer, PARENT, ["a", "b", "c"], lambda: False)  # type: ignore[arg-type]
    assert [row["id"] for row in found.rows] == ["x", "y", "z"]
    assert (found.parent, found.asked, found.unknown) == (PARENT, 3, 0)
    assert kustomer.paths == ["a", "b", "c"]
    assert {one.params["pageSize"] for one in kustomer.asked} == {100}
    none = read_children(kustomer, PARENT, [], lambda: False)  # type: ignore[arg-type]
    assert (none.rows, none.asked, none.unknown) == ([], 0, 0)


def test_rows_of_a_parent_that_have_no_id_are_asked_for_once() -> None:
    """Each has its parent's, or the one at the end of its own link."""
    kustomer = Kustomer(a=rows(" "))

    assert len(read_children(kustomer, PARENT, ["a"], lambda: False).rows) == 1  # type: ignore[arg-type]
    assert kustomer.paths == ["a"]


def test_the_lists_of_a_parent_may_have_no_pages_or_others() -> None:
    """As each stream says."""
    kustomer = Kustomer(a=rows("x"))
    for size in (None, 7):
        read_children(kustomer, PARENT, ["a"], lambda: False, page_size=size)  # type: ignore[arg-type]
    assert [one.params.get("pageSize") for one in kustomer.asked] == [None, 7]


def test_a_list_that_is_not_there_is_no_failure_once_its_parent_is_gone() -> None:
    """Else rows would be missing."""
    kustomer = Kustomer(b=rows("x"))
    found = read_children(kustomer, PARENT, ["a", "b", "c"], lambda: True)  # type: ignore[arg-type]
    assert ([row["id"] for row in found.rows], found.asked, found.unknown) == (["x"], 3, 2)
    with pytest.raises(StreamError, match=r"no such path\. What it hangs on is there") as caught:
        read_children(kustomer, PARENT, ["b", "a"], lambda: False)  # type: ignore[arg-type]
    assert type(caught.value) is StreamError


def test_any_other_refusal_of_a_list_fails() -> None:
    """Whatever became of its parent."""
    kustomer = Kustomer(a=MissingRoleError("no."))
    with pytest.raises(MissingRoleError):
        read_children(kustomer, PARENT, ["a"], lambda: True)  # type: ignore[arg-type]


def test_what_a_parent_names_is_read_and_may_be_deleted() -> None:
    """Both a 404 and an answer without it are counted."""
    kustomer = Kustomer(a={"data": {"id": "x"}}, c={"data": None}, e={"data": {"id": "y"}})
    found = read_named(kustomer, PARENT, ["a", "b", "c", "d", "e"])  # type: ignore[arg-type]
    assert [row["id"] for row in found.rows] == ["x", "y"]
    assert (found.parent, found.asked, found.unknown) == (PARENT, 5, 3)
    empty = read_named(kustomer, PARENT, [])  # type: ignore[arg-type]
    assert (empty.asked, empty.unknown) == (0, 0)
    with pytest.raises(UnavailableError):
        read_named(Kustomer(a=UnavailableError("down.")), PARENT, ["a"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "gone"),
    [
        (GONE, True),
        (UnknownEndpointError("no endpoint."), False),
        ({"data": {"id": "p", "attributes": {"deleted": True}}}, True),
        ({"data": {"id": "p", "attributes": {"deleted": False}}}, False),
        ({"data": {"id": "p", "attributes": {"deleted": "yes"}}}, False),
        ({"data": {"id": "p", "attributes": None}}, False),
        ({"data": {"id": "p"}}, False),
        ({"data": None}, False),
    ],
)
def test_a_parent_is_gone_when_kustomer_says_so(answer: Any, *, gone: bool) -> None:
    """An endpoint that does not exist says nothing of a record."""
    assert is_gone(Kustomer(p=answer), "p") is gone  # type: ignore[arg-type]


def test_a_parent_that_the_key_may_not_read_fails_with_a_sentence() -> None:
    """It may be there or not."""
    with pytest.raises(StreamError, match="give the key the role") as caught:
        is_gone(Kustomer(p=MissingRoleError("no.")), "p")  # type: ignore[arg-type]
    assert type(caught.value) is StreamError
