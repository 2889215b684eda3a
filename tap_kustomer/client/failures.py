"""What went wrong on the way, in words: the library's own texts would show whole addresses."""

from __future__ import annotations

import errno
import ssl
from typing import NamedTuple
from urllib.request import getproxies

from requests import exceptions

from tap_kustomer.client.certificates import advice
from tap_kustomer.client.responses import Complaints
from tap_kustomer.errors import CredentialsError, KustomerError

__all__ = ["Refused", "Retry", "misconfigured", "trouble"]


class Retry(Exception):  # noqa: N818 - not an error until the time is up
    """This try gave nothing usable; the next may. The text says why, without any content.

    ``paced``: the limiter already holds the next try back. ``asked``: seconds that the answer
    asks to wait. ``unreachable``: there was no connection at all.
    """

    def __init__(
        self,
        reason: str,
        *,
        paced: bool = False,
        asked: float = 0.0,
        unreachable: bool = False,
    ) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.paced = paced
        self.asked = asked
        self.unreachable = unreachable

    @property
    def is_of_page(self) -> bool:
        """Whether the server was reached and failed: a smaller answer may be within its power."""
        return not (self.paced or self.unreachable)


class Refused(Retry):
    """The answer is a refusal; the next tries tell whether it is meant.

    ``error`` is what it means once it is confirmed, ``complaints`` what it complains about; those
    are ``None`` when the answer is not of Kustomer's form.
    """

    is_of_page = False

    def __init__(self, reason: str, error: KustomerError, complaints: Complaints | None) -> None:
        """Keep the error."""
        super().__init__(reason)
        self.error = error
        self.complaints = complaints

    @property
    def meaning(self) -> tuple[object, ...]:
        """What two refusals must have in common to be the same: error, status and complaints."""
        return (type(self.error), str(self.error), self.complaints)


class _Trouble(NamedTuple):
    """An error of the library, told by its type and by words in its text."""

    error: type[exceptions.RequestException]
    words: str
    reason: str
    unreachable: bool = True  # no connection at all, so trying for long is of little use


# The first that fits counts.
_TROUBLES = (
    _Trouble(
        exceptions.ProxyError,
        "",
        "the proxy named in the environment (HTTPS_PROXY, ALL_PROXY) did not connect",
    ),
    _Trouble(
        exceptions.SSLError,
        "certificate has expired",
        "the TLS certificate of the host has expired (check the clock of this machine)",
    ),
    _Trouble(
        exceptions.SSLError,
        "not yet valid",
        "the TLS certificate of the host is not valid yet (check the clock of this machine)",
    ),
    _Trouble(
        exceptions.SSLError,
        "mismatch",
        "the TLS certificate is that of another host (check `api_url` and `org_name`)",
    ),
    _Trouble(
        exceptions.SSLError,
        "CERTIFICATE_VERIFY_FAILED",
        "the TLS certificate of the host could not be verified ({advice})",
    ),
    _Trouble(exceptions.SSLError, "", "the host does not speak TLS (check `api_url`)"),
    _Trouble(exceptions.ConnectTimeout, "", "the host did not accept a connection in time"),
    _Trouble(exceptions.Timeout, "", "", unreachable=False),
    _Trouble(exceptions.ConnectionError, "Read timed out", "", unreachable=False),
    _Trouble(
        exceptions.ConnectionError,
        "NameResolution",
        "the host name could not be resolved (check `org_name`, `region` or `api_url`)",
    ),
    _Trouble(
        exceptions.ConnectionError,
        "refused",
        "the connection was refused (check `api_url`, and that the host is up)",
    ),
)


# The addresses of requests are the tap's own, so what is wrong with one is the proxy's.
_BAD_PROXY = (
    "The proxy that the environment names (HTTPS_PROXY, ALL_PROXY) has no address that can be "
    "used: it must look like http://proxy.example.com:8080. Correct the variable, or except "
    "Kustomer's host by NO_PROXY."
)
_SOCKS = (
    "The proxy that the environment names (HTTPS_PROXY, ALL_PROXY) is a SOCKS proxy, and the "
    "package for those is missing: install `pysocks` beside the tap (`pipx inject tap-kustomer "
    "pysocks`), name an http proxy, or except Kustomer's host by NO_PROXY."
)
_NO_CERTIFICATES = (
    "The certificates that TLS needs could not be read. Check that the file which "
    "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names in the environment is there and holds certificates."
)


# What reading a file ends with, and no connection.
_OF_A_FILE = {errno.ENOENT, errno.EACCES, errno.EISDIR, errno.EIO}


def misconfigured(error: OSError) -> CredentialsError | None:
    """Return what no second try would change: the proxy or the certificates of this machine."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, exceptions.InvalidSchema):
            return CredentialsError(_SOCKS)
        if isinstance(cause, (exceptions.InvalidURL, exceptions.MissingSchema)):
            return CredentialsError(_BAD_PROXY) if getproxies() else None
        if isinstance(cause, ssl.SSLError) and "NO_CERTIFICATE" in str(cause):
            return CredentialsError(_NO_CERTIFICATES)
        if (
            isinstance(error, exceptions.SSLError)
            and isinstance(cause, OSError)
            and not isinstance(cause, ssl.SSLError)
            and cause.errno in _OF_A_FILE
        ):
            return CredentialsError(_NO_CERTIFICATES)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, exceptions.RequestException):
        return None
    return CredentialsError(_NO_CERTIFICATES)


def trouble(error: OSError, timeout: float) -> Retry:
    """Return what happened as a reason to try again; ``timeout`` is in seconds."""
    text = str(error)
    for known in _TROUBLES:
        if isinstance(error, known.error) and known.words in text:
            reason = known.reason or f"no answer within `request_timeout` ({timeout:.0f} seconds)"
            reason = reason.replace("{advice}", advice())
            return Retry(reason, unreachable=known.unreachable)
    return Retry(f"the connection was cut ({type(error).__name__})")
