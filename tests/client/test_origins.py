"""Who answers an address: the key goes to that host and port only."""

from __future__ import annotations

import pytest

from tap_kustomer.client.auth import Origin


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://acme.api.kustomerapp.com/v1/x?y", ("https", "acme.api.kustomerapp.com", 443)),
        ("https://ACME.api.kustomerapp.com:443", ("https", "acme.api.kustomerapp.com", 443)),
        ("https://acme.api.kustomerapp.com:8443", ("https", "acme.api.kustomerapp.com", 8443)),
        ("http://127.0.0.1/v1", ("http", "127.0.0.1", 80)),
        ("ftp://127.0.0.1/v1", ("ftp", "127.0.0.1", None)),
        ("/v1/x", ("", "", None)),
    ],
)
def test_an_origin_has_the_port_that_its_scheme_means(
    url: str, origin: tuple[str, str, int | None]
) -> None:
    """Whether it is spelt out or not."""
    assert Origin.of(url) == origin


@pytest.mark.parametrize("url", ["http://[::1/v1", "https://host:port/"])
def test_what_is_no_address_is_a_value_error(url: str) -> None:
    """Nothing is sent there."""
    with pytest.raises(ValueError, match=r"."):
        Origin.of(url)
