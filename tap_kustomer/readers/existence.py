"""Which objects still exist, asked by id: many in one request where Kustomer takes several.

A missing id proves nothing by itself: the answer may be cut, speak of the first id alone, or come
from a firewall. Ids are asked for together with two objects that do exist, one at each end; an
answer without an id counts when it is an array with both of these, and when a second one agrees.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from tap_kustomer.client.codec import decode
from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.errors import (
    MissingRoleError,
    NotFoundError,
    RequestRefusedError,
    StreamError,
    UnknownEndpointError,
)
from tap_kustomer.readers.prefetch import Prefetch

__all__ = ["ById", "ExistenceReader", "is_id"]

logger = logging.getLogger("tap-kustomer.existence")

MOST_IDS = 150  # in one request, an address of 4 kB; each batch is asked twice
# Requests for single ids in one run, where an endpoint does not take several: some ten minutes of
# the smallest plan's budget.
MOST_SINGLE = 2000
_WITNESSES = 2
_TRIES = 3  # with other witnesses
_LISTED = 10  # objects, of which some may be among those that are asked about
is_id = re.compile(r"[0-9A-Za-z_-]{1,64}").fullmatch


@dataclass(frozen=True)
class ById:
    """Where objects of one type are read by id: ``path`` lists them, ``path/{id}`` is one."""

    path: str
    takes_several: bool = False  # documented; whether it does is found out


@dataclass(frozen=True)
class _Answer:
    ids: tuple[str, ...]
    is_array: bool

    @classmethod
    def parse(cls, raw: bytes) -> _Answer:
        """Return the ids in an answer. Raises ``ValueError`` when it holds no resources."""
        content = decode(raw)
        data = content.get("data") if isinstance(content, dict) else None
        rows = data if isinstance(data, list) else [data]
        ids = [row.get("id") if isinstance(row, dict) else None for row in rows]
        if not all(isinstance(id_, str) for id_ in ids):
            msg = "the answer holds no resources"
            raise ValueError(msg)
        return cls(tuple(str(id_) for id_ in ids), isinstance(data, list))


class ExistenceReader:
    """Asks which objects of one type are gone; one for each type and run."""

    def __init__(self, client: KustomerClient, prefetch: Prefetch, by_id: ById) -> None:
        """Ask nothing yet."""
        self._client = client
        self._prefetch = prefetch
        self._by_id = by_id
        self._several = by_id.takes_several
        self._size = MOST_IDS
        self._single = 0  # requests for single ids so far
        self._answers_one = False  # the endpoint was seen to give an object that exists
        self._witnesses: list[str] = []  # objects that exist

    def gone(self, ids: Iterable[str]) -> set[str]:
        """Return those of ``ids`` that Kustomer answers without.

        Raises: ``MissingRoleError``; ``StreamError`` when nothing can be said, or when too many
        would have to be asked for one by one.
        """
        left = [id_ for id_ in dict.fromkeys(ids) if is_id(id_)]
        gone: set[str] = set()
        while left and self._several:
            batch, rest = left[: self._size], left[self._size :]
            found = self._gone_of(batch)
            if found is None:
                continue
            gone |= found
            left = rest
        return gone | self._gone_one_by_one(left)

    def _gone_of(self, batch: Sequence[str]) -> set[str] | None:
        """Return the missing ones of ``batch``; ``None`` when it has to be asked otherwise."""
        for _ in range(_TRIES):  # a witness may be deleted meanwhile
            if len(self._find_witnesses(batch)) < _WITNESSES:
                break
            try:
                missing = self._missing(batch)
                if missing:
                    again = self._missing(sorted(missing, reverse=True))
                    missing = None if again is None else missing & again
            except NotFoundError:
                missing = None
            except RequestRefusedError:
                self._note("several-ids-most", f"{len(batch)} ids are refused")
                self._size //= 2  # so many ids may be too long an address
                self._several = self._size > 1
                return None
            if missing is not None:
                self._client.ledger.holds("several-ids")
                return missing
            self._witnesses = []
        logger.debug("%s: several ids in one request do not work here.", self._by_id.path)
        self._note("several-ids", "the answer is not one about all of them")
        self._several = False
        return None

    def _note(self, assumption: str, how: str) -> None:
        self._client.ledger.differs(assumption, how, self._by_id.path)

    def _missing(self, ids: Sequence[str]) -> set[str] | None:
        """Return the ids that the answer lacks; ``None`` when it is not one about all of them."""
        first, last = self._witnesses
        answer = self._ask(",".join([first, *ids, last]))
        found = set(answer.ids)
        if not answer.is_array or not {first, last} <= found <= {first, *ids, last}:
            return None
        return set(ids) - found

    def _find_witnesses(self, ids: Collection[str]) -> list[str]:
        """Return up to two objects that exist, none of ``ids``; the same ones while they can be."""
        if not self._witnesses or not set(ids).isdisjoint(self._witnesses):
            page = Request(self._by_id.path, {"page": 1, "pageSize": _LISTED})
            try:
                answer = self._prefetch.call(lambda: self._client.fetch(page, _Answer.parse))
            except (NotFoundError, RequestRefusedError):
                return []
            known = [id_ for id_ in answer.ids if is_id(id_) and id_ not in ids]
            self._witnesses = known[:_WITNESSES]
        return self._witnesses

    def _gone_one_by_one(self, ids: Sequence[str]) -> set[str]:
        if not ids:
            return set()
        if not self._answers_one and not self._answers_for_a_witness(ids):
            msg = (
                f"Kustomer's answers to {self._by_id.path} by id leave open which objects exist, "
                "so no deletion of these is confirmed. Report this to Kustomer's support."
            )
            raise StreamError(msg)
        self._single += len(ids)
        if self._single > MOST_SINGLE:
            msg = (
                f"{self._by_id.path} does not take several ids in one request, and more than "
                f"{MOST_SINGLE} would have to be requested one by one. The next run continues."
            )
            raise StreamError(msg)
        exists = self._prefetch.map(self._exists, ids)
        return {id_ for id_, one in zip(ids, exists, strict=True) if one is False}

    def _answers_for_a_witness(self, ids: Collection[str]) -> bool:
        """Whether the endpoint gives an object that exists, so that a 404 speaks of the id."""
        for _ in range(_TRIES):  # a witness may be deleted meanwhile
            witnesses = self._find_witnesses(ids)
            if not witnesses:
                return True  # there is no object to ask for, so a 404 is all that can be had
            if self._prefetch.call(partial(self._exists, witnesses[0])):
                self._answers_one = True
                return True
            self._witnesses = []
        return False

    def _exists(self, id_: str) -> bool | None:
        """Whether Kustomer has the object; ``None`` when the answer does not tell."""
        try:
            answer = self._fetch(id_)
        except UnknownEndpointError:
            return None
        except NotFoundError:
            return False
        return True if answer.ids == (id_,) else None

    def _ask(self, ids: str) -> _Answer:
        return self._prefetch.call(lambda: self._fetch(ids))

    def _fetch(self, ids: str) -> _Answer:
        try:
            return self._client.fetch(Request(f"{self._by_id.path}/{ids}"), _Answer.parse)
        except MissingRoleError:
            msg = f"This API key may not read {self._by_id.path} by id (status 403)."
            raise MissingRoleError(msg) from None
