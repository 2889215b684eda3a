"""Run by the Python of .venv-target-bigquery: the loader's own translation of a tap's output.

Reads Singer messages; for the schema resolver that is named, makes each stream's columns and sends
each row through the message that the loader would write. Prints, as JSON, what did not survive.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from google.protobuf import json_format
from target_bigquery.core import BigQueryTable, IngestionStrategy, SchemaResolverVersion
from target_bigquery.proto_gen import proto_schema_factory_v2


def main(resolver: int) -> None:
    """Translate what stands on standard input."""
    rows: dict[str, Any] = {}
    broken: dict[str, str] = {}
    changed: list[str] = []
    count = 0
    for line in sys.stdin:
        message = json.loads(line)
        stream = message.get("stream", "")
        if message["type"] == "SCHEMA":
            table = BigQueryTable(
                name=stream,
                dataset="kustomer",
                project="project",
                jsonschema=message["schema"],
                ingestion_strategy=IngestionStrategy.DENORMALIZED,
                schema_resolver_version=SchemaResolverVersion(resolver),
            )
            try:
                rows[stream] = proto_schema_factory_v2(table.get_resolved_schema())
            except Exception as error:  # noqa: BLE001 - whatever ends the load
                broken[stream] = repr(error)
        elif message["type"] == "RECORD" and stream not in broken:
            record = message["record"]
            try:
                written = json_format.ParseDict(record, rows[stream]())
            except json_format.ParseError as error:
                broken[stream] = str(error)
                continue
            count += 1
            columns = {field.name for field, _ in written.ListFields()}
            for name, value in record.items():
                # Of a column that is null nothing is written.
                arrived = getattr(written, name) if name in columns else None
                if arrived != value:
                    changed.append(f"{stream}.{name}")
    print(json.dumps({"rows": count, "broken": broken, "changed": changed}))  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]))
