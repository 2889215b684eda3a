"""A stream as the state knows it: its bookmark, and what earlier runs noted beside it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from singer_sdk import Stream, Tap
from singer_sdk.helpers.types import Context
from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL
from typing_extensions import override

from tap_kustomer import timestamps
from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.org import Org
from tap_kustomer.readers.prefetch import Prefetch
from tap_kustomer.run import StreamRun
from tap_kustomer.session import Session
from tap_kustomer.settings.values import Settings

__all__ = ["BookmarkedStream"]

logger = logging.getLogger("tap-kustomer")


class BookmarkedStream(Stream):
    """A stream of this run's session, with its part of the state.

    The reader owns the bookmark: it moves only behind rows that are written, never back, and
    never by the SDK's per-record rule.
    """

    def __init__(
        self, tap: Tap, session: Session, schema: dict[str, Any], name: str | None = None
    ) -> None:
        """Make the stream with its schema; ``tap`` is what the SDK's own part works with."""
        super().__init__(tap, schema=schema, name=name)
        self.session = session
        self.run = StreamRun(self.name)

    # ------------------------------------------------------------ parts of the session

    @property
    @override
    def logger(self) -> logging.Logger:
        """The tap's logger: each message names its stream, so the logger's name need not."""
        return logger

    @property
    def settings(self) -> Settings:
        """The checked settings."""
        return self.session.settings

    @cached_property
    def client(self) -> KustomerClient:
        """The way to Kustomer, which counts the requests of this stream."""
        return self.session.client.counting(self.run)

    @property
    def prefetch(self) -> Prefetch:
        """What fetches pages."""
        return self.session.prefetch

    @property
    def org(self) -> Org:
        """The org that is read."""
        return self.session.org

    # ------------------------------------------------------------ state

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> datetime | None:
        """Return ``None``: the reader itself keeps the bookmark behind the run's start."""
        return None

    @property
    def state(self) -> dict[str, Any]:
        """The stream's part of the state."""
        return self.stream_state

    @property
    def is_incremental(self) -> bool:
        """Whether this run continues from a bookmark and moves it."""
        return self.replication_method == REPLICATION_INCREMENTAL

    @property
    def known_state(self) -> Mapping[str, Any]:
        """The stream's part of the state so far; empty before the first run."""
        return (self.tap_state.get("bookmarks") or {}).get(self.name) or {}

    @property
    def was_read(self) -> bool:
        """Whether an earlier run read the stream: its table must not silently go stale."""
        known = self.known_state
        return any(known.get(key) for key in ("read", "replication_key_value", "form"))

    @property
    def rows_listed_before(self) -> list[int]:
        """How many rows each list of the stream had in the last run that read it."""
        rows = self.known_state.get("rows_listed")
        return [one for one in rows if type(one) is int] if isinstance(rows, list) else []

    @property
    def columns_kept(self) -> list[str]:
        """Flattened columns that keep their name, which others, equal but for case, do not get."""
        kept = self.known_state.get("columns_kept")
        return [one for one in kept if isinstance(one, str)] if isinstance(kept, list) else []

    @property
    def bookmark(self) -> str | None:
        """The moment up to which earlier runs have read; UTC text."""
        return timestamps.normalise(self.known_state.get("replication_key_value"))

    @property
    def starting_at(self) -> str:
        """The moment from which this run reads: the bookmark, else the start date; UTC text."""
        bookmark = self.bookmark if self.resumes else None
        return bookmark or self.settings.start_date or self.session.edge.moment

    @property
    def resumes(self) -> bool:
        """Whether this run goes on from a bookmark."""
        return self.is_incremental and self.bookmark is not None

    @property
    def is_near_edge(self) -> bool:
        """Whether the standard search may lack rows of this run, as it ends two years ago."""
        edge = self.session.edge.moved(self.edge_later)
        return edge.hides_from(self.starting_at, resumes=self.resumes)

    @property
    def edge_later(self) -> float:
        """Seconds by which an earlier run found the two-year edge later than it should lie."""
        seconds = self.known_state.get("edge_later")
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            return 0.0
        return float(seconds) if 0 < seconds < math.inf else 0.0

    def move_bookmark(self, moment: str) -> None:
        """Move the bookmark to ``moment``, never back, and write the state."""
        if not self.is_incremental:
            return
        before = self.bookmark
        if before is None or moment > before:
            self.state["replication_key"] = self.replication_key
            self.state["replication_key_value"] = moment
            self.session.output.write_state()

    def set_back(self, moment: str) -> None:
        """Set the bookmark back to ``moment``: rows behind it are missing."""
        if self.is_incremental and (self.bookmark or "") > moment:
            self.state["replication_key_value"] = moment
            self.session.output.write_state()
