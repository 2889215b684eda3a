"""The key and the rows go to one place each: Kustomer's host, and standard output."""

from __future__ import annotations

import base64
import http.server
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator import Fault, Simulator
from tap_kustomer.client.auth import KustomerAuthenticator
from tests.client.test_errors import client_of
from tests.support import Output, catalog_of, run_tap

KEY = "eyJhbGciOi.k-3f9c2b.very_secret"
ROW = "row-value-5d1e"
DEBUG = {"TAP_KUSTOMER_LOGLEVEL": "DEBUG", "LOGLEVEL": "DEBUG"}


@pytest.fixture
def secret_sim() -> Iterator[Simulator]:
    """An org with a telling key and telling rows."""
    with Simulator(api_key=KEY) as sim:
        sim.org.add("customer", count=3, name=ROW)
        sim.org.add("tag", count=3, name=ROW)
        yield sim


def assert_silent(output: Output) -> None:
    """Check that neither the key nor a row is anywhere but in records."""
    for text in (KEY, ROW, base64.b64encode(KEY.encode()).decode()):
        assert text not in output.stderr
        assert text not in json.dumps(output.of_type("STATE") + output.of_type("SCHEMA"))
    assert KEY not in json.dumps(output.messages)


FAULTS: dict[str, dict[str, Any]] = {
    "none": {},
    "status": {"kind": "status", "status": 500, "body": f'{{"error": "{ROW} {KEY}"}}'},
    "refusal": {"kind": "status", "status": 418, "body": f'{{"error": "{ROW} {KEY}"}}'},
    "unauthorized": {"kind": "status", "status": 401, "body": f"{ROW} {KEY}"},
    "bad JSON": {"kind": "invalid_json", "body": f'{{"data": [{{"name": "{ROW} {KEY}'.encode()},
    "reset": {"kind": "reset"},
    "redirect": {"kind": "redirect", "to": f"https://elsewhere.example/?key={KEY}&row={ROW}"},
    "no id": {"kind": "missing_id"},
    "other host": {"kind": "next_link_other_host", "to": f"https://{ROW}.example"},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_log_shows_the_key_a_row_or_a_body(
    secret_sim: Simulator, tmp_path: Path, fault: str
) -> None:
    """At the most talkative level, whatever goes wrong."""
    catalog = catalog_of(secret_sim.config, ["customers", "tags"])
    if fault != "none":
        detail = FAULTS[fault]
        for path in ("/v1/customers/search", "/v1/tags"):
            secret_sim.faults.add(Fault(**detail, path=path, times=None))
    config = {**secret_sim.config, "backoff_max_elapsed_seconds": 1}
    output = run_tap(config, catalog=catalog, env=DEBUG, speed=20, folder=tmp_path)
    assert output.status == (0 if fault == "none" else 1)
    assert "DEBUG" in output.stderr
    assert_silent(output)


@pytest.mark.parametrize("args", [("--about",), ("--about", "--format=json"), ("--discover",)])
def test_what_describes_the_tap_does_not_show_the_key(
    secret_sim: Simulator, tmp_path: Path, args: tuple[str, ...]
) -> None:
    """Also with the key in the environment."""
    env = {**DEBUG, "TAP_KUSTOMER_API_KEY": KEY}
    output = run_tap(secret_sim.config, *args, "--config=ENV", env=env, folder=tmp_path)
    assert output.status == 0
    stdout = output.stdout
    assert KEY not in stdout + output.stderr


class _OddHeaders(http.server.BaseHTTPRequestHandler):
    """Answers with a header line that is none."""

    line = b""

    def do_GET(self) -> None:
        """Answer with a list of nothing."""
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 11\r\n"
        self.wfile.write(head + self.line + b'\r\n\r\n{"data":[]}')

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("line", [f"{ROW} {KEY}", f" {ROW}", f"{ROW}\r\n: {KEY}"], ids=repr)
def test_a_header_that_is_none_is_not_shown(
    secret_sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """The library would log it with a traceback, beside the whole address."""
    monkeypatch.setattr(_OddHeaders, "line", line.encode())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _OddHeaders) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}"
        config = {**secret_sim.config, "api_url": url}
        output = run_tap(config, "--discover", env=DEBUG, speed=500, folder=tmp_path)
        server.shutdown()
    assert output.status == 0, output.stderr
    assert "Traceback (" not in output.stderr
    assert_silent(output)


