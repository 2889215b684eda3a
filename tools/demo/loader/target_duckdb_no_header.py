"""target-duckdb 0.8.0, told that its own CSV files have no header, and to hold few rows at once.

It writes each batch to a CSV file and lets DuckDB guess the file's form. When the guess is that
the first row is a header, that row is lost. This module states the form instead of letting it be
guessed, and loads by megabytes instead of by 100,000 rows of each stream. Everything else is the
released target. `docs/target-duckdb.md` has the whole story, and says when this can go.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import target_duckdb
from duckdb import DuckDBPyConnection
from target_duckdb.db_sync import DbSync

GUESSED = r"WITH (new_line '\r\n')"
"""The options of the one COPY statement in target-duckdb 0.8.0."""

STATED = (
    "WITH (FORMAT csv, AUTO_DETECT false, HEADER false, "
    "DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '', NEW_LINE '\\r\\n', "
    # Quoted text may hold line breaks: read in one go, no block can begin inside a field.
    "PARALLEL false, "
    # DuckDB refuses lines over 2 MB, and sets 16 times the longest line aside.
    "MAX_LINE_SIZE {size}, BUFFER_SIZE {size})"
)
"""What Python's csv module, as target-duckdb calls it, really writes."""

PORTION = 16_000_000
"""Characters of rows that are held, as Python objects some five times as large, until a load."""

MEMORY_LIMIT = 150_000_000
"""Bytes that DuckDB may keep of the tables; its own default is four fifths of the machine."""

PARSING = 10
"""Bytes that DuckDB may need for each of a file with one long row; up to eight were seen."""

THREADS = 1
"""What one file after the other needs: more load no faster, and each keeps memory of its own."""

LONGEST_WAIT = 3600.0
"""Seconds to wait for another process that has the file open: DuckDB lets one in at a time."""


class StatedConnection:
    """A DuckDB connection that states the form of each CSV file it copies from."""

    def __init__(self, connection: DuckDBPyConnection, *, is_limited: bool = False) -> None:
        """Stand in front of ``connection``; if ``is_limited``, its memory is the user's choice."""
        self._connection = connection
        self._is_limited = is_limited
        self._size = 0  # bytes of the file that is being loaded

    def __getattr__(self, name: str) -> object:
        """Leave everything but ``execute`` to DuckDB."""
        return getattr(self._connection, name)

    def execute(self, query: str, *parameters: object) -> DuckDBPyConnection:
        """Run ``query``; a COPY with the options stated, a table of a batch as a temporary one."""
        # Else a load that fails leaves its table behind.
        query = re.sub(r"^CREATE TABLE IF NOT EXISTS (?=tmp_)", "CREATE TEMP TABLE ", query)
        if query.startswith("COPY "):
            if not query.endswith(GUESSED):
                message = "This target-duckdb copies in another way: see docs/target-duckdb.md."
                raise RuntimeError(message)
            query = query.removesuffix(GUESSED)
            file = Path(query.partition("'")[2].rpartition("'")[0])
            self._size = file.stat().st_size
            query += STATED.format(size=max(self._size, 1 << 20) + 2)
        try:
            return self._connection.execute(query, *parameters)
        except duckdb.OutOfMemoryException:  # of one long row, or of many values in JSON
            if self._is_limited:
                raise
        self._limit_memory(MEMORY_LIMIT + PARSING * self._size)
        try:
            return self._connection.execute(query, *parameters)
        finally:
            self._limit_memory(MEMORY_LIMIT)

    def _limit_memory(self, size: int) -> None:
        self._connection.execute(f"SET memory_limit = '{size}B'")


def in_portions(lines: Iterable[str]) -> Iterator[str]:
    """Yield ``lines``, and after each portion the SCHEMA of the last row's stream once more.

    When a SCHEMA comes again the target loads what it holds, of all streams, and then prints the
    last STATE: that is all that bounds its memory here.
    """
    schemas: dict[str, str] = {}
    held = 0
    for line in lines:
        yield line
        held += len(line)
        if held > PORTION or '"SCHEMA"' in line:
            message = json.loads(line)
            if message["type"] == "SCHEMA":
                schemas[message["stream"]] = line
            elif message["type"] == "RECORD" and held > PORTION:
                held = 0
                yield schemas[message["stream"]]


def main() -> None:
    """Run target-duckdb with connections that state the form of its files, in portions."""
    connect, persist = target_duckdb.duckdb_connect, target_duckdb.persist_lines

    def stated(config: Mapping[str, Any]) -> StatedConnection:
        given = config.get("settings", {})
        settings = {"memory_limit": f"{MEMORY_LIMIT}B", "threads": THREADS, **given}
        waiting_since = time.monotonic()
        while True:
            try:
                connection = connect({**config, "settings": settings})
                return StatedConnection(connection, is_limited="memory_limit" in given)
            except duckdb.IOException as error:  # noqa: PERF203 - tried once a second
                waited = time.monotonic() - waiting_since
                if "Conflicting lock" not in str(error) or waited > LONGEST_WAIT:
                    raise
                if not waited // 1 % 60:  # at first, and every minute
                    target_duckdb.LOGGER.info("Another process has the file open: waiting for it.")
                time.sleep(1)

    def persist_in_portions(
        connection: StatedConnection, config: Mapping[str, Any], lines: Iterable[str]
    ) -> None:
        # Else the state that is printed for one stream speaks of rows of others, still held.
        persist(connection, {"flush_all_streams": True, **config}, in_portions(lines))

    target_duckdb.duckdb_connect = stated
    target_duckdb.persist_lines = persist_in_portions
    DbSync.record_primary_key_string = _key
    try:
        target_duckdb.main()
    except KeyboardInterrupt:  # Ctrl+C reaches all programs of a run
        sys.exit(130)


_key_of_nested = DbSync.record_primary_key_string


def _key(self: DbSync, record: dict[str, Any]) -> str | None:
    """Return what the target does, without making a whole flat row only to take the key of it."""
    if not self.data_flattening_max_level:
        names = self.stream_schema_message["key_properties"]
        record = {name: record[name] for name in names if name in record}
    key: str | None = _key_of_nested(self, record)
    return key
