"""A network with a certificate authority of its own: what the tap trusts, and what it says."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from simulator import Org, Simulator
from tests.airbyte.support import configured, run_source, spawn_source
from tests.client.tls import Authority, in_front_of
from tests.support import Output, catalog_of, run_tap

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the machine of the test trusts, and its proxies."""
    for name in os.environ.keys() & {*VARIABLES, "HTTPS_PROXY", "https_proxy", "ALL_PROXY"}:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority that no bundle knows."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def served() -> Iterator[Simulator]:
    """Serve a small org."""
    org = Org(seed=9)
    org.add("tag", 3)
    with Simulator(org, limits=False) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def config(served: Simulator, authority: Authority) -> Iterator[dict[str, Any]]:
    """Return the settings that lead to the org by TLS."""
    with in_front_of(served.url, authority.context()) as url:
        yield {**served.config, "api_url": url}


@pytest.fixture(scope="module")
def catalog(served: Simulator) -> dict[str, Any]:
    """Return the catalog of one stream."""
    return catalog_of(served.config, ["tags"])


class Reader:
    """Reads the stream with a variable or two in the environment."""

    def __init__(self, catalog: Mapping[str, Any], folder: Path) -> None:
        self._catalog, self._folder = catalog, folder

    def __call__(self, config: Mapping[str, Any], **env: object) -> Output:
        """Run the tap."""
        given = {name: str(value) for name, value in env.items()}
        return run_tap(config, catalog=self._catalog, env=given, speed=500, folder=self._folder)


@pytest.fixture
def read(catalog: dict[str, Any], tmp_path: Path) -> Reader:
    """Return what reads."""
    return Reader(catalog, tmp_path)


def refused(output: Output) -> str:
    """Return what a run said that failed, which holds no traceback."""
    assert output.status == 1
    assert "Traceback" not in output.stderr
    assert not output.messages
    return output.stderr


def test_without_a_variable_the_ones_that_help_are_named(
    config: dict[str, Any], read: Reader
) -> None:
    """Not ten minutes later."""
    said = refused(read(config))
    assert "name a file with its certificate in SSL_CERT_FILE or REQUESTS_CA_BUNDLE" in said


@pytest.mark.parametrize("variable", VARIABLES)
def test_each_variable_that_names_the_authority_lets_the_run_work(
    config: dict[str, Any], authority: Authority, read: Reader, tmp_path: Path, variable: str
) -> None:
    """Networks set SSL_CERT_FILE for all programs; `requests` would read two of the others."""
    named = authority.bundle
    if variable == "SSL_CERT_DIR":
        named = authority.folder_of_hashes(tmp_path / "authorities")
    output = read(config, **{variable: named})
    assert output.status == 0, output.stderr
    assert len(output.records("tags")) == 3


def test_a_bundle_for_requests_wins_over_the_file_for_all(
    config: dict[str, Any], authority: Authority, read: Reader, tmp_path: Path
) -> None:
    """It stands for whom this one program shall trust, so nothing is added to it."""
    other = tmp_path / "other"
    other.mkdir()
    stranger = Authority(other).bundle
    good = read(config, REQUESTS_CA_BUNDLE=authority.bundle, SSL_CERT_FILE=stranger)
    assert good.status == 0, good.stderr
    bad = read(config, REQUESTS_CA_BUNDLE=stranger, SSL_CERT_FILE=authority.bundle)
    assert "nothing in what REQUESTS_CA_BUNDLE names vouches for it" in refused(bad)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("kind", ["missing", "empty", "text", "folder", "der", "unreadable"])
def test_a_variable_that_leads_nowhere_is_named(
    request: pytest.FixtureRequest, read: Reader, tmp_path: Path, variable: str, kind: str
) -> None:
    """With what is wrong with the file, of any kind."""
    config, authority = (request.getfixturevalue(name) for name in ("config", "authority"))
    path = tmp_path / "bundle"
    if kind == "folder":
        path.mkdir()
    elif kind == "der":
        authority.as_der(path)
    elif kind == "unreadable":
        path = Path("/proc/self/mem")
    elif kind != "missing":
        path.write_text("" if kind == "empty" else "no certificate at all\n")
    assert variable in refused(read(config, **{variable: path}))


def test_a_file_for_all_that_leads_nowhere_does_no_harm_where_it_is_not_needed(
    served: Simulator, read: Reader, tmp_path: Path
) -> None:
    """A variable of another machine, and a host that needs none."""
    output = read(served.config, SSL_CERT_FILE=tmp_path / "nowhere.pem")
    assert output.status == 0, output.stderr
    assert len(output.records("tags")) == 3


@pytest.mark.parametrize("place", ["none/keys.log", ".", "/proc/version"])
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_key_log_that_cannot_be_written_is_a_warning(
    request: pytest.FixtureRequest, read: Reader, tmp_path: Path, variable: str, place: str
) -> None:
    """It helps somebody to debug another program, and no load need fail for that."""
    config, authority = (request.getfixturevalue(name) for name in ("config", "authority"))
    path = tmp_path / place
    output = read(config, **{variable: authority.bundle}, SSLKEYLOGFILE=path)
    assert output.status == 0, output.stderr
    assert len(output.records("tags")) == 3
    assert output.stderr.count("SSLKEYLOGFILE is not used") == 1
    good = read(config, **{variable: authority.bundle}, SSLKEYLOGFILE=tmp_path / "keys.log")
    assert good.status == 0, good.stderr
    assert "SSLKEYLOGFILE" not in good.stderr
    assert (tmp_path / "keys.log").stat().st_size


@pytest.mark.parametrize(
    "case",
    [
        ("IP:127.0.0.2", 2, "is that of another host (check `api_url`"),
        ("DNS:acme.api.kustomerapp.com", 2, "is that of another host (check `api_url`"),
        ("IP:127.0.0.1", -1, "has expired (check the clock of this machine)"),
    ],
)
def test_a_certificate_that_is_wrong_in_another_way_says_so(
    served: Simulator, authority: Authority, read: Reader, case: tuple[str, int, str]
) -> None:
    """No variable would help."""
    name, days, words = case
    with in_front_of(served.url, authority.context(name, days)) as url:
        config = {**served.config, "api_url": url}
        said = refused(read(config, SSL_CERT_FILE=authority.bundle))
    assert words in said
    assert "authority" not in said


def test_airbyte_reads_with_the_variable_and_is_told_of_it_without(
    served: Simulator,
    config: dict[str, Any],
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its pages show the sentence."""
    (catalog,) = run_source("discover", tmp_path, config=served.config).of_type("CATALOG")
    files = {
        "config": {**config, "backoff_max_elapsed_seconds": 1},
        "catalog": configured(catalog["streams"], ["tags"]),
    }
    refused = spawn_source("read", tmp_path, **files)
    asked = spawn_source("check", tmp_path, config=files["config"])
    for sentence in (refused.errors[0]["message"], asked.check["message"]):
        assert "in SSL_CERT_FILE or REQUESTS_CA_BUNDLE" in sentence
    assert "Traceback" not in json.dumps(refused.messages)

    with contextlib.ExitStack() as stack:
        context = stack.enter_context(monkeypatch.context())
        context.setenv("SSL_CERT_FILE", str(authority.bundle))
        assert len(spawn_source("read", tmp_path, **files).records("tags")) == 3
        context.setenv("SSL_CERT_FILE", str(tmp_path))
        again = spawn_source("read", tmp_path, **files)
    assert "what SSL_CERT_FILE names vouches" in again.errors[0]["message"]
    assert any("SSL_CERT_FILE is not used" in text for text in again.logs())
