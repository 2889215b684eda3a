"""What the streams of one run of the tap share: built by the tap, handed to every stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from singer_sdk.mapper import PluginMapper
from singer_sdk.singerlib import Message

from tap_kustomer import timestamps
from tap_kustomer.catalog.search_schema import SearchSchemaReader
from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.clock import Clock
from tap_kustomer.edge import TwoYearEdge
from tap_kustomer.ledger.ledger import Ledger
from tap_kustomer.messages import KustomerWriter
from tap_kustomer.org import Org
from tap_kustomer.readers.prefetch import Prefetch
from tap_kustomer.readers.search.ask import ExactTotals
from tap_kustomer.readers.sources import SharedSources
from tap_kustomer.run import StreamRun
from tap_kustomer.settings.values import Settings

__all__ = ["Output", "Session"]


@dataclass(frozen=True)
class Output:
    """Where rows and state go. Used by the main thread only."""

    writer: KustomerWriter  # rows of a page in one go
    write_message: Callable[[Message], None]
    write_state: Callable[[], None]  # if anything changed since the last


@dataclass(frozen=True)
class Session:
    """What the streams of one run share. Knows no stream."""

    run_id: str
    started: str  # Kustomer's time; UTC text
    settings: Settings
    client: KustomerClient
    prefetch: Prefetch  # what fetches pages
    org: Org
    clock: Clock
    search_schema: SearchSchemaReader  # which attributes the org's search takes
    edge: TwoYearEdge  # where the standard search ends
    output: Output
    exact_totals: ExactTotals  # whether the live search gives them
    shared: SharedSources  # searches from which several streams pull their rows
    mapper: Callable[[], PluginMapper]  # the stream maps, made after discovery
    runs: list[StreamRun]  # of the streams whose turn has come

    @property
    def ledger(self) -> Ledger:
        """What this run sees of what is assumed."""
        return self.client.ledger

    def server_now(self) -> str:
        """Return Kustomer's time as UTC text."""
        return timestamps.from_epoch(self.client.server_time.now())

    def finished_runs(self) -> list[StreamRun]:
        """Return what became of the streams that were synced so far."""
        return [run for run in self.runs if run.stream != "sync_runs"]
