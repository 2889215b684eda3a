"""Plain lists: page after page by ``links.next``, to an end that is proven or not at all."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.errors import MissingRoleError, NotFoundError, RequestRefusedError, StreamError
from tap_kustomer.readers.list_page import ListPage, has_id, identity, is_of_other_list
from tap_kustomer.readers.steps import ENDS_NOW, OTHER_KIND, SHORT, WITHOUT_ID, Doubt, Steps
from tap_kustomer.readers.versions import SeenVersions
from tap_kustomer.readers.walks import Walk, is_proven

__all__ = ["ListReader", "never_an_end", "read_known_list", "read_list", "read_one"]

logger = logging.getLogger("tap-kustomer.lists")

# AWS Glue's documentation says that no list gives more rows than this: UNCONFIRMED (list-depth).
SUSPICIOUS_ROWS = 10_000
_MOST_WALKS = 6
_MOST_ASKED = 3  # times for one page that is not what it should be
_REFUSALS = (NotFoundError, MissingRoleError, RequestRefusedError)


class _ContradictionError(Exception):
    """What one walk showed contradicts itself: nothing is concluded from it."""


class ListReader:
    """Walks through one list until nothing can be missing.

    A page is full unless it is the last. That it is the last is believed when it is not full,
    when a total agrees, or when the page behind it has no other rows. A list of several pages, or
    with fewer rows than ``at_least``, is walked through again: not even a total that agrees proves
    that it is whole, as rows may come for those that leave.
    """

    def __init__(  # noqa: PLR0913 - what is known of a list
        self,
        client: KustomerClient,
        path: str,
        params: Mapping[str, str],
        page_size: int,
        at_least: int,
        *,
        doubts_ids: bool = True,
    ) -> None:
        """Ask nothing yet; with ``doubts_ids`` rows without an id are asked for again."""
        self._client = client
        self._path = path
        self._params = params
        self._page_size = page_size
        self._at_least = at_least
        self._has_answered = False
        self._doubts_kind = True  # until two answers say the same
        self._doubts_ids = doubts_ids  # likewise
        self._fault = ""  # what was wrong with a page, also when asked for again
        self._total: int | None = None
        self._seen = SeenVersions()

    def __len__(self) -> int:
        """Return the number of different rows so far."""
        return len(self._seen)

    def pages(self) -> Iterator[ListPage]:
        """Yield all pages, of each the rows that are new.

        Raises: an error of ``tap_kustomer.errors``; ``NotFoundError``, ``MissingRoleError`` and
        ``RequestRefusedError`` only when they are the very first answer.
        """
        walks: list[Walk] = []
        was_short = False
        for _ in range(_MOST_WALKS):
            walk = Walk()
            try:
                yield from self._walk(walk, walks)
            except _ContradictionError:
                continue
            if len(walk) == SUSPICIOUS_ROWS:
                break
            if is_proven(walk, walks):
                if self._total is None or len(self) >= self._total:
                    return
                if was_short:
                    break  # said of two walks, so more will not come
                was_short = True
                walk.doubt_end()
            walks.append(walk)
        raise self._incomplete()

    def _walk(self, walk: Walk, earlier: Sequence[Walk]) -> Iterator[ListPage]:
        """Yield the pages of one walk, noted in ``walk`` and compared with those ``earlier``."""
        first = Request(self._path, {**self._params, "page": 1, "pageSize": self._page_size})
        steps = Steps(self._client, first, self._page_size)
        for one in earlier:
            one.expect_again()
        is_single = True
        while steps.request is not None:
            page, ids = self._ask(steps.request, steps, walk)
            new = walk.add(ids)
            is_single = is_single and steps.is_single(page, ids)
            self._total = page.total
            yield self._unseen(page, ids)
            steps.go_on(page, new, len(walk))
            if steps.is_contradicted:
                self._page_size = steps.likely_page_size
                raise _ContradictionError
            for one in earlier:
                one.compare(ids, is_last=steps.request is None)
        walk.end(proven=is_single and len(walk) >= self._at_least)

    def _ask(self, request: Request, steps: Steps, walk: Walk) -> tuple[ListPage, list[str]]:
        """Return the page that is due and the ids of its rows, asked for again where in doubt."""
        before: tuple[Doubt | None, list[str]] = None, []
        for _ in range(_MOST_ASKED):
            page = self._fetch(request, steps)
            ids = [identity(row) for row in page.rows]
            if steps.is_nothing(ids, walk):
                return self._nothing(), []
            doubt = steps.doubt(page, ids, walk)
            if doubt is None and self._doubts_kind and is_of_other_list(page, self._path):
                doubt = OTHER_KIND
            if doubt is None and self._doubts_ids and not all(map(has_id, page.rows)):
                doubt = WITHOUT_ID
                self._doubts_ids = before[0] is not doubt
            if doubt is None and before[0] and page.has_links and page.next_link is None:
                doubt = ENDS_NOW
            if doubt is None or (doubt.may_be_true and (doubt, ids) == before):
                self._doubts_kind = self._doubts_kind and doubt is not OTHER_KIND
                return page, ids
            before = doubt, ids
            steps.note_rows(page)
        if doubt is SHORT and steps.likely_page_size < self._page_size:
            self._page_size = steps.likely_page_size
            raise _ContradictionError
        if doubt is None or doubt.may_be_true:
            raise _ContradictionError  # the rows change from one answer to the next
        self._fault = (
            f"{self._path}: page {steps.number} of Kustomer's list {doubt.what}, also when asked "
            "for again, so rows may be missing. Run again later; if it stays so, report it to "
            "Kustomer's support."
        )
        if doubt is SHORT:
            raise StreamError(self._fault)
        raise _ContradictionError  # where the way went wrong may lie behind

    def _fetch(self, request: Request, steps: Steps) -> ListPage:
        try:
            page = self._client.fetch(request, ListPage.parse)
        except _REFUSALS as error:
            if not self._has_answered:
                raise
            if steps.may_be_over:
                return self._nothing()
            raise never_an_end(error) from None
        self._has_answered = True
        return page

    def _nothing(self) -> ListPage:
        return ListPage([], [], None, has_links=False, total=self._total)

    def _unseen(self, page: ListPage, ids: Sequence[str]) -> ListPage:
        """Return the page with the rows that no page before it had, or an older version of."""
        pairs = zip(page.rows, ids, strict=True)
        rows = [row for row, id_ in pairs if self._seen.takes(id_, row)]
        return replace(page, rows=rows, size=page.size if rows or page.included else 0)

    def _incomplete(self) -> StreamError:
        read, total = len(self), self._total
        if read == SUSPICIOUS_ROWS:
            self._client.ledger.differs("list-depth", f"a list ends at {read} rows", self._path)
        if read == SUSPICIOUS_ROWS or (total is not None and total > read):
            announced = f"{total} rows" if total not in {None, read} else "more"
            return StreamError(
                f"Kustomer ended the list {self._path} after {read} rows, though there seem to "
                f"be {announced}. Lists may stop at 10,000 rows; the stream counts as incomplete.",
            )
        return StreamError(
            self._fault
            or f"The list {self._path} changed so much while it was read that rows may be missing, "
            f"though it was read {_MOST_WALKS} times. Run again when the org is quieter.",
        )


def never_an_end(refusal: StreamError) -> StreamError:
    """Return what a refusal means once a list has answered: that rows are missing."""
    return StreamError(
        f"{refusal} Other pages of the same list were answered, so this is not its end, and rows "
        "are missing. Run again later.",
    )


def read_list(  # noqa: PLR0913 - what is known of a list
    client: KustomerClient,
    path: str,
    params: Mapping[str, str] | None = None,
    *,
    page_size: int | None = 100,
    at_least: int = 1,
    doubts_ids: bool = True,
) -> Iterator[ListPage]:
    """Yield the pages of the list at ``path``, each row once.

    ``page_size`` is ``None`` for one without paging; ``at_least`` is how many rows it had
    before: with fewer it is read twice. With ``doubts_ids`` rows without an id are asked for again.
    Raises: an error of ``tap_kustomer.errors``, also when rows may be missing.
    """
    if page_size is None:
        yield client.fetch(Request(path, dict(params or {})), ListPage.parse)
        return
    reader = ListReader(client, path, params or {}, page_size, at_least, doubts_ids=doubts_ids)
    yield from reader.pages()


def read_known_list(
    client: KustomerClient,
    paths: Sequence[str],
    params: Mapping[str, str] | None = None,
    *,
    page_size: int | None = 100,
    at_least: int = 1,
) -> Iterator[ListPage]:
    """Yield the pages of the first of ``paths`` that Kustomer knows.

    Raises: ``NotFoundError`` when it knows none; what ``read_list`` raises.
    """
    for path in paths:
        pages = read_list(client, path, params, page_size=page_size, at_least=at_least)
        try:
            first = next(pages)
        except NotFoundError:
            if path == paths[-1]:
                raise
            logger.debug("%s is unknown here, trying the next path.", path)
            client.ledger.differs("list-paths", "the first path is unknown", path)
            continue
        if path == paths[0] and len(paths) > 1:
            client.ledger.holds("list-paths")
        yield first
        yield from pages
        return


def read_one(client: KustomerClient, path: str, *, confirms: bool = True) -> dict[str, Any] | None:
    """Return the single resource at ``path``, or ``None`` when two answers hold none.

    Without ``confirms`` one refusal is believed: for what probably is not there.
    """
    for _ in range(2):
        request = Request(path, budget=Budget.ORG)
        page = client.fetch(request, ListPage.parse_single, confirms=confirms)
        if page.rows:
            return page.rows[0]
    return None
