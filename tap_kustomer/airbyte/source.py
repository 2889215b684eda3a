"""The command ``source-kustomer``: spec, check, discover and read of the Airbyte protocol."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from singer_sdk.exceptions import ConfigValidationError

from tap_kustomer.airbyte.catalog import configured_streams, offered_stream
from tap_kustomer.airbyte.check import check, modest
from tap_kustomer.airbyte.messages import (
    catalog_message,
    connection_status,
    error_trace,
    spec_message,
)
from tap_kustomer.airbyte.output import Output, log_to
from tap_kustomer.airbyte.spec import specification
from tap_kustomer.airbyte.state import tap_state
from tap_kustomer.airbyte.statuses import StreamStatuses
from tap_kustomer.airbyte.tap import SourceTap, failure_type
from tap_kustomer.catalog.discovery import check_discovered
from tap_kustomer.cli.command import leave
from tap_kustomer.clock import Clock, StopRequested
from tap_kustomer.errors import KustomerError, frames_of
from tap_kustomer.messages import OutputClosed, let_output_block
from tap_kustomer.settings.environment import settle_log_level
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.sync import bug_sentence

__all__ = ["main", "run"]

logger = logging.getLogger("tap-kustomer")

_STOPPED = (
    "A signal stopped the sync before all streams were read. The next one continues from the last "
    "state."
)


class FileError(KustomerError):
    """A file of the command line cannot be read."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with its status."""
    options = _parser().parse_args(arguments)
    let_output_block()
    settle_log_level()
    output = Output()
    log_to(output)
    try:
        status = run(options, output)
    except OutputClosed:
        status = 1
    leave(status)


def run(options: argparse.Namespace, output: Output, clock: Clock | None = None) -> int:
    """Run one command and return the status of the process.

    0 when all is done, for ``check`` also when the answer is FAILED; 1 when a stream or the
    whole command failed; 143 and 130 on SIGTERM and SIGINT. Raises ``OutputClosed``.
    """
    if options.command == "spec":
        output.send(spec_message(specification()))
        return 0
    command = {"check": _check, "discover": _discover, "read": _read}[options.command]
    try:
        return command(options, output, clock)
    except StopRequested as stop:
        return stop.exit_status
    except Exception as error:  # noqa: BLE001 - whatever it is, Airbyte gets a sentence
        output.send(error_trace(_sentence(error), failure_type(type(error))))
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="source-kustomer",
        description="Airbyte source for the Kustomer CRM API.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    files = {
        "spec": (),
        "check": ("config",),
        "discover": ("config",),
        "read": ("config", "catalog"),
    }
    for name, needed in files.items():
        command = commands.add_parser(name)
        for file in needed:
            command.add_argument(f"--{file}", required=True, type=Path)
        if name == "read":
            command.add_argument("--state", type=Path)
    return parser


def _check(options: argparse.Namespace, output: Output, clock: Clock | None) -> int:
    try:
        tap = SourceTap(modest(_settings(options)), output, clock=clock)
        with closing(tap):
            check(tap)
    except Exception as error:  # noqa: BLE001 - whatever it is, Airbyte gets a sentence
        output.send(connection_status(_sentence(error)))
    else:
        output.send(connection_status(None))
    return 0


def _discover(options: argparse.Namespace, output: Output, clock: Clock | None) -> int:
    tap = SourceTap(_settings(options), output, clock=clock)
    with closing(tap):
        check_discovered(tap.org)
        streams = [one for one in tap.streams.values() if isinstance(one, KustomerStream)]
        output.send(catalog_message([offered_stream(one) for one in streams]))
    return 0


def _read(options: argparse.Namespace, output: Output, clock: Clock | None) -> int:
    configured = configured_streams(_content(options.catalog))
    statuses = StreamStatuses(output)
    try:
        tap = SourceTap(_settings(options), output, configured, statuses, clock=clock)
        with closing(tap):
            return _sync(tap, None if options.state is None else _content(options.state))
    except StopRequested:
        output.send(error_trace(_STOPPED, "transient_error"))
        raise
    finally:
        # Airbyte waits for an end of each stream, also of those whose turn never came.
        statuses.end_rest(configured)


def _sync(tap: SourceTap, state: object) -> int:
    incremental = {name: stream.incremental for name, stream in tap.configured.items()}
    tap.load_state(tap_state(state, incremental, tap.org.id))
    for name in tap.select():
        logger.warning(
            "%s: the connection asks for this stream, but the org does not have it (its klass was "
            "deleted or disabled, or `optional_streams` lacks it). Refresh the schema of the "
            "connection.",
            name,
        )
    tap.read()
    return tap.exit_status


def _sentence(error: Exception) -> str:
    """Return ``error`` in words; one that nobody foresaw without its own, which may show a row."""
    if isinstance(error, ConfigValidationError):
        return " ".join(error.errors)
    if isinstance(error, KustomerError):
        return str(error)
    logger.debug("Traceback of the error below: %s", frames_of(error))
    return f"source-kustomer: {bug_sentence(error)}"


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    content = _content(options.config)
    if not isinstance(content, dict):
        msg = "The config isn't a JSON object. Pass the settings that `source-kustomer spec` lists."
        raise FileError(msg)
    return content


def _content(path: Path) -> Any:
    try:
        raw = path.read_bytes()
        # Of bytes, `json` itself finds out which UTF they are in, with a BOM or without.
        return json.loads(raw) if raw.strip() else None
    except OSError as error:
        msg = f"{path}: {error.strerror}. Check the path of the file, and who may read it."
        raise FileError(msg) from None
    except ValueError:
        msg = f"{path} isn't valid JSON. Check the file."
        raise FileError(msg) from None
