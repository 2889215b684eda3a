"""The snapshot of the catalog shows what a change does to columns, types and keys."""

from __future__ import annotations

from typing import Any

import pytest

from tap_kustomer.streams.registry import STREAM_TYPES
from tests.docs.pages import CHECKOUT
from tools.docs.catalog_snapshot import as_text

SNAPSHOT = (CHECKOUT / "tests" / "catalog" / "snapshot.txt").read_text(encoding="utf-8")


def entry(**changed: Any) -> dict[str, Any]:
    """Return a stream of a catalog, as the tap prints it."""
    return {
        "stream": "tags",
        "key_properties": ["id"],
        "replication_method": "INCREMENTAL",
        "replication_key": "updated_at",
        "schema": {
            "properties": {
                "id": {"type": "string"},
                "parts": {
                    "type": ["array", "null"],
                    "items": {
                        "type": ["object", "null"],
                        "properties": {"at": {"type": ["string", "null"], "format": "date-time"}},
                    },
                },
            }
        },
        "metadata": [
            {"breadcrumb": [], "metadata": {"selected-by-default": True}},
            {"breadcrumb": ["properties", "id"], "metadata": {"inclusion": "automatic"}},
            {"breadcrumb": ["properties", "parts"], "metadata": {"inclusion": "available"}},
        ],
        **changed,
    }


def test_a_stream_is_its_keys_and_a_line_for_each_column() -> None:
    """Also for what lies inside objects and arrays."""
    assert as_text([entry()]).splitlines() == [
        "tags",
        "  key: id",
        "  replication: INCREMENTAL by updated_at",
        "  selected by default: yes",
        "    id: string, never null (automatic)",
        "    parts: array",
        "    parts[]: object",
        "    parts[].at: string date-time",
    ]


@pytest.mark.parametrize("name", [stream.name for stream in STREAM_TYPES])
def test_the_snapshot_has_every_stream(name: str) -> None:
    """A stream that were missing could change unseen; `make docs` writes the file."""
    assert f"\n{name}\n  key: " in SNAPSHOT
