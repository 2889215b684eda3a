"""The page of streams is made from the code; `tests/docs/test_docs.py` says when it is stale."""

from __future__ import annotations

from pathlib import Path

import pytest

from tap_kustomer.catalog.schema import object_schema
from tap_kustomer.streams.registry import STREAM_TYPES
from tests.docs.pages import CHECKOUT, blocks_of
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
    """Else the list of joins would silently miss it."""
    monkeypatch.delitem(streams_page.JOINS, "brand_id")

    with pytest.raises(ValueError, match="brand_id"):
        streams_page.join_list()


def test_no_join_leads_to_a_stream_that_does_not_exist() -> None:
    """A join must lead to a table."""
    known = {one.name for one in STREAM_TYPES}

    assert {*streams_page.JOINS.values(), *streams_page.ARRAYS.values()} <= known


@pytest.mark.parametrize(
    ("stream", "column", "leads_to"),
    [
        ("messages", "created_by_id", "`users`, where `created_by_type` is `user`"),
        ("notes", "created_by_teams[]", "`teams`"),
        ("conversation_times", "created_by_id", "`users`, where `created_by_type` is `user`"),
        ("customers", "watchers[]", "`users`"),
        ("conversations", "first_response.createdBy", "`users`"),
        ("kobject_<klass>", "klass_id", "`klasses`, by `klasses.name`"),
        ("audit_logs", "object_id", "the object that `object_type` names"),
        ("sla_versions", "sla_id", "`slas`"),
    ],
)
def test_the_joins_that_reports_need_are_listed(stream: str, column: str, leads_to: str) -> None:
    """Agents, their teams at that time, and what is nested."""
    assert f"| `{stream}` | `{column}` | {leads_to} |" in streams_page.join_list().splitlines()


def test_what_joins_nothing_is_named() -> None:
    """Else a reader looks for it."""
    last = streams_page.join_list().splitlines()[-1]
    assert last.startswith("Nothing to join: ")
    assert "`sync_runs`" in last


def test_a_list_of_ids_joins_as_the_page_says() -> None:
    """The snippet for DuckDB, with text columns as its loader makes them."""
    duckdb = pytest.importorskip("duckdb")
    page = CHECKOUT / "docs" / "joins.md"
    (sql,) = (one.text for one in blocks_of(page) if one.remark == "list on DuckDB")
    with duckdb.connect() as connection:
        connection.execute("create table tags as select 't1' as id, 'vip' as name")
        connection.execute(
            """create table conversations as select 'c1' as id, '["t1", "t2"]' as tags"""
        )
        assert connection.execute(sql).fetchall() == [("c1", "vip")]
