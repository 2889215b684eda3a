"""Runs in the environment of PyAirbyte: streams into a PostgreSQL cache.

``python pyairbyte_postgres.py SOURCE CONFIG PORT DATABASE STREAM...`` prints the number of rows
that it processed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import airbyte
from airbyte.caches import PostgresCache

if __name__ == "__main__":
    executable, config, port, database, *streams = sys.argv[1:]
    source = airbyte.get_source(
        "source-kustomer",
        config=json.loads(Path(config).read_text(encoding="utf-8")),
        local_executable=executable,
    )
    source.select_streams(streams)
    cache = PostgresCache(
        host="127.0.0.1",
        port=int(port),
        username="postgres",
        password="none",  # noqa: S106 - of a server that asks for none
        database=database,
        schema_name="kustomer",
    )
    sys.stdout.write(f"{source.read(cache=cache).processed_records}\n")
