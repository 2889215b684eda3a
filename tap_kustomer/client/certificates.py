"""The certificate authorities that TLS trusts: certifi's, and what the environment names.

`requests` reads REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE, which stand for all others. SSL_CERT_FILE
and SSL_CERT_DIR are what most networks with an authority of their own set, for every program at
once; `requests` does not read them, so they are added here.
"""

from __future__ import annotations

import logging
import os
import ssl
from functools import cached_property
from pathlib import Path
from typing import Any

from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3.util.ssl_ import create_urllib3_context

__all__ = ["Adapter", "advice"]

logger = logging.getLogger("tap-kustomer.client")

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_FILE, _FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"
_KEY_LOG = "SSLKEYLOGFILE"


class Adapter(HTTPAdapter):
    """Sends requests, over TLS that also trusts what SSL_CERT_FILE and SSL_CERT_DIR name."""

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **{**kwargs, **self._trusting})

    @override
    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **proxy_kwargs, **self._trusting)

    @override
    def close(self) -> None:
        """Close the connections now; `requests` leaves that to the garbage collector."""
        for one in (self.poolmanager, *self.proxy_manager.values()):
            for host in one.pools.keys():  # noqa: SIM118 - it cannot be iterated over itself
                if (pool := one.pools.get(host)) is not None:
                    pool.close()
        super().close()

    @cached_property
    def _trusting(self) -> dict[str, Any]:
        return _trusting()


def advice() -> str:
    """Return what helps where nobody who is trusted vouches for a host."""
    variables = (*_BUNDLES, _FILE, _FOLDER)
    known = next((name for name in variables if os.environ.get(name)), None)
    if known is None:
        return (
            "if your network has its own certificate authority, name a file with its certificate "
            f"in {_FILE} or {_BUNDLES[0]}"
        )
    return (
        f"nothing in what {known} names vouches for it; if your network has its own certificate "
        "authority, its certificate must be there, in PEM form"
    )


def _trusting() -> dict[str, Any]:
    """Return the argument of a pool; `requests` adds the authorities of certifi by itself.

    A variable that leads nowhere is no reason to end: a host that certifi knows needs none.
    """
    _need_no_key_log()
    places = {name: os.environ.get(name) for name in (_FILE, _FOLDER)}
    if any(os.environ.get(name) for name in _BUNDLES) or not any(places.values()):
        return {}
    context = create_urllib3_context()
    for variable, path in places.items():
        if path and (problem := _add(context, variable, path)):
            logger.warning("%s is not used: what it names %s.", variable, problem)
    return {"ssl_context": context}


def _need_no_key_log() -> None:
    """Forget where the keys of TLS shall be logged, if that cannot be: urllib3 would end there."""
    path = os.environ.get(_KEY_LOG)
    try:
        if path:
            Path(os.path.expandvars(path)).open("ab").close()
    except OSError as error:
        del os.environ[_KEY_LOG]
        logger.warning("%s is not used: %s cannot be written (%s).", _KEY_LOG, path, error.strerror)


def _add(context: ssl.SSLContext, variable: str, path: str) -> str | None:
    """Trust what ``path`` holds; return why that cannot be, if it cannot."""
    is_folder = Path(path).is_dir()
    if variable == _FILE and is_folder:
        return f"is a folder; {_FOLDER} is for those"
    if variable == _FOLDER and not is_folder:
        return "is no folder"
    try:
        context.load_verify_locations(
            cafile=None if is_folder else path, capath=path if is_folder else None
        )
    except ssl.SSLError:
        return "holds no certificate in PEM form"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None
