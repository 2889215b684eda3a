"""One page of a list: read in each form that Kustomer's lists have, and refused in any other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tap_kustomer.readers.list_page import ListPage, attributes_of, identity, own_link

ROW = {"id": "1", "type": "tag"}


def parsed(content: Any) -> ListPage:
    """Return the page."""
    return ListPage.parse(json.dumps(content).encode())


def test_a_page_is_read_with_all_that_it_tells() -> None:
    """Of what it does not tell nothing is made up."""
    raw = json.dumps(
        {
            "data": [ROW],
            "included": [{"id": "2"}],
            "links": {"next": "/v1/tags?page=2"},
            "meta": {"total": 7, "pageSize": 5, "cursorCount": 3},
        }
    ).encode()
    assert ListPage.parse(raw) == ListPage(
        [ROW],
        [{"id": "2"}],
        "/v1/tags?page=2",
        has_links=True,
        total=7,
        page_size=5,
        cursor_count=3,
        size=len(raw),
    )
    bare = parsed({"data": []})
    assert (bare.rows, bare.included, bare.next_link, bare.has_links) == ([], [], None, False)
    assert (bare.total, bare.page_size, bare.cursor_count) == (None, None, None)
    assert ListPage([], [], None, has_links=False, total=None).size == 0


@pytest.mark.parametrize(
    ("data", "rows"),
    [([ROW, ROW], [ROW, ROW]), (ROW, [ROW]), ([], [])],
)
def test_resources_come_as_a_list_or_alone(data: Any, rows: list[Any]) -> None:
    """What came along likewise, and may be null."""
    assert parsed({"data": data}).rows == rows
    assert parsed({"data": [], "included": data}).included == rows
    assert parsed({"data": [], "included": None}).included == []


@pytest.mark.parametrize("data", ["rows", 3, True, {}, [ROW, "row"], [None], [[]], ["row"]])
def test_what_are_no_resources_makes_no_page(data: Any) -> None:
    """A page taken for empty would be rows that are missing."""
    for content in ({"data": data}, {"data": [], "included": data}):
        with pytest.raises(ValueError, match="no resources"):
            parsed(content)


@pytest.mark.parametrize(
    "content",
    [[], "x", {}, {"meta": {}}, {"data": None}, {"data": [], "errors": [{}]}, {"errors": []}],
)
def test_an_answer_without_data_or_with_errors_is_no_page(content: Any) -> None:
    """Whatever its status."""
    with pytest.raises(ValueError, match="no data"):
        parsed(content)
    assert parsed({"data": [ROW], "errors": []}).rows == [ROW]


def test_a_single_resource_may_not_be_there() -> None:
    """Only then null is an answer."""
    assert ListPage.parse_single(b'{"data": null}').rows == []
    found = ListPage.parse_single(b'{"data": {"id": "1"}}')
    assert (found.rows, found.size) == ([{"id": "1"}], 21)
    with pytest.raises(ValueError, match="no data"):
        ListPage.parse_single(b"{}")


@pytest.mark.parametrize(
    ("links", "next_link", "has_links"),
    [
        ({"next": "/x"}, "/x", True),
        ({"next": {"href": "/x"}}, "/x", True),
        ({"next": {"href": None}}, None, True),
        ({"next": None}, None, True),
        ({"next": ""}, None, True),
        ({"self": "/x"}, None, False),
        ({}, None, False),
        (None, None, False),
        ("/x", None, False),
    ],
)
def test_the_next_link_is_read_in_both_forms(
    links: Any, next_link: str | None, *, has_links: bool
) -> None:
    """That there is none is said, or not said at all."""
    page = parsed({"data": [], "links": links})
    assert (page.next_link, page.has_links) == (next_link, has_links)


@pytest.mark.parametrize("link", [3, True, ["/x"], {"url": "/x"}, {"href": 3}])
def test_a_next_link_that_is_none_makes_no_page(link: Any) -> None:
    """The list would end there."""
    with pytest.raises(ValueError, match="link"):
        parsed({"data": [], "links": {"next": link}})


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (7, 7),
        (0, 0),
        ("8", 8),
        (7.0, 7),
        ({"value": 7, "relation": "eq"}, 7),
        ({"value": 7}, 7),
        ({"value": 7, "relation": "gte"}, None),
        ({"relation": "eq"}, None),
        (10**17 - 1, 10**17 - 1),
        (10**17, None),
        (10**30, None),
        (7.5, None),
        (True, None),
        (-7, None),
        ("-8", None),
        ("seven", None),
        ("\u0667", None),  # a seven of other digits
        ("²", None),
        ("", None),
        (None, None),
        ([7], None),
    ],
)
def test_a_total_is_read_however_it_is_written(value: Any, count: int | None) -> None:
    """A bound is no total, nor is what is no number; nonsense is no reason to fail."""
    assert parsed({"data": [], "meta": {"total": value}}).total == count


@pytest.mark.parametrize(
    ("meta", "page_size"),
    [
        ({"pageSize": 50}, 50),
        ({"count": 40}, 40),
        ({"pageSize": 50, "count": 40}, 50),
        ({"pageSize": 0}, None),
        ([], None),
        (None, None),
    ],
)
def test_a_page_may_tell_how_many_rows_are_on_a_full_one(meta: Any, page_size: int | None) -> None:
    """Under either name; none would fit on a page of nothing."""
    assert parsed({"data": [], "meta": meta}).page_size == page_size


@pytest.mark.parametrize(
    ("resource", "told"),
    [
        ({"id": "a"}, "a"),
        ({"id": 7}, "7"),
        ({"id": 0}, "0"),
        ({"id": " a ", "links": {"self": "/x"}}, " a "),
        ({"id": " ", "links": {"self": "/x"}}, "/x"),
        ({"id": "", "links": {"self": "/x"}}, "/x"),
        ({"id": None, "links": {"self": "/x"}}, "/x"),
        ({"id": True, "links": {"self": "/x"}}, "/x"),
        ({"id": 7.5, "links": {"self": "/x"}}, "/x"),
        ({"id": [1], "links": {"self": "/x"}}, "/x"),
        # Tables hold these: another way to make them would load each row a second time.
        ({"a": 1, "b": {"c": 2}}, "0bd306a2fd546e328681a424"),
    ],
)
def test_a_resource_is_known_by_its_id_or_its_link_or_all_it_says(
    resource: dict[str, Any], told: str
) -> None:
    """In that order."""
    assert identity(resource) == told


def test_two_resources_that_say_the_same_are_one_whatever_their_other_links() -> None:
    """Those may be signed, and differ in every answer."""
    one = {"a": 1, "b": 2, "links": {"file": "/x?sign=1"}}
    assert identity(one) == identity({"b": 2, "a": 1, "links": {"file": "/x?sign=2"}})
    assert identity(one) != identity({"a": 1, "b": 3})


@pytest.mark.parametrize("links", [None, "x", [], {}, {"self": None}, {"self": 3}])
def test_a_link_that_is_none_is_no_identity(links: Any) -> None:
    """Nor is what is no object."""
    assert own_link({"links": links}) == ""
    assert own_link({"links": {"self": "/x"}}) == "/x"


@pytest.mark.parametrize("attributes", [None, "x", [1]])
def test_attributes_that_are_no_object_are_none(attributes: Any) -> None:
    """Nobody has to look twice."""
    assert attributes_of({"attributes": attributes}) == {}
    assert attributes_of({"attributes": {"a": 1}}) == {"a": 1}
