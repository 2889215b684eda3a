"""What the rows that a check saw say of the schemas: names and types, never a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tap_kustomer import timestamps
from tap_kustomer.catalog.attributes import suffix_of, type_in_words
from tap_kustomer.contact.answers import Seen, attributes_of_rows
from tap_kustomer.ledger.ledger import Ledger
from tap_kustomer.naming import snake_case
from tap_kustomer.rows.values import MISFIT, converter, is_masked
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.kobjects import KlassObjects, Kobjects
from tap_kustomer.streams.lists import ListStream
from tap_kustomer.streams.search import SearchStream

__all__ = ["judge_rows", "stream_of"]

_ENOUGH_FOR_MASK = 3  # values of one attribute that are all the same misfit
_SECOND, _TOLERANCE = 1000.0, 0.05


def judge_rows(ledger: Ledger, streams: Iterable[KustomerStream], seen: Iterable[Seen]) -> None:
    """Tell the ledger what the rows in ``seen`` show."""
    named = list(streams)
    for one in seen:
        if "idsOnly" in one.request.params:
            continue
        for stream, rows in _by_stream(one, named):
            attributes = attributes_of_rows(rows)
            _judge_names(ledger, stream, attributes)
            _judge_custom(ledger, stream, attributes)
            if one.is_search:
                _judge_deletes(ledger, stream, attributes)
            if stream.name == "conversations":
                _judge_durations(ledger, attributes)


def _by_stream(
    seen: Seen, streams: Iterable[KustomerStream]
) -> Iterator[tuple[KustomerStream, list[dict[str, Any]]]]:
    """Yield the rows of an answer with their stream; those of all klasses are of several."""
    if seen.is_search and seen.context == Kobjects.query_context:
        for stream in streams:
            if isinstance(stream, KlassObjects):
                type_ = f"kobject.{stream.klass.name}"
                yield stream, [row for row in seen.rows if row.get("type") == type_]
        return
    found = stream_of(seen, streams)
    if found is not None and seen.rows:
        yield found, seen.rows


def stream_of(seen: Seen, streams: Iterable[KustomerStream]) -> KustomerStream | None:
    """Return the stream whose rows an answer holds; ``None`` where it is of none."""
    path = seen.request.path.partition("?")[0]
    for stream in streams:
        if seen.is_search:
            klass = getattr(stream, "klass", None)
            context = getattr(stream, "query_context", None)
            if klass is not None:
                context = f"kobject_{klass.name}"
            if context is not None and context == seen.context:
                return stream
        elif getattr(stream, "included_type", None) is None and path in _paths_of(stream):
            return stream
    return None


def _paths_of(stream: KustomerStream) -> tuple[str, ...]:
    if isinstance(stream, ListStream):
        return stream.paths
    return stream.list_paths if isinstance(stream, SearchStream) else ()


def _judge_names(ledger: Ledger, stream: KustomerStream, rows: list[dict[str, Any]]) -> None:
    columns = stream.schema["properties"]
    names = {name for row in rows for name, value in row.items() if value is not None}
    secret = set(stream.secrets)
    unknown = sorted(name for name in names - secret if snake_case(name) not in columns)
    ledger.judge("known-attributes", holds=not unknown, how="there are others")
    for name in unknown:
        ledger.differs("known-attributes", "there are others", f"{stream.name}.{name}")
    if stream.name == "kb_articles" and rows:
        ledger.judge("article-body", holds="htmlBody" in names, how="no `htmlBody`")


def _judge_custom(ledger: Ledger, stream: KustomerStream, rows: list[dict[str, Any]]) -> None:
    schema = (stream.schema["properties"].get("custom") or {}).get("properties") or {}
    values: dict[str, list[Any]] = {}
    for row in rows:
        custom = row.get("custom")
        for name, value in custom.items() if isinstance(custom, dict) else ():
            if value is not None:
                values.setdefault(name, []).append(value)
    for name, found in values.items():
        suffix = suffix_of(name)
        if suffix == "Tree":
            is_text = all(isinstance(one, str) for one in found)
            how = "other forms than text"
            ledger.judge(
                "tree-values", holds=is_text, how=how, place=f"{stream.name}.custom.{name}"
            )
        if name in schema:
            _judge_values(ledger, f"{stream.name}.custom.{name}", suffix, schema[name], found)


def _judge_values(
    ledger: Ledger, place: str, suffix: str | None, schema: Mapping[str, Any], found: list[Any]
) -> None:
    convert = converter(schema)
    misfits = [one for one in found if convert(one) is MISFIT]
    if not misfits:
        if any(map(is_masked, found)):
            ledger.holds("masking")
        ledger.holds("custom-types")
        return
    if all(map(is_masked, misfits)):
        ledger.holds("masking")
        return
    texts = {one for one in misfits if isinstance(one, str)}
    if len(misfits) == len(found) >= _ENOUGH_FOR_MASK and len(texts) == 1:
        ledger.differs("masking", f"all values are one text that is no {suffix}", place)
    ledger.differs("custom-types", f"some are not of {type_in_words(place)}", place)


def _judge_deletes(ledger: Ledger, stream: KustomerStream, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row.get("deleted") is not True:
            continue
        deleted, updated = (timestamps.normalise(row.get(n)) for n in ("deletedAt", "updatedAt"))
        if deleted is not None and updated is not None:
            moved = updated >= deleted
            ledger.judge("delete-moves-update", holds=moved, how="it does not", place=stream.name)


def _judge_durations(ledger: Ledger, rows: list[dict[str, Any]]) -> None:
    """Compare the time of a first response with the timestamps beside it."""
    for row in rows:
        first = row.get("firstResponse")
        if not isinstance(first, dict):
            continue
        time, created = first.get("time"), timestamps.normalise(row.get("createdAt"))
        answered = timestamps.normalise(first.get("sentAt", first.get("createdAt")))
        if not isinstance(time, (int, float)) or created is None or answered is None:
            continue
        seconds = timestamps.seconds_between(created, answered)
        if seconds < 1:
            continue
        for unit, factor in (("milliseconds", _SECOND), ("seconds", 1.0)):
            if abs(time / factor - seconds) <= _TOLERANCE * seconds + 1 / factor:
                holds = unit == "milliseconds"
                ledger.judge("duration-unit", holds=holds, how="they are in seconds")
