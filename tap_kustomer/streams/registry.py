"""Every stream that there is, and how the streams of one org are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from singer_sdk import Tap

from tap_kustomer.catalog.discovery import metadata_problem
from tap_kustomer.catalog.klass_names import klass_streams
from tap_kustomer.catalog.schema import object_schema, stream_schema
from tap_kustomer.org import Klass
from tap_kustomer.session import Session
from tap_kustomer.streams.audit_logs import AuditLogs
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.census import CENSUS_STREAMS
from tap_kustomer.streams.child_objects import CHILD_STREAMS
from tap_kustomer.streams.children import ChildStream
from tap_kustomer.streams.deletions import Deletions
from tap_kustomer.streams.extra_discovery import ExtraDiscovery
from tap_kustomer.streams.kobjects import KlassObjects, Kobjects
from tap_kustomer.streams.list_objects import LIST_STREAMS
from tap_kustomer.streams.lists import ListStream
from tap_kustomer.streams.objects import OBJECT_STREAMS
from tap_kustomer.streams.own import CustomAttributes, SyncRuns
from tap_kustomer.streams.search import SearchStream
from tap_kustomer.streams.webhook_events import WebhookEvents

__all__ = ["OPTIONAL_STREAMS", "STREAM_NAMES", "STREAM_TYPES", "WITH_CUSTOM", "streams_of"]

# Every stream that is not made from a klass of the org.
STREAM_TYPES: tuple[type[KustomerStream], ...] = (
    *OBJECT_STREAMS,
    *LIST_STREAMS,
    Kobjects,
    CustomAttributes,
    AuditLogs,
    *CHILD_STREAMS,
    Deletions,
    *CENSUS_STREAMS,
    WebhookEvents,
    SyncRuns,
)
# Whether rows of a stream may have endpoints of `extra_streams` below them.
STREAM_NAMES = {
    one.name: issubclass(one, (SearchStream, ListStream, ChildStream)) for one in STREAM_TYPES
}
OPTIONAL_STREAMS = tuple(sorted(one.name for one in STREAM_TYPES if one.optional))
# Objects that have custom attributes of their own; those of a klass follow from the klass.
WITH_CUSTOM = tuple(
    one.resource
    for one in STREAM_TYPES
    if object_schema(one.schema_name or one.name).has_custom and one is not Kobjects
)


def streams_of(
    tap: Tap, session: Session, rename: Callable[[str], str] = str
) -> list[KustomerStream]:
    """Return the streams of the session's org; ``tap`` is what the SDK's part of each works with.

    ``rename`` gives names that only an org or a user makes the form that their reader takes.
    Raises: what looking at the endpoints of ``extra_streams`` raises.
    """
    named = klass_streams(session.org.klasses).items()
    klasses = {rename(name): klass for name, klass in named if klass.is_readable}
    streams = [
        *_standard(tap, session),
        *_of_klasses(tap, session, klasses),
        *_extra(tap, session, klasses, rename),
    ]
    for stream in streams:
        stream.all_streams = streams
    return streams


def _standard(tap: Tap, session: Session) -> Iterator[KustomerStream]:
    org, settings = session.org, session.settings
    offered = {*settings.optional_streams, *(entry.parent for entry in settings.extra_streams)}
    for type_ in STREAM_TYPES:
        if type_.optional and type_.name not in offered:
            continue
        file = type_.schema_name or type_.name
        custom: dict[str, Any] | None = None
        if object_schema(file).has_custom:
            custom = dict(org.metadata.get(type_.resource, {}))
        schema = stream_schema(
            file,
            custom=custom,
            klass=type_ is Kobjects,
            child=issubclass(type_, ChildStream),
            rows_of_tap=type_.rows_of_tap,
        )
        stream: KustomerStream = type_(tap, session, schema)
        stream.custom_problem = metadata_problem(org, type_.resource or "")
        stream.custom_is_known = custom is None or type_.resource in org.metadata
        yield stream


def _of_klasses(
    tap: Tap, session: Session, klasses: Mapping[str, Klass]
) -> Iterator[KustomerStream]:
    org = session.org
    for name, klass in klasses.items():
        resource = f"kobject.{klass.name}"
        custom = org.metadata.get(resource)
        schema = stream_schema("kobjects", custom=custom, klass=True)
        stream = KlassObjects(tap, session, schema, name, klass)
        stream.custom_problem = metadata_problem(org, resource)
        stream.custom_is_known = custom is not None
        yield stream


def _extra(
    tap: Tap, session: Session, klasses: Mapping[str, Klass], rename: Callable[[str], str]
) -> Iterator[KustomerStream]:
    entries = [
        replace(entry, name=rename(entry.name), parent=entry.parent and rename(entry.parent))
        for entry in session.settings.extra_streams
    ]
    if not entries:
        return
    discovery = ExtraDiscovery(
        session.client,
        session.prefetch,
        entries,
        types={one.name: one for one in STREAM_TYPES},
        contexts={name: f"kobject_{klass.name}" for name, klass in klasses.items()},
    )
    for type_, schema in discovery.streams():
        yield type_(tap, session, schema)
