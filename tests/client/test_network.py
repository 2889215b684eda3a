"""Proxies and certificates of this machine: what no second try would change is said at once."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tap_kustomer.tap import TapKustomer

PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the machine of the test says about its own network."""
    for name in (*PROXIES, *BUNDLES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def sentence(caplog: pytest.LogCaptureFixture, url: str) -> str:
    """Return the one error of a discovery at ``url``, which ends at once."""
    tap = TapKustomer(config={"api_key": "k-5e", "api_url": url}, setup_mapper=False)
    began = time.monotonic()
    with pytest.raises(Exception, match=r".") as caught:
        _ = tap.org
    tap.close()
    assert time.monotonic() - began < 60
    assert "k-5e" not in caplog.text
    return str(caught.value)


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("socks5://127.0.0.1:9", "is a SOCKS proxy"),
        ("socks5h://user:pass@proxy:1080", "is a SOCKS proxy"),
        ("http://", "must look like"),
        ("http://bad host:80", "must look like"),
        ("proxy.corp:port", "must look like"),
        ("htp://proxy:80", "must look like"),
        ("http://[::1", "must look like"),
        ("http://127.0.0.1:99999", "must look like"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
def test_a_proxy_that_cannot_be_used_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    variable: str,
    proxy: str,
    words: str,
) -> None:
    """Not after ten minutes of tries; its address may hold a password."""
    monkeypatch.setenv(variable, proxy)
    said = sentence(caplog, "https://acme.invalid")
    assert words in said
    assert variable.upper() in said
    assert "pass@" not in said + caplog.text


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve TLS with a certificate of nobody whom the machine trusts."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]
    command += ["/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(  # noqa: S603 - our own command
        [*command, "-keyout", str(key), "-out", str(certificate)], capture_output=True, check=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # nobody trusts it
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("content", ["", "no certificate at all\n"], ids=["empty", "text"])
def test_a_bundle_without_certificates_names_its_variable(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    tls: str,
    content: str,
) -> None:
    """Not the host, which is innocent."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    said = sentence(caplog, tls)
    assert "REQUESTS_CA_BUNDLE" in said
    assert "holds certificates" in said
