"""What the command line does with a tap besides running it: a check, a report, a test."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, cast

import click
from singer_sdk import Tap
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_kustomer.cli.check import Preflight, preflight
from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.contact.allowance import Allowance
from tap_kustomer.contact.answers import Answers
from tap_kustomer.contact.look import look
from tap_kustomer.contact.recording import Recorder
from tap_kustomer.contact.report import report_of
from tap_kustomer.session import Session
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.registry import STREAM_NAMES

__all__ = ["CommandTap"]


class CommandTap(Tap):
    """A tap as the command uses it; what it reads, and how, is the subclass's."""

    exit_status: int

    def __init__(
        self,
        *,
        looks: bool = False,
        recorder: Recorder | None = None,
        **kwargs: Any,
    ) -> None:
        """Make the tap.

        ``looks``: what is answered is looked at, for ``preflight``; ``recorder`` keeps it.
        """
        self.looks = looks
        self.recorder = recorder
        self._allowance = Allowance()  # of a check
        self._answers: Answers | None = None  # of a check, all of them
        super().__init__(**kwargs)

    @property
    @abstractmethod
    def session(self) -> Session:
        """What the streams share."""

    @abstractmethod
    def close(self) -> None:
        """Let go of threads and connections."""

    @property
    def own_streams(self) -> Mapping[str, KustomerStream]:
        """The streams by name, each of which this tap made itself."""
        return cast("Mapping[str, KustomerStream]", self.streams)

    def watch(self, client: KustomerClient) -> None:
        """Let what the command was asked for see the answers of ``client``."""
        if self.looks:
            self._answers = Answers(client.ledger)
            client.watchers.append(self._answers)
            client.gates.append(self._allowance)
            client.confirms_roles = False  # a key may lack thirty roles, and nothing is decided
        if self.recorder is not None:
            client.watchers.append(self.recorder)

    def preflight(self) -> Preflight:
        """Ask Kustomer about every stream, and close."""
        try:
            streams = list(self.own_streams.values())
            self._allowance.end_discovery()
            found, left = preflight(self.session, streams)
            if self._answers is not None:
                found.contact = look(
                    self.session,
                    streams,
                    self._answers,
                    self._allowance,
                    counts=left.lists,
                    archives=left.archives,
                )
            return found
        finally:
            self.close()

    def report(self, found: Preflight) -> str:
        """Return what was found as Markdown without anything of the org in it."""
        if found.contact is None:
            msg = "there was no look to report of"
            raise ValueError(msg)
        session = self.session
        return report_of(
            found.contact,
            found.streams,
            self.config.keys() & self.config_jsonschema["properties"].keys(),
            org_id=found.org_id,
            own_names=frozenset(
                {klass.name for klass in session.org.klasses}
                | {entry.name for entry in session.settings.extra_streams}
            ),
            known_streams=frozenset(STREAM_NAMES),
        )

    def test_streams(self) -> None:
        """Read one row of every stream; ``exit_status`` tells whether all could be read.

        Unlike the SDK's test, a stream whose role is missing or that the org does not have is
        what it is in a run: a warning.
        """
        for stream in self.streams.values():
            stream.ABORT_AT_RECORD_COUNT = 1
            stream.selected = True
        self.sync_all()

    @override
    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Run ``--test``, or ``--test=schema`` for the SCHEMA messages alone."""
        if value == CliTestOptionValue.Disabled.value:
            return
        config = ctx.params["config"]
        tap = cls(config=config.config, parse_env_config=config.parse_env)
        if value == CliTestOptionValue.Schema.value:
            tap.write_schemas()
        else:
            tap.test_streams()
        ctx.exit(tap.exit_status)
