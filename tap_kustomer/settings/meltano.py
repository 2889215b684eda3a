"""What `meltano.yml` says that Meltano leaves out of the files it gives to the tap.

Meltano's environment has it all: config without its nulls, rules of `select` that no column of
the catalog matched. A rule of privacy holds all the same.
"""

from __future__ import annotations

import difflib
import fnmatch
import json
import logging
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

__all__ = [
    "dropped_nulls",
    "leaves_out",
    "left_out_by_name",
    "lets_unknown_custom_leave",
    "pattern_warnings",
    "with_dropped_nulls",
]

logger = logging.getLogger("tap-kustomer")

_STREAM_MAPS = "MELTANO_EXTRACT_STREAM_MAPS"
_SELECT = "MELTANO_EXTRACT__SELECT"
_METADATA = "MELTANO_EXTRACT__METADATA"
_CUSTOM = "properties.custom.properties."
_UNKNOWN = f"{_CUSTOM}\N{WHITE SQUARE}"  # a custom attribute that nobody has thought of


def with_dropped_nulls(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config`` with the nulls that Meltano dropped from its stream maps, and say so."""
    maps = config.get("stream_maps") or {}
    if not isinstance(maps, dict):
        return dict(config)
    dropped = list(dropped_nulls(maps))
    for stream, column in dropped:
        maps = {**maps, stream: {**(maps.get(stream) or {}), column: "__NULL__"}}
        logger.warning(
            "Meltano drops the null of `stream_maps` for %s.%s. The column is left out all the "
            "same; write __NULL__ instead of null in meltano.yml.",
            stream,
            column,
        )
    return {**config, "stream_maps": maps} if dropped else dict(config)


def dropped_nulls(
    stream_maps: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
) -> Iterator[tuple[str, str]]:
    """Yield stream and column of each null in a stream map that ``stream_maps`` lacks."""
    written = _json(environ, _STREAM_MAPS)
    if not isinstance(written, dict):
        return
    for path, value in written.items():
        stream, _, column = path.partition(".")
        columns = value if isinstance(value, dict) else {column: value}
        for name, expression in columns.items():
            arrived = stream_maps.get(stream, {})
            if name and expression is None and isinstance(arrived, dict) and name not in arrived:
                yield stream, name


def lets_unknown_custom_leave(stream: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether Meltano's `select` would select custom attributes it has not heard of.

    Yes, where Meltano does not run the tap. No, where a pattern leaves one out that could be
    any, or where only those that are named are wanted.
    """
    if not isinstance(_json(environ, _SELECT), list):
        return True
    wanted = False
    for pattern in _patterns(environ):
        left_out = pattern.startswith("!")
        name, *path = re.split(r"(?<!\\)\.", pattern.lstrip("!"), maxsplit=1)
        if not fnmatch.fnmatch(stream, name.replace("\\.", ".")):
            continue
        column = ".".join(f"properties.{part}" for part in (path or ["*"])[0].split("."))
        if left_out:
            begins = re.split(r"[*?\[]", column, maxsplit=1)[0]
            if begins.startswith(_CUSTOM) or (begins != column and _CUSTOM.startswith(begins)):
                return False
        else:
            wanted = wanted or fnmatch.fnmatch(_UNKNOWN, column)
    return wanted


def left_out_by_name(
    stream: str, attributes: Iterable[str], environ: Mapping[str, str] = os.environ
) -> Iterator[str]:
    """Yield the custom attributes that `select` leaves out by their names as they stand.

    Meltano takes a dot for the end of a name, and brackets for a choice of characters, so that
    its pattern matches nothing.
    """
    left_out: list[str] = []
    for pattern in _patterns(environ):
        name, _, column = pattern.removeprefix("!").partition(".")
        if pattern.startswith("!") and fnmatch.fnmatch(stream, name):
            object_, _, attribute = column.partition(".")
            if object_ == "custom":
                left_out.append(attribute.replace("\\", ""))
    for name in attributes:
        if any(name == one or fnmatch.fnmatch(name, one) for one in left_out):
            yield name


def leaves_out(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether any rule of `select` leaves something out."""
    return any(pattern.startswith("!") for pattern in _patterns(environ))


def pattern_warnings(
    streams: Collection[str],
    columns: Mapping[str, Mapping[str, Any]],
    environ: Mapping[str, str] = os.environ,
) -> Iterator[str]:
    """Yield a sentence for each rule of `select` that leaves out what is not there.

    ``streams`` are all that there can be, ``columns`` the schemas of those that are offered.
    """
    known = {name: {*own, *_customs(own)} for name, own in columns.items()}
    for pattern in _patterns(environ):
        if not pattern.startswith("!"):
            continue
        stream, _, column = pattern.removeprefix("!").partition(".")
        there: set[str] = set().union(*(known[one] for one in fnmatch.filter(known, stream)))
        if not fnmatch.filter({*streams, *known}, stream):
            near = difflib.get_close_matches(stream, streams, n=1)
        elif there and not re.search(r"[*?\[]", column) and column.replace("\\", "") not in there:
            near = difflib.get_close_matches(column, there, n=1, cutoff=0.8)
            near = near or [one for one in there if one.lower() == column.lower()]
            if not near and column.startswith("custom."):
                continue  # of a deleted attribute, or one that metadata does not show
        else:
            continue
        hint = f"; did you mean {near[0]}?" if near else "."
        yield f"Meltano's `select` leaves out {stream}.{column}, which isn't there{hint}"


def _customs(columns: Mapping[str, Any]) -> Iterator[str]:
    for name in columns.get("custom", {}).get("properties", ()):
        yield f"custom.{name}"


def _patterns(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the patterns of `select`, and what `metadata` leaves out as if it were one."""
    select = _json(environ, _SELECT)
    yield from map(str, select if isinstance(select, list) else ())
    yield from _deselected(_json(environ, _METADATA), ())


def _deselected(metadata: object, path: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(metadata, dict):
        return
    for name, value in metadata.items():
        if name == "selected" and value is False and len(path) > 1:
            yield f"!{'.'.join(path)}"
        yield from _deselected(value, (*path, name))


def _json(environ: Mapping[str, str], name: str) -> Any:
    try:
        return json.loads(environ.get(name) or "null")
    except ValueError:
        return None
