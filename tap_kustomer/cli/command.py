"""The command line: the SDK's options, and every error as one sentence with status 1."""

from __future__ import annotations

import errno
import gc
import logging
import os
import sys
from typing import Any

import click
from singer_sdk.exceptions import ConfigValidationError, MapExpressionError, StreamMapConfigError
from singer_sdk.plugin_base import SingerCommand, _ConfigInput
from typing_extensions import override

from tap_kustomer.cli.about import EXAMPLES, HELP, OPTIONS
from tap_kustomer.cli.check import Preflight
from tap_kustomer.cli.check_table import print_table
from tap_kustomer.cli.files import read_catalog, read_config, read_state
from tap_kustomer.cli.tap import CommandTap
from tap_kustomer.cli.terminal import is_worth_reading, quieten
from tap_kustomer.clock import StopRequested
from tap_kustomer.contact.recording import Recorder
from tap_kustomer.contact.report import write_report
from tap_kustomer.contact.table import print_contact
from tap_kustomer.errors import KustomerError, frames_of
from tap_kustomer.messages import OutputClosed, let_output_block
from tap_kustomer.sync import bug_sentence

__all__ = ["KustomerCommand"]

logger = logging.getLogger("tap-kustomer")

_OF_WRITING = {errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EINVAL, errno.EIO, errno.ENOSPC}
"""What writing to a file ends with that was open already."""


class KustomerCommand(SingerCommand):
    """The tap's command."""

    @classmethod
    def of(cls, command: click.Command, tap_class: type[CommandTap]) -> KustomerCommand:
        """Return the SDK's ``command`` with this class's ends."""
        return cls(
            name=command.name,
            callback=_runner(tap_class),
            context_settings=command.context_settings,
            params=[*map(_with_own_reading, command.params), _CHECK, _REPORT, _RECORD],
            help=HELP,
            epilog=EXAMPLES,
            logger=tap_class.logger,
        )

    @override
    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command and leave the process with its status; every error is a sentence."""
        let_output_block()
        logger.addFilter(is_worth_reading)
        try:
            # Else click itself would leave, with a page on how to use the command and status 2.
            status = super().main(*args, **{**kwargs, "standalone_mode": False})
        except ConfigValidationError as error:
            leave(1, *error.errors)
        except KustomerError as error:
            leave(1, str(error))
        except click.ClickException as error:
            leave(1, f"{error.format_message()} See tap-kustomer --help.")
        except (MapExpressionError, StreamMapConfigError):
            # Their texts repeat the expression, which may hold a salt.
            leave(
                1,
                "`stream_maps` is malformed; see https://sdk.meltano.com/en/latest/stream_maps.html.",
            )
        except StopRequested as stop:
            leave(stop.exit_status)
        except (click.Abort, KeyboardInterrupt):
            leave(130)
        except OutputClosed as closed:
            leave(1, *map(str, closed.args))
        except Exception as error:  # noqa: BLE001 - its own text could show a key or a row
            leave(1, *_unforeseen(error))
        leave(status if isinstance(status, int) else 0)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Run the callback; unlike the SDK's, errors reach ``main`` as they are."""
        logging.captureWarnings(capture=True)
        return click.Command.invoke(self, ctx)


def leave(status: int, *sentences: str) -> None:
    """End the process with ``status`` after saying why; never fails on a closed pipe."""
    for sentence in sentences:
        logger.error("%s", sentence)
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        if not sentences and not isinstance(error, (BrokenPipeError, ValueError)):
            logger.error("The output cannot be written: %s.", error.strerror)  # noqa: TRY400
        status = status or 1
        # Python flushes once more at its end and would complain about the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def _unforeseen(error: Exception) -> list[str]:
    """Return what to say of an error: none where who reads what the SDK prints is gone."""
    if isinstance(error, BrokenPipeError):
        return []
    if isinstance(error, OSError) and error.errno in _OF_WRITING and not error.filename:
        return [f"The output cannot be written: {error.strerror}."]
    logger.debug("Traceback of the error below: %s", frames_of(error))
    return [f"tap-kustomer: {bug_sentence(error)}"]


def _with_own_reading(option: click.Parameter) -> click.Parameter:
    """Return the option as the SDK made it, in our words, a bad file of it being a sentence."""
    if isinstance(option, click.Option) and option.name in OPTIONS:
        option.help = OPTIONS[option.name]
    if option.name == "config":
        option.callback = _config
    elif option.name in {"catalog", "state"}:
        option.type = click.STRING
    return option


def _config(
    _context: click.Context,
    _option: click.Parameter,
    paths: tuple[str, ...],
) -> _ConfigInput:
    merged: dict[str, Any] = {}
    for path in paths:
        if path != "ENV":
            merged |= read_config(path)
    return _ConfigInput(config=merged, parse_env="ENV" in paths)


_CHECK = click.Option(
    ["--check"],
    is_flag=True,
    help=(
        "Show which streams the key may read, which roles it lacks, how many rows, requests and "
        "minutes a first sync takes, and where this org's API differs from what the tap assumes. "
        "Add --format json for machine-readable output."
    ),
)


_REPORT = click.Option(
    ["--report"],
    metavar="FILE",
    help=(
        "With --check: also write what it found as Markdown that can be pasted into an issue. No "
        "value of a row, no key and no id is in it."
    ),
)
_RECORD = click.Option(
    ["--record"],
    metavar="DIR",
    help=(
        "With --check or a sync: keep all answers in a new folder, every value replaced by one of "
        "the same type and length."
    ),
)


def _check(found: Preflight, *, as_json: bool) -> int:
    if as_json:
        click.echo(found.as_json())
    else:
        print_table(found, sys.stdout)
        if found.contact is not None:
            print_contact(found.contact, sys.stdout)
    return 0 if found.works else 1


def collect_garbage_rarely() -> None:
    """Run the cycle collector rarely: a page makes 75,000 objects and no cycles.

    Checking each of them repeatedly took a third of the processor time.
    """
    gc.freeze()
    gc.set_threshold(250_000, 20, 20)


def _runner(tap_class: type[CommandTap]) -> Any:
    def run(  # noqa: PLR0913 - the options of the command line
        *,
        about: bool = False,
        check: bool = False,
        about_format: str | None = None,
        config: Any = None,
        state: str | None = None,
        catalog: str | None = None,
        report: str | None = None,
        record: str | None = None,
    ) -> None:
        if about:
            tap_class.print_about(about_format)
            return
        if report is not None and not check:
            msg = "--report goes with --check: it writes what --check finds."
            raise click.UsageError(msg)
        if report is not None:
            write_report(report, "")  # before the first request: nobody waits for it in vain
        recorder = None if record is None else Recorder(record)
        quieten(tap_class.logger, is_check=check)
        tap_class.print_version(print_fn=tap_class.logger.info)
        tap = tap_class(
            config=config.config,
            state=None if state is None else read_state(state),
            catalog=None if catalog is None else read_catalog(catalog),
            parse_env_config=config.parse_env,
            validate_config=True,
            looks=check,
            recorder=recorder,
        )
        if check:
            found = tap.preflight()
            if report is not None:
                write_report(report, tap.report(found))
            leave(_check(found, as_json=about_format == "json"))
        collect_garbage_rarely()
        tap.sync_all()
        leave(tap.exit_status)

    return run
