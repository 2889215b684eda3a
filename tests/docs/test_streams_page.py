"""The page of streams is made from the code; `tests/docs/test_docs.py` says when it is stale."""

from __future__ import annotations

from pathlib import Path

import pytest

from tap_kustomer.catalog.schema import object_schema
from tap_kustomer.tap import STREAM_TYPES
from tools.docs import streams_page

PAGE = (Path(__file__).parents[2] / "docs" / "streams.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("stream", sorted(one.name for one in STREAM_TYPES))
def test_every_column_of_every_stream_is_on_the_page(stream: str) -> None:
    """Someone who writes a query looks there first."""
    _, _, rest = PAGE.partition(f"### `{stream}`")
    section = rest.partition("\n### ")[0]
    schema = object_schema(stream)

    assert schema.description in section
    for name, column in schema.columns.items():
        if name not in streams_page.COMMON:
            assert f"| `{name}` | " in section
            assert column["description"] in section


def test_a_column_of_ids_must_say_whose_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the diagram of joins would miss it without a word."""
    monkeypatch.delitem(streams_page.JOINS, "brand_id")

    with pytest.raises(ValueError, match="brand_id"):
        streams_page.join_diagram()


def test_the_diagram_knows_no_stream_that_does_not_exist() -> None:
    """A join must lead to a table."""
    known = {one.name for one in STREAM_TYPES}

    assert {*streams_page.JOINS.values(), *streams_page.ARRAYS.values()} <= known
