"""TapKustomer: the only place that wires the parts together."""

from __future__ import annotations

import logging
import secrets
import signal
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import cached_property
from types import FrameType
from typing import Any, ClassVar, cast

import click
from singer_sdk import Tap
from singer_sdk.cli import plugin_cli
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import JSONSchemaValidator
from typing_extensions import override

from tap_kustomer import timestamps
from tap_kustomer.catalog.discovery import KLASSES_SAMPLED, check_discovered, discover_org
from tap_kustomer.catalog.search_schema import SearchSchemaReader
from tap_kustomer.cli.command import KustomerCommand
from tap_kustomer.cli.progress import Progress
from tap_kustomer.cli.signals import SignalStop
from tap_kustomer.cli.tap import CommandTap
from tap_kustomer.client.auth import KustomerAuthenticator
from tap_kustomer.client.rate_limit import RateLimiter
from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.clock import Clock, StopRequested
from tap_kustomer.edge import TwoYearEdge
from tap_kustomer.errors import SettingsError
from tap_kustomer.messages import KustomerWriter
from tap_kustomer.org import Org
from tap_kustomer.readers.prefetch import Prefetch
from tap_kustomer.readers.search.ask import ExactTotals
from tap_kustomer.readers.sources import SharedSources
from tap_kustomer.rows.selection import mapping_warnings
from tap_kustomer.run import StreamRun
from tap_kustomer.session import Output, Session
from tap_kustomer.settings.environment import set_up_logging, settings_from_environment
from tap_kustomer.settings.meltano import leaves_out, pattern_warnings, with_dropped_nulls
from tap_kustomer.settings.reader import those_set
from tap_kustomer.settings.values import SETTINGS_SCHEMA, Settings, unknown_settings
from tap_kustomer.state import MARK, check_state, mark_state
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.extra import ExtraRows
from tap_kustomer.streams.registry import OPTIONAL_STREAMS, STREAM_NAMES, WITH_CUSTOM, streams_of
from tap_kustomer.sync import Sync
from tap_kustomer.vanished import known_klass_streams

__all__ = ["TapKustomer"]

# What the SDK's own settings must look like.
_SDK_SETTINGS = "https://sdk.meltano.com/en/latest/stream_maps.html"


