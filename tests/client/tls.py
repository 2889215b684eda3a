"""TLS in front of a simulated org, with a certificate of an authority that nobody knows."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["Authority", "in_front_of"]

_CHUNK = 65_536


class Authority:
    """A certificate authority in a folder, and the certificates of servers that it signs."""

    def __init__(self, folder: Path) -> None:
        """Make it. Skips the test where there is no openssl."""
        program = shutil.which("openssl")
        if program is None:
            pytest.skip("there is no openssl to make a certificate with")
        self._program, self._folder = program, folder
        self.bundle = folder / "authority.pem"
        self._openssl(
            *("req", "-x509", "-subj", "/CN=A Corporation", *self._new_key("authority")),
            *("-addext", "basicConstraints=critical,CA:TRUE", "-days", "2"),
            *("-addext", "keyUsage=critical,keyCertSign", "-out", str(self.bundle)),
        )

    def context(self, name: str = "IP:127.0.0.1", days: int = 2) -> ssl.SSLContext:
        """Return what a server needs that is called ``name``, until ``days`` from now."""
        request, certificate = self._folder / "server.csr", self._folder / "server.pem"
        extensions = self._folder / "extensions"
        extensions.write_text(f"subjectAltName={name}\n")
        self._openssl(
            *("req", "-new", "-subj", "/CN=server", *self._new_key("server")),
            *("-out", str(request)),
        )
        self._openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.bundle)),
            *("-CAkey", str(self._folder / "authority.key"), "-set_serial", "7"),
            *("-days", str(days), "-extfile", str(extensions), "-out", str(certificate)),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, self._folder / "server.key")
        return context

    def folder_of_hashes(self, folder: Path) -> Path:
        """Return a folder that holds the certificate, named as OpenSSL looks for it."""
        folder.mkdir()
        done = self._openssl("x509", "-hash", "-noout", "-in", str(self.bundle))
        shutil.copy(self.bundle, folder / f"{done.strip()}.0")
        return folder

    def as_der(self, path: Path) -> Path:
        """Return the certificate in the form that Windows exports, which is no PEM."""
        self._openssl("x509", "-in", str(self.bundle), "-outform", "DER", "-out", str(path))
        return path

    def _new_key(self, name: str) -> tuple[str, ...]:
        return ("-newkey", "rsa:2048", "-nodes", "-keyout", str(self._folder / f"{name}.key"))

    def _openssl(self, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 - our own command
            [self._program, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout


@contextlib.contextmanager
def in_front_of(url: str, context: ssl.SSLContext) -> Iterator[str]:
    """Take TLS off whatever comes, hand it on to the server at ``url``, and yield the address."""
    host, _, port = url.removeprefix("http://").partition(":")
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(plain,), daemon=True).start()

    def serve(plain: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            plain,
            context.wrap_socket(plain, server_side=True) as secured,
            socket.create_connection((host, int(port))) as behind,
        ):
            answers = threading.Thread(target=pipe, args=(behind, secured), daemon=True)
            answers.start()
            pipe(secured, behind)
            answers.join()

    def pipe(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_CHUNK):
                sink.sendall(piece)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
