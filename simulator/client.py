"""Asks a simulator the plain way: no retries, no pacing. For its own tests and for a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from simulator.jsontypes import JSON
    from simulator.server.simulator import Simulator

TIMEOUT = 10.0  # real seconds
LONG_AGO = "2000-01-01T00:00:00.000Z"


class Client:
    """One HTTP session with the simulator's own key."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {simulator.knobs.api_key}"

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the session's connections."""
        self._session.close()

    def get(self, path: str, **params: object) -> requests.Response:
        """Return the answer to a GET; ``path`` may carry a query."""
        return self._session.get(
            self._simulator.url + path,
            params={name: str(value) for name, value in params.items()},
            timeout=TIMEOUT,
            allow_redirects=False,
        )

    def delete(self, path: str) -> requests.Response:
        """Return the answer to a DELETE."""
        return self._session.delete(self._simulator.url + path, timeout=TIMEOUT)

    def post(self, path: str, body: object, **params: object) -> requests.Response:
        """Return the answer to a POST of a JSON body."""
        return self._session.post(
            self._simulator.url + path,
            params={name: str(value) for name, value in params.items()},
            json=body,
            timeout=TIMEOUT,
        )

    def search(  # noqa: PLR0913  # what a search is made of
        self,
        context: str,
        *,
        since: str = LONG_AGO,
        archive: bool = False,
        page: int = 1,
        size: int = 500,
        attribute: str | None = None,
        **more: object,
    ) -> requests.Response:
        """Return the answer to a search in order of `updatedAt`; ``more`` goes into the body."""
        name = attribute or f"{context}_updated_at"
        body = {
            "queryContext": context,
            "and": [{name: {"gte": since}}],
            "sort": [{name: "asc"}],
            **more,
        }
        path = "/v1/customers/archive/search" if archive else "/v1/customers/search"
        return self.post(path, body, page=page, pageSize=size)

    def pages(self, path: str) -> list[JSON]:
        """Return the pages of a list, following `links.next`."""
        found: list[JSON] = []
        following: str | None = path
        while following:
            found.append(self.get(following).json())
            following = (found[-1].get("links") or {}).get("next")
        return found


def ids(document: JSON) -> list[str]:
    """Return the ids of a page's rows."""
    return [row["id"] for row in document["data"]]
