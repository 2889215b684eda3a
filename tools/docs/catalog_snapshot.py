"""The catalog as text for reviewers: `tests/catalog/snapshot.txt`.

A stream, column, type or key that changes shows there as a changed line, in the same commit as
the code that changed it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator import Org, Simulator
from tap_kustomer.streams.registry import OPTIONAL_STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    JSON = Mapping[str, Any]

__all__ = ["as_text", "catalog_snapshot"]

_CHECKOUT = Path(__file__).resolve().parents[2]


def catalog_snapshot(_tap: object = None) -> str:
    """Return the catalog of a small org: every stream, one klass, some custom attributes."""
    org = Org(seed=1)
    org.add_klass("ecomm-order")
    org.set_attribute("customer", "loyaltyLevelStr", type="string")
    org.set_attribute("kobject.ecomm-order", "totalNum")
    with Simulator(org) as served, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.json"
        settings = {**served.config, "optional_streams": list(OPTIONAL_STREAMS)}
        config.write_text(json.dumps(settings), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "tap_kustomer", "--config", str(config), "--discover"],
            cwd=_CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    return as_text(json.loads(done.stdout)["streams"])


def as_text(streams: Iterable[JSON]) -> str:
    """Return the streams by name, each with its keys and a line for each column."""
    blocks = ["\n".join(_block(one)) for one in sorted(streams, key=lambda one: one["stream"])]
    return "\n\n".join(blocks) + "\n"


def _block(stream: JSON) -> Iterator[str]:
    about = {tuple(one["breadcrumb"]): one["metadata"] for one in stream["metadata"]}
    yield stream["stream"]
    yield f"  key: {', '.join(stream['key_properties'])}"
    by = f" by {stream['replication_key']}" if stream.get("replication_key") else ""
    yield f"  replication: {stream['replication_method']}{by}"
    yield f"  selected by default: {'yes' if about[()].get('selected-by-default') else 'no'}"
    for name, schema in sorted(stream["schema"]["properties"].items()):
        column = about["properties", name]
        automatic = " (automatic)" if column["inclusion"] == "automatic" else ""
        left_out = " (not by default)" if column.get("selected-by-default") is False else ""
        lines = _lines(name, schema)
        yield f"    {next(lines)}{automatic}{left_out}"
        yield from (f"    {line}" for line in lines)


def _lines(path: str, schema: JSON) -> Iterator[str]:
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    known = " or ".join(one for one in types if one != "null") or "anything"
    form = f" {schema['format']}" if "format" in schema else ""
    never_null = "" if "null" in types or not types else ", never null"
    yield f"{path}: {known}{form}{never_null}"
    for name, inner in sorted(schema.get("properties", {}).items()):
        yield from _lines(f"{path}.{name}", inner)
    if "items" in schema:
        yield from _lines(f"{path}[]", schema["items"])