@pytest.mark.parametrize("wrong", [[KEY], {"key": KEY}, f"{KEY} {KEY}"], ids=str)
def test_a_key_of_the_wrong_type_is_not_shown(
    secret_sim: Simulator, tmp_path: Path, wrong: Any
) -> None:
    """The SDK's own check would repeat the value."""
    config = {**secret_sim.config, "api_key": wrong}
    output = run_tap(config, env=DEBUG, folder=tmp_path)
    assert output.status == 1
    assert_silent(output)


def test_a_bug_shows_no_row(secret_sim: Simulator, tmp_path: Path) -> None:
    """An error that nobody foresaw, in the middle of a row, with its traceback in the log."""
    maps = {"customers": {"name": "int(name)"}}
    output = run_tap(
        {**secret_sim.config, "stream_maps": maps},
        select=["customers"],
        env=DEBUG,
        folder=tmp_path,
    )
    assert output.status == 1
    assert_silent(output)


def test_netrc_does_not_replace_the_key(secret_sim: Simulator, tmp_path: Path) -> None:
    """`requests` would send its password instead."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password other-secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    env = {"HOME": str(tmp_path), "NETRC": str(tmp_path / ".netrc")}
    output = run_tap(secret_sim.config, select=["tags"], env=env, folder=tmp_path)
    assert output.status == 0
    sent = {log.headers["authorization"] for log in secret_sim.requests}
    assert sent == {f"Bearer {KEY}"}


class _Proxy(http.server.BaseHTTPRequestHandler):
    """Notes what it is asked, and refuses it."""

    seen: list[str] = []  # noqa: RUF012 - one proxy per test module

    def do_GET(self) -> None:
        """Note a plain request, headers included."""
        self.seen.append(f"{self.requestline} {self.headers}")
        self.send_error(502)

    do_POST = do_CONNECT = do_GET  # noqa: N815

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def proxy() -> Iterator[str]:
    """A proxy that sees what is sent through it."""
    _Proxy.seen.clear()
    with http.server.HTTPServer(("127.0.0.1", 0), _Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_proxy_of_the_environment_never_sees_the_key(
    secret_sim: Simulator, tmp_path: Path, proxy: str
) -> None:
    """Plain http goes past it; https goes through it as a tunnel, key inside."""
    env = dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"), proxy)
    env["no_proxy"] = ""
    output = run_tap(secret_sim.config, select=["tags"], env=env, folder=tmp_path)
    assert output.status == 0
    assert not _Proxy.seen
    config = {**secret_sim.config, "api_url": "https://acme.example"}
    output = run_tap(config, env=env, speed=500, folder=tmp_path)
    assert output.status == 1
    assert "the proxy named in the environment" in output.stderr
    assert _Proxy.seen
    assert all(line.startswith("CONNECT acme.example:443") for line in _Proxy.seen)
    assert KEY not in "".join(_Proxy.seen)


def test_a_missing_certificate_file_is_one_sentence(secret_sim: Simulator, tmp_path: Path) -> None:
    """As REQUESTS_CA_BUNDLE of another machine."""
    config = {**secret_sim.config, "api_url": "https://127.0.0.1:9"}
    env = {"REQUESTS_CA_BUNDLE": str(tmp_path / "nowhere.pem")}
    output = run_tap(config, env=env, speed=500, folder=tmp_path)
    assert output.status == 1
    assert "REQUESTS_CA_BUNDLE" in output.stderr
    assert "Traceback" not in output.stderr


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/v1/users",
        "http://acme.api.kustomerapp.com/v1/users",
        "https://acme.api.kustomerapp.com:8443/v1/users",
        "https://acme.api.kustomerapp.com.elsewhere.example/v1/users",
        "https://acme.api.kustomerapp.com@elsewhere.example/v1/users",
    ],
)
def test_the_key_is_added_for_the_configured_host_only(url: str) -> None:
    """Whatever code asks for it."""
    auth = KustomerAuthenticator(token=KEY, origin="https://acme.api.kustomerapp.com")
    request = requests.Request("GET", url).prepare()
    with pytest.raises(ValueError, match="The API key was kept back"):
        auth(request)
    assert "Authorization" not in request.headers
    assert KEY not in repr(auth)


def test_the_client_shows_no_key(caplog: pytest.LogCaptureFixture) -> None:
    """Objects end up in debuggers and crash reports."""
    with caplog.at_level(logging.DEBUG):
        client = client_of("https://acme.api.kustomerapp.com")
    assert "Bearer" not in repr(client) + repr(vars(client)) + caplog.text
