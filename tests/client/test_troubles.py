"""What goes wrong on the way is a reason in words, with what to do where something can be done."""

from __future__ import annotations

import ssl

import pytest
from requests import exceptions

from tap_kustomer.client.failures import Refused, Retry, misconfigured, trouble
from tap_kustomer.errors import CredentialsError, KustomerError, MissingRoleError, NotFoundError


@pytest.mark.parametrize(
    ("error", "words", "unreachable"),
    [
        (exceptions.ProxyError("x"), "HTTPS_PROXY", True),
        (exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] x"), "REQUESTS_CA_BUNDLE", True),
        (exceptions.SSLError("wrong version"), "does not speak TLS", True),
        (exceptions.ConnectTimeout("x"), "did not accept a connection in time", True),
        (exceptions.ReadTimeout("x"), "no answer within `request_timeout` (42 seconds)", False),
        (exceptions.ConnectionError("Read timed out."), "`request_timeout` (42 seconds)", False),
        (exceptions.ConnectionError("NameResolutionError: x"), "could not be resolved", True),
        (exceptions.ConnectionError("Connection refused"), "was refused", True),
        (exceptions.ConnectionError("RemoteDisconnected"), "was cut (ConnectionError)", False),
        (exceptions.ChunkedEncodingError("x"), "was cut (ChunkedEncodingError)", False),
        (ConnectionResetError("x"), "was cut (ConnectionResetError)", False),
    ],
)
def test_each_trouble_has_its_reason(error: OSError, words: str, *, unreachable: bool) -> None:
    """Whether there was a connection decides how long it is tried; the address is not shown."""
    retry = trouble(error, 41.6)
    assert words in str(retry)
    assert retry.unreachable is unreachable
    assert retry.is_of_page is not unreachable
    assert (retry.paced, retry.asked) == (False, 0.0)


def test_a_failure_is_of_the_page_only_where_the_server_was_reached_and_not_too_often() -> None:
    """Else a smaller page would avoid nothing."""
    assert Retry("x").is_of_page
    assert not Retry("x", paced=True).is_of_page
    assert not Retry("x", unreachable=True).is_of_page
    assert not Refused("x", NotFoundError("x"), None).is_of_page


def test_two_refusals_are_the_same_when_error_words_and_complaints_are() -> None:
    """Whatever else the answers say."""
    complaint = frozenset({("a", "b")})

    def meaning(
        error: KustomerError, complaints: frozenset[tuple[str, str]] | None = None
    ) -> object:
        return Refused("x", error, complaints).meaning

    assert meaning(NotFoundError("x"), complaint) == meaning(NotFoundError("x"), complaint)
    assert meaning(NotFoundError("x")) != meaning(NotFoundError("y"))
    assert meaning(NotFoundError("x")) != meaning(MissingRoleError("x"))
    assert meaning(NotFoundError("x"), complaint) != meaning(NotFoundError("x"))


def caused(outer: OSError, inner: Exception, *, explicitly: bool) -> OSError:
    """Return ``outer`` as it is raised while ``inner`` is handled, or from it."""
    setattr(outer, "__cause__" if explicitly else "__context__", inner)
    return outer


@pytest.mark.parametrize("explicitly", [True, False])
@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (exceptions.InvalidSchema("x"), "SOCKS"),
        (exceptions.InvalidURL("x"), "must look like http://proxy.example.com:8080"),
        (exceptions.MissingSchema("x"), "must look like http://proxy.example.com:8080"),
        (ssl.SSLError("[X509: NO_CERTIFICATE_OR_CRL_FOUND]"), "REQUESTS_CA_BUNDLE"),
    ],
)
def test_what_this_machine_has_wrong_is_found_behind_any_error(
    monkeypatch: pytest.MonkeyPatch, inner: Exception, words: str, *, explicitly: bool
) -> None:
    """The library wraps what it raises, more than once; no second try would change it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://")
    middle = caused(OSError("y"), inner, explicitly=explicitly)
    error = misconfigured(caused(exceptions.ConnectionError("z"), middle, explicitly=explicitly))
    assert isinstance(error, CredentialsError)
    assert words in str(error)


def test_an_address_is_not_wrong_where_no_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it came from an answer, and may not come again."""
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    assert misconfigured(exceptions.InvalidURL("x")) is None


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConnectionError("x"),
        exceptions.ReadTimeout("x"),
        caused(exceptions.SSLError("x"), ssl.SSLError("wrong version"), explicitly=True),
    ],
)
def test_what_may_pass_is_no_fault_of_this_machine(error: OSError) -> None:
    """It is tried again."""
    assert misconfigured(error) is None


def test_any_other_error_of_the_system_is_a_file_of_certificates_that_cannot_be_read() -> None:
    """The library reads no other file."""
    for error in (OSError("no such bundle"), FileNotFoundError("x")):
        assert "REQUESTS_CA_BUNDLE" in str(misconfigured(error))
