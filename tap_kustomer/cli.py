"""The command line: the SDK's options, and every error as one sentence with status 1."""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import click
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._util import load_json
from singer_sdk.plugin_base import SingerCommand

from tap_kustomer.check import preflight
from tap_kustomer.clock import StopRequested
from tap_kustomer.errors import KustomerError
from tap_kustomer.messages import OutputClosed

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from typing import IO

    from tap_kustomer.tap import TapKustomer

__all__ = ["KustomerCommand"]

logger = logging.getLogger("tap-kustomer")


class KustomerCommand(SingerCommand):
    """The tap's command."""

    @classmethod
    def of(cls, command: click.Command, tap_class: type[TapKustomer]) -> KustomerCommand:
        """Return the SDK's ``command`` with this class's ends."""
        return cls(
            name=command.name,
            callback=_runner(tap_class),
            context_settings=command.context_settings,
            params=[*command.params, _CHECK],
            help=command.help,
            logger=tap_class.logger,
        )

    @override
    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command and leave the process with its status."""
        try:
            return super().main(*args, **kwargs)
        except ConfigValidationError as error:
            leave(1, *error.errors)
        except KustomerError as error:
            leave(1, str(error))
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            leave(1, f"{error.filename}: {error.strerror}. Check the path of the file.")
        except ValueError as error:
            if not isinstance(error, json_errors()):
                raise
            leave(1, "A config, catalog or state file is no valid JSON. Check the file.")
        except OutputClosed:
            leave(1)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Run the callback; unlike the SDK's, errors reach ``main`` as they are."""
        logging.captureWarnings(capture=True)
        return click.Command.invoke(self, ctx)


def json_errors() -> tuple[type[ValueError], ...]:
    """Return the errors of the JSON readers that the SDK may use."""
    import json  # noqa: PLC0415 - needed only when something failed

    import simplejson  # noqa: PLC0415

    return (json.JSONDecodeError, simplejson.JSONDecodeError, UnicodeDecodeError)


def leave(status: int, *sentences: str) -> None:
    """End the process with ``status`` after saying why; never fails on a closed pipe."""
    for sentence in sentences:
        logger.error("%s", sentence)
    try:
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        # Python flushes once more at its end and would complain about the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


_CHECK = click.Option(
    ["--check"],
    is_flag=True,
    help=(
        "Show which streams the key may read, which roles it lacks, and how many rows, requests "
        "and minutes a full extract takes. With --format json for machines."
    ),
)


def _check(tap: TapKustomer, *, as_json: bool) -> int:
    found = preflight(tap)
    tap.close()
    if as_json:
        click.echo(found.as_json())
    else:
        found.print(sys.stdout)
    return 0 if found.works else 1


def collect_garbage_rarely() -> None:
    """Let whole pages of rows come and go between two looks for reference cycles.

    A page of 500 rows is about 75,000 objects and none of them is in a cycle; looking at each
    again and again took a third of the processor time.
    """
    gc.freeze()
    gc.set_threshold(250_000, 20, 20)


def _runner(tap_class: type[TapKustomer]) -> Any:  # noqa: ANN401 - what click calls
    def run(  # noqa: PLR0913 - the options of the command line
        *,
        about: bool = False,
        check: bool = False,
        about_format: str | None = None,
        config: Any = None,  # noqa: ANN401 - the SDK's private type
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        if about:
            tap_class.print_about(about_format)
            return
        if check and tap_class.logger.getEffectiveLevel() == logging.INFO:
            tap_class.logger.setLevel(logging.WARNING)  # the table says it all
        tap_class.print_version(print_fn=tap_class.logger.info)
        tap = tap_class(
            config=config.config,
            state=None if state is None else load_json(state.read()),
            catalog=None if catalog is None else load_json(catalog.read()),
            parse_env_config=config.parse_env,
            validate_config=True,
        )
        try:
            if check:
                leave(_check(tap, as_json=about_format == "json"))
            collect_garbage_rarely()
            tap.sync_all()
        except StopRequested:
            leave(tap.stop.exit_status)
        leave(tap.exit_status)

    return run
