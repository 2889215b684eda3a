"""Runs in the environment of PyAirbyte: ``python pyairbyte_read.py SOURCE CONFIG CACHE``.

Reads all streams of the source into a DuckDB cache; prints the processed rows per stream as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import airbyte

if __name__ == "__main__":
    executable, config, cache = sys.argv[1:]
    source = airbyte.get_source(
        "source-kustomer",
        config=json.loads(Path(config).read_text(encoding="utf-8")),
        local_executable=executable,
    )
    source.check()
    source.select_all_streams()
    result = source.read(
        cache=airbyte.new_local_cache("kustomer", cache_dir=cache, cleanup=False),
    )
    found = {"rows": result.processed_records, "streams": sorted(result.streams)}
    sys.stdout.write(f"{json.dumps(found)}\n")
