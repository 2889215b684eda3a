"""Each refusal has its sentence: what happened, to whom, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator import Fault, Org, Simulator
from tap_kustomer.client.auth import KustomerAuthenticator
from tap_kustomer.client.rate_limit import RateLimiter
from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.clock import Clock
from tap_kustomer.errors import CredentialsError, KustomerError, UntrustedAnswerError
from tests.support import run_tap, sync_tap

ELSEWHERE = "https://elsewhere.example"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
@pytest.mark.parametrize("shape", ["A", "B", "legacy"])
def test_a_key_of_another_region_is_explained(status: int, shape: str) -> None:
    """Its status is documented nowhere, its words are; one request is enough."""
    with Simulator(pod_mismatch=status, error_shape=shape) as sim:
        with pytest.raises(CredentialsError, match="another region") as caught:
            sync_tap(sim.config, ["tags"])
        assert "`org_name`" in str(caught.value)
        assert "us, eu or in" in str(caught.value)
        assert len(sim.requests) == 1


def test_a_host_without_an_org_is_explained(sim: Simulator) -> None:
    """404 on the first question."""
    sim.refuse("/v1/users/current", 404)
    with pytest.raises(CredentialsError, match="no Kustomer org on this host"):
        sync_tap(sim.config, ["tags"])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(sim: Simulator, status: int) -> None:
    """Neither to another host nor within this one: the key goes where the settings say."""
    for to in (f"{ELSEWHERE}/v1/users/current", "/v1/users/current?again=1"):
        sim.reset_log()
        sim.faults.clear()
        sim.faults.add(
            Fault("redirect", path="/v1/users/current", status=status, to=to, times=None)
        )
        with pytest.raises(CredentialsError, match="redirected /v1/users/current"):
            sync_tap(sim.config, ["tags"])
        assert len(sim.requests) == 2  # one odd answer decides nothing


def test_a_missing_role_is_named_and_the_run_goes_on(sim: Simulator) -> None:
    """A stream that was never read is skipped; the sentence names the role and a way out."""
    sim.org.add("tag", count=2)
    sim.org.add("team", count=2)
    sim.refuse("/v1/teams", 403)
    output = sync_tap(sim.config, ["tags", "teams"])
    assert output.status == 0
    assert output.counts["tags"] == 2
    assert "teams: This API key may not read" in output.stderr
    assert "org.permission.team.read" in output.stderr
    assert "deselect teams" in output.stderr


@pytest.mark.parametrize(
    "link",
    [
        f"{ELSEWHERE}/v1/tags?page=2",
        "//elsewhere.example/v1/tags?page=2",
        "https://127.0.0.1/v1/tags",
        "http://127.0.0.1:1/v1/tags",
        "http://user@elsewhere.example/v1/tags",
        r"http://127.0.0.1:9\@elsewhere.example/v1/tags",
        "http://[::1/v1/tags",
        "javascript:alert(1)",
        "file:///etc/passwd",
    ],
)
def test_a_next_link_to_elsewhere_is_refused(link: str) -> None:
    """Another host, port or scheme: the key stays here."""
    client = client_of("http://127.0.0.1:9")
    with pytest.raises(UntrustedAnswerError, match="links its next page to another host"):
        client.next_request(Request("/v1/tags"), link)


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("/v1/tags?page=2", "/v1/tags?page=2"),
        ("https://acme.api.kustomerapp.com/v1/tags?page=2", "/v1/tags?page=2"),
        ("https://ACME.api.kustomerapp.com:443/v1/tags?page=2", "/v1/tags?page=2"),
        ("?page=2", "/v1/tags?page=2"),
        ("/v1//elsewhere.example/tags", "/v1//elsewhere.example/tags"),
    ],
)
def test_a_next_link_on_the_same_host_is_followed(link: str, path: str) -> None:
    """Relative as documented, or whole, with the port spelt out or not."""
    client = client_of("https://acme.api.kustomerapp.com")
    assert client.next_request(Request("/v1/tags"), link).path == path


def test_a_list_that_links_elsewhere_fails_alone(sim: Simulator) -> None:
    """The sentence names the stream; nothing was sent there."""
    sim.org.add("tag", count=150)
    sim.org.add("team", count=2)
    sim.faults.add(Fault("next_link_other_host", path="/v1/tags", to=ELSEWHERE))
    output = sync_tap(sim.config, ["tags", "teams"])
    assert output.status == 1
    assert "tags: Kustomer's answer to /v1/tags links its next page to another host" in (
        output.stderr
    )
    assert output.counts["teams"] == 2


@pytest.mark.parametrize("args", [(), ("--discover",), ("--test",), ("--check",)], ids=str)
def test_an_error_of_the_first_request_is_one_sentence(
    tmp_path: Path, args: tuple[str, ...]
) -> None:
    """On every way into the tap."""
    with Simulator(pod_mismatch=401) as sim:
        output = run_tap(sim.config, *args, folder=tmp_path)
    assert output.status == 1
    assert output.stderr.count("another region") == 1
    assert "Traceback" not in output.stderr


def test_every_error_is_a_sentence_with_an_end() -> None:
    """No error class without a text of its own."""
    for status in (300, 400, 401, 403, 404, 405, 409, 410, 422):
        org = Org(seed=1)
        with Simulator(org) as sim:
            sim.faults.add(Fault("status", status=status, path="/v1/users/current", times=None))
            with pytest.raises(KustomerError) as caught:
                sync_tap(sim.config, ["tags"])
            assert str(caught.value).endswith(".")
            assert "/v1/users/current" in str(caught.value)
            assert "Simulated" not in str(caught.value), "the body of an answer"


def client_of(api_url: str, **options: Any) -> KustomerClient:
    """Return a client that has sent nothing."""
    clock = Clock()
    return KustomerClient(
        api_url=api_url,
        authenticator=KustomerAuthenticator(token="k", origin=api_url),  # noqa: S106 - none
        limiter=RateLimiter(clock),
        clock=clock,
        user_agent="test",
        timeout=5,
        max_elapsed=5,
        connections=1,
        **options,
    )
