"""A thread with an event loop of its own that serves HTTP on the loopback interface."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

HOST = "127.0.0.1"
STOP_WITHIN = 0.5  # seconds that open requests have to end
_TICKS = 5  # of the event loop, in which an accepted connection is made


class Response(web.Response):
    """A response that can leave out the `Date` header, which aiohttp always adds."""

    dateless = False

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        if self.dateless:
            del self.headers["Date"]


class HttpThread:
    """Serves until it is stopped. The port can be closed for a while, as in an outage."""

    def __init__(self, handler: Handler, port: int = 0) -> None:
        self._handler = handler
        self.port = port
        self.stopping = False
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None

    def start(self) -> None:
        """Return when the port is open.

        Raises: ``OSError`` when it cannot be.
        """
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End all connections and the thread."""
        self.stopping = True
        if self._thread.is_alive() and self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def close_port(self) -> None:
        """Refuse new connections and end those that are open."""
        self._await(self._close_site())

    def open_port(self) -> None:
        """Serve again, on the same port."""
        self._await(self._open_site())

    def _await(self, work: Awaitable[None]) -> None:
        assert self._loop is not None  # noqa: S101  # the caller has started the server

        async def run() -> None:
            await work

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # noqa: BLE001  # it is raised in the starting thread
            self._failure = failure
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._server = web.Server(self._handler, access_log=None)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=STOP_WITHIN)
        await self._runner.setup()
        try:
            await self._open_site()
            self._ready.set()
            await self._stop.wait()
        finally:
            await self._stop_accepting()
            await self._runner.cleanup()

    async def _open_site(self) -> None:
        assert self._runner is not None  # noqa: S101  # made before the port opens
        self._site = web.TCPSite(self._runner, HOST, self.port, reuse_address=True)
        await self._site.start()
        self.port = self._runner.addresses[-1][1]

    async def _close_site(self) -> None:
        if self._site is not None and self._server is not None:
            await self._stop_accepting()
            await self._site.stop()
            self._site = None
            for connection in list(self._server.connections):
                transport = connection.transport
                if transport is not None:
                    transport.abort()
            await asyncio.sleep(0)

    async def _stop_accepting(self) -> None:
        """Accept nothing new, and let what is on its way come to its end.

        Nobody would ever close a connection that is accepted while its server closes.
        """
        listening = self._site._server if self._site is not None else None  # noqa: SLF001 - no other way
        for one in getattr(listening, "sockets", ()):
            asyncio.get_running_loop().remove_reader(one.fileno())
        for _ in range(_TICKS):
            await asyncio.sleep(0)
