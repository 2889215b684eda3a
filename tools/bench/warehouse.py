"""A DuckDB of any size with the tables that the analytics read.

Made by SQL and not by the tap, which would read three million conversations for hours.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

__all__ = ["MESSAGES_EACH", "change", "fill"]

MESSAGES_EACH = 3
_STATEMENTS = Path(__file__).with_suffix(".sql")


def fill(path: Path, conversations: int) -> None:
    """Make the file with so many conversations and what goes with them."""
    with duckdb.connect(str(path), config={"memory_limit": "4GB"}) as warehouse:
        warehouse.execute(f"set variable conversations = {conversations}")
        warehouse.execute(_STATEMENTS.read_text(encoding="utf-8"))


def change(path: Path, one_in: int) -> None:
    """Write one in ``one_in`` conversations and messages anew, as a day's sync does."""
    with duckdb.connect(str(path)) as warehouse:
        for table in ("conversations", "messages"):
            warehouse.execute(
                f"update {table} set rev = rev + 1, updated_at = updated_at + interval 1 second"  # noqa: S608
                f" where hash(id) % {one_in} = 0"
            )
