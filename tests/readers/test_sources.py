"""A source that several streams share: each pulls its own part, and one page is kept."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_kustomer.errors import UnavailableError
from tap_kustomer.readers.search.emission import NewRows
from tap_kustomer.readers.sources import PassedError, SearchSource, SharedSource, SharedSources

START, OLDEST, BEGAN = "2026-01-01", "2026-02-01", "2026-02-02"


@dataclass
class Pages:
    """A search with given pages, each of which is the owners of its rows."""

    pages: list[str]
    fails_at: int | None = None
    fetched: int = 0
    first: Any = field(default_factory=lambda: SimpleNamespace(started=BEGAN))

    def resources(self) -> Iterator[tuple[list[dict[str, Any]], NewRows]]:
        """Yield the pages; fail instead of one."""
        for place, owners in enumerate(self.pages):
            if place == self.fails_at:
                msg = "no answer"
                raise UnavailableError(msg)
            self.fetched += 1
            rows = [{"of": owner, "at": (place, n)} for n, owner in enumerate(owners)]
            yield rows, NewRows(b"", [], f"{place:03}")


def shared(pages: list[str], fails_at: int | None = None) -> tuple[SharedSource, Pages]:
    """Return a source of ``pages`` that is shared."""
    search = Pages(pages, fails_at)
    return SharedSource(cast("SearchSource", search), START, "a", lambda row: row["of"]), search


def test_each_pulls_its_own_rows_and_every_bookmark() -> None:
    """A page without a row of a klass still moves its bookmark."""
    source, search = shared(["aab", "b", "ca"])
    parts = zip(source.part_of("a"), source.part_of("b"), source.part_of("c"), strict=True)
    found = [tuple((len(rows), new.bookmark) for rows, new in page) for page in parts]

    assert found == [
        ((2, "000"), (1, "000"), (0, "000")),
        ((0, "001"), (1, "001"), (0, "001")),
        ((1, "002"), (0, "002"), (1, "002")),
    ]
    assert search.fetched == 3


def test_whoever_is_a_page_behind_is_not_told_that_this_is_all() -> None:
    """The page is gone; a stream that took that for the end would be complete without it."""
    source, _ = shared(["ab", "ab", "ab"])
    first, second = source.part_of("a"), source.part_of("b")
    next(first)
    next(second)
    next(first)
    next(first)
    with pytest.raises(PassedError):
        next(second)


def test_who_comes_when_all_pages_have_gone_by_is_told_so_too() -> None:
    """Not even one page may be missed."""
    source, _ = shared(["ab"])
    list(source.part_of("a"))
    with pytest.raises(PassedError):
        next(source.part_of("b"))


def test_a_failure_is_told_to_who_asked_and_is_no_end_to_the_others() -> None:
    """A generator that has raised looks, to the next who asks, like one at its end."""
    source, _ = shared(["ab", "ab"], fails_at=1)
    first, second, third = source.part_of("a"), source.part_of("b"), source.part_of("c")
    for part in (first, second):
        next(part)
    with pytest.raises(UnavailableError):
        next(first)
    for part in (second, third):
        with pytest.raises(PassedError):
            next(part)
    assert not source.serves(START, OLDEST)


@given(
    pages=st.lists(st.text("abc", max_size=4), max_size=6),
    fails_at=st.none() | st.integers(0, 6),
    seed=st.integers(0, 10_000),
)
def test_in_whatever_order_parts_are_pulled_none_misses_a_row_in_silence(
    pages: list[str], fails_at: int | None, seed: int
) -> None:
    """Each gets all of its rows, or an error."""
    rng = random.Random(seed)
    source, search = shared(pages, fails_at)
    parts = {owner: source.part_of(owner) for owner in "abc"}
    got: dict[str, list[object]] = {owner: [] for owner in "abc"}
    while parts:
        owner = rng.choice(sorted(parts))
        try:
            rows, _ = next(parts[owner])
        except StopIteration:
            of_owner = [
                (place, n)
                for place, owners in enumerate(pages)
                for n, one in enumerate(owners)
                if one == owner
            ]
            assert got[owner] == of_owner
            del parts[owner]
        except (PassedError, UnavailableError):
            del parts[owner]
        else:
            got[owner] += [row["at"] for row in rows]
    assert search.fetched <= len(pages)


@pytest.mark.parametrize(
    ("start", "oldest", "pulled", "joins"),
    [
        (START, OLDEST, 0, True),
        (START, OLDEST, 1, True),  # the first page is still there
        (START, OLDEST, 2, False),
        ("2025-12-31", OLDEST, 0, False),  # it begins behind what the stream has read
        (START, "2026-02-03", 0, False),  # the first page is too old to be read on from
    ],
)
def test_a_source_is_joined_only_by_whom_it_serves(
    start: str, oldest: str, pulled: int, *, joins: bool
) -> None:
    """Else another search is begun, which the next ones may join."""
    sources = SharedSources()
    used_before = sources.are_used
    first = sources.join("form", START, OLDEST, lambda: shared(["ab", "ab"])[0])
    assert (used_before, sources.are_used) == (False, True)
    part = first.part_of("a")
    for _ in range(pulled):
        next(part)
    other = sources.join("form", start, oldest, lambda: shared(["ab"])[0])
    assert (other is first) == joins
    assert sources.join("form", START, OLDEST, lambda: shared([])[0]) is other
    assert sources.join("weaker form", START, OLDEST, lambda: shared([])[0]) is not other
