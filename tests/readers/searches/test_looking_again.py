"""What a run of one search leaves to the next: which of it can be used, and what it shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tap_kustomer.readers.search.page import SearchPage, peek
from tap_kustomer.readers.search.recount import Recount, is_recount
from tests.readers.searches.in_memory import Row, answer_of, at, rows_at

START = 100.0


def page_of(rows: Sequence[Row]) -> SearchPage:
    """Return an answer as a search reads it."""
    return peek(json.dumps(answer_of(rows)).encode())


def parsed(page_size: int = 100, **changes: Any) -> Recount | None:
    """Return what a run that begins at ``START`` makes of a state with ``changes``."""
    known = Recount(at(0), at(50), 3).as_state(at(START))
    return Recount.parse({**known, **changes}, at(START), page_size)


def test_what_was_left_is_what_the_next_run_finds() -> None:
    """By way of the state."""
    left = Recount(at(0), at(50), 3)

    assert Recount.parse(left.as_state(at(START)), at(START), 100) == left
    assert is_recount(left.as_state(at(START)))


@pytest.mark.parametrize(
    "changes",
    [
        {"recount": False},
        {"recount": 1},
        {"bookmark": at(99)},
        {"since": None},
        {"until": None},
        {"until": "?"},
        {"since": at(50)},
        {"since": at(51)},
        {"until": at(100.001)},
        {"rows": "3"},
        {"rows": True},
        {"rows": None},
        {"rows": -1},
        {"rows": 76},
    ],
)
def test_what_does_not_fit_is_not_looked_at_again(changes: dict[str, Any]) -> None:
    """Another bookmark, no range or an empty one, no number, or too many rows for a page."""
    assert parsed(**changes) is None


@pytest.mark.parametrize(
    "changes", [{}, {"rows": 0}, {"rows": 75}, {"until": at(START)}, {"since": at(49.999)}]
)
def test_what_fits_is_looked_at_again(changes: dict[str, Any]) -> None:
    """Up to three quarters of a page, and up to the bookmark."""
    assert parsed(**changes) is not None


@pytest.mark.parametrize("known", [None, [], "text", 7, {}])
def test_a_state_that_holds_something_else_is_none(known: Any) -> None:
    """An earlier version, or an edited file."""
    assert Recount.parse(known, at(START), 100) is None
    assert not is_recount(known)


def test_the_rows_before_the_last_one_in_its_place_are_left() -> None:
    """Those from the run's start on; the last one comes again in any case."""
    page = page_of(rows_at(-1, 10, 20, 30, 200))

    assert Recount.left_by(page, at(0), at(START)) == Recount(at(0), at(30), 2)


@pytest.mark.parametrize("seconds", [(), (0,), (200,), (0, 0)])
def test_where_no_row_is_behind_the_start_nothing_is_left(seconds: tuple[float, ...]) -> None:
    """There is nothing to compare."""
    assert Recount.left_by(page_of(rows_at(*seconds)), at(0), at(START)) is None


@pytest.mark.parametrize("seconds", [(10,), (10, 10)])
def test_that_no_row_stood_before_the_last_one_is_looked_at_again(
    seconds: tuple[float, ...],
) -> None:
    """An answer of one row may be all that a part of the index had."""
    left = Recount.left_by(page_of(rows_at(*seconds)), at(0), at(START))

    assert left == Recount(at(0), at(10), 0)


def test_more_rows_than_before_show_that_some_were_not_seen() -> None:
    """Fewer do not: rows leave when they are updated."""
    left = Recount(at(0), at(30), 2)

    assert not left.is_exceeded(page_of(rows_at(10, 30, 40, 50)))
    assert not left.is_exceeded(page_of(rows_at(10, 20, 30)))
    assert left.is_exceeded(page_of(rows_at(10, 15, 20, 30)))
