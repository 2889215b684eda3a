"""What of a stream may leave: by the catalog, Meltano's `select` and the stream maps.

A rule of privacy also holds for what nobody knows: a custom attribute that is new, renamed or
not in the metadata that could be read.
"""

from __future__ import annotations

import difflib
import fnmatch
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from singer_sdk.singerlib import MetadataMapping

from tap_kustomer.settings.meltano import lets_unknown_custom_leave

__all__ = [
    "CustomRule",
    "custom_rule",
    "deselected",
    "deselection_warnings",
    "mapped_columns",
    "mapping_warnings",
]

_CUSTOM = ("properties", "custom", "properties")
_NULLS = (None, "__NULL__")
# https://sdk.meltano.com/en/latest/stream_maps.html
_OPTIONS = {"__alias__", "__else__", "__filter__", "__key_properties__", "__source__"}


class CustomRule(NamedTuple):
    """What is said of single custom attributes of a stream."""

    deselected: frozenset[str]
    known_only: bool  # what the schema does not know stays: it could be one of those


def custom_rule(stream: str, mask: Mapping[tuple[str, ...], bool]) -> CustomRule:
    """Return the rule for ``custom`` of a stream."""
    names = frozenset(
        path[-1] for path, wanted in mask.items() if path[:-1] == _CUSTOM and not wanted
    )
    return CustomRule(names, bool(names) or not lets_unknown_custom_leave(stream))


def deselected(mask: Mapping[tuple[str, ...], bool]) -> Iterator[str]:
    """Yield the columns that the catalog does not want, those that no schema has included."""
    for path, wanted in mask.items():
        if len(path) == len(("properties", "")) and not wanted:
            yield path[-1]


def deselection_warnings(
    stream: str, metadata: MetadataMapping, columns: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a sentence for each rule of the catalog that leaves out what is not there."""
    paths: list[tuple[str, ...]] = [("properties", name) for name in columns]
    paths += [(*_CUSTOM, name) for name in columns.get("custom", {}).get("properties", ())]
    known = {_in_words(path): path for path in paths}
    for path, one in metadata.items():
        if one.selected is not False or not path or path in paths:
            continue
        near = difflib.get_close_matches(_in_words(path), known, n=1, cutoff=0.8)
        if not near and path[:-1] == _CUSTOM:
            continue  # of a deleted attribute, or one that metadata does not show
        hint = f"; did you mean {json.dumps(known[near[0]])}?" if near else "."
        yield f"{stream}: the catalog deselects {json.dumps(path)}, which isn't there{hint}"


def _in_words(path: tuple[str, ...]) -> str:
    """Return what ``path`` names, however it is written."""
    return ".".join(part for part in path if part != "properties").replace("__", ".").lower()


def mapped_columns(stream: str, stream_maps: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the columns of a stream that its maps name, with the expression of each."""
    for pattern, mapping in stream_maps.items():
        if not isinstance(mapping, dict):
            continue
        if fnmatch.fnmatch(stream, mapping.get("__source__", pattern)):
            for column, expression in mapping.items():
                if not column.startswith("__"):
                    yield column, expression


def mapping_warnings(
    stream_maps: Mapping[str, Any],
    streams: Collection[str],
    columns: Mapping[str, Collection[str]],
) -> Iterator[str]:
    """Yield a sentence for each map that does not do what it seems to say.

    ``streams`` are all that there can be, ``columns`` those of the streams that are selected.
    """
    for pattern, mapping in stream_maps.items():
        if pattern.startswith("__"):
            continue
        if mapping == {}:
            yield (
                f"The stream map of {pattern} is empty and leaves every column as it is. Meltano "
                "drops nulls: write __NULL__ to leave a column out."
            )
        source = mapping.get("__source__", pattern) if isinstance(mapping, dict) else pattern
        if not fnmatch.filter(streams, source):
            yield f"`stream_maps` names {source}, which is no stream{_nearest(source, streams)}"
        for name in _unknown_options(mapping):
            yield (
                f"`stream_maps`: the map of {pattern} has `{name}`, which is no option"
                f"{_nearest(name, _OPTIONS)}"
            )
    for stream, known in columns.items():
        for column, expression in mapped_columns(stream, stream_maps):
            if column in known:
                continue
            near = _nearest(column, known)
            if expression in _NULLS or near != ".":
                yield f"`stream_maps` names {stream}.{column}, which is no column{near}"


def _unknown_options(mapping: object) -> Iterator[str]:
    for name in mapping if isinstance(mapping, dict) else ():
        if name.startswith("__") and name.endswith("__") and name not in _OPTIONS:
            yield name


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    if near:
        return f"; did you mean {near[0]}?"
    if name.startswith("custom"):
        return ": deselect single custom attributes in the catalog."
    return "."
