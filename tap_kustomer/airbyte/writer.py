"""Singer messages to Airbyte messages: rows in whole pages, one state per stream."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
from singer_sdk.singerlib import RecordMessage, StateMessage
from singer_sdk.singerlib.encoding.simple import Message
from typing_extensions import override

from tap_kustomer.airbyte.messages import now_ms, state_message
from tap_kustomer.airbyte.output import Output
from tap_kustomer.airbyte.state import stream_blob
from tap_kustomer.airbyte.statuses import StreamStatuses
from tap_kustomer.messages import KustomerWriter
from tap_kustomer.state import MARK

__all__ = ["AirbyteWriter"]


class AirbyteWriter(KustomerWriter):
    """Writes what the tap would print, as Airbyte wants it. For the main thread only.

    SCHEMA and ACTIVATE_VERSION have no counterpart: Airbyte got the schemas from ``discover``,
    and replaces tables by itself.
    """

    def __init__(
        self,
        output: Output,
        statuses: StreamStatuses,
        streams: Collection[str] = (),
    ) -> None:
        """Write to ``output``; ``streams`` are those whose states Airbyte keeps."""
        super().__init__()
        self._output = output
        self._statuses = statuses
        self._streams = streams
        self._rows: Counter[str] = Counter()  # in this run
        self._rows_told: Counter[str] = Counter()  # of them, covered by a state
        self._bookmarks: dict[str, Any] = {}  # as last told, or as given
        self._stated: set[str] = set()
        self._mark: Mapping[str, Any] = {}

    def continue_from(self, state: Mapping[str, Any]) -> None:
        """Note the tap's ``state`` at its start: what Airbyte knows need not be told again."""
        self._bookmarks = copy.deepcopy(dict(state.get("bookmarks", {})))

    @override
    def write_records(
        self,
        stream: str,
        records: Iterable[dict[str, Any] | msgspec.Struct],
        version: int | None = None,
    ) -> int:
        """Write one RECORD message per record, all with the same ``emitted_at``."""
        content: dict[str, Any] = {"stream": stream, "data": None, "emitted_at": now_ms()}
        lines, rows = self._lines({"type": "RECORD", "record": content}, content, "data", records)
        if rows:
            self._statuses.run(stream)
            self._output.write(lines)
            self._rows[stream] += rows
        return rows

    @override
    def write_message(self, message: Message) -> None:
        """Write the counterpart of ``message``, if it has one. Raises ``OutputClosed``."""
        if isinstance(message, StateMessage):
            self._mark = message.value.get(MARK, {})
            bookmarks = message.value.get("bookmarks", {})
            for stream in self._streams:
                bookmark = bookmarks.get(stream, {})
                if bookmark != self._bookmarks.get(stream, {}):
                    self._write_state(stream, bookmark)
        elif isinstance(message, RecordMessage):
            self.write_records(message.stream, [message.record])

    def finish(self, stream: str) -> None:
        """Write the last state of ``stream``, so that one stands behind all its rows.

        Also for a stream without rows: Airbyte checks its counts by the states.
        """
        if stream not in self._stated or self._rows[stream] != self._rows_told[stream]:
            self._write_state(stream, self._bookmarks.get(stream, {}))

    def _write_state(self, stream: str, bookmark: Mapping[str, Any]) -> None:
        rows = self._rows[stream]
        blob = stream_blob(bookmark, self._mark, rows)
        self._statuses.run(stream)
        self._output.send(state_message(stream, blob, rows - self._rows_told[stream]))
        self._rows_told[stream] = rows
        self._bookmarks[stream] = copy.deepcopy(dict(bookmark))
        self._stated.add(stream)
