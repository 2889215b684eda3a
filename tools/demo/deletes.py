"""Deletes a customer and a conversation in the simulated org, and asks DuckDB what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import requests

__all__ = ["Deleted", "completeness", "delete_some", "rows_of"]

# A customer with a name, and the conversation of somebody else that has the most to say.
CUSTOMER = """
select id, name from customers where deleted is not true and name is not null order by id limit 1
"""
CONVERSATION = """
select conversations.id, conversations.name
from conversations
inner join messages on conversations.id = messages.conversation_id
where conversations.deleted is not true and conversations.customer_id <> ?
group by all
order by count(*) desc, conversations.id
limit 1
"""
# An emptied row has its key and the moment of its deletion, and says nothing else.
ROWS = "select count(*) from {} where {} = ? and created_at is not null"
COUNTED = """
select sum(loaded_rows), sum(counted_rows), bool_and(complete)
from analytics.kustomer__completeness
"""
_TIMEOUT = 30  # seconds


@dataclass(frozen=True)
class Deleted:
    """Something that Kustomer deleted: where its rows are told by ``column`` being ``id``."""

    name: str
    tables: Sequence[str]
    column: str
    id: str


def delete_some(url: str, connection: duckdb.DuckDBPyConnection) -> list[Deleted]:
    """Delete a customer and a conversation at ``url``; return what has to go with them."""
    customer, name = _one(connection, CUSTOMER)
    conversation, subject = _one(connection, CONVERSATION, customer)
    for context, id_ in (("customer", customer), ("conversation", conversation)):
        body = {"context": context, "id": id_}
        requests.post(f"{url}/_simulator/erase", json=body, timeout=_TIMEOUT).raise_for_status()
    return [
        Deleted(f"customer {name}", ["customers"], "id", customer),
        Deleted(f"conversation {subject!r}", ["conversations"], "id", conversation),
        Deleted("its messages and notes", ["messages", "notes"], "conversation_id", conversation),
    ]


def rows_of(connection: duckdb.DuckDBPyConnection, deleted: Deleted) -> int:
    """Return how many rows that say something are left of what was deleted."""
    return sum(
        _one(connection, ROWS.format(table, deleted.column), deleted.id)[0]
        for table in deleted.tables
    )


def completeness(connection: duckdb.DuckDBPyConnection) -> tuple[int, int, bool]:
    """Return the rows here, those that Kustomer counts, and whether every month agrees."""
    here, counted, complete = _one(connection, COUNTED)
    return int(here), int(counted), bool(complete)


def _one(connection: duckdb.DuckDBPyConnection, sql: str, *parameters: str) -> tuple[Any, ...]:
    row = connection.execute(sql, parameters).fetchone()
    assert row is not None, sql  # noqa: S101  # the seeded org has such rows
    return row
