"""What a walk through the pages of a list has shown, and what it may have missed.

A list is read by page numbers. A row that leaves moves all rows behind it one place forward, and
the one that crosses the edge of two pages between two requests is on neither. No single walk can
tell. The order of the rows that stay is the same in each answer, though: what one page shows side
by side has nothing between it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

__all__ = ["Walk", "is_proven"]

_START, _END = "\0start", "\0end"  # beside ids


class Walk:
    """The order of a list as one walk showed it, with the gaps where rows may be missing.

    A gap is the edge of two pages, and the end. It is closed when a page of a later walk shows
    rows of both its sides, or when a later walk shows the very same up to there. With no gap
    left, all rows that were there all the time are on the pages of these walks.
    """

    def __init__(self) -> None:
        """Begin before the first row."""
        self._places = {_START: 0}
        self._is_begun = False
        self._expected = 0  # place that a walk comes to which has shown the same so far
        self.gaps: set[int] = set()  # places behind which a row may be missing
        self.repeats = False

    def __len__(self) -> int:
        """Return the number of different rows."""
        return len(self._places) - (_END in self._places) - 1

    def add(self, ids: Sequence[str]) -> int:
        """Note the rows of the next page; returns how many of them are new to this walk."""
        before = len(self._places)
        # A page that begins with a row of those before has no gap in front of it.
        if self._is_begun and not (ids and ids[0] in self._places):
            self.gaps.add(before - 1)
        self._is_begun = True
        for id_ in ids:
            self._places.setdefault(id_, len(self._places))
        new = len(self._places) - before
        self.repeats = self.repeats or new < len(ids)
        return new

    def has_all(self, ids: Iterable[str]) -> bool:
        """Whether all these rows were on earlier pages of this walk."""
        return all(id_ in self._places for id_ in ids)

    def size_with(self, ids: Iterable[str]) -> int:
        """Return the number of different rows, those of another page included."""
        return len(self) + sum(id_ not in self._places for id_ in set(ids))

    def end(self, *, proven: bool) -> None:
        """Note that the walk came to its end; ``proven``: something else says that it is whole."""
        self._places[_END] = len(self._places)
        if proven:
            self.gaps.clear()
        else:
            self.doubt_end()

    def doubt_end(self) -> None:
        """Note that rows may be missing at the end."""
        self.gaps.add(self._places[_END] - 1)

    def expect_again(self) -> None:
        """Begin to compare with one more walk."""
        self._expected = 1

    def compare(self, ids: Sequence[str], *, is_last: bool = False) -> None:
        """Close the gaps of which the next page of a later walk shows that nothing is in them."""
        places = [self._places[id_] for id_ in ids if id_ in self._places]
        if places and all(one < other for one, other in pairwise(places)):
            self.gaps.difference_update(range(places[0], places[-1]))
            # An end in front of rows that were seen is no end that speaks of them.
            if is_last and places[-1] == self._places[_END] - 1:
                self.gaps.discard(places[-1])
        shown = [self._places.get(id_) for id_ in ([*ids, _END] if is_last else ids)]
        # Only where nothing came or left in front of it is an edge the same as before.
        if self._expected and shown == [*range(self._expected, self._expected + len(shown))]:
            self.gaps.discard(self._expected - 1)
            self._expected += len(shown)
        else:
            self._expected = 0

    def shows_the_same(self, other: Walk) -> bool:
        """Whether both walks showed the same rows, each once, in whatever order."""
        return not (self.repeats or other.repeats) and self._places.keys() == other._places.keys()


def is_proven(walk: Walk, earlier: Iterable[Walk]) -> bool:
    """Whether nothing is missing from all these walks together; ``walk`` is the last of them."""
    return not walk.gaps or any(not one.gaps or one.shows_the_same(walk) for one in earlier)
