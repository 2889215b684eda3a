"""``extra_streams``: further list endpoints that a user names; read and judged here.

A problem is a sentence that names the entry, found before the first request.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tap_kustomer.naming import MAX_IDENTIFIER_BYTES, snake_case

__all__ = ["ExtraStream", "read_extra_streams"]

_KEYS = ("name", "path", "params", "page_size", "parent", "key", "secrets")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Public endpoints of the knowledge base stand below `/p`.
_PATH = re.compile(r"(/p)?/v[123](/[A-Za-z0-9._~=@,:+{}-]+)+")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_MOST_ROWS = 1000  # a page
_KLASS_PREFIX = "kobject_"


@dataclass(frozen=True)
class ExtraStream:
    """One entry of ``extra_streams``. ``page_size`` 0: the endpoint takes no paging."""

    name: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    page_size: int = 100
    parent: str | None = None
    key: str = "id"
    secrets: frozenset[str] = frozenset()  # attributes that never leave, as names of columns
    shown: frozenset[str] = frozenset()  # attributes that leave though they look like a secret

    def problem(self, sentence: str) -> str:
        """Return ``sentence`` with the entry's name in front."""
        return f"`extra_streams`: {self.name}: {sentence}"


def read_extra_streams(
    value: object,
    streams: Mapping[str, bool],
) -> tuple[tuple[ExtraStream, ...], list[str]]:
    """Return the entries of the setting, and a sentence for each problem.

    ``streams`` are those of the tap, whose names are taken; each with whether it may be a parent.
    """
    if value is None:
        return (), []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        return (), ["`extra_streams` must be a list of objects with `name` and `path`."]
    problems: list[str] = []
    entries = [
        entry
        for number, one in enumerate(value, 1)
        if (entry := _entry(one, number, problems)) is not None
    ]
    _judge_names(entries, streams, problems)
    return tuple(entries), problems


def _entry(one: Mapping[str, Any], number: int, problems: list[str]) -> ExtraStream | None:
    one = {name: value for name, value in one.items() if value is not None and value != ""}
    name, path = one.get("name"), one.get("path")
    label = name if isinstance(name, str) else f"entry {number}"
    found: list[str] = []
    for key in sorted(one.keys() - set(_KEYS)):
        near = difflib.get_close_matches(key, _KEYS, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else f"; it knows {', '.join(_KEYS)}."
        found.append(f"`{key}` is unknown{hint}")
    if (
        not isinstance(name, str)
        or not _NAME.fullmatch(name)
        or len(name) > MAX_IDENTIFIER_BYTES
        or name.startswith(_KLASS_PREFIX)
    ):
        found.append(
            "`name` must be lower-case letters, digits and underscores, begin with a letter, "
            f"not with {_KLASS_PREFIX}, and have at most {MAX_IDENTIFIER_BYTES} of them."
        )
    params = _params(one.get("params", {}), found)
    page_size = one.get("page_size", 100)
    if not isinstance(page_size, int) or isinstance(page_size, bool):
        page_size = -1
    if not 0 <= page_size <= _MOST_ROWS:
        found.append(f"`page_size` must be a whole number from 0 (no paging) to {_MOST_ROWS}.")
    parent, key, secrets = one.get("parent"), one.get("key", "id"), one.get("secrets", [])
    if parent is not None and not isinstance(parent, str):
        found.append("`parent` must be the name of a stream.")
    if not isinstance(key, str):
        found.append("`key` must be the name of an attribute.")
    if not isinstance(secrets, list) or not all(isinstance(item, str) for item in secrets):
        found.append("`secrets` must be a list of names of attributes.")
        secrets = []
    found += _path_problems(path, has_parent=parent is not None)
    problems += [f"`extra_streams`: {label}: {sentence}" for sentence in found]
    if found:
        return None
    return ExtraStream(
        name=str(name),
        path=str(path),
        params=params,
        page_size=page_size,
        parent=parent,
        key=str(key),
        secrets=frozenset(snake_case(item) for item in secrets if not item.startswith("!")),
        shown=frozenset(item[1:] for item in secrets if item.startswith("!")),
    )


def _params(value: object, found: list[str]) -> dict[str, str]:
    if not isinstance(value, dict) or not all(
        isinstance(item, (str, int, float)) for item in value.values()
    ):
        found.append("`params` must be an object of texts, numbers or booleans.")
        return {}
    if value.keys() & {"page", "pageSize"}:
        found.append("`params` must not hold `page` or `pageSize`: the tap sets them.")
    return {
        str(name): str(item).lower() if isinstance(item, bool) else str(item)
        for name, item in value.items()
    }


def _path_problems(path: object, *, has_parent: bool) -> list[str]:
    if not isinstance(path, str):
        return ["`path` is missing: a path below the host, such as /v1/apps."]
    places = _PLACEHOLDER.findall(path)
    if "?" in path:
        sentence = "`path` must not hold a `?`; put what follows it into `params`."
    elif not _PATH.fullmatch(path) or any(set(part) == {"."} for part in path.split("/")):
        sentence = "`path` must be a path below the host that begins with /v1/, /v2/ or /v3/."
    elif set("{}") & set(_PLACEHOLDER.sub("", path)):
        sentence = "`path` has braces that are no placeholder; write {id} for the parent's id."
    elif has_parent and "id" not in places:
        sentence = "`path` lacks {id}, the place for the id of the row of `parent`."
    elif not has_parent and places:
        sentence = f"`path` has {{{places[0]}}} in it, so `parent` must name a stream."
    else:
        return []
    return [sentence]


def _judge_names(
    entries: Sequence[ExtraStream],
    streams: Mapping[str, bool],
    problems: list[str],
) -> None:
    """Judge what no entry can know of itself: names that are taken, parents, circles."""
    by_name: dict[str, ExtraStream] = {}
    for entry in entries:
        if entry.name in streams:
            problems.append(entry.problem("the tap has a stream of this name; choose another."))
        elif entry.name in by_name:
            problems.append(entry.problem("another entry has this name; choose another."))
        by_name.setdefault(entry.name, entry)
    known = {*streams, *by_name}
    for entry in entries:
        parent = entry.parent
        if parent is None or parent.startswith(_KLASS_PREFIX):
            continue
        if parent not in known:
            near = difflib.get_close_matches(parent, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            problems.append(entry.problem(f"there is no stream {parent!r} to be its parent{hint}"))
        elif not streams.get(parent, True):
            problems.append(entry.problem(f"rows of {parent} have no endpoints below them."))
        elif _is_in_circle(entry, by_name):
            problems.append(entry.problem("its parents lead back to itself."))


def _is_in_circle(entry: ExtraStream, by_name: Mapping[str, ExtraStream]) -> bool:
    seen = {entry.name}
    above = by_name.get(entry.parent or "")
    while above is not None:
        if above.name in seen:
            return True
        seen.add(above.name)
        above = by_name.get(above.parent or "")
    return False
