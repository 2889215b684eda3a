"""The command ``kustomer-webhooks``: every error is a sentence, with status 1."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys

import click

from tap_kustomer import __version__
from tap_kustomer.webhooks.errors import WebhookError, frames_of
from tap_kustomer.webhooks.logs import configure, logger
from tap_kustomer.webhooks.sample import send_sample
from tap_kustomer.webhooks.signature import SECRETS_VARIABLE, read_secrets
from tap_kustomer.webhooks.watch import Watcher

__all__ = ["main"]

_SECRETS_HELP = (
    "File with the webhook's secrets, one a line; by default they come from the environment, "
    f"{SECRETS_VARIABLE}, with commas between them."
)


def main() -> None:
    """Run the command line and leave the process with its status."""
    try:
        status = command.main(standalone_mode=False)
    except WebhookError as error:
        sys.exit(_end(str(error)))
    except click.ClickException as error:
        sys.exit(_end(f"{error.format_message()} See kustomer-webhooks --help."))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - its own text could show a body or a secret
        logger.debug("Traceback of the error below: %s", frames_of(error))
        sys.exit(
            _end(
                f"An unexpected {type(error).__name__}. This is an error of tap-kustomer: please "
                "report it; KUSTOMER_WEBHOOKS_LOGLEVEL=DEBUG shows the traceback."
            )
        )
    sys.exit(status if isinstance(status, int) else 0)


def _end(sentence: str) -> int:
    logger.error("%s", sentence)
    return 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def command() -> None:
    """Receive Kustomer's webhooks and start a sync when they come."""
    level = os.environ.get("KUSTOMER_WEBHOOKS_LOGLEVEL", "INFO")
    known = level.upper() in {"DEBUG", "INFO", "WARNING", "ERROR"}
    configure(level if known else logging.getLevelName(logging.INFO))


@command.command()
@click.option("--spool", required=True, envvar="KUSTOMER_WEBHOOK_SPOOL", help="The spool's file.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: a free one."
)
@click.option("--secrets-file", help=_SECRETS_HELP)
@click.option("--org", "org_id", help="Id of the org; by default that of the first event.")
@click.option(
    "--keep-hours",
    default=168.0,
    show_default=True,
    type=click.FloatRange(0, 87_600),
    help="How long an event stays in the spool after its arrival, once it was loaded.",
)
def serve(  # noqa: PLR0913 - the options of the command
    *,
    spool: str,
    host: str,
    port: int,
    secrets_file: str | None,
    org_id: str | None,
    keep_hours: float,
) -> None:
    """Receive webhooks into a spool, until SIGTERM or SIGINT."""
    secrets = read_secrets(secrets_file)
    if importlib.util.find_spec("uvicorn") is None or importlib.util.find_spec("starlette") is None:
        msg = (
            "`kustomer-webhooks serve` needs the extra `webhooks`: install "
            "tap-kustomer[webhooks] from where you have tap-kustomer."
        )
        raise WebhookError(msg)
    from tap_kustomer.webhooks.serve import serve as run  # noqa: PLC0415 - needs the extra

    run(
        path=spool,
        secrets=secrets,
        host=host,
        port=port,
        org_id=org_id,
        keep_seconds=round(3600 * keep_hours),
    )


@command.command(context_settings={"ignore_unknown_options": True})
@click.option("--spool", required=True, envvar="KUSTOMER_WEBHOOK_SPOOL", help="The spool's file.")
@click.option(
    "--every",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds between two starts, at least.",
)
@click.option(
    "--at-least-every",
    default=3600.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds after which the command is started without an event; 0: never.",
)
@click.argument("sync", nargs=-1, required=True, type=click.UNPROCESSED)
def watch(spool: str, every: float, at_least_every: float, sync: tuple[str, ...]) -> int:
    """Start a command when events are in the spool: watch ... -- meltano run ..."""
    return Watcher(spool, sync, every=every, at_least_every=at_least_every).run()


@command.command("send-sample")
@click.option("--url", required=True, help="Where Kustomer is to send its events.")
@click.option("--secrets-file", help=_SECRETS_HELP)
@click.option(
    "--event", default="kustomer.conversation.update", show_default=True, help="The event's name."
)
@click.option(
    "--org",
    "org_id",
    help="Id of the org: then the sample is kept and loaded like an event of it.",
)
def sample(url: str, secrets_file: str | None, event: str, org_id: str | None) -> None:
    """Send one signed sample, to try the way to the spool."""
    click.echo(send_sample(url, read_secrets(secrets_file)[0], event, org_id))
