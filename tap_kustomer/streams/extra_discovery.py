"""Makes the streams of ``extra_streams``: one look at each endpoint tells its columns."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tap_kustomer.catalog.extra_columns import columns_of, extra_schema
from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.errors import (
    MissingRoleError,
    NotFoundError,
    RequestRefusedError,
    SpentError,
    StreamError,
)
from tap_kustomer.naming import snake_case
from tap_kustomer.readers.prefetch import Prefetch
from tap_kustomer.rows.extra import BELONGS_TO, public
from tap_kustomer.settings.extra_streams import ExtraStream
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.children import ChildStream
from tap_kustomer.streams.extra import ExtraBelowList, ExtraBelowSearch, ExtraList, child_path
from tap_kustomer.streams.extra_samples import Look, Samples
from tap_kustomer.streams.search import SearchStream

__all__ = ["ExtraDiscovery"]

logger = logging.getLogger("tap-kustomer")

_PARENTS_TRIED = 5  # rows of a parent that are asked for children, until one has some


@dataclass(frozen=True)
class _Found:
    """What one look at an endpoint told."""

    rows: list[dict[str, Any]]
    page_size: int
    problem: str | None = None
    is_no_list: bool = False  # the problem


class ExtraDiscovery:
    """Looks at the endpoints of a tap's ``extra_streams``.

    ``types`` are the streams that the tap has anyway, ``contexts`` the search context of each
    stream of custom objects.
    """

    def __init__(
        self,
        client: KustomerClient,
        prefetch: Prefetch,
        entries: Sequence[ExtraStream],
        types: Mapping[str, type[KustomerStream]],
        contexts: Mapping[str, str],
    ) -> None:
        """Ask nothing yet."""
        self._prefetch = prefetch
        self._entries = {entry.name: entry for entry in entries}
        self._types = types
        self._contexts = contexts
        self._samples = Samples(client, types, contexts)

    def streams(self) -> Iterator[tuple[type[KustomerStream], dict[str, Any]]]:
        """Yield the class and the schema of each entry."""
        for name, found in self._found.items():
            entry = self._entries[name]
            if found is None:
                logger.warning("%s", entry.problem(f"there is no stream {entry.parent} now."))
                continue
            shown = [public(row, entry) for row in found.rows]
            kinds = columns_of(shown)
            key = snake_case(entry.key)
            problem = found.problem or self._key_problem(entry, shown)
            if problem:
                logger.warning("%s", problem)
            base = self._base(entry)
            type_ = type(
                "Extra",
                (base,),
                {
                    "name": name,
                    "primary_keys": (key,),
                    "entry": replace(entry, page_size=found.page_size),
                    "columns_found": kinds,
                    "found_problem": problem,
                    "found_no_list": found.is_no_list,
                    "paths": (entry.path,),
                    "path": entry.path,
                    "passes": (entry.params,),
                    "page_size": found.page_size or None,
                    "parent": self._topmost(entry),
                },
            )
            schema = extra_schema(
                entry,
                kinds,
                has_id=bool(shown) and all(row.get("id") is not None for row in shown),
                incremental=base is ExtraBelowSearch,
            )
            yield type_, schema

    # ------------------------------------------------------------ where an entry stands

    def _topmost(self, entry: ExtraStream) -> str:
        """Return the stream with whose rows the reading begins."""
        name = entry.name
        while True:
            above = self._entries.get(name)
            if above is not None:
                if above.parent is None:
                    return name
                name = above.parent
                continue
            type_ = self._types.get(name)
            if type_ is None or not issubclass(type_, ChildStream):
                return name
            name = type_.parent

    def _base(self, entry: ExtraStream) -> type[KustomerStream]:
        if entry.parent is None:
            return ExtraList
        topmost = self._topmost(entry)
        if topmost in self._entries or topmost in self._contexts:
            return ExtraBelowList if topmost in self._entries else ExtraBelowSearch
        type_ = self._types[topmost]
        is_search = issubclass(type_, SearchStream) and not type_.list_paths
        return ExtraBelowSearch if is_search else ExtraBelowList

    def _is_offered(self, entry: ExtraStream) -> bool:
        topmost = self._topmost(entry)
        return topmost in self._entries or topmost in self._types or topmost in self._contexts

    # ------------------------------------------------------------ looking

    @cached_property
    def _found(self) -> dict[str, _Found | None]:
        """What each entry shows, parents first; ``None`` where the topmost parent is gone."""
        found: dict[str, _Found | None] = {}
        waiting = list(self._entries.values())
        while waiting:
            due = [one for one in waiting if one.parent not in {other.name for other in waiting}]
            offered = [one for one in due if self._is_offered(one)]
            looks = self._prefetch.map(self._look, offered)
            found |= dict.fromkeys((one.name for one in due), None)
            found |= {one.name: look for one, look in zip(offered, looks, strict=True)}
            for one, look in zip(offered, looks, strict=True):
                self._samples.note(one.name, look.rows)
            waiting = [one for one in waiting if one not in due]
        return {name: found[name] for name in self._entries}

    def _look(self, entry: ExtraStream) -> _Found:
        try:
            if entry.parent is None:
                look, size = self._ask_paged(entry, entry.path)
                problem = look.problem and entry.problem(
                    f"{entry.path} {look.problem}. Check the `path`; `docs/streams.md` lists the "
                    "endpoints that Kustomer documents."
                )
                rows = [] if problem else look.rows
                return _Found(rows, size, problem, is_no_list=problem is not None)
            return self._look_below(entry)
        except (MissingRoleError, SpentError):
            # A run says which role is missing; a check that has asked enough needs no columns.
            return _Found([], entry.page_size)
        except NotFoundError:
            sentence = f"Kustomer has no {entry.path} (status 404). Check the `path`."
            return _Found([], entry.page_size, entry.problem(sentence))
        except RequestRefusedError as error:
            sentence = f"{error} Check `path` and `params`."
            return _Found([], entry.page_size, entry.problem(sentence))
        except StreamError as error:
            told = str(error)
            sentence = told if told.startswith("`extra_streams`") else entry.problem(told)
            return _Found([], entry.page_size, sentence)

    def _look_below(self, entry: ExtraStream) -> _Found:
        size = entry.page_size
        refused: NotFoundError | None = None
        answered = False
        for parent in self._samples.rows_of(entry.parent or "")[:_PARENTS_TRIED]:
            path = child_path(entry, parent)
            if path is None:
                continue
            try:
                look, size = self._ask_paged(replace(entry, params={}), path)
            except NotFoundError as error:
                refused = error  # this parent may be gone
                continue
            answered = True
            if look.problem and not look.rows:
                sentence = entry.problem(f"{entry.path} {look.problem}.")
                return _Found([], size, sentence, is_no_list=True)
            if look.rows:
                return _Found([{**row, BELONGS_TO: parent["id"]} for row in look.rows], size)
        if refused is not None and not answered:
            raise refused
        return _Found([], size)

    def _ask_paged(self, entry: ExtraStream, path: str) -> tuple[Look, int]:
        """Return the first page, and the page size that the endpoint takes: 0 without paging."""
        if not entry.page_size:
            return self._samples.ask(Request(path, entry.params)), 0
        paging = {"page": 1, "pageSize": entry.page_size}
        try:
            return self._samples.ask(Request(path, {**entry.params, **paging})), entry.page_size
        except RequestRefusedError:
            return self._samples.ask(Request(path, entry.params)), 0

    @staticmethod
    def _key_problem(entry: ExtraStream, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """Return what is wrong with the key, as far as the first page shows."""
        if entry.key == "id":
            lacking = [row for row in rows if not isinstance(row.get("id"), (str, int))]
        else:
            attributes = [row.get("attributes") for row in rows]
            lacking = [
                row
                for row, found in zip(rows, attributes, strict=True)
                if not isinstance(found, dict) or found.get(entry.key) in {None, ""}
            ]
        if not lacking:
            return None
        names = sorted(
            {name for row in rows for name in (row.get("attributes") or {}) if row not in lacking}
            or {name for row in lacking for name in (row.get("attributes") or {})}
        )
        return entry.problem(
            f"a row of {entry.path} has no `{entry.key}` to go by. Set `key` to an attribute that "
            f"every row has; there are {', '.join(names) or 'none'}."
        )
