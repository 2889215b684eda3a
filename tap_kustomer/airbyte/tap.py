"""TapKustomer inside an Airbyte sync: what happens to its streams becomes statuses and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from tap_kustomer import errors
from tap_kustomer.airbyte.catalog import ConfiguredStream, offered_name
from tap_kustomer.airbyte.messages import FailureType, error_trace
from tap_kustomer.airbyte.output import Output
from tap_kustomer.airbyte.spec import tap_config
from tap_kustomer.airbyte.statuses import StreamStatuses
from tap_kustomer.airbyte.writer import AirbyteWriter
from tap_kustomer.clock import Clock
from tap_kustomer.run import StreamRun
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.registry import streams_of
from tap_kustomer.sync import COMPLETE, FAILED, NOT_DUE, SKIPPED
from tap_kustomer.tap import TapKustomer

__all__ = ["SourceTap", "failure_type"]


def failure_type(error: type[BaseException] | None) -> FailureType:
    """Return who can mend what ended with ``error``: the user, time, or the source's makers."""
    if error is None:
        return "system_error"
    if issubclass(error, errors.UnavailableError):
        return "transient_error"
    if issubclass(error, (errors.UntrustedAnswerError, errors.RequestRefusedError)):
        return "system_error"
    return "config_error" if issubclass(error, errors.KustomerError) else "system_error"


class SourceTap(TapKustomer):
    """The tap with Airbyte's messages at both ends of each stream."""

    def __init__(
        self,
        config: Mapping[str, Any],
        output: Output,
        configured: Mapping[str, ConfiguredStream] | None = None,
        statuses: StreamStatuses | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        """Make the tap, which asks Kustomer nothing yet; ``configured`` are the streams of a sync.

        Raises: ``SettingsError``.
        """
        self.configured = configured or {}
        self._output = output
        self._statuses = statuses or StreamStatuses(output)
        self._writer = AirbyteWriter(output, self._statuses, tuple(self.configured))
        super().__init__(
            config=tap_config(config),
            message_writer=self._writer,
            setup_mapper=False,  # it would discover, before anybody could handle a signal
            clock=clock,
        )

    @override
    def discover_streams(self) -> Sequence[KustomerStream]:
        return streams_of(self, self.session, self._airbyte_name)

    def _airbyte_name(self, name: str) -> str:
        # A connection that an earlier version was configured for keeps its names, and so its
        # tables and states.
        offered = offered_name(name)
        return name if name in self.configured and offered not in self.configured else offered

    def select(self) -> list[str]:
        """Select what is configured; returns the names that the org does not have.

        Raises: what discovery raises.
        """
        self.setup_mapper()
        for name in self.streams:
            if name in self.configured:
                self.configured[name].apply_to(self.stream(name))
            else:
                self.stream(name).selected = False
        return [name for name in self.configured if name not in self.streams]

    def read(self) -> None:
        """Sync what is selected; every stream whose turn came is ended when this returns."""
        self.client.limiter.on_wait = lambda seconds: self._statuses.wait(seconds, self.clock.now())
        self._writer.continue_from(self.state)
        self.sync_all()
        for run in self.session.finished_runs():
            self._end(run)

    @override
    def stream_started(self, run: StreamRun) -> None:
        self._statuses.start(run.stream)

    @override
    def stream_ended(self, run: StreamRun) -> None:
        # Whether a skipped stream failed is known at the end only: when all lists were skipped.
        if run.status != SKIPPED:
            self._end(run)

    def _end(self, run: StreamRun) -> None:
        if self._statuses.has_ended(run.stream):
            return
        if run.status == FAILED:
            sentence = run.error or f"{run.stream} could not be read."
            self._output.send(error_trace(sentence, failure_type(run.cause), run.stream))
            self._statuses.end(run.stream, complete=False)
        elif run.status in {COMPLETE, NOT_DUE} or (
            run.status == SKIPPED and not self._would_empty(run)
        ):
            self.write_state()
            self._writer.finish(run.stream)
            self._statuses.end(run.stream, complete=True)
        elif run.status == SKIPPED:
            self._statuses.end(run.stream, complete=False)

    def _would_empty(self, run: StreamRun) -> bool:
        """Whether a destination that is told "complete, no rows" would empty a filled table.

        A state says nothing of that: the table may be of a connection that has none.
        """
        return self.configured[run.stream].replaces_table
