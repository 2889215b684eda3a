"""target-duckdb 0.8.0, told that its own CSV files have no header.

It writes each batch to a CSV file and lets DuckDB guess the file's form. When the guess is that
the first row is a header, that row is lost. This module states the form instead of letting it be
guessed; everything else is the released target. `docs/target-duckdb.md` has the whole story, and
says when this can go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import target_duckdb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection

GUESSED = r"WITH (new_line '\r\n')"
"""The options of the one COPY statement in target-duckdb 0.8.0."""

STATED = (
    "WITH (FORMAT csv, AUTO_DETECT false, HEADER false, "
    "DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '', NEW_LINE '\\r\\n', "
    # Quoted text may hold line breaks: read in one go, no block can begin inside a field.
    "PARALLEL false, "
    # DuckDB refuses lines over 2 MB; a message with its HTML body can be longer.
    "MAX_LINE_SIZE 16777216)"
)
"""What Python's csv module, as target-duckdb calls it, really writes."""


class StatedConnection:
    """A DuckDB connection that states the form of each CSV file it copies from."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        """Stand in front of ``connection``."""
        self._connection = connection

    def __getattr__(self, name: str) -> object:
        """Leave everything but ``execute`` to DuckDB."""
        return getattr(self._connection, name)

    def execute(self, query: str, *parameters: object) -> DuckDBPyConnection:
        """Run ``query``, with the options stated if it is a COPY."""
        if query.startswith("COPY "):
            if not query.endswith(GUESSED):
                message = "This target-duckdb copies in another way: see docs/target-duckdb.md."
                raise RuntimeError(message)
            query = query.removesuffix(GUESSED) + STATED
        return self._connection.execute(query, *parameters)


def main() -> None:
    """Run target-duckdb with connections that state the form of its files."""
    connect = target_duckdb.duckdb_connect

    def stated(config: Mapping[str, object]) -> StatedConnection:
        return StatedConnection(connect(config))

    target_duckdb.duckdb_connect = stated
    target_duckdb.main()
