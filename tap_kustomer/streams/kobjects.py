"""Streams of custom objects: one per klass, and optionally one of all klasses."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tap_kustomer.errors import NotFoundError, RequestRefusedError, UntrustedAnswerError
from tap_kustomer.readers.passes import RunOptions, SearchRun
from tap_kustomer.streams.base import RowBatch
from tap_kustomer.streams.search import SearchStream, updated_at

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_kustomer.org import Klass
    from tap_kustomer.readers.passes import Probe
    from tap_kustomer.readers.query import SearchQuery
    from tap_kustomer.tap import TapKustomer

__all__ = ["KlassObjects", "Kobjects"]


class Kobjects(SearchStream):
    """One row per custom object, of all klasses; ``custom`` is open."""

    name = "kobjects"
    schema_name = "kobjects"
    query_context = "kobject"
    optional = True


class KlassObjects(SearchStream):
    """One row per custom object of one klass, its attributes typed.

    Which attribute the search of a klass takes is UNCONFIRMED. Where it takes none, the context
    ``kobject`` is read once and its rows are dealt out to the streams of all klasses.
    """

    schema_name = "kobjects"

    def __init__(self, tap: TapKustomer, schema: dict[str, Any], name: str, klass: Klass) -> None:
        """Make the stream of ``klass``."""
        super().__init__(tap, schema, name)
        self.klass = klass
        self.is_dealt = False  # another klass's stream has read and written the rows
        self._deals = False

    @override
    def queries(self) -> Iterator[SearchQuery]:
        """Yield the two forms that are documented for a klass."""
        context = f"kobject_{self.klass.name}"
        yield self.query(context, "kobject")
        yield self.query(context, context)

    @override
    def ensure_prepared(self) -> None:
        if not self.is_dealt:
            super().ensure_prepared()

    @override
    def prepare(self) -> None:
        dealt = self._tap.klasses_are_dealt  # another klass, asked ahead, may find out meanwhile
        try:
            if dealt:
                self._prepare_dealing()
            else:
                super().prepare()
        except (RequestRefusedError, NotFoundError, UntrustedAnswerError) as error:
            if dealt:
                raise
            self.logger.info(
                "%s: the search of single klasses does not work (%s); the objects of all "
                "klasses are read once and dealt out.",
                self.name,
                error,
            )
            self._tap.klasses_are_dealt = True
            self._prepare_dealing()

    def _prepare_dealing(self) -> None:
        self._deals = True
        settings = self.settings
        start = min(stream.starting_at for stream in self._receivers())
        self.run.from_, self.run.to = start, settings.end_date
        if settings.end_date is not None and start > settings.end_date:
            self._reading = None
            return
        options = RunOptions(
            start=start,
            end=settings.end_date,
            lookback_seconds=settings.lookback_seconds,
            page_size=settings.page_size,
            archive=settings.include_archived,
        )
        self._reading = SearchRun(self.client, self.workers, options)
        self._probe = self._reading.probe(self.query("kobject", "kobject"))

    def _receivers(self) -> list[KlassObjects]:
        return [
            stream
            for stream in self._tap.streams.values()
            if isinstance(stream, KlassObjects) and stream.selected and not stream.is_dealt
        ]

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the rows of this klass; when dealing, write those of the others too."""
        if self.is_dealt:
            return
        if not self._deals or self._reading is None or self._probe is None:
            yield from super().read()
            return
        yield from self._deal(self._reading, self._probe)

    def _deal(self, reading: SearchRun, probe: Probe) -> Iterator[RowBatch]:
        receivers = {stream.klass.name: stream for stream in self._receivers()}
        others = [stream for stream in receivers.values() if stream is not self]
        for stream in others:
            stream.announce()
        starts = {name: stream.starting_at for name, stream in receivers.items()}
        for resources, bookmark in self.resources(reading, probe):
            dealt: dict[str, list[dict[str, Any]]] = {}
            for resource in resources:
                klass = str(resource.get("type", "")).removeprefix("kobject.")
                if klass in receivers and updated_at(resource) >= starts[klass]:
                    dealt.setdefault(klass, []).append(resource)
            for stream in others:
                stream.receive(dealt.get(stream.klass.name, []), bookmark)
            own = dealt.get(self.klass.name, [])
            yield RowBatch([self.make_row(one) for one in own], bookmark)
        for stream in others:
            stream.is_dealt = True

    def announce(self) -> None:
        """Write the SCHEMA message, before rows that another stream reads."""
        self._write_schema_message()

    def receive(self, resources: list[dict[str, Any]], bookmark: str | None) -> None:
        """Write rows that another klass's stream has read, and move the own bookmark."""
        self.write_batch(RowBatch([self.make_row(one) for one in resources], bookmark))
