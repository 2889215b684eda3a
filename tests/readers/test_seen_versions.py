"""Of two versions of a row that one list showed the newer one is taken."""

from __future__ import annotations

from typing import Any

import pytest

from tap_kustomer.readers.versions import SeenVersions

OLD, NEW = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00Z"


def row(rev: Any = None, updated: Any = None) -> dict[str, Any]:
    """Return a row of a version."""
    return {"id": "1", "attributes": {"rev": rev, "updatedAt": updated}}


@pytest.mark.parametrize(
    ("first", "second", "is_taken"),
    [
        (row(1), row(2), True),
        (row(2), row(1), False),
        (row(2), row(2), False),
        (row(9, OLD), row(10, OLD), True),
        (row(2, OLD), row(1, NEW), False),  # the revision decides
        (row(2, OLD), row(2, NEW), True),
        (row(2, NEW), row(2, OLD), False),
        (row(None, OLD), row(1, NEW), True),  # where one tells none, the time does
        (row(5, OLD), row(None, NEW), True),
        (row(1, NEW), row(None, OLD), False),
        (row(None, NEW), row(5, OLD), False),
        (row("7", OLD), row("5", NEW), True),  # no number
        (row(rev=True, updated=OLD), row(0, NEW), True),
        (row(0, OLD), row(rev=True, updated=NEW), True),
        (row(1.5), row(1.0), False),
        (row(), row(), False),
        ({"id": "1"}, row(1, NEW), True),
        (row(1, NEW), {"id": "1", "attributes": []}, False),
    ],
)
def test_a_row_that_comes_again_is_taken_when_it_is_newer(
    first: dict[str, Any], second: dict[str, Any], *, is_taken: bool
) -> None:
    """A list that changes while it is read shows rows twice."""
    seen = SeenVersions()

    assert seen.takes("1", first)
    assert seen.takes("1", second) is is_taken
    assert not seen.takes("1", second)
    assert len(seen) == 1
    assert seen.takes("2", second)
    assert len(seen) == 2
