"""Adds the API key to a request, to the configured host only."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase
from singer_sdk.authenticators import BearerTokenAuthenticator
from typing_extensions import override

__all__ = ["KustomerAuthenticator", "Origin"]

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Who answers an address: what decides whether the key may be sent."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def of(cls, url: str) -> Origin:
        """Return the origin of ``url``. Raises ``ValueError`` when it is no address."""
        parts = urlsplit(url)
        return cls(parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme))


class KustomerAuthenticator(BearerTokenAuthenticator, AuthBase):
    """Bearer token of Kustomer; refuses to show it to any other host.

    Being a ``requests`` auth object it also keeps ``.netrc`` from replacing the header.
    Source: https://developer.kustomer.com/docs/get-started/api-keys-and-roles
    """

    def __init__(self, *, token: str, origin: str) -> None:
        """Keep the key for ``origin``, which is scheme and host without a path."""
        super().__init__(token=token)
        self._origin = Origin.of(origin)

    @override
    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Return the request with its ``Authorization`` header.

        Raises: ``ValueError`` when the request goes to another host than the configured one.
        """
        if Origin.of(r.url or "") != self._origin:
            msg = "The API key was kept back: the request went to another host."
            raise ValueError(msg)
        r.headers.update(self.auth_headers)
        return r

    def __repr__(self) -> str:
        """Return a text without the key."""
        return f"{type(self).__name__}(host={self._origin.host!r})"
