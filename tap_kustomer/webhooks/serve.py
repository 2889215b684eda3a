"""Serves the receiver with uvicorn until SIGTERM or SIGINT; needs the extra `webhooks`."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from tap_kustomer.webhooks.errors import WebhookError
from tap_kustomer.webhooks.lock import lock
from tap_kustomer.webhooks.logs import logger
from tap_kustomer.webhooks.receiver import receiver
from tap_kustomer.webhooks.spool import Spool
from tap_kustomer.webhooks.writer import SpoolWriter

__all__ = ["serve"]

_CONNECTIONS = 256  # each may hold a body of 1 MiB
_STOP_SECONDS = 10  # for requests that are being answered when a signal comes


def serve(  # noqa: PLR0913 - the options of the command line
    *,
    path: str,
    secrets: Sequence[bytes],
    host: str,
    port: int,
    org_id: str | None,
    keep_seconds: int,
) -> None:
    """Receive events into the spool at ``path`` until a signal comes.

    Raises: ``SpoolError`` when the spool cannot be used, ``WebhookError`` for the address.
    """
    lock(Path(f"{path}.serve.lock"), "another `kustomer-webhooks serve`")
    spool = Spool(path, create=True)
    spool.set_keep(keep_seconds)
    if org_id is not None:
        spool.set_org(org_id)
    with _listen(host, port) as listening:
        address, real_port = listening.getsockname()[:2]
        config = uvicorn.Config(
            receiver(SpoolWriter(spool), secrets),
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        fields = {"host": address, "port": real_port, "spool": path}
        logger.info("listening", extra={"fields": fields})
        uvicorn.Server(config).run(sockets=[listening])
    logger.info("stopped")


def _listen(host: str, port: int) -> socket.socket:
    listening: socket.socket | None = None
    try:
        [(family, *_, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # Named as TCP, else asyncio leaves Nagle's delay of 40 milliseconds on: it looks for this.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(1024)
    except OSError as error:
        if listening is not None:
            listening.close()
        msg = f"Cannot listen on {host}, port {port}: {error.strerror}. Give another --port."
        raise WebhookError(msg) from None
    return listening
