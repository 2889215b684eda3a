"""Writes events to the spool: one thread, which commits together what waits together.

A commit takes as long for fifty events as for one: most of it is the wait for the disk.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Sequence

from tap_kustomer.webhooks.errors import SpoolError, frames_of
from tap_kustomer.webhooks.events import Event
from tap_kustomer.webhooks.spool import Spool

__all__ = ["SpoolWriter"]

logger = logging.getLogger("kustomer-webhooks")

_BATCH = 256  # events in one transaction, at most
PROBED = "probed"


class _Waiting:
    """An event, or ``None`` for a probe, and the future that waits for its commit."""

    def __init__(self, event: Event | None) -> None:
        self.event = event
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[str] = self.loop.create_future()

    def settle(self, outcome: str | SpoolError) -> None:
        """Tell the request what became of its event; from the writer's thread."""
        self.loop.call_soon_threadsafe(self._settle, outcome)

    def _settle(self, outcome: str | SpoolError) -> None:
        if self.done.done():
            return  # the request was given up meanwhile
        if isinstance(outcome, SpoolError):
            self.done.set_exception(outcome)
        else:
            self.done.set_result(outcome)


class SpoolWriter:
    """The only writer of a spool's events; any coroutine of one loop may use it."""

    def __init__(self, spool: Spool) -> None:
        """Write to ``spool``, which is closed with this."""
        self._spool = spool
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool-writer")

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what waits, then close the spool."""
        self._waiting.put(None)
        self._thread.join()
        self._spool.close()

    async def append(self, event: Event) -> str:
        """Return what became of ``event`` once it is on disk. Raises ``SpoolError``."""
        return await self._write(event)

    async def probe(self) -> None:
        """Return once the spool was written to. Raises ``SpoolError``."""
        await self._write(None)

    async def _write(self, event: Event | None) -> str:
        waiting = _Waiting(event)
        self._waiting.put(waiting)
        return await waiting.done

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, ended = self._batch(first)
            for waiting, outcome in zip(batch, self._outcomes(batch), strict=True):
                waiting.settle(outcome)
            if ended:
                return

    def _batch(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """Return ``first`` and all that waits by now, and whether the end was among it."""
        batch = [first]
        while len(batch) < _BATCH:
            try:
                following = self._waiting.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return batch, True
            batch.append(following)
        return batch, False

    def _outcomes(self, batch: list[_Waiting]) -> Sequence[str | SpoolError]:
        events = [waiting.event for waiting in batch if waiting.event is not None]
        try:
            if events:
                outcomes = iter(self._spool.append(events))
            else:
                self._spool.probe()
                outcomes = iter(())
        except SpoolError as error:
            logger.error("%s", error)  # noqa: TRY400 - a sentence, not a traceback
            return [error] * len(batch)
        except Exception as error:  # noqa: BLE001 - a request must never wait for a dead thread
            logger.error("The spool failed: %s", frames_of(error))  # noqa: TRY400
            return [SpoolError("The spool failed; see the log.")] * len(batch)
        return [PROBED if one.event is None else next(outcomes) for one in batch]