class TapKustomer(CommandTap):
    """Loads customers, conversations, messages and custom objects from Kustomer."""

    name = "tap-kustomer"
    package_name = "tap-kustomer"
    config_jsonschema: ClassVar[dict[str, Any]] = SETTINGS_SCHEMA
    dynamic_catalog = True  # schemas come from the org's metadata, so discovery needs the key
    message_writer_class = KustomerWriter
    message_writer: KustomerWriter
    capabilities: ClassVar[list[Any]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.ACTIVATE_VERSION,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(
        self, *, clock: Clock | None = None, state: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Make the tap; ``clock`` replaces time as a whole."""
        self._told_state = state or {}  # known before the SDK takes it
        self.clock = clock or Clock()
        self.stop = SignalStop(self.clock)
        self.run_id = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        self.exit_status = 0
        super().__init__(state=state, **kwargs)
        if not self.logger.isEnabledFor(logging.DEBUG):
            # Two METRIC lines per stream, which the run's own lines say in words.
            self.metrics_logger.setLevel(logging.WARNING)

    # ------------------------------------------------------------ parts

    @cached_property
    def settings(self) -> Settings:
        """The checked settings."""
        return Settings.from_config(
            self.config, optional_names=OPTIONAL_STREAMS, streams=STREAM_NAMES
        )

    @cached_property
    def client(self) -> KustomerClient:
        """The way to Kustomer."""
        settings = self.settings
        client = KustomerClient(
            api_url=settings.api_url,
            authenticator=KustomerAuthenticator(token=settings.api_key, origin=settings.api_url),
            limiter=RateLimiter(
                self.clock,
                search_per_minute=settings.search_requests_per_minute,
                org_per_minute=settings.requests_per_minute,
                utilization=settings.utilization,
                in_flight=settings.max_concurrency,
            ),
            clock=self.clock,
            user_agent=settings.user_agent,
            timeout=settings.request_timeout,
            max_elapsed=settings.backoff_max_elapsed_seconds,
            connections=settings.max_concurrency,
        )
        self.watch(client)
        return client

    @cached_property
    def prefetch(self) -> Prefetch:
        """What fetches pages."""
        return Prefetch(self.clock, self.settings.max_concurrency)

    @cached_property
    def org(self) -> Org:
        """What discovery learns of the org; asks Kustomer once."""
        most = KLASSES_SAMPLED if self.looks else None
        known = known_klass_streams(self.input_catalog, self._told_state)
        return discover_org(self.client, self.prefetch, WITH_CUSTOM, most_klasses=most, known=known)

    @cached_property
    def session(self) -> Session:
        """What the streams share; asks Kustomer which org it is."""
        org = self.org  # the first answers: they tell Kustomer's time too
        started = timestamps.from_epoch(self.client.server_time.now())
        if (self.settings.start_date or "") > started:
            self.logger.warning(
                "`start_date` lies in the future: search streams bring no rows that were updated "
                "before %s.",
                self.settings.start_date,
            )
        return Session(
            run_id=self.run_id,
            started=started,
            settings=self.settings,
            client=self.client,
            prefetch=self.prefetch,
            org=org,
            clock=self.clock,
            search_schema=SearchSchemaReader(self.client),
            edge=TwoYearEdge.seen_at(started),
            output=Output(self.message_writer, self.write_message, self.write_state),
            mapper=lambda: self.mapper,
            runs=[],
            exact_totals=ExactTotals(),
            shared=SharedSources(),
        )

    def close(self) -> None:
        """Let go of threads and connections."""
        if "prefetch" in self.__dict__:
            self.prefetch.close()
        if "client" in self.__dict__:
            self.client.close()
        if self.recorder is not None:
            self.recorder.close(self.settings, self.settings.start_date)

    # ------------------------------------------------------------ settings

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805 - the SDK's property of the class
        schema = cls.config_jsonschema
        cls.append_builtin_config(schema)
        return settings_from_environment(schema, cls._env_var_prefix)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Judge the settings without repeating a value: it may be a secret of the wrong type."""
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        self._config = with_dropped_nulls(those_set(self._config))
        problems: list[str] = []
        try:
            Settings.from_config(
                self._config, optional_names=OPTIONAL_STREAMS, streams=STREAM_NAMES
            )
        except SettingsError as error:
            problems = list(error.errors)
        own = set(Settings.__dataclass_fields__) | {"region", "org_name", "unknown_fields"}
        own |= {"api_utilization_percentage", "emit_activate_version_messages"}
        for found in JSONSchemaValidator(schema).iter_errors(self._config):
            name = str(found.path[0]) if found.path else ""
            if name and name not in own:
                wanted = f" (type {found.validator_value})" if found.validator == "type" else ""
                problems.append(f"`{name}` is malformed{wanted}; see {_SDK_SETTINGS}.")
        if problems and raise_errors:
            raise SettingsError(problems)
        for warning in unknown_settings(self._config, schema["properties"]):
            self.logger.warning("%s", warning)
        return problems

    # ------------------------------------------------------------ streams

    @override
    def discover_streams(self) -> Sequence[KustomerStream]:
        """Return the streams of the org."""
        return streams_of(self, self.session)

    @override
    def setup_mapper(self) -> None:
        """Make the stream maps of the streams that are selected; those of others do nothing.

        Raises ``SettingsError`` naming the stream whose map the SDK does not take.
        """
        super(Tap, self).setup_mapper()
        maps = self.config.get("stream_maps") or {}
        if not (maps or leaves_out()):
            return  # there is nothing to judge, and each stream makes its own once it is read
        streams = self.own_streams
        schemas = {stream.name: stream.schema["properties"] for stream in streams.values()}
        for warning in pattern_warnings(STREAM_NAMES, schemas):
            self.logger.warning("%s", warning)
        columns = {
            stream.name: schemas[stream.name]
            for stream in streams.values()
            if stream.selected and stream.stream_maps
        }
        for warning in mapping_warnings(maps, {*streams, *STREAM_NAMES}, columns):
            self.logger.warning("%s", warning)

    @override
    def run_discovery(self) -> str:
        """Print the catalog. Raises ``StreamError`` when it would lack streams or columns."""
        check_discovered(self.org)
        return super().run_discovery()

    def stream(self, name: str) -> KustomerStream:
        """Return the stream ``name``, selected or not. Raises ``KeyError``."""
        return self.own_streams[name]

    # ------------------------------------------------------------ state

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        """Take the state of an earlier run. Raises ``StateError`` for one of another tap."""
        check_state(state)
        super().load_state(state)
        if MARK in state:
            cast("dict[str, Any]", self.state)[MARK] = state[MARK]
        self._widen_extra_streams()

    def _widen_extra_streams(self) -> None:
        """Give the streams that were found by a look the columns of earlier looks, too."""
        if not (self.settings.extra_streams and self.state.get("bookmarks")):
            return  # there is nothing to widen, and nobody has asked for the streams yet
        found = [one for one in self.own_streams.values() if isinstance(one, ExtraRows)]
        widened = [stream for stream in found if stream.widen()]
        if widened:
            self._catalog = None
            self.setup_mapper()

    def write_state(self) -> None:
        """Write a STATE message, if anything changed since the last."""
        self.state_writer.write_state(self.state)

    # ------------------------------------------------------------ runs

    @override  # type: ignore[misc]  # final in the SDK, see below
    def sync_all(self) -> None:
        """Sync all selected streams; ``exit_status`` tells whether all finished.

        The SDK's own loop ends at the first error, https://github.com/meltano/sdk/issues/280.
        This one stands around each stream's ``sync``: a failure below it would let the SDK
        promote bookmarks.
        """
        check_state(self.state, self.org.id, self.session.server_now())
        mark_state(cast("dict[str, Any]", self.state), self.org.id)
        run = Sync(self.session, self.own_streams, self.input_catalog, self)
        try:
            with Progress(run, self.client.limiter):
                run.sync()
        except StopRequested:
            self.write_state()
            name = signal.Signals(self.stop.signal_number or signal.SIGTERM).name
            self.logger.warning("Stopped by %s; state saved, the next run resumes here.", name)
            raise
        finally:
            self.write_state()
            self.close()
        self.exit_status = int(run.failed)

    def stream_started(self, run: StreamRun) -> None:
        """Note that a stream is about to be read. Overridden by what wraps the tap."""

    def stream_ended(self, run: StreamRun) -> None:
        """Note how a stream ended. Overridden by what wraps the tap."""

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        self.stop.handle(signum, frame)

    # ------------------------------------------------------------ command line

    @plugin_cli
    def cli(cls) -> click.Command:  # noqa: N805 - the SDK's property of the class
        """Return the command; a log level of another program is no reason to end."""
        set_up_logging(cls.name)
        return cls.get_singer_command()

    @override
    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command, which ends with a sentence instead of a traceback."""
        return KustomerCommand.of(super().get_singer_command(), cls)
