"""The audit log: newest entry first, so no bookmark moves before the reading came to its end.

The state keeps, for each object type, up to when all entries are written (``read_until``), when
that was found (``checked``, for the warnings only: no clock moves a place), and, of a reading that
was interrupted (``reading``), the range that it covers (``from``, ``until``), the oldest entry that
it wrote (``reached``; those before are missing) and the ``read_until`` that its end will bring
(``settled``), the newest entry less the lookback.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from typing_extensions import override

from tap_kustomer import timestamps
from tap_kustomer.errors import UntrustedAnswerError
from tap_kustomer.readers.cursor import CursorReader
from tap_kustomer.readers.list_page import ListPage, attributes_of, has_id
from tap_kustomer.streams.base import KustomerStream, RowBatch

__all__ = ["ALL_TYPES", "PATH", "AuditLogs"]

PATH = "/v1/audit-logs"
ALL_TYPES = "*"  # in place of an object type: the log as a whole
COUNT = 1000  # entries a page, the most that is documented
# https://help.kustomer.com/en_us/audit-log-storage-limits-ByGmsAcWd: some kinds stay longer.
RETENTION_DAYS = 90
_MOST_READINGS = 3  # of one range, until all entries that were announced have come
# How far entries may be out of order, since they are published some time after they happened. An
# interrupted reading goes on this much before its end: a cursor may be gone by then, a time not.
_DISORDER_SECONDS = 300
_NO_END = "9999-12-31T23:59:59.999Z"


class AuditLogs(KustomerStream):
    """One row per entry of the audit log: who changed what, and what was deleted.

    Each object type of ``audit_log_object_types`` is read by itself, back from its newest entry
    to where its last complete reading began. A reading that was interrupted is finished first.
    """

    name = "audit_logs"
    optional = True
    replication_key = "created_at"
    roles = (
        "org.permission.audit_logs.read",
        # Two sources disagree about the legacy role: either may do.
        "org.admin.audit_logs.read",
        "org.user.audit_logs.read",
    )

    _reached = ""  # the moment that the reading has come back to

    @property
    def object_types(self) -> Sequence[str]:
        """The object types to read; ``ALL_TYPES`` reads the log without a filter on them."""
        return self.settings.audit_log_object_types

    @property
    def overlap_seconds(self) -> int:
        """How much of what was read is read again, for entries that are published late."""
        return self.settings.lookback_seconds

    def batches(self, entries: list[dict[str, Any]]) -> Iterator[RowBatch]:
        """Yield the rows that are due behind ``entries``, a page of the log."""
        yield RowBatch([self.make_row(entry) for entry in entries])

    def last_batches(self) -> Iterator[RowBatch]:
        """Yield the rows that were held back until the end of a reading."""
        yield from ()

    @property
    def holds_rows_back(self) -> bool:
        """Whether rows of the pages so far are not written yet, so that no place is noted."""
        return False

    @override
    def read(self) -> Iterator[RowBatch]:
        """Yield the entries of all types; the bookmark is the earliest of theirs."""
        settings = self.settings
        now = self.session.server_now()
        end = settings.end_date if (settings.end_date or now) < now else None
        types = self.object_types
        self.run.from_ = min((self._read_until(kind) for kind in types), default=now)
        for kind in types:
            if (interrupted := self._part(kind).get("reading")) is not None:
                yield from self._range(kind, dict(interrupted))
            start = self._read_until(kind)
            # Kustomer tells its time in whole seconds: `now` may lie a little before `start`.
            if end is None or start <= end:
                reading = {"from": start, "until": end, "settled": None, "began": now}
                yield from self._range(kind, reading)
        # A type that was selected later holds the bookmark back only until it is read; one that
        # has no entries has no place to tell of.
        parts = [self._part(kind).get("read_until") for kind in types]
        yield RowBatch((), min((one for one in parts if one is not None), default=None))

    def _part(self, kind: str) -> dict[str, Any]:
        """Return what the state holds of one object type; nothing without a bookmark."""
        if not self.is_incremental:
            return {}
        return dict((self.state.get("object_types") or {}).get(kind) or {})

    def _read_until(self, kind: str) -> str:
        done = timestamps.normalise(self._part(kind).get("read_until"))
        return done or self.settings.start_date or self.session.edge.moment

    def _range(self, kind: str, reading: dict[str, Any]) -> Iterator[RowBatch]:
        """Yield the entries of one type in one range of time, newest first.

        Raises: ``UntrustedAnswerError`` when answers ignore a part of the request twice.
        """
        self._warn_of_loss(kind, reading)
        try:
            yield from self._entries(kind, reading)
        except UntrustedAnswerError:  # one odd answer decides nothing
            yield from self._entries(kind, reading)

    def _entries(self, kind: str, reading: dict[str, Any]) -> Iterator[RowBatch]:
        began = str(reading.get("began") or reading["settled"])
        params = {"filter[start]": reading["from"]}
        if kind != ALL_TYPES:
            params["filter[objectType]"] = kind
        newest = reading["until"] or _NO_END
        if "reached" in reading:
            again = timestamps.shift(reading["reached"], seconds=_DISORDER_SECONDS)
            newest = min(newest, again)
        if newest != _NO_END:
            params["filter[end]"] = newest
        log = CursorReader(self.client, PATH, params, count=COUNT, is_entry=_is_entry)
        is_whole = False
        for _ in range(_MOST_READINGS):
            for page in self._reading(kind, log, reading, newest):
                reading = {**reading, "settled": self._settled(page, reading["settled"], began)}
                yield from self.batches(page.rows)
                if not log.has_holes and not self.holds_rows_back:
                    reading = {**reading, "reached": self._reached}
                    self._note(kind, {**self._part(kind), "reading": reading})
            is_whole = log.is_whole or self._reached < reading["from"]
            if is_whole:
                break
        yield from self.last_batches()
        if not is_whole:
            raise log.incomplete
        # Null instead of a missing part: states that are merged would bring an old one back.
        settled = reading["settled"]
        until = max(settled, reading["from"]) if settled else self._part(kind).get("read_until")
        self._note(kind, {"read_until": until, "checked": began, "reading": None})

    def _reading(
        self,
        kind: str,
        log: CursorReader,
        reading: Mapping[str, Any],
        newest: str,
    ) -> Iterator[ListPage]:
        """Yield the pages of one way back from ``newest``, and note how far it came."""
        self._reached = newest
        floor = timestamps.shift(reading["from"], seconds=-_DISORDER_SECONDS)
        for page in self.prefetch.in_turn(log.pages()):
            self._reached = self._check(kind, page, self._reached)
            yield page
            if self._reached < floor:
                return  # the filter on the start is ignored: what follows is not due

    def _settled(self, page: ListPage, settled: str | None, began: str) -> str | None:
        """Return up to when the range is settled: its newest entry, less the lookback."""
        moments = [moment for row in page.rows if (moment := _created(row)) and moment <= began]
        if not moments:
            return settled
        return max(settled or "", timestamps.shift(max(moments), seconds=-self.overlap_seconds))

    def _note(self, kind: str, part: dict[str, Any]) -> None:
        if self.is_incremental:
            known = self.state.get("object_types") or {}
            self.state["object_types"] = {**known, kind: part}
            self.session.output.write_state()

    def _check(self, kind: str, page: ListPage, reached: str) -> str:
        """Return the moment that ``page`` reaches back to; ``reached`` is that of those before.

        Raises: ``UntrustedAnswerError`` when it ignores the filter or the order.
        """
        for row in page.rows:
            if kind not in {ALL_TYPES, attributes_of(row).get("objectType") or kind}:
                self._distrust("filter[objectType]")
            moment = _created(row)
            if moment is None:
                continue
            if moment > timestamps.shift(reached, seconds=_DISORDER_SECONDS):
                self._distrust("the order")
            reached = min(reached, moment)
        return reached

    def _distrust(self, part: str) -> None:
        msg = (
            f"{self.name}: Kustomer's answer ignores {part} of the request, so it cannot be "
            "trusted to be complete. Report this to Kustomer's support."
        )
        raise UntrustedAnswerError(msg)

    def _warn_of_loss(self, kind: str, reading: dict[str, Any]) -> None:
        """Tell which entries Kustomer may have dropped since the last complete reading."""
        edge = timestamps.shift(self.session.server_now(), days=-RETENTION_DAYS)
        part = self._part(kind)
        began = max(reading["from"], timestamps.normalise(part.get("checked")) or "")
        if "read_until" not in part and "checked" not in part:
            # A first reading begins at what there was when it started, give or take a day.
            started = reading.get("began") or reading["settled"]
            began = max(began, timestamps.shift(started, days=1 - RETENTION_DAYS))
            if "reached" not in reading:
                self.logger.info(
                    "%s: Kustomer keeps most entries for %d days, so those of object type %s "
                    "begin at about %s.",
                    self.name,
                    RETENTION_DAYS,
                    kind,
                    max(began, edge),
                )
                return
        if began >= edge:
            return
        self.logger.warning(
            "%s: Kustomer keeps most entries for %d days. Those of object type %s between %s and "
            "%s were not read in time and may be lost. Run at least every %d days.",
            self.name,
            RETENTION_DAYS,
            kind,
            began,
            min(edge, str(reading.get("reached") or edge)),
            RETENTION_DAYS,
        )


def _is_entry(row: Mapping[str, Any]) -> bool:
    """Whether an entry has what tells it from others and in time; it never changes later."""
    return has_id(row) and _created(row) is not None


def _created(row: Mapping[str, Any]) -> str | None:
    return timestamps.normalise(attributes_of(row).get("createdAt"))
