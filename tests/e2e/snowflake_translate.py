"""Run by the Python of .venv-target-snowflake: what the loader makes of a tap's output.

Reads Singer messages; makes each stream's MERGE statement, and each row as the loader writes it
into the files that Snowflake reads. Prints, as JSON, what did not survive. Nothing connects.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import sqlalchemy
from singer_sdk.helpers._typing import conform_record_data_types
from singer_sdk.helpers.conform import TypeConformanceLevel
from target_snowflake.connector import SnowflakeConnector


class Offline(SnowflakeConnector):  # type: ignore[misc]  # installed elsewhere only
    """The loader's connector, without the connection that it tries first."""

    def create_engine(self) -> sqlalchemy.Engine:
        """Return an engine that connects when it is used, which it is not."""
        return sqlalchemy.create_engine(self.sqlalchemy_url)


def main() -> None:
    """Translate what stands on standard input."""
    names = ("account", "user", "password", "database", "warehouse", "role")
    connector = Offline(config=dict.fromkeys(names, "x"))
    schemas: dict[str, Any] = {}
    broken: dict[str, str] = {}
    changed: list[str] = []
    count = 0
    for line in sys.stdin:
        message = json.loads(line)
        stream = message.get("stream", "")
        if message["type"] == "SCHEMA":
            schemas[stream] = message["schema"]
            columns = [
                connector.format_identifier(name) for name in message["schema"]["properties"]
            ]
            if len(columns) != len(set(columns)):
                broken[stream] = "Two columns have one name."
            connector._get_merge_from_stage_statement(  # noqa: SLF001
                full_table_name=f"x.x.{stream}",
                schema=message["schema"],
                sync_id="x",
                file_format="x",
                key_properties=message["key_properties"],
            )
        elif message["type"] == "RECORD" and stream not in broken:
            try:
                written = conform_record_data_types(
                    stream_name=stream,
                    record=json.loads(line)["record"],
                    schema=schemas[stream],
                    level=TypeConformanceLevel.RECURSIVE,
                    logger=logging.getLogger(__name__),
                )
            except Exception as error:  # noqa: BLE001 - whatever ends the load
                broken[stream] = repr(error)
                continue
            count += 1
            arrived = json.loads(json.dumps(written, default=str))
            record = message["record"]
            changed += [f"{stream}.{name}" for name in record if record[name] != arrived.get(name)]
    print(json.dumps({"rows": count, "broken": broken, "changed": changed}))  # noqa: T201


if __name__ == "__main__":
    main()
